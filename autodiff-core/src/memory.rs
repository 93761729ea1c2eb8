//! The memory of large arrays, kept when they are dropped, for those that come next.
//!
//! Memory that is new from the system is slow: each page is cleared, and the processor told of it, when it is first
//! touched, which costs several times what writing it does. So what operations allocate is taken from what
//! earlier results have left, if that has the right length: in a loop, from the second round on. It starts with a line of the
//! cache, across which vectors then do not lie.
//!
//! At most [`limit`] bytes are kept for each element type; [`release`] returns them.
//!
//! ```
//! use autodiff_core::{memory, native::Value};
//!
//! let x = Value::new(ndarray::Array1::<f64>::ones(1 << 20));
//! for _ in 0..2 {
//!     drop((x.exp() * &x).data()); // the second is written where the first was
//! }
//! assert!(memory::kept() >= 8 << 20);
//! memory::release();
//! assert_eq!(memory::kept(), 0);
//! ```

use crate::native::Kernels;
use crate::native::simd::LINE;
use crate::scalar::Scalar;
use crate::threads;
use ndarray::{ArcArray, Array1, ArrayD, IxDyn, s};
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes from which on memory is kept: the system's allocator keeps less itself, and is as fast.
const LEAST: usize = 64 * 1024;

/// Bytes that one task clears, and with which a thread is worth its waking.
const TASK: usize = 1 << 20;

static LIMIT: AtomicUsize = AtomicUsize::new(1 << 30);

/// The bytes that are kept at most for each element type; 1 GiB where nothing else was [set](set_limit).
pub fn limit() -> usize {
    LIMIT.load(Ordering::Relaxed)
}

/// Sets how many bytes are kept at most for each element type; with 0, none. What is kept beyond it is returned.
pub fn set_limit(bytes: usize) {
    LIMIT.store(bytes, Ordering::Relaxed);
    f32::pool().lock().shrink(bytes);
    f64::pool().lock().shrink(bytes);
}

/// The bytes that are kept now.
pub fn kept() -> usize {
    f32::pool().lock().bytes + f64::pool().lock().bytes
}

/// Returns to the system what is kept.
pub fn release() {
    f32::pool().lock().shrink(0);
    f64::pool().lock().shrink(0);
}

/// The memory that is kept for one element type.
#[doc(hidden)]
#[derive(Debug)]
pub struct Pool<T>(Mutex<Kept<T>>);

#[derive(Debug)]
struct Kept<T> {
    by_length: BTreeMap<usize, Alike<T>>,
    bytes: usize,
    /// Counts what was given.
    clock: u64,
}

/// What has the same length, that given last at the end.
#[derive(Debug)]
struct Alike<T> {
    memory: Vec<Vec<T>>,
    /// When the last was given.
    since: u64,
}

impl<T> Pool<T> {
    pub(crate) const fn new() -> Self {
        Pool(Mutex::new(Kept { by_length: BTreeMap::new(), bytes: 0, clock: 0 }))
    }

    fn lock(&self) -> MutexGuard<'_, Kept<T>> {
        // Nothing that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Kept<T> {
    fn take(&mut self, length: usize) -> Option<Vec<T>> {
        let alike = self.by_length.get_mut(&length)?;
        let memory = alike.memory.pop();
        if alike.memory.is_empty() {
            self.by_length.remove(&length);
        }
        self.bytes -= length * size_of::<T>();
        memory
    }

    fn give(&mut self, memory: Vec<T>) {
        self.bytes += size_of_val(&*memory);
        self.clock += 1;
        let alike = self.by_length.entry(memory.len());
        let alike = alike.or_insert(Alike { memory: Vec::new(), since: 0 });
        alike.memory.push(memory);
        alike.since = self.clock;
    }

    /// Drops until no more than so many bytes are left: of the length that has not been given for the longest time first.
    fn shrink(&mut self, bytes: usize) {
        while self.bytes > bytes {
            let oldest =
                self.by_length.iter().min_by_key(|(_, alike)| alike.since).map(|(&length, _)| length);
            let Some(length) = oldest else { return };
            drop(self.take(length));
        }
    }
}

