//! Products in every layout against a naive loop. Elements are small integers, so results are exact.

use autodiff_blas::Blas;
use autodiff_core::ndarray::{
    Array2, Array3, ArrayBase, ArrayD, ArrayView2, ArrayViewD, Axis, Ix2, IxDyn, RawData, Slice, s,
};
use autodiff_core::{Backend, Scalar};

/// Numbers without a pattern that a wrong stride would reproduce.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize
    }
    fn below(&mut self, n: usize) -> usize {
        self.next() % n
    }
    fn element<T: Scalar>(&mut self) -> T {
        T::of(self.below(7) as f64 - 3.0)
    }
    fn matrix<T: Scalar>(&mut self, rows: usize, columns: usize) -> Array2<T> {
        Array2::from_shape_simple_fn((rows, columns), || self.element())
    }
}

/// The layouts of an operand; those of a result are the first `OUTPUTS`.
const LAYOUTS: usize = 12;
const OUTPUTS: usize = 9;

/// Memory that holds a (rows, columns) matrix in some layout.
fn room<T: Scalar>(numbers: &mut Numbers, layout: usize, rows: usize, columns: usize) -> Array2<T> {
    match layout {
        1 => numbers.matrix(columns, rows),
        2 => numbers.matrix(rows + 3, columns + 5),
        3 => numbers.matrix(columns + 3, rows + 5),
        4 => numbers.matrix(rows, 2 * columns),
        5 => numbers.matrix(2 * rows, columns),
        9 => numbers.matrix(1, columns),
        10 => numbers.matrix(rows, 1),
        11 => numbers.matrix(1, 1),
        _ => numbers.matrix(rows, columns),
    }
}

/// The matrix in that memory.
fn view<S: RawData>(
    room: ArrayBase<S, Ix2>,
    layout: usize,
    rows: usize,
    columns: usize,
) -> ArrayBase<S, Ix2> {
    match layout {
        1 => room.reversed_axes(),
        2 => room.slice_move(s![2..rows + 2, 3..columns + 3]),
        3 => room.slice_move(s![2..columns + 2, 3..rows + 3]).reversed_axes(),
        4 => room.slice_move(s![.., ..;2]),
        5 => room.slice_move(s![..;2, ..]),
        6 => room.slice_move(s![..;-1, ..]),
        7 => room.slice_move(s![.., ..;-1]),
        8 => room.slice_move(s![..;-1, ..;-1]),
        _ => room,
    }
}

fn naive<T: Scalar>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    c: &Array2<T>,
) -> Array2<T> {
    let mut result = c.map(|&x| if beta == T::zero() { T::zero() } else { beta * x });
    for i in 0..a.nrows() {
        for p in 0..a.ncols() {
            let x = alpha * a[[i, p]];
            result.row_mut(i).zip_mut_with(&b.row(p), |c, &y| *c += x * y);
        }
    }
    result
}

fn check<T: Scalar>(numbers: &mut Numbers, (m, n, k): (usize, usize, usize), layouts: (usize, usize, usize))
where
    Blas: Backend<T>,
{
    let a = view(room::<T>(numbers, layouts.0, m, k), layouts.0, m, k);
    let b = view(room::<T>(numbers, layouts.1, k, n), layouts.1, k, n);
    let mut c = room::<T>(numbers, layouts.2, m, n);
    let alpha = T::of([1.0, 1.0, -2.0, 0.0][numbers.below(4)]);
    let beta = T::of([0.0, 0.0, 1.0, -1.0, 2.0][numbers.below(5)]);
    if beta == T::zero() && numbers.below(2) == 0 {
        c.fill(T::nan());
    }
    let broadcast = "one row, column or element";
    let (a, b) = (a.broadcast((m, k)).expect(broadcast), b.broadcast((k, n)).expect(broadcast));
    let mut old = c.clone();
    let mut out = view(c.view_mut(), layouts.2, m, n);
    let want = naive(alpha, a, b, beta, &out.to_owned());
    Blas::gemm(alpha, a, b, beta, &mut out);
    assert_eq!(out, want, "({m}, {n}, {k}), layouts {layouts:?}, alpha {alpha}, beta {beta}");
    // What lies between and around the rows is left alone.
    out.fill(T::zero());
    view(old.view_mut(), layouts.2, m, n).fill(T::zero());
    assert!(c.iter().zip(&old).all(|(x, y)| x == y || x.is_nan() && y.is_nan()), "{layouts:?}");
}

