//! Convolutions and pooling against loops over every element, and their derivatives.

use crate::common::*;
use autodiff::{Conv, Pool, Value, check_grads};
use ndarray::{ArrayD, IxDyn, array, s};

fn numbers<T: Real>(shape: &[usize], salt: usize) -> V<T> {
    let n: usize = shape.iter().product();
    leaf(shape, &(0..n).map(|i| ((i * 7 + salt * 5) % 11) as f64 - 5.0).collect::<Vec<_>>())
}

const CONVS: [(Conv<2>, [usize; 4], [usize; 4]); 8] = {
    const fn conv(stride: [usize; 2], padding: [usize; 2], dilation: [usize; 2], groups: usize) -> Conv<2> {
        Conv { stride, padding, dilation, groups }
    }
    [
        (conv([1, 1], [0, 0], [1, 1], 1), [2, 3, 4, 5], [2, 3, 2, 3]),
        (conv([2, 1], [0, 0], [1, 1], 1), [1, 2, 5, 4], [3, 2, 2, 2]),
        (conv([2, 3], [1, 2], [1, 1], 1), [2, 1, 4, 5], [1, 1, 3, 3]),
        (conv([1, 1], [2, 1], [2, 3], 1), [1, 2, 5, 6], [2, 2, 3, 2]),
        (conv([2, 2], [1, 1], [2, 1], 2), [2, 4, 5, 5], [6, 2, 2, 3]),
        (conv([1, 2], [0, 0], [1, 1], 3), [1, 3, 3, 3], [3, 1, 1, 1]),
        (conv([1, 1], [0, 0], [1, 1], 1), [1, 1, 3, 3], [1, 1, 3, 3]),
        (conv([5, 5], [0, 3], [1, 1], 1), [1, 2, 3, 1], [2, 2, 1, 1]),
    ]
};

fn by_definition<T: Real>(x: &V<T>, w: &V<T>, c: Conv<2>) -> ArrayD<f64> {
    let (x, w) = (x.data().mapv(|x| x.as_f64()), w.data().mapv(|w| w.as_f64()));
    let (xs, ws) = (x.shape(), w.shape());
    let places =
        |i: usize| (xs[2 + i] + 2 * c.padding[i] - c.dilation[i] * (ws[2 + i] - 1) - 1) / c.stride[i] + 1;
    ArrayD::from_shape_fn(IxDyn(&[xs[0], ws[0], places(0), places(1)]), |at| {
        let mut sum = 0.0;
        for channel in 0..ws[1] {
            for k in 0..ws[2] * ws[3] {
                let from = |i: usize, k: usize| {
                    (at[2 + i] * c.stride[i] + k * c.dilation[i])
                        .checked_sub(c.padding[i])
                        .filter(|&j| j < xs[2 + i])
                };
                let (row, column) = (k / ws[3], k % ws[3]);
                if let (Some(i), Some(j)) = (from(0, row), from(1, column)) {
                    let group = at[1] / (ws[0] / c.groups);
                    sum += x[[at[0], group * ws[1] + channel, i, j]] * w[[at[1], channel, row, column]];
                }
            }
        }
        sum
    })
}

fn convolutions_are_what_they_are_defined_to_be<T: Real>() {
    for (conv, x, w) in CONVS {
        let (x, w) = (numbers::<T>(&x, 0), numbers::<T>(&w, 1));
        let (y, want) = (x.conv2d(&w, conv), by_definition(&x, &w, conv));
        assert_same(&y, want.shape(), &want.iter().copied().collect::<Vec<_>>());
        // Along one axis, as along the second of two.
        let along = |c: Conv<2>| Conv {
            stride: [c.stride[1]],
            padding: [c.padding[1]],
            dilation: [c.dilation[1]],
            groups: c.groups,
        };
        let row = |v: &V<T>| v.slice(ndarray::s![.., .., 0, ..]);
        let flat = Conv { padding: [0, conv.padding[1]], ..conv };
        let want = row(&row(&x).unsqueeze(2).conv2d(row(&w).unsqueeze(2), flat));
        assert_same(&row(&x).conv1d(row(&w), along(conv)), want.shape(), &elements(&want));
    }
}

