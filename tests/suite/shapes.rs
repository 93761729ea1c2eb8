//! Shapes: broadcasting and its undoing, empty arrays, lengths of 1, products of every rank, views in any layout.

use crate::common::*;
use autodiff::{Value, where_};
use ndarray::{Array, Axis, Ix2, array, s};

type Two<T> = fn(&V<T>, &V<T>) -> V<T>;

/// Every function with one argument, on at least two axes of at least one element.
fn functions<T: Real>() -> Vec<(&'static str, Function<T>)> {
    vec![
        ("neg", |x| -x),
        ("exp", |x| x.exp()),
        ("ln", |x| x.square().ln()),
        ("sqrt", |x| x.abs().sqrt()),
        ("square", |x| x.square()),
        ("recip", |x| (x + T::of(10.0)).recip()),
        ("sin", |x| x.sin()),
        ("cos", |x| x.cos()),
        ("tanh", |x| x.tanh()),
        ("sigmoid", |x| x.sigmoid()),
        ("softplus", |x| x.softplus()),
        ("abs", |x| x.abs()),
        ("relu", |x| x.relu()),
        ("clamp", |x| x.clamp(T::of(-0.6), T::of(0.7))),
        ("powi", |x| x.powi(5)),
        ("powf", |x| x.abs().powf(T::of(1.5))),
        ("+", |x| x + x.slice(s![0, ..])),
        ("-", |x| T::of(2.0).as_f64() - x),
        ("*", |x| x * x.slice(s![.., ..1])),
        ("/", |x| x / (x.square() + T::one())),
        ("pow", |x| x.abs().pow(x)),
        ("maximum", |x| x.maximum(T::of(0.3))),
        ("minimum", |x| x.minimum(-x)),
        ("where", |x| where_(&x.gt(T::zero()), x.square(), x)),
        ("sum", |x| x.sum().square()),
        ("sum 0", |x| x.sum_axis(0).square()),
        ("sum 1", |x| x.sum_keepdims(-1).square()),
        ("mean", |x| x.mean_axis([1, 0]).square()),
        ("max", |x| x.max_axis(0)),
        ("min", |x| x.min_keepdims(1)),
        ("logsumexp", |x| x.logsumexp()),
        ("logsumexp 0", |x| x.logsumexp_axis(0)),
        ("softmax", |x| x.softmax(1).square()),
        ("log_softmax", |x| x.log_softmax(0)),
        ("cross_entropy", |x| x.cross_entropy(vec![0_usize; x.shape()[0]])),
        ("matmul", |x| x.matmul(x.t())),
        ("matmul with a row", |x| x.slice(s![0, ..]).matmul(x.t())),
        ("reshape", |x| x.reshape(-1).square()),
        ("t", |x| x.t().square()),
        ("permute", |x| x.unsqueeze(1).permute([2, 0, 1]).square()),
        ("broadcast_to", |x| x.broadcast_to([vec![3], x.shape().to_vec()].concat()).square()),
        ("squeeze", |x| x.squeeze().square()),
        ("slice", |x| x.slice(s![..;-1, ..1]).square()),
        ("index_select", |x| x.index_select(1, [0, 0]).square()),
        ("concat", |x| V::<T>::concat(&[x, &x.square()], 1)),
        ("stack", |x| V::<T>::stack(&[x, &x.square()], -1)),
        ("prod", |x| x.prod_axis(0)),
        ("var", |x| x.var_axis(1, 0)),
        ("std", |x| x.std_keepdims([0, 1], 0)),
        ("norm", |x| x.norm_axis(0, T::of(2.0))),
        ("median", |x| x.median_axis(1)),
        ("quantile", |x| x.quantile(0.3)),
        ("cumsum", |x| x.cumsum(0)),
        ("cumprod", |x| x.cumprod(1)),
        ("cummax", |x| x.cummax(1)),
        ("cummin", |x| x.cummin(0)),
        ("logcumsumexp", |x| x.logcumsumexp(1)),
        ("diff", |x| x.diff(1, 0).square()),
        ("trapezoid", |x| x.trapezoid(x.square(), 1)),
        ("sort", |x| x.sort(0)),
        ("topk", |x| x.topk(1, 1).0),
        ("flip", |x| x.flip([0, 1])),
        ("roll", |x| x.roll(1, 1)),
        ("repeat", |x| x.repeat(2, 0)),
        ("tile", |x| x.tile([1, 2])),
        ("pad", |x| x.pad([(1, 2)], autodiff::Pad::Symmetric)),
        ("pad with a number", |x| x.pad([(1, 2), (0, 1)], autodiff::Pad::Constant(T::one()))),
        ("outer", |x| x.outer(x.slice(s![0, ..]))),
        ("unfold", |x| x.unfold(1, 1, 1)),
        ("array_split", |x| x.array_split(2, 1).remove(0)),
        ("gather", |x| x.gather(0, &array![[0], [0]])),
        ("take_along_axis", |x| x.take_along_axis(&array![[0, 0]], 1)),
        ("scatter_add", |x| x.scatter_add(1, &array![[0]], x.slice(s![..1, ..1]))),
        ("index_put", |x| x.index_put(&[[0], [0]], T::of(2.0))),
        ("set_slice", |x| x.set_slice(s![0, ..], x.slice(s![-1, ..]))),
        ("masked_select", |x| x.masked_select(&x.gt(T::zero()))),
        ("masked_fill", |x| x.masked_fill(&x.gt(T::zero()), T::one())),
    ]
}

