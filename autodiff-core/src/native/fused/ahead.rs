//! What the block to come needs from memory, asked for while this one is computed.
//!
//! A part of it is asked for before each instruction, and on the way through those that take long, so that memory is busy all the
//! time: else the first instruction that reads it would wait for memory, and memory for all others.

use super::code::{Code, Weight};
use super::space::Space;
use crate::native::simd::{LINE, fetch};
use crate::scalar::Scalar;
use smallvec::SmallVec;
use std::ops::Range;

/// Lines that are asked for at once.
const LINES: usize = 4;

/// What the next block reads from and writes to memory.
pub(super) struct Ahead<'s, 'x, T> {
    space: &'s Space<'x, T>,
    /// Where the next block starts in each operand that is read where it lies, and each array that is written.
    read: SmallVec<[*const T; 4]>,
    written: SmallVec<[*const T; 4]>,
    /// The elements that are asked for in one step, those that have been, and those of a block.
    share: usize,
    done: usize,
    block: usize,
}

impl<'s, 'x, T: Scalar> Ahead<'s, 'x, T> {
    /// The elements that are asked for at once.
    const FETCHED: usize = LINES * LINE / size_of::<T>();

    /// The elements of a block, 1 KiB of them, that a heavy instruction works on between two steps, some 100 ns.
    const PART: usize = 1024 / size_of::<T>();

    pub fn new(space: &'s Space<'x, T>, code: &Code<T>, block: usize) -> Self {
        let steps = |weight: &Weight| match weight {
            Weight::Light => 0,
            Weight::Plain => 1,
            Weight::Heavy => block.div_ceil(Self::PART),
        };
        let steps: usize = code.instructions.iter().map(|(_, weight)| steps(weight)).sum();
        let share = block.div_ceil(steps.max(1)).next_multiple_of(Self::FETCHED);
        Ahead { space, read: SmallVec::new(), written: SmallVec::new(), share, done: block, block }
    }

    /// Goes on to a block that starts there in the operands, and at the start of these arrays.
    pub fn turn_to<'n>(&mut self, start: usize, arrays: impl Iterator<Item = &'n [T]>)
    where
        T: 'n,
    {
        if !self.space.is_large {
            return;
        }
        self.read.clear();
        self.read
            .extend(self.space.operands.iter().filter_map(|x| Some(x.dense?.as_ptr().wrapping_add(start))));
        self.written.clear();
        self.written.extend(arrays.map(|array| array.as_ptr()));
        self.done = 0;
    }

    /// Whether there is something left to ask for.
    #[inline(always)]
    fn is_at_work(&self) -> bool {
        self.done < self.block
    }

    /// `0..len` in the parts that a heavy instruction works on, with a step before each; whole where nothing is left to ask for.
    #[inline(always)]
    pub fn parts(&self, len: usize) -> impl Iterator<Item = Range<usize>> + use<'s, 'x, T> {
        let part = if self.is_at_work() { Self::PART } else { len };
        (0..len).step_by(part).map(move |start| start..(start + part).min(len))
    }

    /// Asks for the next part.
    #[inline(always)]
    pub fn step(&mut self) {
        if !self.is_at_work() {
            return;
        }
        let part = (self.done..self.done + self.share).step_by(Self::FETCHED);
        for next in &self.read {
            part.clone().for_each(|at| fetch::<T, false>(next.wrapping_add(at), LINES));
        }
        for next in &self.written {
            part.clone().for_each(|at| fetch::<T, true>(next.wrapping_add(at), LINES));
        }
        self.done += self.share;
    }
}