fn transposes_are_the_gradients_of_convolutions<T: Real>() {
    for (conv, shape, w) in CONVS {
        let (x, w) = (numbers::<T>(&shape, 0), numbers::<T>(&w, 1));
        let y = x.conv2d(&w, conv);
        let g = numbers::<T>(y.shape(), 2).detach();
        (&y * &g).sum().backward();
        // What the stride has left over at the ends.
        let rest = |i: usize| {
            let span = conv.dilation[i] * (w.shape()[2 + i] - 1) + 1;
            (shape[2 + i] + 2 * conv.padding[i] - span) % conv.stride[i]
        };
        let back = g.conv_transpose2d(&w, conv, [rest(0), rest(1)]);
        assert_same(&back, &shape, &elements(&x.grad()));
    }
}

fn transposes_of_one_axis<T: Real>() {
    let (x, w) = (numbers::<T>(&[2, 3, 4], 0), numbers::<T>(&[3, 2, 3], 1));
    for stride in [1, 2, 4] {
        for padding in 0..3 {
            let (one, two) = (
                Conv { stride: [stride], padding: [padding], ..Conv::default() },
                Conv { stride: [1, stride], padding: [0, padding], ..Conv::default() },
            );
            let want = x.unsqueeze(2).conv_transpose2d(w.unsqueeze(2), two, [0, stride - 1]).squeeze_axis(2);
            let got = x.conv_transpose1d(&w, one, [stride - 1]);
            assert_same(&got, want.shape(), &elements(&want));
            assert_eq!(got.shape()[2], 3 * stride + 3 - 2 * padding + stride - 1);
        }
    }
}

fn pools_reduce_what_is_in_the_window<T: Real>() {
    let x = leaf::<T>(&[1, 1, 3, 4], &[1.0, 2.0, 3.0, 4.0, 8.0, 7.0, 6.0, 5.0, -1.0, -2.0, -3.0, -4.0]);
    assert_same(&x.max_pool2d(Pool::new([2, 2])), &[1, 1, 1, 2], &[8.0, 6.0]);
    assert_same(&x.avg_pool2d(Pool::new([2, 2])), &[1, 1, 1, 2], &[4.5, 4.5]);
    let padded = Pool { stride: [2, 2], padding: [1, 1], window: [3, 2] };
    assert_same(&x.max_pool2d(padded), &[1, 1, 2, 3], &[8.0, 7.0, 5.0, 8.0, 7.0, 5.0]);
    let sixth = |x: f64| T::of(x) / T::of(6.0);
    let want = [9.0, 18.0, 9.0, 7.0, 8.0, 1.0].map(|x| sixth(x).as_f64());
    assert_near(&x.avg_pool2d(padded), &leaf::<T>(&[1, 1, 2, 3], &want), "means with zeros");
    // Padding is never the largest, and negative elements are.
    let row = leaf::<T>(&[1, 1, 3], &[-5.0, -2.0, -3.0]);
    let pool = Pool { padding: [1], ..Pool::new([2]) };
    assert_same(&row.max_pool1d(pool), &[1, 1, 2], &[-5.0, -2.0]);
    assert_same(&row.avg_pool1d(pool), &[1, 1, 2], &[-2.5, -2.5]);
    // Ties share; overlapping windows add up.
    let tied = leaf::<T>(&[1, 1, 3], &[2.0, 2.0, 1.0]);
    tied.max_pool1d(Pool { stride: [1], ..Pool::new([2]) }).backward();
    assert_same(&tied.grad(), &[1, 1, 3], &[0.5, 1.5, 0.0]);
    // Padding has no share, where all is -inf either.
    let bottom = f64::NEG_INFINITY;
    for (n, length, stride, want) in
        [(1, 2, 2, vec![1.0]), (3, 3, 1, vec![0.5 + 1.0 / 3.0, 0.5 + 1.0 / 3.0 + 0.5, 0.5 + 1.0 / 3.0])]
    {
        let low = leaf::<T>(&[1, 1, n], &vec![bottom; n]);
        let y = low.max_pool1d(Pool { window: [length], stride: [stride], padding: [1] });
        assert_same(&y, &[1, 1, y.len()], &vec![bottom; y.len()]);
        y.backward();
        assert_near(&low.grad(), &leaf::<T>(&[1, 1, n], &want), "shares without the padding");
    }
    let low = leaf::<T>(&[1, 1, 2, 2], &[bottom; 4]);
    let corners = |x: &V<T>| x.max_pool2d(Pool { padding: [1, 1], ..Pool::new([2, 2]) }).flatten();
    let identity = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    assert_same(&autodiff::jacobian(corners, &low).flatten(), &[16], &identity);
    assert_same(&autodiff::jacobian(|x| corners(x).slice(s![..2]), &low).flatten(), &[8], &identity[..8]);
    let nan = leaf::<T>(&[1, 1, 2], &[f64::NAN, 1.0]);
    assert!(nan.max_pool1d(Pool::new([2])).item().is_nan());
}