/// Views of all kinds give the numbers that their copies do.
fn layouts_do_not_matter<T: Real>() {
    let whole = numbers::<T>(&[6, 8]).into_dimensionality::<Ix2>().unwrap();
    let flat = numbers::<T>(&[1, 5]).into_dimensionality::<Ix2>().unwrap();
    let fortran = Array::from_shape_fn((4, 3), |(i, j)| whole[[i, j]]);
    let fortran = fortran.t().as_standard_layout().into_owned().reversed_axes();
    assert!(!fortran.is_standard_layout());
    let column = whole.slice(s![.., 1..2]);
    let views = [
        ("reversed", whole.slice(s![..;-1, ..;-1])),
        ("reversed rows", whole.slice(s![..;-1, ..])),
        ("transposed", whole.t()),
        ("Fortran order", fortran.view()),
        ("every other", whole.slice(s![..;2, 1..;3])),
        ("every other, backwards", whole.slice(s![1..5;-2, ..;-3])),
        ("a block", whole.slice(s![1..4, 2..5])),
        ("stride 0 rows", flat.broadcast((4, 5)).unwrap()),
        ("stride 0 columns", column.broadcast((6, 3)).unwrap()),
        ("a row", whole.slice(s![2..3, ..])),
        ("a column", whole.slice(s![.., 3..4])),
        ("an element", whole.slice(s![5.., 7..])),
    ];
    for (layout, view) in views {
        for (name, f) in functions::<T>() {
            let copy = Array::from_shape_vec(view.raw_dim(), view.iter().copied().collect()).unwrap();
            assert!(copy.is_standard_layout());
            let results = |x: V<T>| {
                let y = f(&x);
                let w = V::<T>::constant(numbers::<T>(y.shape()));
                let g = gradients(&(y.clone() * w), &[&x]).remove(0);
                (y, g)
            };
            let (y, g) = results(V::<T>::new(copy));
            let inputs = [V::<T>::new(view), V::<T>::new(view.to_owned()), V::<T>::new(view.to_shared())];
            for (y2, g2) in inputs.map(results) {
                // Sums may be taken in another order.
                assert_near(&y2, &y, &format!("{name} of {layout}"));
                assert_near(&g2, &g, &format!("gradient of {name} of {layout}"));
            }
        }
    }
}