fn sweep<T: Scalar>()
where
    Blas: Backend<T>,
{
    let mut numbers = Numbers(1);
    let any =
        |numbers: &mut Numbers| (numbers.below(LAYOUTS), numbers.below(LAYOUTS), numbers.below(OUTPUTS));
    for m in 0..=20 {
        for n in 0..=20 {
            for k in 0..=20 {
                let layouts = any(&mut numbers);
                check::<T>(&mut numbers, (m, n, k), layouts);
            }
        }
    }
    for _ in 0..200 {
        let shape = (numbers.below(71), numbers.below(71), numbers.below(71));
        let layouts = any(&mut numbers);
        check::<T>(&mut numbers, shape, layouts);
    }
    for shape in [(5, 7, 6), (1, 7, 6), (5, 1, 6), (5, 7, 1), (1, 1, 6), (1, 7, 1), (17, 13, 11)] {
        for a in 0..LAYOUTS {
            for b in 0..LAYOUTS {
                for c in 0..OUTPUTS {
                    check::<T>(&mut numbers, shape, (a, b, c));
                }
            }
        }
    }
}

#[test]
fn gemm_in_every_layout_f64() {
    sweep::<f64>();
}

#[test]
fn gemm_in_every_layout_f32() {
    sweep::<f32>();
}

/// An array of this shape in some layout: axes swapped, sliced, reversed or broadcast.
fn scrambled<T: Scalar>(numbers: &mut Numbers, shape: &[usize]) -> ArrayD<T> {
    let elements = |numbers: &mut Numbers, shape: &[usize]| {
        ArrayD::from_shape_simple_fn(IxDyn(shape), || numbers.element())
    };
    let axes = shape.len();
    match numbers.below(5) {
        0 => elements(numbers, shape),
        1 => {
            let mut swapped = shape.to_vec();
            swapped.swap(axes - 1, axes - 2);
            let mut x = elements(numbers, &swapped);
            x.swap_axes(axes - 1, axes - 2);
            x
        }
        2 => {
            let mut reversed = elements(numbers, shape);
            let axis = Axis(numbers.below(axes));
            reversed.invert_axis(axis);
            reversed
        }
        3 => {
            let wider: Vec<usize> = shape.iter().map(|n| 2 * n + 1).collect();
            let mut x = elements(numbers, &wider);
            let step = 1 + numbers.below(2) as isize;
            for (axis, &n) in shape.iter().enumerate() {
                let end = if step == 1 { 1 + n as isize } else { 2 * n as isize };
                let start = if step == 1 { 1 } else { 0 };
                x.slice_axis_inplace(Axis(axis), Slice::new(start, Some(end), step));
            }
            x
        }
        _ => {
            let mut turned = shape.to_vec();
            turned.rotate_left(1);
            let x = elements(numbers, &turned);
            let mut order: Vec<usize> = (0..axes).collect();
            order.rotate_right(1);
            x.permuted_axes(IxDyn(&order))
        }
    }
}

fn naive_batch<T: Scalar>(a: ArrayViewD<'_, T>, b: ArrayViewD<'_, T>, batch: &[usize]) -> ArrayD<T> {
    let axes = batch.len();
    let mut shape = batch.to_vec();
    shape.extend([a.shape()[axes], b.shape()[axes + 1]]);
    let full: Vec<usize> = (0..axes)
        .map(|i| [a.shape()[i], b.shape()[i], batch[i]].into_iter().find(|&n| n != 1).unwrap_or(1))
        .collect();
    let mut c = ArrayD::<T>::zeros(IxDyn(&shape));
    for index in autodiff_core::ndarray::indices(IxDyn(&full)) {
        let at = |shape: &[usize]| -> Vec<usize> {
            (0..axes).map(|i| if shape[i] == 1 { 0 } else { index[i] }).collect()
        };
        let (ia, ib, ic) = (at(a.shape()), at(b.shape()), at(&shape));
        let matrix = |mut x: ArrayViewD<'_, T>, index: &[usize]| {
            for &i in index {
                x.index_axis_inplace(Axis(0), i);
            }
            x.into_dimensionality::<Ix2>().expect("a matrix").to_owned()
        };
        let old = matrix(c.view(), &ic);
        let new = naive(T::one(), matrix(a.view(), &ia).view(), matrix(b.view(), &ib).view(), T::one(), &old);
        let mut place = c.view_mut();
        for &i in &ic {
            place.index_axis_inplace(Axis(0), i);
        }
        place.assign(&new);
    }
    c
}

