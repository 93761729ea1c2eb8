//! Products and linear recurrences, step by step.

use super::math::MulAdd;
use super::simd::{self, Kernel};
use crate::backend::Binary;
use crate::scalar::Scalar;
use std::array::from_fn;

/// Lanes that are gone through side by side: each step waits for the one before it in its lane.
const TOGETHER: usize = 8;

/// The places of arrays (outer, n, inner) in row-major order: steps go along the axis in the middle.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    pub n: usize,
    pub inner: usize,
    pub reverse: bool,
}

/// Writes each `y = s` before its step `s = a s + b`, which starts from 0; without `b`, it starts from 1. With `b`, zero absorbs
/// infinity in the product, as in that of a cotangent and a derivative.
pub(crate) fn recurrence<T: Scalar>(steps: Steps, a: &[T], b: Option<&[T]>, y: &mut [T]) {
    if !y.is_empty() {
        simd::widest(Run { steps, a, b, y });
    }
}

struct Run<'a, T> {
    steps: Steps,
    a: &'a [T],
    b: Option<&'a [T]>,
    y: &'a mut [T],
}

impl<T: Scalar> Kernel for Run<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<F: MulAdd>(self) {
        let Run { steps, a, b, y } = self;
        match b {
            Some(b) => steps.run(T::zero(), a, b, y, next::<F, T>),
            None => steps.run(T::one(), a, a, y, product),
        }
    }
}

#[inline(always)]
fn product<T: Scalar>(s: T, a: T, _: T) -> T {
    a * s
}

#[inline(always)]
fn next<F: MulAdd, T: Scalar>(s: T, a: T, b: T) -> T {
    let next = F::add_product(a, s, b);
    // A jump, and no choice between two numbers: the next step need not wait for it.
    if next.is_nan() { absorbing(s, a, b) } else { next }
}

#[cold]
fn absorbing<T: Scalar>(s: T, a: T, b: T) -> T {
    Binary::chain.call(s, a) + b
}

impl Steps {
    #[inline(always)]
    fn run<T: Scalar>(self, start: T, a: &[T], b: &[T], y: &mut [T], f: impl Fn(T, T, T) -> T + Copy) {
        if self.inner < TOGETHER {
            let count = y.len() / self.n;
            let together = count - count % TOGETHER;
            for lane in (0..together).step_by(TOGETHER) {
                self.lanes::<T, TOGETHER>(lane, start, a, b, y, f);
            }
            for lane in together..count {
                self.lanes::<T, 1>(lane, start, a, b, y, f);
            }
            return;
        }
        let size = self.n * self.inner;
        for ((a, b), y) in a.chunks(size).zip(b.chunks(size)).zip(y.chunks_mut(size)) {
            self.rows(start, a, b, y, f);
        }
    }

    /// Where step `i` of a lane is, from the lane's first place.
    #[inline(always)]
    fn at(self, i: usize) -> usize {
        self.inner * if self.reverse { self.n - 1 - i } else { i }
    }

    /// So many lanes from the given one on.
    #[inline(always)]
    fn lanes<T: Scalar, const N: usize>(
        self,
        first: usize,
        start: T,
        a: &[T],
        b: &[T],
        y: &mut [T],
        f: impl Fn(T, T, T) -> T,
    ) {
        let (n, inner) = (self.n, self.inner);
        let lanes: [usize; N] = from_fn(|i| (first + i) / inner * n * inner + (first + i) % inner);
        let mut state = [start; N];
        for i in 0..n {
            let at = self.at(i);
            for (s, lane) in state.iter_mut().zip(lanes) {
                y[lane + at] = *s;
                *s = f(*s, a[lane + at], b[lane + at]);
            }
        }
    }

    /// All lanes of (n, inner), row after row.
    #[inline(always)]
    fn rows<T: Scalar>(self, start: T, a: &[T], b: &[T], y: &mut [T], f: impl Fn(T, T, T) -> T) {
        let inner = self.inner;
        y[self.at(0)..][..inner].fill(start);
        for i in 1..self.n {
            let (at, to) = (self.at(i - 1), self.at(i));
            let (low, high) = y.split_at_mut(if self.reverse { at } else { to });
            let (s, y) = match self.reverse {
                true => (&high[..inner], &mut low[to..]),
                false => (&low[at..], &mut high[..inner]),
            };
            for (((y, &s), &a), &b) in y.iter_mut().zip(s).zip(&a[at..]).zip(&b[at..]) {
                *y = f(s, a, b);
            }
        }
    }
}