/// A value that was broadcast, sliced or transposed before it is used, against a leaf with the same elements.
fn broadcast_values_are_like_their_copies<T: Real>() {
    let spread: [(&str, Function<T>); 6] = [
        ("rows", |x| x.broadcast_to([3, 4])),
        ("rows, transposed", |x| x.broadcast_to([3, 4]).t()),
        ("rows, sliced", |x| x.broadcast_to([5, 4]).slice(s![1..;2, ..;-1])),
        ("columns", |x| x.unsqueeze(1).broadcast_to([4, 3])),
        ("one element", |x| x.slice(s![..1]).broadcast_to([2, 3])),
        ("rows, selected", |x| x.broadcast_to([5, 4]).index_select(0, [4, 0])),
    ];
    for (layout, prepare) in spread {
        for (name, f) in functions::<T>() {
            let x = vector::<T>(&[0.5, -1.25, 2.0, 0.75]);
            let wide = prepare(&x);
            let copy = V::<T>::new(wide.data());
            let (y, want) = (f(&wide), f(&copy));
            assert_near(&y, &want, &format!("{name} of {layout}"));
            // The copy's gradient, carried on by hand, is the leaf's.
            let seed = gradients(&want, &[&copy]).remove(0);
            let expected = gradients(&(wide * seed.detach()), &[&x]).remove(0);
            let got = gradients(&y, &[&x]).remove(0);
            assert_near(&got, &expected, &format!("gradient of {name} of {layout}"));
        }
    }
}

fn broadcasting_is_undone<T: Real>() {
    let shapes: [(&[usize], &[usize], &[usize]); 12] = [
        (&[2, 3], &[3], &[2, 3]),
        (&[2], &[], &[2]),
        (&[], &[], &[]),
        (&[4, 1], &[1, 4], &[4, 4]),
        (&[1, 3], &[0, 3], &[0, 3]),
        (&[0], &[1], &[0]),
        (&[], &[0, 2], &[0, 2]),
        (&[1], &[1, 1, 1], &[1, 1, 1]),
        (&[2, 1, 3], &[4, 1], &[2, 4, 3]),
        (&[1, 1], &[5], &[1, 5]),
        (&[3, 1, 0], &[1, 2, 1], &[3, 2, 0]),
        (&[2, 1, 3, 1, 2], &[4, 1, 5, 1], &[2, 4, 3, 5, 2]),
    ];
    let functions: [(&str, Two<T>); 8] = [
        ("add", |a, b| a + b),
        ("sub", |a, b| a - b),
        ("mul", |a, b| a * b),
        ("div", |a, b| a / b),
        ("pow", |a, b| a.pow(b)),
        ("maximum", |a, b| a.maximum(b)),
        ("minimum", |a, b| a.minimum(b)),
        ("where", |a, b| where_(&a.gt(b), a, b)),
    ];
    for (left, right, wide) in shapes {
        for (name, f) in functions {
            for swapped in [false, true] {
                let (a, b) = (sample::<T>(left), sample::<T>(right) + T::of(2.5));
                let y = if swapped { f(&b, &a) } else { f(&a, &b) };
                assert_eq!(y.shape(), wide, "{name} of {left:?} and {right:?}");
                // Copies of the operands at full shape: their gradients, summed, are the operands'.
                let copy = |x: &V<T>| V::<T>::new(x.data().broadcast(wide).unwrap().to_owned());
                let (wide_a, wide_b) = (copy(&a), copy(&b));
                let want_y = if swapped { f(&wide_b, &wide_a) } else { f(&wide_a, &wide_b) };
                assert_close(&y, &want_y, 0.0, name);
                let (got, want) = (gradients(&y, &[&a, &b]), gradients(&want_y, &[&wide_a, &wide_b]));
                for ((x, got), want) in [&a, &b].into_iter().zip(got).zip(want) {
                    assert_eq!(got.shape(), x.shape(), "gradient of {name} of {left:?} and {right:?}");
                    let added = wide.len() - x.ndim();
                    let mut sum = want.data().to_owned();
                    for axis in 0..wide.len() {
                        if axis < added || x.shape()[axis - added] == 1 {
                            sum = sum.sum_axis(Axis(axis)).insert_axis(Axis(axis));
                        }
                    }
                    let sum = V::<T>::constant(sum.into_shape_with_order(x.shape()).unwrap());
                    assert_near(&got, &sum, name);
                }
            }
        }
    }
}

