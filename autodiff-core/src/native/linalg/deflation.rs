//! The blocks that a QR iteration works on, one sweep at a time, until nothing is left off the diagonal.

use crate::error::LinalgError;
use crate::scalar::Scalar;

/// What remains of an iteration on a diagonal `d` and the elements `e` beside it.
pub(super) struct Deflation {
    /// The last row that has not converged.
    last: usize,
    sweeps: usize,
    /// The block of the sweep before, and whether it went downwards.
    block: (usize, usize),
    downwards: bool,
}

/// Rows `first` to `last`, and the direction of the next sweep over them.
pub(super) struct Block {
    pub first: usize,
    pub last: usize,
    /// From the first row to the last.
    pub downwards: bool,
}

impl Deflation {
    /// An iteration on `n` rows that gives up after `sweeps` for each of them.
    pub(super) fn new(n: usize, sweeps: usize) -> Self {
        Deflation { last: n.saturating_sub(1), sweeps: sweeps * n, block: (0, 0), downwards: true }
    }

    /// The next block that does not fall apart, cut off from what is above it; `None` at the end.
    ///
    /// `negligible` tells of an element of `e`, between the diagonal elements before and after it, whether it counts
    /// as zero.
    pub(super) fn next<T: Scalar>(
        &mut self,
        d: &[T],
        e: &mut [T],
        negligible: impl Fn(T, T, T) -> bool,
    ) -> Result<Option<Block>, LinalgError> {
        while self.last > 0 {
            let last = self.last;
            let mut first = last;
            while first > 0 && !negligible(d[first - 1], e[first - 1], d[first]) {
                first -= 1;
            }
            if first > 0 {
                e[first - 1] = T::zero();
            }
            if first == last {
                self.last -= 1;
                continue;
            }
            self.sweeps = self.sweeps.checked_sub(1).ok_or(LinalgError::NoConvergence)?;
            // From the large end to the small one, where elements converge: the other way, rounding errors of the large
            // ones drown the small ones. A sweep may turn round only with a new block, or it might go to and fro.
            if first >= self.block.1 || last <= self.block.0 {
                self.downwards = d[first].abs() >= d[last].abs();
            }
            self.block = (first, last);
            return Ok(Some(Block { first, last, downwards: self.downwards }));
        }
        Ok(None)
    }
}

impl Block {
    /// Where a sweep over the block begins.
    pub(super) fn start(&self) -> usize {
        if self.downwards { self.first } else { self.last }
    }

    /// The part of `d` and `e` in the block, in the order of the sweep; put back into theirs when `f` is done.
    pub(super) fn in_order<T, R>(
        &self,
        d: &mut [T],
        e: &mut [T],
        f: impl FnOnce(&mut [T], &mut [T]) -> R,
    ) -> R {
        let (d, e) = (&mut d[self.first..=self.last], &mut e[self.first..self.last]);
        if self.downwards {
            return f(d, e);
        }
        d.reverse();
        e.reverse();
        let result = f(d, e);
        d.reverse();
        e.reverse();
        result
    }
}
