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
    rotations: Vec<[T; 2]>,
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
        Rotated { strips, length, sweeps: Vec::new(), rotations: Vec::new() }
    }

    /// Adds a sweep: the `i`-th rotation (c, s) replaces the vectors `p = first + i` and `q = p + 1`, or if the sweep
    /// does not ascend `p = first - i` and `q = p - 1`, by `c p + s q` and `c q - s p`.
    pub(super) fn sweep(&mut self, first: usize, ascending: bool, rotations: &[[T; 2]]) {
        self.sweeps.push(Sweep { first, count: rotations.len(), ascending });
        self.rotations.extend_from_slice(rotations);
        // Enough for each strip to be worth its way through the caches.
        if self.rotations.len() > 4096 {
            self.flush();
        }
    }

    fn flush(&mut self) {
        for strip in &mut self.strips {
            let mut rest = self.rotations.as_slice();
            for sweep in &self.sweeps {
                let (rotations, later) = rest.split_at(sweep.count);
                rest = later;
                match sweep.ascending {
                    true => rotate(&mut strip[sweep.first..=sweep.first + sweep.count], rotations),
                    false => rotate_down(&mut strip[sweep.first - sweep.count..=sweep.first], rotations),
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

#[inline]
fn combine<T: Scalar, const W: usize>(p: &[T; W], q: &[T; W], [c, s]: [T; 2]) -> ([T; W], [T; W]) {
    (std::array::from_fn(|l| c * p[l] + s * q[l]), std::array::from_fn(|l| c * q[l] - s * p[l]))
}

fn rotate<T: Scalar, const W: usize>(vectors: &mut [[T; W]], rotations: &[[T; 2]]) {
    let Some((first, others)) = vectors.split_first_mut() else { return };
    let mut carried = *first;
    let mut place = first;
    for (next, &rotation) in others.iter_mut().zip(rotations) {
        (*place, carried) = combine(&carried, next, rotation);
        place = next;
    }
    *place = carried;
}

fn rotate_down<T: Scalar, const W: usize>(vectors: &mut [[T; W]], rotations: &[[T; 2]]) {
    let Some((first, others)) = vectors.split_last_mut() else { return };
    let mut carried = *first;
    let mut place = first;
    for (next, &rotation) in others.iter_mut().rev().zip(rotations) {
        (*place, carried) = combine(&carried, next, rotation);
        place = next;
    }
    *place = carried;
}