fn gradients_have_the_shapes_of_their_inputs<T: Real>() {
    let (a, b) = (leaf::<T>(&[2, 3], &[1.0; 6]), vector(&[1.0, 2.0, 3.0]));
    (&a + &b).backward();
    assert_same(&b.grad(), &[3], &[2.0; 3]);
    let (x, c) = (vector::<T>(&[1.0, 2.0]), V::<T>::new(T::of(3.0)));
    (&x * &c).backward();
    assert_same(&c.grad(), &[], &[3.0]);
    let (a, b) = (leaf::<T>(&[4, 1], &[1.0; 4]), leaf(&[1, 4], &[2.0; 4]));
    (&a * &b).backward();
    assert_same(&a.grad(), &[4, 1], &[8.0; 4]);
    assert_same(&b.grad(), &[1, 4], &[4.0; 4]);
    let (a, b) = (leaf::<T>(&[1, 3], &[1.0; 3]), leaf(&[0, 3], &[]));
    let y = &a + &b;
    y.backward();
    assert_same(&y, &[0, 3], &[]);
    assert_same(&a.grad(), &[1, 3], &[0.0; 3]);
    assert_same(&b.grad(), &[0, 3], &[]);
}

fn empty_arrays_have_the_values_of_nothing<T: Real>() {
    let x = vector::<T>(&[]);
    assert_same(&x.sum(), &[], &[0.0]);
    assert_same(&x.mean(), &[], &[f64::NAN]);
    assert_same(&x.logsumexp(), &[], &[f64::NEG_INFINITY]);
    assert!(x.try_max().is_err() && x.try_min().is_err());
    for y in [x.sum(), x.mean(), x.logsumexp()] {
        assert_same(&gradients(&y, &[&x])[0], &[0], &[]);
    }
    let wide = leaf::<T>(&[0, 3], &[]);
    assert_same(&wide.sum_axis(0), &[3], &[0.0; 3]);
    assert_same(&wide.sum_axis(1), &[0], &[]);
    assert_same(&wide.mean_keepdims(0), &[1, 3], &[f64::NAN; 3]);
    assert_same(&wide.logsumexp_axis(0), &[3], &[f64::NEG_INFINITY; 3]);
    assert_same(&wide.max_axis(1), &[0], &[]);
    assert_same(&wide.min_keepdims(1), &[0, 1], &[]);
    let same: [(&str, Function<T>); 9] = [
        ("exp", |x| x.exp()),
        ("relu", |x| x.relu()),
        ("softmax 0", |x| x.softmax(0)),
        ("softmax 1", |x| x.softmax(1)),
        ("log_softmax", |x| x.log_softmax(0)),
        ("clamp", |x| x.clamp(T::zero(), T::one())),
        ("* 2", |x| x * T::of(2.0)),
        ("slice", |x| x.slice(s![..;-1, ..])),
        ("t, t", |x| x.t().t()),
    ];
    for (name, f) in same {
        let y = f(&wide);
        assert_eq!(y.shape(), [0, 3], "{name}");
        assert_same(&gradients(&y, &[&wide])[0], &[0, 3], &[]);
    }
    assert_same(&wide.reshape([3, 0, 2]), &[3, 0, 2], &[]);
    assert_same(&wide.reshape([-1, 3]), &[0, 3], &[]);
    assert_same(&wide.broadcast_to([2, 0, 3]), &[2, 0, 3], &[]);
    assert_same(&V::<T>::concat(&[&wide, &leaf(&[1, 3], &[1.0; 3]), &wide], 0), &[1, 3], &[1.0; 3]);
    assert_same(&V::<T>::stack(&[&wide, &wide], 1), &[0, 2, 3], &[]);
    let some = leaf::<T>(&[2, 3], &[1.0; 6]);
    assert_same(&some.index_select(0, [0_usize; 0]), &[0, 3], &[]);
    assert_same(&some.slice(s![1..1, ..]), &[0, 3], &[]);
    for y in [some.index_select(0, [0_usize; 0]), some.slice(s![1..1, ..]), some.slice(s![.., 3..])] {
        assert_same(&gradients(&y, &[&some])[0], &[2, 3], &[0.0; 6]);
    }
}