fn batches<T: Scalar>()
where
    Blas: Backend<T>,
{
    let mut numbers = Numbers(2);
    for round in 0..1500 {
        let axes = numbers.below(4);
        let (mut left, mut right, mut batch) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..axes {
            let n = [0, 1, 2, 3, 4, 5, 2, 3, 4, 5][numbers.below(10)];
            let which = numbers.below(7);
            left.push(if which == 0 || which == 3 { 1 } else { n });
            right.push(if which == 1 || which == 4 { 1 } else { n });
            batch.push(if which == 2 || which == 3 || which == 4 { 1 } else { n });
        }
        let mut size = || [0, 1, 1, 2, 3, 4, 5, 9, 17, 2, 3, 4, 5][numbers.below(13)];
        let (m, n, k) = (size(), size(), size());
        left.extend([m, k]);
        right.extend([k, n]);
        let (mut a, mut b) = (scrambled::<T>(&mut numbers, &left), scrambled::<T>(&mut numbers, &right));
        // As they come from `broadcast`: the whole length, with stride 0. Both may be repeated along what is summed.
        let widen = |x: &ArrayD<T>, other: &[usize]| {
            let length = |i: usize| match (x.shape()[i], other[i]) {
                (1, 1) if i < axes && batch[i] == 1 => 3,
                (1, n) if i < axes => n,
                (n, _) => n,
            };
            (0..axes + 2).map(length).collect::<Vec<_>>()
        };
        let (wide_a, wide_b) = (widen(&a, &right), widen(&b, &left));
        let want = naive_batch(a.view(), b.view(), &batch);
        assert_eq!(Blas::matmul(a.view(), b.view(), &batch), want, "{round}: {left:?} {right:?} {batch:?}");
        let wide = (a.broadcast(wide_a).expect("wider"), b.broadcast(wide_b).expect("wider"));
        let want = naive_batch(wide.0.view(), wide.1.view(), &batch);
        assert_eq!(
            Blas::matmul(wide.0, wide.1, &batch),
            want,
            "{round}: {left:?} {right:?} {batch:?}, broadcast"
        );
        a.invert_axis(Axis(numbers.below(axes + 2)));
        b.invert_axis(Axis(numbers.below(axes + 2)));
        let want = naive_batch(a.view(), b.view(), &batch);
        assert_eq!(
            Blas::matmul(a.view(), b.view(), &batch),
            want,
            "{round}: {left:?} {right:?} {batch:?}, reversed"
        );
    }
}

#[test]
fn batches_in_every_layout_f64() {
    batches::<f64>();
}

#[test]
fn batches_in_every_layout_f32() {
    batches::<f32>();
}

#[test]
fn large_batches_on_several_threads() {
    let mut numbers = Numbers(3);
    // Below and above the size at which OpenBLAS uses threads of its own.
    for (count, m, n, k) in
        [(1024, 32, 32, 32), (1200, 16, 24, 16), (8, 96, 96, 96), (5, 70, 80, 90), (6, 257, 3, 900)]
    {
        let a = Array3::from_shape_simple_fn((count, m, k), || numbers.element::<f64>());
        let b = Array3::from_shape_simple_fn((count, k, n), || numbers.element::<f64>());
        let c = Blas::matmul(a.view().into_dyn(), b.view().into_dyn(), &[count]);
        for i in [0, 1, count / 2, count / 2 + 1, count - 1] {
            let (a, b) = (a.index_axis(Axis(0), i), b.index_axis(Axis(0), i));
            let want = naive(1.0, a, b, 0.0, &Array2::zeros((m, n)));
            assert_eq!(c.index_axis(Axis(0), i), want.into_dyn(), "{i} of {count}, ({m}, {n}, {k})");
        }
        let sum = Blas::matmul(a.view().into_dyn(), b.view().into_dyn(), &[1]);
        assert_eq!(sum, c.sum_axis(Axis(0)).insert_axis(Axis(0)));
    }
}

