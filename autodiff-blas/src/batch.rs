//! Batched products: what collapses into one product, and threads over what does not.

use crate::gate::{self, Cap, Element, Layout};
use crate::gemm;
use autodiff_core::backend::Backend;
use autodiff_core::ndarray::{
    ArrayD, ArrayView, ArrayView2, ArrayViewD, ArrayViewMut, ArrayViewMutD, Axis, CowArray, Ix3, IxDyn, Slice,
};
use autodiff_core::{Native, memory};

/// Multiplications, m n k, in a product up to which OpenBLAS itself stays on one thread (interface/gemm.c).
const ONE_THREAD: usize = 64 * 64 * 64;
/// Multiplications in a product above which the library's own threads are used: they share it well.
const LIBRARY_THREADS: usize = 256 * 256 * 256;
/// Multiplications that a thread should have to do: it takes 25 microseconds to start one, and
/// these 0.1 to 0.4 milliseconds.
const WORTH_A_THREAD: usize = 1 << 22;

/// Batched product; see [`Backend::matmul`].
pub(crate) fn matmul<T: Element>(a: ArrayViewD<'_, T>, b: ArrayViewD<'_, T>, batch: &[usize]) -> ArrayD<T>
where
    Native: Backend<T>,
{
    let axes = batch.len();
    if axes == 0 {
        let two = "two axes";
        let (a, b): (ArrayView2<'_, T>, ArrayView2<'_, T>) =
            (a.into_dimensionality().expect(two), b.into_dimensionality().expect(two));
        let mut c = memory::array(&[a.nrows(), b.ncols()]);
        gemm::gemm(T::one(), a, b, T::zero(), &mut c.view_mut().into_dimensionality().expect(two));
        return c;
    }
    let mut shape = batch.to_vec();
    shape.extend([a.len_of(Axis(axes)), b.len_of(Axis(axes + 1))]);
    let inner = a.len_of(Axis(axes + 1));
    if [shape[axes], shape[axes + 1], inner].iter().any(|&n| i32::try_from(n).is_err()) {
        return <Native as Backend<T>>::matmul(a, b, batch);
    }
    let mut c = memory::array(&shape);
    if c.is_empty() || inner == 0 || a.is_empty() || b.is_empty() {
        c.fill(T::zero());
        return c;
    }
    // How many products are added up in each result.
    let terms = |a: &ArrayViewD<'_, T>, b: &ArrayViewD<'_, T>| {
        let summed = (0..axes).filter(|&i| batch[i] == 1).map(Axis);
        summed.map(|axis| a.len_of(axis).max(b.len_of(axis))).product::<usize>()
    };
    let all = terms(&a, &b);
    let (a, b) = (expressible(a, axes), expressible(b, axes));
    let different = terms(&a.view(), &b.view());
    // Where both operands repeat themselves, so do the products.
    let alpha = T::of((all / different) as f64);
    let beta = if different > 1 { T::one() } else { T::zero() };
    if different > 1 {
        c.fill(T::zero());
    }
    let mut job = Job { axes, alpha, a: a.view(), b: b.view(), beta, c: c.view_mut() };
    job.fold();
    job.compute_threaded();
    c
}