fn products_over_nothing_are_zero<T: Real>() {
    let shapes: [(&[usize], &[usize], &[usize]); 9] = [
        (&[2, 0], &[0, 3], &[2, 3]),
        (&[0, 2], &[2, 3], &[0, 3]),
        (&[2, 3], &[3, 0], &[2, 0]),
        (&[0], &[0], &[]),
        (&[0], &[0, 2], &[2]),
        (&[2, 0], &[0], &[2]),
        (&[0, 2, 3], &[3, 2], &[0, 2, 2]),
        (&[0, 2, 3], &[1, 3, 2], &[0, 2, 2]),
        (&[3, 2, 0], &[3, 0, 2], &[3, 2, 2]),
    ];
    for (left, right, wide) in shapes {
        let (a, b) = (sample::<T>(left), sample::<T>(right));
        let y = a.matmul(&b);
        assert_same(&y, wide, &vec![0.0; wide.iter().product()]);
        y.backward();
        assert_same(&a.grad(), left, &vec![0.0; a.len()]);
        assert_same(&b.grad(), right, &vec![0.0; b.len()]);
    }
}

fn products_of_every_rank_follow_numpy<T: Real>() {
    let shapes: [(&[usize], &[usize], &[usize]); 16] = [
        (&[3], &[3], &[]),
        (&[2, 3], &[3], &[2]),
        (&[3], &[3, 2], &[2]),
        (&[2, 3], &[3, 4], &[2, 4]),
        (&[1], &[1], &[]),
        (&[5, 2, 3], &[3], &[5, 2]),
        (&[3], &[5, 3, 2], &[5, 2]),
        (&[5, 2, 3], &[3, 4], &[5, 2, 4]),
        (&[2, 3], &[5, 3, 4], &[5, 2, 4]),
        (&[5, 2, 3], &[5, 3, 4], &[5, 2, 4]),
        (&[1, 2, 3], &[5, 3, 4], &[5, 2, 4]),
        (&[3, 1, 2, 4], &[1, 5, 4, 6], &[3, 5, 2, 6]),
        (&[3, 1, 2, 4], &[5, 4, 6], &[3, 5, 2, 6]),
        (&[3, 1, 2, 4], &[4], &[3, 1, 2]),
        (&[4], &[3, 1, 4, 2], &[3, 1, 2]),
        (&[1, 1, 1], &[1, 1], &[1, 1, 1]),
    ];
    for (left, right, wide) in shapes {
        let (a, b) = (sample::<T>(left), sample::<T>(right));
        let y = a.matmul(&b);
        assert_eq!(y.shape(), wide, "{left:?} @ {right:?}");
        // The same from products and sums of broadcast elements, which are exact here.
        let row = if a.ndim() == 1 { a.unsqueeze(0) } else { a.clone() };
        let column = if b.ndim() == 1 { b.unsqueeze(1) } else { b.clone() };
        let mut naive = (row.unsqueeze(-1) * column.unsqueeze(-3)).sum_axis(-2);
        if b.ndim() == 1 {
            naive = naive.squeeze_axis(-1);
        }
        if a.ndim() == 1 {
            naive = naive.squeeze_axis(if b.ndim() == 1 { -1 } else { -2 });
        }
        assert_close(&y, &naive, 0.0, &format!("{left:?} @ {right:?}"));
        let w = V::<T>::constant(numbers::<T>(wide));
        let (got, want) = (gradients(&(&w * y), &[&a, &b]), gradients(&(w * naive), &[&a, &b]));
        for (got, want) in got.iter().zip(&want) {
            assert_close(got, want, 0.0, &format!("gradient of {left:?} @ {right:?}"));
        }
    }
}