fn empty_batches_and_channels<T: Real>() {
    let w = numbers::<T>(&[4, 3, 2, 2], 0);
    let none = leaf::<T>(&[0, 3, 5, 5], &[]);
    assert_eq!(none.conv2d(&w, Conv::default()).shape(), [0, 4, 4, 4]);
    assert_eq!(none.max_pool2d(Pool::new([2, 2])).shape(), [0, 3, 2, 2]);
    assert_eq!(none.avg_pool2d(Pool::new([2, 2])).shape(), [0, 3, 2, 2]);
    none.conv2d(&w, Conv::default()).sum().backward();
    assert_same(&w.grad(), &[4, 3, 2, 2], &[0.0; 48]);
    let channels = leaf::<T>(&[1, 0, 3], &[]);
    assert_same(&channels.conv1d(leaf::<T>(&[1, 0, 3], &[]), Conv::default()), &[1, 1, 1], &[0.0]);
}

both!(
    convolutions_are_what_they_are_defined_to_be,
    transposes_are_the_gradients_of_convolutions,
    transposes_of_one_axis,
    pools_reduce_what_is_in_the_window,
    empty_batches_and_channels,
);

#[test]
fn derivatives() {
    let of = |shape: &[usize], salt: usize| V::<f64>::new(numbers::<f64>(shape, salt).data() / 4.0);
    let conv = Conv { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2 };
    let inputs = [of(&[1, 2, 3, 3], 0), of(&[2, 1, 2, 2], 1)];
    check_grads(|x| x[0].conv2d(&x[1], conv), &inputs, 2).unwrap();
    check_grads(|x| x[0].conv_transpose2d(&x[1], conv, [1, 0]), &inputs, 2).unwrap();
    let inputs = [of(&[1, 2, 4], 0), of(&[2, 2, 2], 1)];
    check_grads(|x| x[0].conv1d(&x[1], Conv::default()), &inputs, 2).unwrap();
    check_grads(|x| x[0].conv_transpose1d(&x[1], Conv::default(), [0]), &inputs, 2).unwrap();
    let distinct = V::<f64>::new(array![[[1.0, -2.0, 3.5, 0.5, 2.0]]]);
    let pool = Pool { stride: [1], padding: [1], window: [3] };
    check_grads(|x| x[0].square().max_pool1d(pool), std::slice::from_ref(&distinct), 2).unwrap();
    check_grads(|x| x[0].square().avg_pool1d(pool), &[distinct], 2).unwrap();
}

/// What no window reaches is a constant 0, whose infinite derivative has no say.
#[test]
fn places_that_no_kernel_reaches_have_no_say() {
    let x = V::new(array![[[1.0, 4.0]]]);
    for (length, stride, more) in [(1, 2, 0), (2, 3, 0), (2, 2, 1)] {
        let k = V::new(ArrayD::<f64>::ones(vec![1, 1, length]));
        let y = x.conv_transpose1d(&k, Conv { stride: [stride], ..Conv::default() }, [more]).sqrt().sum();
        let g = y.grad_of(&[&x, &k]);
        let weight = length as f64;
        assert_same(&g[0], &[1, 1, 2], &[0.5 * weight, 0.25 * weight]);
        assert_same(&g[1], &[1, 1, length], &vec![1.5; length]);
        let bend = g[1].sum().grad_of(&[&k]);
        assert_same(&bend[0], &[1, 1, length], &vec![-0.75; length]);
    }
    let (x, k) = (V::new(array![[[[1.0, 4.0], [9.0, 16.0]]]]), V::new(array![[[[1.0]]]]));
    let y = x.conv_transpose2d(&k, Conv { stride: [2, 2], ..Conv::default() }, [0, 0]);
    assert_same(&y.sqrt().sum().grad_of(&[&k])[0], &[1, 1, 1, 1], &[5.0]);
    // And kernels that are infinite make what they reach infinite, and no more.
    let y = V::new(array![[[2.0, 3.0]]]).conv_transpose1d(
        array![[[f64::INFINITY]]],
        Conv { stride: [2], ..Conv::default() },
        [0],
    );
    assert_same(&y, &[1, 1, 3], &[f64::INFINITY, 0.0, f64::INFINITY]);
}

