//! Reductions along the rows' number: partial sums of some rows each, and the tree that adds them up.

use super::code::Accumulator;
use super::space::Space;
use crate::backend::Binary;
use crate::copies;
use crate::memory::Buffer;
use crate::native::math::{self, MulAdd};
use crate::native::simd::{self, Kernel};
use crate::scalar::Scalar;

/// Rows that are added one after the other; sums of so many are added in pairs.
pub(super) const GROUP: usize = 128;

/// Sums of some rows: the number of the result that each belongs to, and their elements one after the other.
pub(super) struct Partials<T> {
    keys: Vec<usize>,
    values: Vec<T>,
}

/// An accumulator at work: the rows added since the last partial sum was put aside.
pub(super) struct Running<T: Scalar> {
    key: usize,
    added: usize,
    sum: Buffer<T>,
    partials: Partials<T>,
}

impl<T: Scalar> Running<T> {
    pub fn new(width: usize) -> Self {
        let partials = Partials { keys: Vec::new(), values: Vec::new() };
        Running { key: 0, added: 0, sum: Buffer::new(width), partials }
    }

    /// Makes ready to add to the result `key`; another segment of the same row is no new one.
    pub fn next_row(&mut self, key: usize, is_new: bool) {
        if !is_new {
            return;
        }
        if key != self.key || self.added == GROUP {
            self.put_aside();
        }
        self.key = key;
        self.added += 1;
    }

    pub fn add(&mut self, combine: Binary, column: usize, elements: &[T]) {
        let sum = &mut self.sum[column..column + elements.len()];
        match self.added {
            1 => copies::short(sum, elements),
            _ => join(combine, sum, elements),
        }
    }

    fn put_aside(&mut self) {
        if self.added > 0 {
            self.partials.keys.push(self.key);
            self.partials.values.extend_from_slice(&self.sum);
            self.added = 0;
        }
    }

    pub fn finish(&mut self) -> Partials<T> {
        self.put_aside();
        std::mem::replace(&mut self.partials, Partials { keys: Vec::new(), values: Vec::new() })
    }
}

/// The results of an accumulator: for each, its partial sums in pairs, pairs of pairs and so on.
pub(super) fn combine<'p, T: Scalar>(
    accumulator: &Accumulator,
    space: &Space<'_, T>,
    partials: impl Iterator<Item = &'p Partials<T>>,
) -> Vec<T> {
    let width = if accumulator.by_element { space.inner } else { 1 };
    let mut terms: Vec<(usize, &[T])> =
        partials.flat_map(|p| p.keys.iter().copied().zip(p.values.chunks_exact(width))).collect();
    terms.sort_by_key(|&(key, _)| key);
    let mut results = Vec::with_capacity(accumulator.count * width);
    for terms in terms.chunk_by(|a, b| a.0 == b.0) {
        let start = results.len();
        pairwise(accumulator.combine, terms, &mut results);
        debug_assert_eq!(
            (start, results.len()),
            (terms[0].0 * width, start + width),
            "every result has terms"
        );
    }
    results
}

/// Appends the sum of the terms.
fn pairwise<T: Scalar>(combine: Binary, terms: &[(usize, &[T])], results: &mut Vec<T>) {
    match terms {
        [] => {}
        [(_, term)] => results.extend_from_slice(term),
        _ => {
            let (left, right) = terms.split_at(terms.len() / 2);
            pairwise(combine, left, results);
            let width = left[0].1.len();
            let mut other = Vec::with_capacity(width);
            pairwise(combine, right, &mut other);
            let start = results.len() - width;
            join(combine, &mut results[start..], &other);
        }
    }
}

/// Combines each of `sum` with its element of `x`, in place.
fn join<T: Scalar>(combine: Binary, sum: &mut [T], x: &[T]) {
    /// Elements that are added up in less time than it takes to call the kernel.
    const SHORT: usize = 16;
    if combine == Binary::add && x.len() < SHORT {
        return sum.iter_mut().zip(x).for_each(|(sum, &x)| *sum += x);
    }
    simd::widest(Join { combine, sum, x });
}

struct Join<'a, T> {
    combine: Binary,
    sum: &'a mut [T],
    x: &'a [T],
}

impl<T: Scalar> Kernel for Join<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<F: MulAdd>(self) {
        let pairs = self.sum.iter_mut().zip(self.x);
        match self.combine {
            Binary::add => pairs.for_each(|(sum, &x)| *sum += x),
            Binary::maximum => pairs.for_each(|(sum, &x)| *sum = math::maximum(*sum, x)),
            Binary::minimum => pairs.for_each(|(sum, &x)| *sum = math::minimum(*sum, x)),
            other => unreachable!("nothing is reduced by {}", other.name()),
        }
    }
}
