//! The memory of large arrays, kept when they are dropped, for those that come next.
//!
//! Memory that is new from the system is slow: each page is cleared, and the processor told of it, when it is first
//! touched, which costs several times what writing it does. So what operations allocate is taken from what
//! earlier results have left, if that has the right length: in a loop, from the second round on.
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
//! assert_eq!(memory::kept(), 8 << 20);
//! memory::release();
//! assert_eq!(memory::kept(), 0);
//! ```

use crate::native::Kernels;
use crate::scalar::Scalar;
use ndarray::{ArcArray, ArrayD, IxDyn};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes from which on an array's memory is kept: the system's allocator keeps less itself.
const LEAST: usize = 64 * 1024;

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

/// The buffers of one element type.
#[doc(hidden)]
#[derive(Debug)]
pub struct Pool<T>(Mutex<Buffers<T>>);

#[derive(Debug)]
struct Buffers<T> {
    /// Those given last stand last.
    kept: Vec<Vec<T>>,
    bytes: usize,
}

impl<T> Pool<T> {
    pub(crate) const fn new() -> Self {
        Pool(Mutex::new(Buffers { kept: Vec::new(), bytes: 0 }))
    }

    fn lock(&self) -> MutexGuard<'_, Buffers<T>> {
        // Nothing that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Buffers<T> {
    /// Drops the oldest until no more than so many bytes are left.
    fn shrink(&mut self, bytes: usize) {
        let mut excess = self.bytes.saturating_sub(bytes);
        let mut count = 0;
        while excess > 0 {
            excess = excess.saturating_sub(size_of_val(&*self.kept[count]));
            count += 1;
        }
        self.bytes -= self.kept.drain(..count).map(|buffer| size_of_val(&*buffer)).sum::<usize>();
    }
}

/// A buffer of so many numbers that was kept, if there is one.
fn take<T: Scalar>(len: usize) -> Option<Vec<T>> {
    if len * size_of::<T>() < LEAST {
        return None;
    }
    let mut buffers = T::pool().lock();
    let i = buffers.kept.iter().rposition(|buffer| buffer.len() == len)?;
    buffers.bytes -= len * size_of::<T>();
    Some(buffers.kept.remove(i))
}

/// A buffer of so many numbers, whatever they are: for what will write all of them.
pub(crate) fn buffer<T: Scalar>(len: usize) -> Vec<T> {
    take(len).unwrap_or_else(|| vec![T::zero(); len])
}

/// An array of that shape in row-major order, in memory that was kept if there is some. Its elements are whatever they
/// are: for the results of backends, which write all of them.
pub fn array<T: Scalar>(shape: &[usize]) -> ArrayD<T> {
    let len = shape.iter().product();
    ArrayD::from_shape_vec(IxDyn(shape), buffer(len)).expect("as many numbers as the shape has")
}

/// Zeros of that shape in row-major order, in memory that was kept if there is some.
pub(crate) fn zeros<T: Scalar>(shape: &[usize]) -> ArrayD<T> {
    let len = shape.iter().product();
    let zeros = match take(len) {
        Some(mut buffer) => {
            buffer.fill(T::zero());
            buffer
        }
        None => vec![T::zero(); len],
    };
    ArrayD::from_shape_vec(IxDyn(shape), zeros).expect("as many numbers as the shape has")
}

/// Memory for intermediate results, kept when it is dropped. Its elements are whatever they are.
#[derive(Debug)]
pub(crate) struct Scratch<T: Scalar>(Vec<T>);

impl<T: Scalar> Default for Scratch<T> {
    fn default() -> Self {
        Scratch(Vec::new())
    }
}

impl<T: Scalar> Scratch<T> {
    /// Makes it so long, if it is not.
    pub fn reserve(&mut self, len: usize) {
        if self.0.len() < len {
            give(std::mem::replace(&mut self.0, buffer(len)));
        }
    }
}

impl<T: Scalar> Deref for Scratch<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Scalar> DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Scalar> Drop for Scratch<T> {
    fn drop(&mut self) {
        give(std::mem::take(&mut self.0));
    }
}

/// Keeps the memory of an array that nothing else refers to.
pub(crate) fn recycle<T: Scalar>(array: &mut ArcArray<T, IxDyn>) {
    if array.len() * size_of::<T>() < LEAST {
        return;
    }
    if let Ok(array) = std::mem::take(array).try_into_owned_nocopy() {
        give(array.into_raw_vec_and_offset().0);
    }
}

/// Keeps a buffer that is large enough.
fn give<T: Scalar>(buffer: Vec<T>) {
    let bytes = size_of_val(&*buffer);
    let limit = limit();
    if (LEAST..=limit).contains(&bytes) {
        let mut buffers = T::pool().lock();
        buffers.kept.push(buffer);
        buffers.bytes += bytes;
        buffers.shrink(limit);
    }
}