#[test]
fn calls_from_many_threads() {
    std::thread::scope(|scope| {
        for seed in 0..8 {
            scope.spawn(move || {
                let mut numbers = Numbers(seed);
                for size in [3, 17, 40, 100, 130] {
                    let a = numbers.matrix::<f64>(size, size);
                    let b = numbers.matrix::<f64>(size, size);
                    let want = naive(1.0, a.view(), b.view(), 0.0, &Array2::zeros((size, size)));
                    let many = (a.broadcast((9, size, size)).unwrap(), b.broadcast((9, size, size)).unwrap());
                    let many = (many.0.to_owned(), many.1.to_owned());
                    for _ in 0..3 {
                        let c = Blas::matmul(a.view().into_dyn(), b.view().into_dyn(), &[]);
                        assert_eq!(c, want.view().into_dyn());
                        let c = Blas::matmul(many.0.view().into_dyn(), many.1.view().into_dyn(), &[9]);
                        assert!(c.axis_iter(Axis(0)).all(|c| c == want.view().into_dyn()));
                    }
                }
            });
        }
    });
}

/// NaN and infinity go through as a naive loop takes them, in every routine: zero times infinity is NaN.
#[test]
fn what_is_not_finite() {
    for shape in [(1, 1, 9), (9, 1, 8), (1, 9, 8), (9, 8, 1), (9, 8, 7), (40, 50, 60)] {
        let (m, n, k) = shape;
        // BLIS computes a matrix times a vector with `gemv` whatever it is asked for, which skips zeros.
        if cfg!(feature = "blis") && (m == 1) != (n == 1) {
            continue;
        }
        for special in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            // Some ten places, the first and others in each block of a kernel.
            for at in (0..m.min(k)).step_by(1 + m.min(k) / 10) {
                for transposed in 0..4 {
                    let mut a = Array2::zeros((m, k));
                    a[[at, k - 1 - at.min(k - 1)]] = special;
                    a[[m - 1, 0]] += 1.0;
                    let mut b = Array2::zeros((k, n));
                    b[[0, n - 1]] = 1.0;
                    let want = naive(1.0, a.view(), b.view(), 0.0, &Array2::zeros((m, n)));
                    let other = naive(1.0, b.t(), a.t(), 0.0, &Array2::zeros((n, m)));
                    if transposed & 1 == 1 {
                        a = a.t().as_standard_layout().into_owned().reversed_axes();
                    }
                    if transposed & 2 == 2 {
                        b = b.t().as_standard_layout().into_owned().reversed_axes();
                    }
                    let same = |x: &Array2<f64>, y: &Array2<f64>| {
                        x.iter().zip(y).all(|(x, y)| x == y || x.is_nan() && y.is_nan())
                    };
                    let mut c = Array2::from_elem((m, n), f64::NAN);
                    Blas::gemm(1.0, a.view(), b.view(), 0.0, &mut c.view_mut());
                    assert!(same(&c, &want), "{shape:?} {special} at {at}, {transposed}: {c} {want}");
                    let mut c = Array2::from_elem((n, m), f64::INFINITY);
                    Blas::gemm(1.0, b.t(), a.t(), 0.0, &mut c.view_mut());
                    assert!(same(&c, &other), "{shape:?} {special} at {at}, {transposed}: {c} {other}");
                }
            }
        }
    }
}

#[test]
fn empty_sums_are_zero() {
    let (a, b) = (Array2::<f64>::zeros((3, 0)), Array2::<f64>::zeros((0, 4)));
    let mut c = Array2::from_elem((3, 4), f64::NAN);
    Blas::gemm(1.0, a.view(), b.view(), 0.0, &mut c.view_mut());
    assert_eq!(c, Array2::zeros((3, 4)));
    c.fill(2.0);
    Blas::gemm(1.0, a.view(), b.view(), 0.5, &mut c.view_mut());
    assert_eq!(c, Array2::ones((3, 4)));
    let (a, b) = (Array3::<f64>::zeros((0, 3, 2)), Array3::<f64>::zeros((0, 2, 4)));
    let summed = Blas::matmul(a.view().into_dyn(), b.view().into_dyn(), &[1]);
    assert_eq!(summed, ArrayD::zeros(IxDyn(&[1, 3, 4])));
}
