//! What the next product of a batch reads and writes, asked for while one is computed: each matrix is read or written once, and is
//! too short for the machine to see where that goes.

use crate::native::simd::{LINE, fetch};
use ndarray::{ArrayView2, ArrayView3};
use std::ops::RangeInclusive;

/// Bytes of a matrix from which on it pays to ask for the next, and up to which both stay in the second-level cache.
const BYTES: RangeInclusive<usize> = 1 << 12..=1 << 17;

/// What is left to ask for.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    operands: [Lines; 2],
    result: Lines,
    /// The lines of each that are asked for in one step.
    share: usize,
}

/// Lines of memory, one after another.
#[derive(Debug)]
struct Lines {
    start: *const u8,
    count: usize,
}

impl Default for Lines {
    fn default() -> Self {
        Lines { start: std::ptr::null(), count: 0 }
    }
}

impl Lines {
    /// Those of a matrix, if its elements lie in one piece.
    fn of<T>(x: ArrayView2<'_, T>) -> Option<Self> {
        let x = Some(x).filter(|x| BYTES.contains(&(x.len() * size_of::<T>())))?;
        let x = x.to_slice().or_else(|| x.reversed_axes().to_slice())?;
        Some(Lines { start: x.as_ptr().cast(), count: size_of_val(x).div_ceil(LINE) })
    }

    fn fetch<const WRITE: bool>(&mut self, count: usize) {
        let count = count.min(self.count);
        fetch::<u8, WRITE>(self.start, count);
        self.start = self.start.wrapping_add(count * LINE);
        self.count -= count;
    }
}

impl Ahead {
    /// Whether it pays to look ahead to such matrices.
    pub fn suits<T>(x: &ArrayView3<'_, T>) -> bool {
        BYTES.contains(&(x.dim().1 * x.dim().2 * size_of::<T>()))
    }

    /// The lines of these matrices. `None` is one that has been read.
    pub fn new<T>(operands: [Option<ArrayView2<'_, T>>; 2]) -> Self {
        let operands = operands.map(|x| x.and_then(Lines::of).unwrap_or_default());
        Ahead { operands, result: Lines::default(), share: 0 }
    }

    /// Those of the next result, too, which lies after this one.
    pub fn with_result_after<T>(self, result: &[T]) -> Self {
        let end = result.as_ptr_range().end;
        Ahead { result: Lines { start: end.cast(), count: size_of_val(result).div_ceil(LINE) }, ..self }
    }

    /// Shares it out among so many steps.
    pub fn share(&mut self, steps: usize) {
        let [a, b] = &self.operands;
        self.share = match a.count.max(b.count).max(self.result.count) {
            0 => 0,
            count => count.div_ceil(steps),
        };
    }

    /// Whether there is anything to ask for, and so results to write that are not in a cache.
    #[inline(always)]
    pub fn is_some(&self) -> bool {
        self.share > 0
    }

    /// Asks for the next share.
    #[inline(always)]
    pub fn step(&mut self) {
        if self.is_some() {
            self.operands.iter_mut().for_each(|lines| lines.fetch::<false>(self.share));
            self.result.fetch::<true>(self.share);
        }
    }
}