#[test]
fn mistakes_are_named() {
    let of = |shape: &[usize]| Value::new(ArrayD::<f64>::zeros(shape));
    let (x, w, plain) = (of(&[1, 4, 5, 5]), of(&[2, 4, 3, 3]), Conv::<2>::default());
    let conv = |w: &Value, c: Conv<2>| x.try_conv2d(w, c);
    let transposed = |w: &Value, c: Conv<2>, more| x.try_conv_transpose2d(w, c, more);
    let on = "for shape [1, 4, 5, 5]";
    for (result, text) in [
        (
            of(&[4, 5, 5]).try_conv2d(&w, plain),
            "conv2d: got shape [4, 5, 5] with 3 axes, expected 4, (batch, channels, height, width)".into(),
        ),
        (
            of(&[4, 5]).try_max_pool1d(Pool::new([2])),
            "max_pool1d: got shape [4, 5] with 2 axes, expected 3, (batch, channels, length)".into(),
        ),
        (
            of(&[2, 3, 0]).try_max_pool1d(Pool { padding: [1], ..Pool::new([2]) }),
            "max_pool1d: there is nothing along axis 2, for shape [2, 3, 0]".into(),
        ),
        (
            conv(&of(&[2]), plain),
            "conv2d: kernels with 1 axes, expected 4, (results, channels / groups, ...), for shape [2]"
                .into(),
        ),
        (
            conv(&of(&[2, 3, 3, 3]), plain),
            format!(
                "conv2d: kernels of shape [2, 3, 3, 3] and 1 groups do not fit; expected (results, channels / groups, ...), with channels and results multiples of the groups, {on}"
            ),
        ),
        (
            conv(&of(&[3, 2, 3, 3]), Conv { groups: 2, ..plain }),
            format!(
                "conv2d: kernels of shape [3, 2, 3, 3] and 2 groups do not fit; expected (results, channels / groups, ...), with channels and results multiples of the groups, {on}"
            ),
        ),
        (
            conv(&w, Conv { stride: [0, 1], ..plain }),
            format!("conv2d: got a stride of [0, 1], expected at least 1, {on}"),
        ),
        (
            conv(&w, Conv { dilation: [1, 0], ..plain }),
            format!("conv2d: got a dilation of [1, 0], expected at least 1, {on}"),
        ),
        (
            conv(&w, Conv { dilation: [3, 1], ..plain }),
            format!("conv2d: a window that spans [7, 3] does not fit the padded lengths [5, 5], {on}"),
        ),
        (
            conv(&w, Conv { dilation: [usize::MAX, 1], ..plain }),
            format!(
                "conv2d: a window that spans [{}, 3] does not fit the padded lengths [5, 5], {on}",
                usize::MAX
            ),
        ),
        (
            conv(&of(&[2, 4, 0, 3]), plain),
            format!("conv2d: got a window of [0, 3], expected at least 1, {on}"),
        ),
        (
            transposed(&w, plain, [0, 0]),
            format!(
                "conv_transpose2d: kernels of shape [2, 4, 3, 3] and 1 groups do not fit; expected (channels, results / groups, ...), with channels a multiple of the groups, {on}"
            ),
        ),
        (
            transposed(&of(&[4, 1, 3, 3]), plain, [1, 0]),
            format!("conv_transpose2d: 1 more along axis 2, expected less than the stride or dilation, {on}"),
        ),
        (
            transposed(&of(&[4, 1, 3, 3]), Conv { padding: [0, 4], ..plain }, [0, 0]),
            format!("conv_transpose2d: nothing is left along axis 3, {on}"),
        ),
        (
            x.try_avg_pool2d(Pool { padding: [2, 1], ..Pool::new([3, 3]) }),
            format!("avg_pool2d: padding [2, 1] is more than half of the window [3, 3], {on}"),
        ),
        (
            x.try_max_pool2d(Pool::new([6, 1])),
            format!("max_pool2d: a window that spans [6, 1] does not fit the padded lengths [5, 5], {on}"),
        ),
        (
            x.try_max_pool2d(Pool::new([0, 1])),
            format!("max_pool2d: got a window of [0, 1], expected at least 1, {on}"),
        ),
    ] {
        assert_eq!(result.unwrap_err().to_string(), text);
    }
    let far = Conv { dilation: [1, usize::MAX], padding: [0, usize::MAX], ..plain };
    assert!(conv(&w, far).is_err() && transposed(&of(&[4, 1, 3, 3]), far, [0, 0]).is_err());
    let panic = panic_of(|| x.conv2d(of(&[2]), plain)).expect("a panic");
    assert!(panic.file.ends_with("convolution.rs"), "{panic:?}");
}