/// The batch itself where CBLAS can read its matrices, else a copy (of what is broadcast, once).
fn expressible<T: Element>(x: ArrayViewD<'_, T>, axes: usize) -> CowArray<'_, T, IxDyn> {
    let x = once(x, axes);
    let (down, right) = (x.strides()[axes], x.strides()[axes + 1]);
    if Layout::of((x.shape()[axes], x.shape()[axes + 1]), (down, right)).is_some() {
        return x.into();
    }
    // In the order of the matrices' strides, so that memory is read forwards.
    let columns_first = down.abs() < right.abs();
    let mut shape = x.shape().to_vec();
    if columns_first {
        shape.swap(axes, axes + 1);
    }
    let mut dense = ArrayD::zeros(IxDyn(&shape));
    if columns_first {
        dense.swap_axes(axes, axes + 1);
    }
    dense.assign(&x);
    dense.into()
}

/// Leading axes along which the array repeats itself cut to length 1.
fn once<T>(mut x: ArrayViewD<'_, T>, axes: usize) -> ArrayViewD<'_, T> {
    for axis in 0..axes {
        if x.strides()[axis] == 0 && x.len_of(Axis(axis)) > 1 {
            x.slice_axis_inplace(Axis(axis), Slice::from(..1));
        }
    }
    x
}

/// `c = alpha a b + beta c`, of arrays with `axes` leading axes; along each of those, each array has length 1 or a common length.
struct Job<'a, T> {
    axes: usize,
    alpha: T,
    a: ArrayViewD<'a, T>,
    b: ArrayViewD<'a, T>,
    /// 0, or 1 where several products are added up.
    beta: T,
    c: ArrayViewMutD<'a, T>,
}

/// The length and stride of axis `into` with axis `take` merged into it; `None` where no stride describes that.
fn merged(shape: &[usize], strides: &[isize], take: usize, into: usize) -> Option<(usize, isize)> {
    let length = shape[into].checked_mul(shape[take])?;
    if shape[take] == 1 {
        Some((length, strides[into]))
    } else if shape[into] == 1 {
        Some((length, strides[take]))
    } else {
        (strides[take] == strides[into] * shape[into] as isize).then_some((length, strides[into]))
    }
}

impl<T: Element> Job<'_, T> {
    /// Merges leading axes into the matrices where the layouts permit, and then with each other.
    ///
    /// `(N, m, k) (k, n)` is `(N m, k) (k, n)`; summed over N, `(N, m, k)^T (N, m, n)` is `(N m, k)^T (N m, n)`.
    fn fold(&mut self) {
        let (row, column) = (self.axes, self.axes + 1);
        for axis in (0..self.axes).rev() {
            let lengths = [self.a.shape()[axis], self.b.shape()[axis], self.c.shape()[axis]];
            match lengths.map(|n| n != 1) {
                [true, false, true] => self.fold_into(axis, Some(row), None, Some(row)),
                [false, true, true] => self.fold_into(axis, None, Some(column), Some(column)),
                [true, true, false] => self.fold_into(axis, Some(column), Some(row), None),
                _ => {}
            }
        }
        let mut into = self.axes - 1;
        for take in (0..into).rev() {
            let parts = [
                (self.a.shape(), self.a.strides()),
                (self.b.shape(), self.b.strides()),
                (self.c.shape(), self.c.strides()),
            ];
            let empty = |axis: usize| parts.iter().all(|(shape, _)| shape[axis] == 1);
            let either = empty(take) || empty(into);
            let together = parts.iter().all(|(shape, strides)| {
                // An array that is broadcast along one of the two only has no single stride for both.
                (either || (shape[take] == 1) == (shape[into] == 1))
                    && merged(shape, strides, take, into).is_some()
            });
            if together {
                let (take, into) = (Axis(take), Axis(into));
                let merged = [
                    self.a.merge_axes(take, into),
                    self.b.merge_axes(take, into),
                    self.c.merge_axes(take, into),
                ];
                debug_assert_eq!(merged, [true; 3], "checked above");
            } else {
                into = take;
            }
        }
    }

    /// Merges the leading axis `axis` into an axis of the matrices of two arrays, if CBLAS can read what comes of it.
    fn fold_into(&mut self, axis: usize, a: Option<usize>, b: Option<usize>, c: Option<usize>) {
        let axes = self.axes;
        let layout = |shape: &[usize], strides: &[isize], into: Option<usize>| {
            let mut matrix = [(shape[axes], strides[axes]), (shape[axes + 1], strides[axes + 1])];
            if let Some(into) = into {
                matrix[into - axes] = merged(shape, strides, axis, into)?;
            }
            Layout::of((matrix[0].0, matrix[1].0), (matrix[0].1, matrix[1].1))
        };
        let fits = layout(self.a.shape(), self.a.strides(), a).is_some()
            && layout(self.b.shape(), self.b.strides(), b).is_some()
            && layout(self.c.shape(), self.c.strides(), c).is_some();
        if !fits {
            return;
        }
        let take = Axis(axis);
        let merged = [
            a.is_none_or(|into| self.a.merge_axes(take, Axis(into))),
            b.is_none_or(|into| self.b.merge_axes(take, Axis(into))),
            c.is_none_or(|into| self.c.merge_axes(take, Axis(into))),
        ];
        debug_assert_eq!(merged, [true; 3], "checked above");
    }

    /// Computes, on several threads where there is work for them and the library would not use them itself.
    fn compute_threaded(self) {
        let (rows, columns) = (Axis(self.axes), Axis(self.axes + 1));
        let one = self.a.len_of(rows) * self.a.len_of(columns) * self.b.len_of(columns);
        let common = |axis: usize| self.a.shape()[axis].max(self.b.shape()[axis]).max(self.c.shape()[axis]);
        let count: usize = (0..self.axes).map(common).product();
        // Threads add to different results.
        let longest = (0..self.axes).max_by_key(|&axis| self.c.shape()[axis]).unwrap_or(0);
        let length = self.c.shape()[longest];
        let useful = one.saturating_mul(count) / WORTH_A_THREAD;
        if length < 2 || useful < 2 || one > LIBRARY_THREADS {
            return self.compute();
        }
        let capped =
            one > ONE_THREAD || cfg!(not(any(feature = "openblas-system", feature = "openblas-static")));
        let threads = gate::batch_threads().min(length).min(useful);
        // Fewer products than threads are better shared by the library.
        if threads < 2 || (capped && (!gate::can_cap() || length < gate::batch_threads())) {
            return self.compute();
        }
        std::thread::scope(|scope| {
            let mut rest = self;
            let mut running = Vec::with_capacity(threads - 1);
            let cap = capped.then(Cap::new);
            for left in (2..=threads).rev() {
                let share = rest.c.shape()[longest].div_ceil(left);
                let (part, others) = rest.split(longest, share);
                rest = others;
                running.push(scope.spawn(move || {
                    let _cap = capped.then(Cap::new);
                    part.compute();
                }));
            }
            rest.compute();
            for thread in running {
                if let Err(panic) = thread.join() {
                    std::panic::resume_unwind(panic);
                }
            }
            drop(cap);
        });
    }

    /// The first `at` along an axis, and the others.
    fn split(self, axis: usize, at: usize) -> (Self, Self) {
        fn views<'a, T>(
            x: ArrayViewD<'a, T>,
            axis: Axis,
            at: usize,
        ) -> (ArrayViewD<'a, T>, ArrayViewD<'a, T>) {
            if x.len_of(axis) == 1 { (x.clone(), x) } else { x.split_at(axis, at) }
        }
        let axis = Axis(axis);
        let (a, b) = (views(self.a, axis, at), views(self.b, axis, at));
        let c = self.c.split_at(axis, at);
        let (axes, alpha, beta) = (self.axes, self.alpha, self.beta);
        let job = |a, b, c| Job { axes, alpha, a, b, beta, c };
        (job(a.0, b.0, c.0), job(a.1, b.1, c.1))
    }

    /// Computes on this thread, as far as this crate is concerned.
    fn compute(mut self) {
        let axes = self.axes;
        let layout = Layout::of(
            (self.c.shape()[axes], self.c.shape()[axes + 1]),
            (self.c.strides()[axes], self.c.strides()[axes + 1]),
        );
        if !layout.is_some_and(Layout::is_row_major) {
            // (a b)^T = b^T a^T.
            std::mem::swap(&mut self.a, &mut self.b);
            self.a.swap_axes(axes, axes + 1);
            self.b.swap_axes(axes, axes + 1);
            self.c.swap_axes(axes, axes + 1);
        }
        loops(self.alpha, self.a, self.b, self.beta, self.c);
    }
}

