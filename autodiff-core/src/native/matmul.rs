//! Products of batches of matrices: loops over `gemm`, shared among threads.

use super::gemm::parts;
use super::tiles::Workspace;
use crate::memory;
use crate::scalar::Scalar;
use ndarray::{ArrayD, ArrayView2, ArrayView3, ArrayViewD, ArrayViewMut2, ArrayViewMutD, Axis, Ix3};

/// Batched product through a `gemm`; see [`Backend::matmul`](crate::Backend::matmul).
pub(crate) fn matmul<T: Scalar>(
    a: ArrayViewD<'_, T>,
    b: ArrayViewD<'_, T>,
    batch: &[usize],
    gemm: impl Gemm<T>,
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
    products(a, b, c.view_mut(), full, gemm);
    c
}

/// `c = alpha a b + beta c`, one of a batch.
pub(crate) trait Gemm<T: Scalar>:
    Fn(&mut Workspace<T>, T, ArrayView2<'_, T>, ArrayView2<'_, T>, T, &mut ArrayViewMut2<'_, T>) + Copy + Sync
{
}

impl<T: Scalar, F> Gemm<T> for F where
    F: Fn(&mut Workspace<T>, T, ArrayView2<'_, T>, ArrayView2<'_, T>, T, &mut ArrayViewMut2<'_, T>)
        + Copy
        + Sync
{
}

/// The products of the matrices in the last two axes, where the leading ones have the lengths `full`, or 1.
fn products<T: Scalar>(
    a: ArrayViewD<'_, T>,
    b: ArrayViewD<'_, T>,
    mut c: ArrayViewMutD<'_, T>,
    full: Vec<usize>,
    gemm: impl Gemm<T>,
) {
    let axes = full.len();
    let one = c.shape()[axes..].iter().product::<usize>().saturating_mul(a.len_of(Axis(axes + 1)));
    // Threads add to different results. Of a few products, `gemm` shares those that are worth it.
    let longest = (0..axes).filter(|&axis| c.shape()[axis] > 1).max_by_key(|&axis| c.shape()[axis]);
    if let Some(axis) = longest
        && (parts(one) < 2 || c.shape()[axis] >= 2 * rayon::current_num_threads())
        && parts(one.saturating_mul(full.iter().product())) > 1
    {
        let at = full[axis] / 2;
        let axis = Axis(axis);
        let ((a, a_rest), (b, b_rest), (c, c_rest)) =
            (halves(a, axis, at), halves(b, axis, at), c.split_at(axis, at));
        let (mut first, mut second) = (full.clone(), full);
        (first[axis.0], second[axis.0]) = (at, second[axis.0] - at);
        rayon::join(|| products(a, b, c, first, gemm), || products(a_rest, b_rest, c_rest, second, gemm));
        return;
    }
    let Some((&length, outer)) = full.split_last() else {
        let two = "two axes";
        let (a, b) = (a.into_dimensionality().expect(two), b.into_dimensionality().expect(two));
        return gemm(
            &mut Workspace::default(),
            T::one(),
            a,
            b,
            T::zero(),
            &mut c.into_dimensionality().expect(two),
        );
    };
    let kept = c.shape()[..axes].to_vec();
    let mut index = vec![0; axes - 1];
    let mut workspace = Workspace::default();
    let looks_ahead = Workspace::<T>::looks_ahead([&a, &b].map(|x| x.shape()[axes..].iter().product()));
    loop {
        // Along the last of the axes views have a known number of them: taking a matrix costs little beside a small product.
        let (a, b) = (at::<T>(a.view(), &index), at::<T>(b.view(), &index));
        let mut out = c.view_mut();
        for &i in &index {
            out.index_axis_inplace(Axis(0), if out.len_of(Axis(0)) == 1 { 0 } else { i });
        }
        let mut out = out.into_dimensionality::<Ix3>().expect("three axes remain");
        // Where several products are added up, the first overwrites what memory held.
        let first = index.iter().zip(&kept).all(|(&i, &n)| n != 1 || i == 0);
        for i in 0..length {
            let beta = if first && (i == 0 || out.len_of(Axis(0)) != 1) { T::zero() } else { T::one() };
            let place = |n: usize| if n == 1 { 0 } else { i };
            let left = a.index_axis(Axis(0), place(a.len_of(Axis(0))));
            let right = b.index_axis(Axis(0), place(b.len_of(Axis(0))));
            if looks_ahead {
                let place = Some(i + 1).filter(|&i| i < length);
                let next =
                    [&a, &b].map(|x| Some(x.index_axis(Axis(0), place.filter(|_| x.len_of(Axis(0)) > 1)?)));
                workspace.look_ahead(next);
            }
            let n = out.len_of(Axis(0));
            gemm(&mut workspace, T::one(), left, right, beta, &mut out.index_axis_mut(Axis(0), place(n)));
        }
        if !advance(&mut index, outer) {
            return;
        }
    }
}

/// What there is at a place along the first axes, of which three are left.
fn at<'a, T>(mut x: ArrayViewD<'a, T>, index: &[usize]) -> ArrayView3<'a, T> {
    for &i in index {
        x.index_axis_inplace(Axis(0), if x.len_of(Axis(0)) == 1 { 0 } else { i });
    }
    x.into_dimensionality().expect("three axes remain")
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