/// A batch that repeats one matrix, as a view of it, gives the numbers of a batch of copies.
fn repeated_batches_are_like_copies<T: Real>() {
    let matrix = sample::<T>(&[2, 3]);
    let repeated = matrix.broadcast_to([4, 2, 3]);
    let copies = V::<T>::new(repeated.data());
    let other = sample::<T>(&[4, 3, 2]);
    let (y, want) = (repeated.matmul(&other), copies.matmul(&other));
    assert_close(&y, &want, 0.0, "the product");
    let (got, wide) = (gradients(&y, &[&matrix]), gradients(&want, &[&copies]));
    assert_close(&got[0], &wide[0].sum_axis(0), 0.0, "the gradient");
    let (got, want) = (gradients(&y, &[&other]), gradients(&want, &[&other]));
    assert_close(&got[0], &want[0], 0.0, "the other gradient");
    assert_close(
        &other.swap_axes(1, 2).matmul(repeated.t().permute([2, 1, 0]).swap_axes(1, 2)).sum_axis(0),
        &other.swap_axes(1, 2).matmul(copies.swap_axes(1, 2)).sum_axis(0),
        0.0,
        "transposed",
    );
}

fn zero_times_infinity_in_a_product_is_nan<T: Real>() {
    let a = leaf::<T>(&[2, 2], &[0.0, 1.0, 2.0, 3.0]);
    let b = leaf::<T>(&[2, 1], &[f64::INFINITY, 1.0]);
    assert_same(&a.matmul(&b), &[2, 1], &[f64::NAN, f64::INFINITY]);
}

fn slices_and_selections_add_up<T: Real>() {
    let x = vector::<T>(&[1.0, 2.0, 3.0, 4.0]);
    (x.slice(s![..;2]).sum() + x.slice(s![..2]).sum()).backward();
    assert_same(&x.grad(), &[4], &[2.0, 1.0, 1.0, 0.0]);
    x.zero_grad();
    x.index_select(0, [0, 0, 1]).sum().backward();
    assert_same(&x.grad(), &[4], &[2.0, 1.0, 0.0, 0.0]);
    x.zero_grad();
    let y = V::<T>::concat(&[&x, &x.slice(s![1..3]), &x], 0);
    (y * V::<T>::constant(numbers::<T>(&[10]))).backward();
    let w: Vec<f64> = numbers::<T>(&[10]).iter().map(|w| w.as_f64()).collect();
    assert_same(&x.grad(), &[4], &[w[0] + w[6], w[1] + w[4] + w[7], w[2] + w[5] + w[8], w[3] + w[9]]);
}

