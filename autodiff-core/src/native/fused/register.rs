//! Memory that starts with a line of the cache.

use crate::native::simd::LINE;
use crate::scalar::Scalar;

/// A number of elements from the start of a line on: the widest vectors are as long as a line, and each of those that lie across
/// two costs two accesses.
#[derive(Debug)]
pub(super) struct Register<T> {
    memory: Vec<T>,
    start: usize,
}

impl<T: Scalar> Register<T> {
    pub fn new(len: usize) -> Self {
        let memory = vec![T::zero(); len + LINE / size_of::<T>()];
        // Nothing moves the memory: a vector that does not grow stays where it is.
        let start = memory.as_ptr().align_offset(LINE);
        Register { memory, start }
    }

    /// The first elements.
    pub fn first(&mut self, len: usize) -> &mut [T] {
        &mut self.memory[self.start..self.start + len]
    }
}