/// `c = alpha a b + beta c`, the innermost of the leading axes in one go.
fn loops<T: Element>(
    alpha: T,
    mut a: ArrayViewD<'_, T>,
    mut b: ArrayViewD<'_, T>,
    beta: T,
    mut c: ArrayViewMutD<'_, T>,
) {
    while a.ndim() > 3 {
        let outer = Axis(0);
        let length = a.len_of(outer).max(b.len_of(outer)).max(c.len_of(outer));
        if length > 1 {
            for i in 0..length {
                let at = |n: usize| if n == 1 { 0 } else { i };
                let index = (at(a.len_of(outer)), at(b.len_of(outer)), at(c.len_of(outer)));
                loops(
                    alpha,
                    a.index_axis(outer, index.0),
                    b.index_axis(outer, index.1),
                    beta,
                    c.view_mut().index_axis_move(outer, index.2),
                );
            }
            return;
        }
        a.index_axis_inplace(outer, 0);
        b.index_axis_inplace(outer, 0);
        c.index_axis_inplace(outer, 0);
    }
    let three = "three axes";
    let a: ArrayView<'_, T, Ix3> = a.into_dimensionality().expect(three);
    let b: ArrayView<'_, T, Ix3> = b.into_dimensionality().expect(three);
    let mut c: ArrayViewMut<'_, T, Ix3> = c.into_dimensionality().expect(three);
    let ((na, m, k), (nb, _, n)) = (a.dim(), b.dim());
    let length = na.max(nb).max(c.dim().0);
    let fits = "one matrix or as many as there are";
    let (a, b) = (a.broadcast((length, m, k)).expect(fits), b.broadcast((length, k, n)).expect(fits));
    gemm::products(alpha, a, b, beta, &mut c);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::calls::during;
    use autodiff_core::ndarray::{Array2, Array3};
    use std::sync::Mutex;

    /// Held by tests that change, or depend on, the process's number of threads.
    static THREADS: Mutex<()> = Mutex::new(());

    fn array(shape: &[usize]) -> ArrayD<f64> {
        ArrayD::from_elem(IxDyn(shape), 1.0)
    }

    /// The calls of gemm, gemv, ger and dot for a product of these shapes, the first transposed or not.
    fn calls(a: &[usize], transposed: bool, b: &[usize], batch: &[usize]) -> [usize; 4] {
        let (mut a, b) = (array(a), array(b));
        if transposed {
            a.swap_axes(batch.len(), batch.len() + 1);
        }
        let inner = b.shape()[batch.len()];
        let (c, calls) = during(|| matmul(a.view(), b.view(), batch));
        // Ones: each result is the number of products summed in it.
        let full: usize = (0..batch.len()).map(|i| a.shape()[i].max(b.shape()[i])).product();
        let results: usize = batch.iter().product();
        assert!(c.iter().all(|&x| x == (inner * full / results) as f64), "{c}");
        calls
    }

    /// Where only OpenBLAS is called with vectors, the number of calls in all is the same.
    fn expect(calls: [usize; 4], want: [usize; 4], name: &str) {
        if cfg!(any(feature = "openblas-system", feature = "openblas-static")) {
            assert_eq!(calls, want, "{name}");
        } else {
            assert_eq!(calls, [want[0] + want[1] + want[2], 0, 0, want[3]], "{name}");
        }
    }

    #[test]
    fn each_shape_makes_the_calls_it_needs() {
        expect(calls(&[6, 8], false, &[8, 10], &[]), [1, 0, 0, 0], "a product");
        expect(calls(&[8, 6], true, &[8, 10], &[]), [1, 0, 0, 0], "a transposed one");
        expect(calls(&[6, 8], false, &[8, 1], &[]), [0, 1, 0, 0], "a matrix and a vector");
        expect(calls(&[1, 8], false, &[8, 10], &[]), [0, 1, 0, 0], "a vector and a matrix");
        expect(calls(&[1, 8], false, &[8, 1], &[]), [0, 0, 0, 1], "two vectors");
        expect(calls(&[6, 1], false, &[1, 10], &[]), [0, 0, 1, 0], "an outer product");
        expect(calls(&[6, 0], false, &[0, 10], &[]), [0; 4], "an empty sum");
        expect(calls(&[7, 6, 8], false, &[7, 8, 10], &[7]), [7, 0, 0, 0], "a batch");
        expect(calls(&[7, 6, 8], false, &[1, 8, 10], &[7]), [1, 0, 0, 0], "rows of a batch");
        expect(
            calls(&[7, 8, 6], true, &[1, 8, 10], &[7]),
            [7, 0, 0, 0],
            "columns of a batch do not collapse",
        );
        expect(calls(&[1, 6, 8], false, &[7, 8, 10], &[7]), [7, 0, 0, 0], "one matrix and a batch");
        expect(calls(&[1, 6, 8], false, &[7, 8, 1], &[7]), [1, 0, 0, 0], "one matrix and vectors");
        expect(calls(&[7, 6, 8], true, &[7, 6, 10], &[1]), [1, 0, 0, 0], "a sum that is one long product");
        expect(calls(&[7, 6, 8], false, &[7, 8, 10], &[1]), [7, 0, 0, 0], "a sum");
        expect(calls(&[2, 7, 6, 8], false, &[1, 1, 8, 10], &[2, 7]), [1, 0, 0, 0], "two axes");
        expect(calls(&[2, 7, 6, 8], false, &[1, 7, 8, 10], &[2, 7]), [14, 0, 0, 0], "a broadcast batch");
        expect(calls(&[2, 7, 6, 8], true, &[2, 7, 6, 10], &[1, 1]), [1, 0, 0, 0], "a sum along two axes");
        expect(calls(&[2, 7, 6, 8], true, &[2, 7, 6, 10], &[2, 1]), [2, 0, 0, 0], "a batch of sums");
        expect(calls(&[7, 4, 4], false, &[7, 4, 4], &[7]), [0; 4], "tiny matrices are multiplied here");
        expect(calls(&[7, 8, 8], false, &[7, 8, 8], &[7]), [0; 4], "small ones by the pure-Rust backend");
    }

    #[test]
    fn the_backend_goes_through_the_library() {
        use autodiff_core::Value;
        type V = Value<f64, crate::Blas>;
        let a = V::new(Array2::from_elem((6, 4), 1.0));
        let b = V::new(Array2::from_elem((4, 5), 2.0));
        let (_, forward) = during(|| a.matmul(&b).sum());
        assert_eq!(forward, [1, 0, 0, 0]);
        let loss = a.matmul(&b).sum();
        let (_, backward) = during(|| loss.backward());
        assert_eq!(backward.iter().sum::<usize>(), 2, "one product for each gradient");
        let batch = V::new(Array3::from_elem((9, 6, 4), 1.0));
        let loss = batch.matmul(&b).powf(2.0).sum();
        let (_, backward) = during(|| loss.backward());
        assert_eq!(backward, [2, 0, 0, 0], "both gradients of a batch are one product");
    }

    #[test]
    fn threads_share_a_batch() {
        let _alone = THREADS.lock();
        // Not of those that are multiplied without the library.
        let (count, size) = (1024, 33);
        let threads = gate::batch_threads().min(count * size * size * size / WORTH_A_THREAD);
        let a = array(&[count, size, size]);
        let (c, calls) = during(|| matmul(a.view(), a.view(), &[count]));
        assert!(c.iter().all(|&x| x == size as f64));
        // What this thread does: the last share.
        let mut rest = count;
        for left in (2..=threads).rev() {
            rest -= rest.div_ceil(left);
        }
        assert_eq!(calls, [rest, 0, 0, 0]);
    }

    #[test]
    fn a_cap_is_lifted() {
        let _alone = THREADS.lock();
        let before = gate::threads();
        let cap = Cap::new();
        drop(Cap::new());
        if cfg!(any(feature = "openblas-system", feature = "openblas-static")) {
            assert_eq!(gate::threads(), 1);
        }
        drop(cap);
        assert_eq!(gate::threads(), before);
    }
}
