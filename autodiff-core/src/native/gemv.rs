//! Products of a matrix and a vector, as fast as the matrix is read.

use super::math::MulAdd;
use super::reduce::add_up;
use super::simd::{self, Kernel};
use crate::scalar::Scalar;
use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, Axis};

/// Which of a matrix's rows and columns lie in one piece each.
#[derive(Clone, Copy)]
pub(super) enum Packed {
    Rows,
    Columns,
}

impl Packed {
    /// `None` where neither do.
    pub fn of<T>(a: ArrayView2<'_, T>) -> Option<Self> {
        let is_packed = |axis: usize| a.shape()[axis] < 2 || a.strides()[axis] == 1;
        if is_packed(1) { Some(Packed::Rows) } else { is_packed(0).then_some(Packed::Columns) }
    }
}

/// `y = alpha a x + beta y`; with `beta` 0, what `y` held is not read.
pub(super) fn gemv<T: Scalar>(
    packed: Packed,
    alpha: T,
    a: ArrayView2<'_, T>,
    x: ArrayView1<'_, T>,
    beta: T,
    y: ArrayViewMut1<'_, T>,
) {
    let x = x.as_standard_layout();
    let x = x.as_slice().expect("standard layout");
    let mut sums = vec![T::zero(); a.nrows()];
    simd::widest(Product { packed, a, x, sums: &mut sums });
    for (y, sum) in y.into_iter().zip(sums) {
        *y = if beta == T::zero() { alpha * sum } else { alpha * sum + beta * *y };
    }
}

/// Terms that are added up side by side.
const LANES: usize = 16;

/// Columns that are added in one passage over the sums.
const TOGETHER: usize = 4;

/// The product of `a` and `x`, for `sums` that are 0.
struct Product<'a, T> {
    packed: Packed,
    a: ArrayView2<'a, T>,
    x: &'a [T],
    sums: &'a mut [T],
}

impl<T: Scalar> Kernel for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<F: MulAdd>(self) {
        match self.packed {
            Packed::Rows => self.dots(),
            Packed::Columns => self.combination(),
        }
    }
}

#[inline(always)]
fn dot<T: Scalar>(a: &[T], x: &[T]) -> T {
    let ((a, a_rest), (x, x_rest)) = (a.as_chunks::<LANES>(), x.as_chunks::<LANES>());
    let rest = a_rest.iter().zip(x_rest).fold(T::zero(), |sum, (&a, &x)| sum + a * x);
    if a.is_empty() {
        return rest;
    }
    let mut lanes = [T::zero(); LANES];
    for (a, x) in a.iter().zip(x) {
        for ((lane, &a), &x) in lanes.iter_mut().zip(a).zip(x) {
            *lane += a * x;
        }
    }
    add_up(lanes) + rest
}

impl<T: Scalar> Product<'_, T> {
    /// Of each row.
    #[inline(always)]
    fn dots(self) {
        for (i, sum) in self.sums.iter_mut().enumerate() {
            *sum = dot(self.a.index_axis(Axis(0), i).to_slice().expect("packed rows"), self.x);
        }
    }

    /// The sum of the columns times the elements of `x`.
    #[inline(always)]
    fn combination(self) {
        /// Sums that stay in the first-level cache.
        const BLOCK: usize = 1024;
        let (groups, rest) = self.x.as_chunks::<TOGETHER>();
        for (start, sums) in (0..).step_by(BLOCK).zip(self.sums.chunks_mut(BLOCK)) {
            let rows = start..start + sums.len();
            let column = |j: usize| {
                let column = self.a.index_axis(Axis(1), j).to_slice().expect("packed columns");
                &column[rows.clone()]
            };
            for (group, &[x0, x1, x2, x3]) in groups.iter().enumerate() {
                let first = group * TOGETHER;
                let (a0, a1, a2, a3) =
                    (column(first), column(first + 1), column(first + 2), column(first + 3));
                let columns = a0.iter().zip(a1).zip(a2.iter().zip(a3));
                for (sum, ((&a0, &a1), (&a2, &a3))) in sums.iter_mut().zip(columns) {
                    *sum += (a0 * x0 + a1 * x1) + (a2 * x2 + a3 * x3);
                }
            }
            for (j, &x) in rest.iter().enumerate() {
                for (sum, &a) in sums.iter_mut().zip(column(groups.len() * TOGETHER + j)) {
                    *sum += a * x;
                }
            }
        }
    }
}
