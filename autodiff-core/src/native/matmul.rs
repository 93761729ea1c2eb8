//! Products of batches of matrices: loops over `gemm`, shared among threads.

use super::gemm::parts;
use crate::memory;
use crate::scalar::Scalar;
use crate::threads;
use ndarray::{
    ArrayD, ArrayView2, ArrayView3, ArrayViewD, ArrayViewMut2, ArrayViewMut3, ArrayViewMutD, Axis, Ix2,
};
use smallvec::SmallVec;

/// Batched product, a batch along one axis computed by `run`; see [`Backend::matmul`](crate::Backend::matmul).
pub(crate) fn matmul<T: Scalar>(
    a: ArrayViewD<'_, T>,
    b: ArrayViewD<'_, T>,
    batch: &[usize],
    run: impl Fn(Batch<'_, T>) + Copy + Sync,
) -> ArrayD<T> {
    if batch.is_empty() {
        return one(a, b, run);
    }
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
    let most = batch.iter().copied().max().unwrap_or(1);
    let together = most / (MANY * rayon::current_num_threads());
    let mut tasks = SmallVec::new();
    Products { a, b, c: c.view_mut(), full }.share(together, &mut tasks);
    threads::each(tasks, |products| products.compute(together == 0, run));
    c
}

/// The product of two matrices, of which `run` has threads share the parts.
fn one<T: Scalar>(a: ArrayViewD<'_, T>, b: ArrayViewD<'_, T>, run: impl FnOnce(Batch<'_, T>)) -> ArrayD<T> {
    let mut c = memory::array(&[a.len_of(Axis(0)), b.len_of(Axis(1))]);
    if c.is_empty() {
        return c;
    }
    let [a, b] = [a, b].map(|x| x.into_dimensionality::<Ix2>().expect("two axes").insert_axis(Axis(0)));
    let out = c.view_mut().into_dimensionality::<Ix2>().expect("two axes").insert_axis(Axis(0));
    run(Batch { a, b, c: out, adds: false, in_parts: true });
    c
}

/// Tasks for each thread with which none has to wait long for the others at the end.
const MANY: usize = 8;

/// Products of matrices, one after another: along the first axis, each array has length 1 or a common length.
#[derive(Debug)]
pub struct Batch<'a, T> {
    pub(super) a: ArrayView3<'a, T>,
    pub(super) b: ArrayView3<'a, T>,
    /// Where it has length 1, the products are added up.
    pub(super) c: ArrayViewMut3<'a, T>,
    /// Whether `c` holds what they are added to.
    pub(super) adds: bool,
    /// Whether threads share single products. Where each has several whole ones to compute, they do not: of a shared product, every
    /// thread brings the operands together again.
    pub(super) in_parts: bool,
}

impl<T: Scalar> Batch<'_, T> {
    pub(super) fn len(&self) -> usize {
        [self.a.dim().0, self.b.dim().0, self.c.dim().0].into_iter().find(|&n| n != 1).unwrap_or(1)
    }

    /// The same products, transposed.
    pub(super) fn transposed(self) -> Self {
        let [a, b] = [self.b, self.a].map(|x| x.permuted_axes([0, 2, 1]));
        Batch { a, b, c: self.c.permuted_axes([0, 2, 1]), ..self }
    }

    /// Calls `gemm`, for `c = a b + beta c`, with the place of each product.
    #[inline(always)] // into loops that are compiled for wider vectors
    pub(crate) fn each(
        mut self,
        mut gemm: impl FnMut(usize, ArrayView2<'_, T>, ArrayView2<'_, T>, T, &mut ArrayViewMut2<'_, T>),
    ) {
        let is_sum = self.c.dim().0 == 1;
        for i in 0..self.len() {
            let beta = if self.adds || (is_sum && i > 0) { T::one() } else { T::zero() };
            let (a, b) = (matrix(&self.a, i), matrix(&self.b, i));
            gemm(i, a, b, beta, &mut self.c.index_axis_mut(Axis(0), if is_sum { 0 } else { i }));
        }
    }
}

/// The matrix at a place along the first axis, or the only one.
#[inline(always)]
pub(super) fn matrix<'a, T>(x: &ArrayView3<'a, T>, place: usize) -> ArrayView2<'a, T> {
    x.index_axis_move(Axis(0), if x.dim().0 == 1 { 0 } else { place })
}

/// The operands of the product after that at a place which are not its own.
pub(super) fn next<'a, T>(operands: &[ArrayView3<'a, T>; 2], place: usize) -> [Option<ArrayView2<'a, T>>; 2] {
    operands.map(|x| (place + 1 < x.dim().0).then(|| matrix(&x, place + 1)))
}

/// The products of the matrices in the last two axes, where the leading ones have the lengths `full`, or 1.
struct Products<'a, T> {
    a: ArrayViewD<'a, T>,
    b: ArrayViewD<'a, T>,
    c: ArrayViewMutD<'a, T>,
    full: Vec<usize>,
}

impl<'a, T: Scalar> Products<'a, T> {
    /// Cuts them into parts that are worth a thread each. There are many where as many as `together` make one; where that is 0,
    /// threads share single ones.
    fn share(self, together: usize, tasks: &mut SmallVec<[Self; 1]>) {
        let Products { a, b, c, full } = self;
        let axes = full.len();
        let one = c.shape()[axes..].iter().product::<usize>().saturating_mul(a.len_of(Axis(axes + 1)));
        // Threads add to different results. Of a few products, `gemm` shares those that are worth it.
        let longest = (0..axes).filter(|&axis| c.shape()[axis] > 1).max_by_key(|&axis| c.shape()[axis]);
        let least = if together == 0 { 2 * rayon::current_num_threads() } else { together + 1 };
        match longest {
            Some(axis)
                if (parts(one) < 2 || c.shape()[axis] >= least)
                    && parts(one.saturating_mul(full.iter().product())) > 1 =>
            {
                let at = full[axis] / 2;
                let (mut first, mut second) = (full.clone(), full);
                (first[axis], second[axis]) = (at, second[axis] - at);
                let axis = Axis(axis);
                let ((a, a_rest), (b, b_rest), (c, c_rest)) =
                    (halves(a, axis, at), halves(b, axis, at), c.split_at(axis, at));
                Products { a, b, c, full: first }.share(together, tasks);
                Products { a: a_rest, b: b_rest, c: c_rest, full: second }.share(together, tasks);
            }
            _ => tasks.push(Products { a, b, c, full }),
        }
    }

    /// Has `run` compute them, a batch along the last of the leading axes after another.
    fn compute(self, in_parts: bool, run: impl Fn(Batch<'_, T>)) {
        let Products { a, b, mut c, full } = self;
        let axes = full.len();
        let outer = &full[..axes - 1];
        let kept = c.shape()[..axes].to_vec();
        let mut index = vec![0; axes - 1];
        loop {
            // Along the last of the axes views have a known number of them: taking a matrix costs little beside a small product.
            let (a, b) = (at::<T>(a.view(), &index), at::<T>(b.view(), &index));
            let mut out = c.view_mut();
            for &i in &index {
                out.index_axis_inplace(Axis(0), if out.len_of(Axis(0)) == 1 { 0 } else { i });
            }
            // Where several products are added up, the first overwrites what memory held.
            let adds = index.iter().zip(&kept).any(|(&i, &n)| n == 1 && i > 0);
            run(Batch { a, b, c: out.into_dimensionality().expect("three axes remain"), adds, in_parts });
            if !advance(&mut index, outer) {
                return;
            }
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