/// Memory of some numbers, from the start of a line of the cache on, and kept when it is dropped. What the numbers are at first is
/// not known: it is for what will write all of them.
///
/// The widest vectors are as long as a line, and each of those that lie across two costs two accesses.
#[derive(Debug)]
pub(crate) struct Buffer<T: Scalar> {
    memory: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Scalar> Buffer<T> {
    /// Numbers in a line, and those to spare for a start with one.
    const IN_LINE: usize = LINE / size_of::<T>();
    const SPARE: usize = Self::IN_LINE - 1;

    pub fn new(len: usize) -> Self {
        Self::kept(len).unwrap_or_else(|| Self::fresh(len))
    }

    fn zeros(len: usize) -> Self {
        match Self::kept(len) {
            Some(mut buffer) => {
                threads::each(buffer.chunks_mut(TASK / size_of::<T>()), |part| part.fill(T::zero()));
                buffer
            }
            // The system's memory is zeros before it is touched.
            None => Self::fresh(len),
        }
    }

    fn kept(len: usize) -> Option<Self> {
        let memory = is_large::<T>(len).then(|| T::pool().lock().take(Self::whole(len)))??;
        Some(Self::over(memory, len))
    }

    fn fresh(len: usize) -> Self {
        Self::over(vec![T::zero(); Self::whole(len)], len)
    }

    fn over(memory: Vec<T>, len: usize) -> Self {
        // Nothing moves it: a vector that does not grow stays where it is.
        let start = memory.as_ptr().align_offset(LINE);
        Buffer { memory, start, len }
    }

    /// Numbers in the memory for so many.
    fn whole(len: usize) -> usize {
        len.next_multiple_of(Self::IN_LINE) + Self::SPARE
    }

    /// Whether it is memory that was made here, rather than given to an operation, which would be kept for nothing.
    fn made(memory: &[T], len: usize) -> bool {
        memory.len() % Self::IN_LINE == Self::SPARE && memory.len() >= len + Self::SPARE
    }

    /// Makes it so long, if it is shorter. What it held is lost.
    pub fn reserve(&mut self, len: usize) {
        if self.len < len {
            *self = Buffer::new(len);
        }
    }

    /// The numbers, in row-major order, as an array.
    pub fn into_array(mut self, shape: &[usize]) -> ArrayD<T> {
        let mut whole = Array1::from_vec(std::mem::take(&mut self.memory));
        whole.slice_collapse(s![self.start..self.start + self.len]);
        whole.into_shape_with_order(IxDyn(shape)).expect("as many numbers as the shape has")
    }
}

impl<T: Scalar> Default for Buffer<T> {
    fn default() -> Self {
        Buffer { memory: Vec::new(), start: 0, len: 0 }
    }
}

impl<T: Scalar> Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl<T: Scalar> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

impl<T: Scalar> Drop for Buffer<T> {
    fn drop(&mut self) {
        if is_large::<T>(self.len) {
            keep(std::mem::take(&mut self.memory));
        }
    }
}

/// An array of that shape in row-major order, in memory that was kept if there is some. Its elements are whatever they
/// are: for the results of backends, which write all of them.
pub fn array<T: Scalar>(shape: &[usize]) -> ArrayD<T> {
    of_shape(shape, Buffer::new)
}

/// Zeros of that shape in row-major order, in memory that was kept if there is some.
pub(crate) fn zeros<T: Scalar>(shape: &[usize]) -> ArrayD<T> {
    of_shape(shape, Buffer::zeros)
}

fn of_shape<T: Scalar>(shape: &[usize], buffer: impl FnOnce(usize) -> Buffer<T>) -> ArrayD<T> {
    let len = shape.iter().product();
    if is_large::<T>(len) { buffer(len).into_array(shape) } else { ArrayD::zeros(IxDyn(shape)) }
}

/// Keeps the memory of an array that nothing else refers to.
pub(crate) fn recycle<T: Scalar>(array: &mut ArcArray<T, IxDyn>) {
    let len = array.len();
    if is_large::<T>(len)
        && let Ok(array) = std::mem::take(array).try_into_owned_nocopy()
    {
        let (memory, _) = array.into_raw_vec_and_offset();
        if Buffer::made(&memory, len) {
            keep(memory);
        }
    }
}

fn is_large<T>(len: usize) -> bool {
    len * size_of::<T>() >= LEAST
}

/// Keeps memory, if there is any, and not too much.
fn keep<T: Scalar>(memory: Vec<T>) {
    let (bytes, limit) = (size_of_val(&*memory), limit());
    if (1..=limit).contains(&bytes) {
        let mut kept = T::pool().lock();
        kept.give(memory);
        kept.shrink(limit);
    }
}
