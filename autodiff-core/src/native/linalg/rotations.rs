//! Givens rotations, and long sequences of them applied to many vectors.

use crate::scalar::Scalar;
use ndarray::{Array2, ArrayView2};

/// (c, s, r) with `c f + s g = r` and `c g - s f = 0` (Golub & Van Loan, Matrix Computations, 4th ed., section 5.1.8).
pub(super) fn givens<T: Scalar>(f: T, g: T) -> (T, T, T) {
    if g == T::zero() {
        return (T::one(), T::zero(), f);
    }
    let square = f * f + g * g;
    let small = T::min_positive_value() / (T::epsilon() * T::epsilon());
    let r = if square > small && square.is_finite() { square.sqrt() } else { f.hypot(g) };
    (f / r, g / r, r)
}

/// A sequence of rotations (c, s).
///
/// Cosines and sines lie apart: as neighbours they are loaded together, and compilers then shuffle them and what they
/// multiply at length.
#[derive(Debug, Default)]
pub(super) struct Rotations<T> {
    cosines: Vec<T>,
    sines: Vec<T>,
}

impl<T: Scalar> Rotations<T> {
    pub(super) fn push(&mut self, c: T, s: T) {
        self.cosines.push(c);
        self.sines.push(s);
    }

    pub(super) fn clear(&mut self) {
        self.cosines.clear();
        self.sines.clear();
    }
}

/// Vectors that rotations combine.
///
/// A sweep of rotations reads each vector once and changes all of them, so that memory would limit it. Here sweeps
/// are collected, and then done one after the other on a few elements of all vectors at a time: these stay in the
/// nearest cache, and one of the two operands of each rotation stays in registers.
pub(super) struct Rotated<T, const W: usize> {
    /// Elements `W i` to `W (i + 1)` of the vectors, one vector after the other, for each `i`.
    strips: Vec<Vec<[T; W]>>,
    length: usize,
    sweeps: Vec<Sweep>,
    rotations: Rotations<T>,
}

/// Rotations of the vectors (p, q), (q, r), ... that are neighbours.
struct Sweep {
    first: usize,
    count: usize,
    ascending: bool,
}

impl<T: Scalar, const W: usize> Rotated<T, W> {
    /// The columns of a matrix.
    pub(super) fn columns(a: ArrayView2<'_, T>) -> Self {
        let (length, count) = a.dim();
        let mut strips = vec![vec![[T::zero(); W]; count]; length.div_ceil(W)];
        for (i, row) in a.rows().into_iter().enumerate() {
            strips[i / W].iter_mut().zip(row).for_each(|(strip, &x)| strip[i % W] = x);
        }
        Rotated { strips, length, sweeps: Vec::new(), rotations: Rotations::default() }
    }

    /// Adds a sweep: the `i`-th rotation (c, s) replaces the vectors `p = first + i` and `q = p + 1`, or if the sweep
    /// does not ascend `p = first - i` and `q = p - 1`, by `c p + s q` and `c q - s p`.
    pub(super) fn sweep(&mut self, first: usize, ascending: bool, rotations: &Rotations<T>) {
        self.sweeps.push(Sweep { first, count: rotations.sines.len(), ascending });
        self.rotations.cosines.extend_from_slice(&rotations.cosines);
        self.rotations.sines.extend_from_slice(&rotations.sines);
        // Enough for each strip to be worth its way through the caches.
        if self.rotations.sines.len() > 4096 {
            self.flush();
        }
    }

    fn flush(&mut self) {
        for strip in &mut self.strips {
            let mut start = 0;
            for &Sweep { first, count, ascending } in &self.sweeps {
                let (cosines, sines) =
                    (&self.rotations.cosines[start..][..count], &self.rotations.sines[start..][..count]);
                start += count;
                let none = "a sweep has vectors";
                if ascending {
                    let (start, others) = strip[first..=first + count].split_first_mut().expect(none);
                    rotate(start, others.iter_mut(), cosines, sines);
                } else {
                    let (start, others) = strip[first - count..=first].split_last_mut().expect(none);
                    rotate(start, others.iter_mut().rev(), cosines, sines);
                }
            }
        }
        self.sweeps.clear();
        self.rotations.clear();
    }

    /// The vectors as columns, those of the given indices in the given order, each times a sign; if `transposed`, as
    /// rows.
    pub(super) fn into_matrix(mut self, order: &[(usize, T)], transposed: bool) -> Array2<T> {
        self.flush();
        let element = |i: usize, j: usize| {
            let (index, sign) = order[j];
            self.strips[i / W][index][i % W] * sign
        };
        match transposed {
            false => Array2::from_shape_fn((self.length, order.len()), |(i, j)| element(i, j)),
            true => Array2::from_shape_fn((order.len(), self.length), |(j, i)| element(i, j)),
        }
    }
}

/// Each rotation of the next two vectors.
#[inline(never)] // what surrounds it must not disturb its vectorisation
fn rotate<'a, T: Scalar, const W: usize>(
    first: &'a mut [T; W],
    others: impl Iterator<Item = &'a mut [T; W]>,
    cosines: &[T],
    sines: &[T],
) {
    let mut carried = *first;
    let mut place = first;
    for ((next, &c), &s) in others.zip(cosines).zip(sines) {
        // In registers, until both results are there.
        let (other, mut done) = (*next, [T::zero(); W]);
        for l in 0..W {
            done[l] = c * carried[l] + s * other[l];
        }
        for l in 0..W {
            carried[l] = c * other[l] - s * carried[l];
        }
        *place = done;
        place = next;
    }
    *place = carried;
}
