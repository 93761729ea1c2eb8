//! Products: batches as loops over `gemm`.

use crate::backend::Backend;
use crate::memory;
use crate::scalar::Scalar;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayD, ArrayView2, ArrayViewD, ArrayViewMut2, Axis, Ix2};

/// Batched product through `B::gemm`; see [`Backend::matmul`].
pub(crate) fn matmul<T: Scalar, B: Backend<T>>(
    a: ArrayViewD<'_, T>,
    b: ArrayViewD<'_, T>,
    batch: &[usize],
) -> ArrayD<T> {
    let axes = batch.len();
    let mut shape = batch.to_vec();
    shape.extend([a.len_of(Axis(axes)), b.len_of(Axis(axes + 1))]);
    let mut c = memory::array(&shape);
    // The common lengths of the leading axes; an axis of length 1 is read, or added to, at index 0.
    let full: Vec<usize> = (0..axes)
        .map(|i| [a.len_of(Axis(i)), b.len_of(Axis(i)), batch[i]].into_iter().find(|&n| n != 1).unwrap_or(1))
        .collect();
    if c.is_empty() || full.contains(&0) {
        c.fill(T::zero());
        return c;
    }
    let mut index = vec![0; axes];
    loop {
        let mut out = c.view_mut();
        let (mut left, mut right) = (a.view(), b.view());
        for &i in &index {
            left.index_axis_inplace(Axis(0), if left.len_of(Axis(0)) == 1 { 0 } else { i });
            right.index_axis_inplace(Axis(0), if right.len_of(Axis(0)) == 1 { 0 } else { i });
            out.index_axis_inplace(Axis(0), if out.len_of(Axis(0)) == 1 { 0 } else { i });
        }
        let two = "two axes remain";
        // The first product into a matrix overwrites it.
        let first = index.iter().zip(batch).all(|(&i, &n)| n != 1 || i == 0);
        let beta = if first { T::zero() } else { T::one() };
        let (left, right) =
            (left.into_dimensionality::<Ix2>().expect(two), right.into_dimensionality::<Ix2>().expect(two));
        B::gemm(T::one(), left, right, beta, &mut out.into_dimensionality::<Ix2>().expect(two));
        if !advance(&mut index, &full) {
            return c;
        }
    }
}

/// The next index in row-major order; false after the last.
fn advance(index: &mut [usize], lengths: &[usize]) -> bool {
    for (i, &n) in index.iter_mut().zip(lengths).rev() {
        *i += 1;
        if *i < n {
            return true;
        }
        *i = 0;
    }
    false
}

/// One product through `matrixmultiply`, which takes any strides, and does not read `c` where `beta` is 0.
pub(super) fn gemm<T: Scalar>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    c: &mut ArrayViewMut2<'_, T>,
) {
    general_mat_mul(alpha, &a, &b, beta, c);
}
