//! Products of batches of matrices: loops over `gemm`, shared among threads.

use super::gemm;
use crate::backend::Backend;
use crate::memory;
use crate::scalar::Scalar;
use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, Axis, Ix2};

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
    products::<T, B>(a, b, c.view_mut(), full);
    c
}

/// The products of the matrices in the last two axes, where the leading ones have the lengths `full`, or 1.
fn products<T: Scalar, B: Backend<T>>(
    a: ArrayViewD<'_, T>,
    b: ArrayViewD<'_, T>,
    mut c: ArrayViewMutD<'_, T>,
    full: Vec<usize>,
) {
    let axes = full.len();
    let one = c.shape()[axes..].iter().product::<usize>().saturating_mul(a.len_of(Axis(axes + 1)));
    // Threads add to different results. What is worth sharing by itself `gemm` shares.
    let longest = (0..axes).filter(|&axis| c.shape()[axis] > 1).max_by_key(|&axis| c.shape()[axis]);
    if let Some(axis) = longest
        && gemm::parts(one) < 2
        && gemm::parts(one.saturating_mul(full.iter().product())) > 1
    {
        let at = full[axis] / 2;
        let axis = Axis(axis);
        let ((a, a_rest), (b, b_rest), (c, c_rest)) =
            (halves(a, axis, at), halves(b, axis, at), c.split_at(axis, at));
        let (mut first, mut second) = (full.clone(), full);
        (first[axis.0], second[axis.0]) = (at, second[axis.0] - at);
        rayon::join(|| products::<T, B>(a, b, c, first), || products::<T, B>(a_rest, b_rest, c_rest, second));
        return;
    }
    let mut index = vec![0; axes];
    loop {
        // Where several products are added up, the first overwrites what memory held.
        let first = index.iter().zip(c.shape()).all(|(&i, &n)| n != 1 || i == 0);
        let beta = if first { T::zero() } else { T::one() };
        let mut out = c.view_mut();
        let (mut left, mut right) = (a.view(), b.view());
        for &i in &index {
            left.index_axis_inplace(Axis(0), if left.len_of(Axis(0)) == 1 { 0 } else { i });
            right.index_axis_inplace(Axis(0), if right.len_of(Axis(0)) == 1 { 0 } else { i });
            out.index_axis_inplace(Axis(0), if out.len_of(Axis(0)) == 1 { 0 } else { i });
        }
        let two = "two axes remain";
        let (left, right) =
            (left.into_dimensionality::<Ix2>().expect(two), right.into_dimensionality::<Ix2>().expect(two));
        B::gemm(T::one(), left, right, beta, &mut out.into_dimensionality::<Ix2>().expect(two));
        if !advance(&mut index, &full) {
            return;
        }
    }
}

/// The first `at` along an axis, and the others; all, twice, where it has length 1.
fn halves<T>(x: ArrayViewD<'_, T>, axis: Axis, at: usize) -> (ArrayViewD<'_, T>, ArrayViewD<'_, T>) {
    if x.len_of(axis) == 1 { (x.clone(), x) } else { x.split_at(axis, at) }
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