fn negative_steps_take_from_the_end<T: Real>() {
    let x = vector::<T>(&[0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_same(&x.slice(s![..;-1]), &[5], &[4.0, 3.0, 2.0, 1.0, 0.0]);
    assert_same(&x.slice(s![..;-2]), &[3], &[4.0, 2.0, 0.0]);
    assert_same(&x.slice(s![1..4;-2]), &[2], &[3.0, 1.0]);
    assert_same(&x.slice(s![-2..]), &[2], &[3.0, 4.0]);
    assert_same(&x.slice(s![-1]), &[], &[4.0]);
    let (start, end) = (3, 1);
    assert_same(&x.slice(s![start..end]), &[0], &[]);
    assert_same(&x.slice(s![..;100]), &[1], &[0.0]);
    assert_same(&x.slice(s![..;isize::MIN]), &[1], &[4.0]);
}

fn axes_count_from_either_end<T: Real>() {
    let x = sample::<T>(&[2, 3, 4]);
    for axis in 0..3_isize {
        let (front, back) = (axis, axis - 3);
        assert_close(&x.sum_axis(front), &x.sum_axis(back), 0.0, "sum");
        assert_close(&x.max_keepdims(front), &x.max_keepdims(back), 0.0, "max");
        assert_close(&x.softmax(front), &x.softmax(back), 0.0, "softmax");
        assert_close(&x.index_select(front, [1]), &x.index_select(back, [1]), 0.0, "index_select");
        assert_close(&V::<T>::concat(&[&x, &x], front), &V::<T>::concat(&[&x, &x], back), 0.0, "concat");
        assert_close(&V::<T>::stack(&[&x], front), &V::<T>::stack(&[&x], front - 4), 0.0, "stack");
    }
    assert_close(&x.permute([-1, 0, -2]), &x.permute([2, 0, 1]), 0.0, "permute");
    assert_close(&x.sum_axis([2, 0]), &x.sum_axis([0, -1]), 0.0, "the order of axes");
    assert_close(&x.sum_axis([] as [isize; 0]), &x, 0.0, "no axes");
}

fn numbers_have_no_axes<T: Real>() {
    let x = V::<T>::new(T::of(3.0));
    for y in
        [x.sum(), x.mean(), x.max(), x.min(), x.logsumexp(), x.t(), x.squeeze(), x.reshape([] as [isize; 0])]
    {
        assert_same(&y, &[], &[3.0]);
        assert_same(&gradients(&y, &[&x])[0], &[], &[1.0]);
    }
    assert_same(&x.softmax([] as [isize; 0]), &[], &[1.0]);
    assert_same(&x.unsqueeze([0, 1]), &[1, 1], &[3.0]);
    assert_same(&x.broadcast_to([2]), &[2], &[3.0, 3.0]);
    assert_same(&x.slice(s![ndarray::NewAxis]), &[1], &[3.0]);
    assert_eq!(leaf::<T>(&[1, 1, 1], &[4.0]).item(), T::of(4.0));
}

fn arrays_of_one_element_behave_like_any_other<T: Real>() {
    let x = vector::<T>(&[3.0]);
    for (y, g) in [(x.sum(), 1.0), (x.mean(), 1.0), (x.max(), 1.0), (x.min(), 1.0), (x.logsumexp(), 1.0)] {
        assert_same(&y, &[], &[3.0]);
        assert_same(&gradients(&y, &[&x])[0], &[1], &[g]);
    }
    assert_same(&x.softmax(0), &[1], &[1.0]);
    assert_same(&x.log_softmax(0), &[1], &[0.0]);
    assert_same(&x.matmul(&x), &[], &[9.0]);
    assert_same(&gradients(&x.matmul(&x), &[&x])[0], &[1], &[6.0]);
    assert_same(&x.slice(s![..;-1]), &[1], &[3.0]);
}

both!(
    layouts_do_not_matter,
    broadcast_values_are_like_their_copies,
    broadcasting_is_undone,
    gradients_have_the_shapes_of_their_inputs,
    empty_arrays_have_the_values_of_nothing,
    products_over_nothing_are_zero,
    products_of_every_rank_follow_numpy,
    repeated_batches_are_like_copies,
    zero_times_infinity_in_a_product_is_nan,
    slices_and_selections_add_up,
    negative_steps_take_from_the_end,
    axes_count_from_either_end,
    numbers_have_no_axes,
    arrays_of_one_element_behave_like_any_other,
);

#[test]
fn numbers_and_arrays_stand_on_either_side() {
    let x = Value::new(array![1.0, 2.0]);
    let a = array![10.0, 20.0];
    let want = array![11.0, 22.0].into_dyn();
    for y in [&x + &a, x.clone() + &a, &a + &x, a.clone() + x.clone(), &x + a.clone(), a.clone() + &x] {
        assert_eq!(y.data(), want);
    }
    let x32 = Value::<f32>::new(array![1.0_f32, 2.0]);
    for y in [2.0 * &x32, &x32 * 2.0, 2.0 * x32.clone(), x32.clone() * 2.0] {
        assert_eq!(y.data(), array![2.0_f32, 4.0].into_dyn());
    }
    let mut y = x.clone();
    y += 1.0;
    y *= &x;
    y -= &a;
    y /= 2.0;
    assert_eq!(y.data(), array![-4.0, -7.0].into_dyn());
    assert_eq!(x.data(), array![1.0, 2.0].into_dyn(), "the name moved on, the value did not change");
    y.backward();
    assert_eq!(x.grad().data(), array![1.5, 2.5].into_dyn());
}
