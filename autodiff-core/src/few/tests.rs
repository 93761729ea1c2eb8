use crate::backend::{Backend, Binary, Elementwise, Reduction, Unary};
use crate::few::{self, Dims, MOST, SHORT};
use crate::lazy::{Fusing, with_fusing};
use crate::native::{Native, Value};
use crate::rules::{Case, Listed, Select};
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use ndarray::{ArcArray, Array, ArrayD, ArrayViewD, Axis, IxDyn, Slice, s};

const SPECIAL: [f64; 13] =
    [0.0, -0.0, 0.3, -0.7, 1.0, -1.0, 2.5, -40.0, 1e-310, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];

/// Numbers whose sums depend on their order.
fn number<T: Scalar>(i: usize) -> T {
    T::of((i as f64 * 1.7 + 0.3).sin() * 10f64.powi(i as i32 % 5 - 2))
}

fn array<T: Scalar>(shape: &[usize]) -> ArrayD<T> {
    let mut i = 0;
    Array::from_shape_simple_fn(IxDyn(shape), || {
        i += 1;
        number(i)
    })
}

fn bits<T: Scalar>(x: T) -> u64 {
    if x.is_nan() { u64::MAX } else { x.as_f64().to_bits() }
}

#[track_caller]
fn assert_same<T: Scalar>(got: ArrayViewD<'_, T>, want: ArrayViewD<'_, T>, what: &str) {
    assert_eq!(got.shape(), want.shape(), "{what}");
    let same = got.iter().zip(&want).all(|(&a, &b)| bits(a) == bits(b));
    assert!(same, "{what}: got\n{got}\nexpected\n{want}");
}

/// All shapes of few elements, up to four axes.
fn shapes() -> Vec<Vec<usize>> {
    let longer = |shape: &Vec<usize>| {
        let shape = shape.clone();
        (1..=MOST).map(move |n| [&shape[..], &[n]].concat())
    };
    let mut all = vec![vec![]];
    let mut last = all.clone();
    for _ in 0..4 {
        last = last.iter().flat_map(longer).filter(|shape| shape.iter().product::<usize>() <= MOST).collect();
        all.extend_from_slice(&last);
    }
    all
}

#[test]
fn which_arrays_are_few() {
    for shape in shapes() {
        let dims = Dims::of(&shape).unwrap_or_else(|| panic!("{shape:?}"));
        assert_eq!((dims.shape(), dims.len()), (&shape[..], shape.iter().product()));
    }
    for shape in [&[17][..], &[0], &[2, 0], &[3, 6], &[1, 1, 1, 1, 1], &[usize::MAX, usize::MAX], &[256]] {
        assert!(Dims::of(shape).is_none(), "{shape:?}");
    }
    for shape in short_shapes() {
        let dims = Dims::short(&shape).unwrap_or_else(|| panic!("{shape:?}"));
        assert_eq!((dims.shape(), dims.len()), (&shape[..], shape.iter().product()));
    }
    for shape in [&[SHORT + 1][..], &[20, 0], &[1, 1, 1, 1, 20], &[1 << 16, 1], &[usize::MAX, usize::MAX]] {
        assert!(Dims::short(shape).is_none(), "{shape:?}");
    }
}

/// Shapes of short arrays: of every size of memory, and of all numbers of axes.
fn short_shapes() -> Vec<Vec<usize>> {
    let mut all: Vec<_> = (MOST + 1..=SHORT).map(|n| vec![n]).collect();
    all.extend([[100, 5], [5, 100], [20, 20], [200, 1], [1, 200], [2, 256], [150, 3]].map(Vec::from));
    all.extend([[5, 7, 3], [1, 20, 4], [20, 1, 4], [20, 4, 1], [2, 2, 128]].map(Vec::from));
    all.extend([[2, 3, 4, 5], [130, 1, 2, 1], [3, 1, 20, 2], [1, 4, 1, 20]].map(Vec::from));
    all
}

#[test]
fn short_arrays_have_all_their_elements() {
    for shape in short_shapes() {
        let array = array::<f64>(&shape);
        let short = &Value::constant(array.view()) * 2.0;
        assert!(matches!(short.tensor(), Tensor::Few(_)), "{shape:?}");
        assert_same(short.data().view(), array.mapv(|x| x * 2.0).view(), &format!("{shape:?}"));
    }
}

fn reductions_have_the_bits_of_the_native_kernel<T: Scalar>() {
    use Reduction::{LogSumExp, Max, Mean, Min, Sum, SumBesideOne};
    let special = |i: usize| T::of(SPECIAL[i * 5 % 13]);
    let overflowing = |i: usize| T::max_value() * T::of([0.9, 0.8, -0.3][i % 3]);
    for shape in shapes().into_iter().filter(|shape| !shape.is_empty()) {
        for elements in [&number::<T> as &dyn Fn(usize) -> T, &special, &overflowing, &|_| -T::zero()] {
            let x: Vec<T> = (0..shape.iter().product()).map(elements).collect();
            for set in 0..1 << shape.len() {
                let mut axes: Vec<usize> = (0..shape.len()).filter(|axis| set >> axis & 1 == 1).collect();
                for op in [Sum, Mean, Max, Min, LogSumExp, SumBesideOne] {
                    // In either order: several axes are reduced as one.
                    axes.reverse();
                    let view = ArrayViewD::from_shape(IxDyn(&shape), &x).unwrap();
                    let want = T::reduce(op, view, &axes);
                    let mut got = vec![T::zero(); want.len()];
                    few::reduce(op, &shape, &x, &axes, &mut got);
                    let got = ArrayD::from_shape_vec(want.raw_dim(), got).unwrap();
                    assert_same(
                        got.view(),
                        want.view(),
                        &format!("{op:?} along {axes:?} of {x:?} {shape:?}"),
                    );
                }
            }
        }
    }
}

#[test]
fn reductions_have_the_bits_of_the_native_kernel_in_both_types() {
    reductions_have_the_bits_of_the_native_kernel::<f64>();
    reductions_have_the_bits_of_the_native_kernel::<f32>();
}

/// Of the same elements within a larger array, of which they are read in steps, one reduction after another is found by other loops.
fn reductions_of_short_arrays<T: Scalar>() {
    use Reduction::{LogSumExp, Max, Mean, Min, Sum, SumBesideOne};
    let of_ones = |i: usize| T::of([1.0, 0.5, 0.25, 1.0][i % 4]);
    for shape in short_shapes().into_iter().filter(|shape| shape.len() > 1 || shape[0] % 50 < 2) {
        for elements in [&number::<T> as &dyn Fn(usize) -> T, &of_ones] {
            let x: Vec<T> = (0..shape.iter().product()).map(elements).collect();
            let packed = ArrayViewD::from_shape(IxDyn(&shape), &x).unwrap();
            let last = Axis(shape.len() - 1);
            let mut wide = shape.clone();
            wide[last.0] *= 2;
            let mut steps = ArrayD::from_elem(wide, T::nan());
            steps.slice_axis_inplace(last, Slice::from(..).step_by(2));
            steps.assign(&packed);
            for set in 1..1 << shape.len() {
                let axes: Vec<usize> = (0..shape.len()).filter(|axis| set >> axis & 1 == 1).collect();
                for op in [Sum, Mean, Max, Min, LogSumExp, SumBesideOne] {
                    let want = T::reduce(op, steps.view(), &axes);
                    let mut got = vec![T::zero(); want.len()];
                    few::reduce(op, &shape, &x, &axes, &mut got);
                    let size = x.iter().map(|x| x.as_f64().abs()).sum::<f64>();
                    for (&got, &want) in got.iter().zip(&want) {
                        let off = (got - want).as_f64().abs();
                        let is_exact = matches!(op, Max | Min);
                        let within = if is_exact { 0.0 } else { T::epsilon().as_f64() * (size + 4.0) };
                        assert!(off <= within, "{op:?} along {axes:?} of {shape:?}: {got}, not {want}");
                    }
                }
            }
        }
    }
}

#[test]
fn reductions_of_short_arrays_in_both_types() {
    reductions_of_short_arrays::<f64>();
    reductions_of_short_arrays::<f32>();
}

/// What is repeated along the same axis in both operands is so in the result: for products, one row then stands for all.
#[test]
fn short_arrays_keep_what_is_repeated() {
    let row: Value = Value::constant(array(&[1, 20]));
    let wide = row.broadcast_to([20, 20]);
    let both = &wide * &(&wide + &wide);
    assert_eq!(both.tensor().base().shape(), [1, 20]);
    assert_eq!((&wide + array(&[20, 20])).tensor().base().shape(), [20, 20]);
    assert_eq!((Value::constant(2.0).broadcast_to([20, 20]) * 3.0).tensor().base().len(), 1);
}

#[test]
fn sums_of_a_negative_zero_are_zero() {
    let zeros = ArrayD::from_elem(IxDyn(&[30, 1]), -0.0_f64);
    for x in layouts(&zeros) {
        assert!(Value::constant(x).sum_axis(1).data().iter().all(|x| x.is_sign_positive()));
    }
}

/// Elementwise operations on short arrays give the bits that the backend gives, and their derivatives but for sums, in any layout.
#[test]
fn short_arrays_broadcast_as_in_the_backend() {
    let shapes: [(&[usize], &[usize]); 9] = [
        (&[100], &[100]),
        (&[100, 5], &[5]),
        (&[100, 5], &[100, 1]),
        (&[20, 1], &[1, 7]),
        (&[1, 20], &[7, 1]),
        (&[3, 1, 9], &[5, 1]),
        (&[4, 1, 3, 2], &[1, 5, 1, 2]),
        (&[2, 1, 2, 1], &[1, 30, 1, 3]),
        (&[1], &[40]),
    ];
    let f = |x: &[crate::Value<f64, Native>]| {
        let mask = x[0].detach().zip(Binary::larger, &crate::Value::number(0.1));
        (&x[0] + &x[1]).tanh() * crate::Value::apply(Select, &[&mask, &x[1], &x[0].exp()])
    };
    let case = Case::new("short", &[], f);
    for (left, right) in shapes {
        let (left, right) = (array(left), array(right));
        let want =
            with_fusing(Fusing::Never, || outcome(&case, [&left, &right].map(|x| x.to_shared()).into_iter()));
        for (left, right) in layouts(&left).into_iter().zip(layouts(&right)) {
            let what = format!("{:?} and {:?}", left.shape(), right.shape());
            let got = outcome(&case, [left, right].into_iter());
            assert_same(got[0].view(), want[0].view(), &what);
            for (got, want) in got[1..].iter().zip(&want[1..]) {
                let off = (got - want).mapv(f64::abs);
                let within = want.mapv(|x| 1e-13 * (1.0 + x.abs()));
                assert!(off.iter().zip(&within).all(|(off, within)| off <= within), "{what}: {got} {want}");
            }
        }
    }
}

#[test]
fn axes_go_where_ndarray_has_them() {
    for shape in shapes().into_iter().chain(short_shapes().into_iter().filter(|shape| shape.len() > 1)) {
        let array = array::<f64>(&shape);
        let few = Value::constant(array.view()).exp();
        let array = few.data();
        for turn in 0..shape.len() {
            let mut axes: Vec<usize> = (0..shape.len()).collect();
            axes.rotate_left(turn);
            axes.swap(0, shape.len() / 2);
            let want = array.view().permuted_axes(IxDyn(&axes));
            assert_same(few.permute(axes.as_slice()).data().view(), want, &format!("{shape:?} as {axes:?}"));
        }
        let wider = [vec![5, 3, 2, 2, 4], vec![100, 16], vec![20, 20, 4], vec![3, 4, 20, 2]];
        for wide in shapes().into_iter().chain(wider) {
            let Some(want) = array.broadcast(IxDyn(&wide)) else { continue };
            let got = few.broadcast_to(wide.as_slice()).data();
            assert_same(got.view(), want, &format!("{shape:?} to {wide:?}"));
        }
        let folded = few.reshape(-1);
        assert!(folded.data().iter().eq(array.iter()));
        assert_same(folded.reshape(shape.as_slice()).data().view(), array.view(), "and back");
        let many = few.reshape([1, 1, 1, 1, -1]);
        assert_same(many.reshape(shape.as_slice()).data().view(), array.view(), "with more axes");
    }
}

/// The same array in other layouts of memory.
fn layouts<T: Scalar>(array: &ArrayD<T>) -> Vec<ArcArray<T, IxDyn>> {
    let mut all = vec![array.to_shared()];
    // The axes in reverse, and each backwards and in steps of two.
    all.push(array.t().as_standard_layout().into_owned().reversed_axes().into_shared());
    for axis in (0..array.ndim()).map(Axis) {
        let mut backwards = array.clone();
        backwards.invert_axis(axis);
        let mut backwards = backwards.as_standard_layout().into_owned();
        backwards.invert_axis(axis);
        all.push(backwards.into_shared());
        let mut shape = array.raw_dim();
        shape[axis.0] *= 2;
        let mut wide = ArrayD::from_elem(shape, T::nan());
        let steps = Slice::from(..).step_by(2);
        wide.slice_axis_mut(axis, steps).assign(array);
        wide.slice_axis_inplace(axis, steps);
        all.push(wide.into_shared());
    }
    for other in &all {
        assert_same(other.view(), array.view(), "the layouts");
    }
    all
}

/// So many copies along a new first axis.
fn copies<T: Scalar>(array: &ArrayD<T>, ndim: usize) -> ArrayD<T> {
    let mut whole = array.clone();
    while whole.ndim() < ndim {
        whole.insert_axis_inplace(Axis(0));
    }
    let mut shape = vec![COPIES];
    shape.extend(whole.shape());
    whole.broadcast(shape).unwrap().to_owned()
}

/// More than a short array has, for any number of elements.
const COPIES: usize = SHORT + 1;

type Values<T> = Vec<crate::Value<T, Native>>;

/// A result, and the gradients of the inputs.
fn outcome<T: Scalar>(
    case: &Case<T, Native>,
    inputs: impl Iterator<Item = ArcArray<T, IxDyn>>,
) -> Vec<ArrayD<T>> {
    let x: Values<T> = inputs.map(crate::Value::new).collect();
    let y = (case.f)(&x);
    y.backward();
    let grads = x.iter().map(|x| x.grad().data().to_owned());
    std::iter::once(y.data().to_owned()).chain(grads).collect()
}

/// An elementwise operation on a few elements, in all layouts, gives the bits that it gives of the same elements within larger
/// arrays, when it is left for later, and when the backend computes it; and so do its derivatives, which are not sums in one place that are sums of sums in the other.
fn is_the_same_within_more<T: Scalar>(case: &Case<T, Native>, inputs: &[ArrayD<T>]) {
    let ndim = inputs.iter().map(ArrayD::ndim).max().unwrap();
    let many = outcome(case, inputs.iter().map(|x| copies(x, ndim).into_shared()));
    let wide = many[0].index_axis(Axis(0), 0);
    let what = format!("{} of {inputs:?}", case.name);
    let check = |got: &[ArrayD<T>]| {
        for (i, (got, many)) in got.iter().zip(&many).enumerate() {
            // What is summed along several axes at once is so in another order.
            let summed =
                (0..wide.ndim()).filter(|&axis| many.shape()[axis + 1] != wide.shape()[axis]).count();
            if summed > 1 {
                continue;
            }
            // In the middle of vectors, and at their end.
            for copy in many.axis_iter(Axis(0)).step_by(COPIES / 8) {
                let want = copy.to_shape(got.shape()).unwrap();
                assert_same(got.view(), want.view(), &format!("{what}, {i}"));
            }
        }
    };
    let layouts: Vec<_> = inputs.iter().map(layouts).collect();
    for i in 0..layouts.iter().map(Vec::len).max().unwrap() {
        check(&outcome(case, layouts.iter().map(|all| all[i % all.len()].clone())));
    }
    for fusing in [Fusing::Always, Fusing::Never] {
        with_fusing(fusing, || check(&outcome(case, inputs.iter().map(|x| x.to_shared()))));
    }
}

fn operations_are_the_same_within_more<T: Scalar>() {
    let shapes: [(&[usize], &[usize]); 8] = [
        (&[2, 3], &[2, 3]),
        (&[2, 3], &[3]),
        (&[2, 1], &[2, 3]),
        (&[1], &[1, 1]),
        (&[2, 2], &[1]),
        (&[4, 1], &[1, 4]),
        (&[2, 1, 3], &[2, 1]),
        (&[2, 2, 2, 2], &[2, 1, 1]),
    ];
    let special = |start: usize| ArrayD::from_shape_fn(IxDyn(&[13]), |i| T::of(SPECIAL[(i[0] + start) % 13]));
    for case in <Unary<T> as Listed<T, Native>>::cases() {
        is_the_same_within_more(&case, &[special(0)]);
        for (shape, _) in shapes {
            is_the_same_within_more(&case, &[array(shape)]);
        }
    }
    // One use of each operation: they differ in their shapes alone.
    let binary = <Binary as Listed<T, Native>>::cases().into_iter().step_by(6);
    for case in binary {
        for start in 0..13 {
            is_the_same_within_more(&case, &[special(0), special(start)]);
        }
        for (left, right) in shapes {
            is_the_same_within_more(&case, &[array(left), array(right).mapv(|x: T| x + T::of(0.5))]);
        }
    }
    let select = Case::new("where", &[], |x: &[crate::Value<T, Native>]| {
        let mask = x[0].detach().zip(Binary::larger, &crate::Value::number(T::of(0.1)));
        crate::Value::apply(Select, &[&mask, &x[0], &x[1]])
    });
    for start in 0..13 {
        is_the_same_within_more(&select, &[special(0), special(start)]);
    }
    for (left, right) in shapes {
        is_the_same_within_more(&select, &[array(left), array(right)]);
    }
}

#[test]
fn operations_are_the_same_within_more_f64() {
    operations_are_the_same_within_more::<f64>();
}

#[test]
fn operations_are_the_same_within_more_f32() {
    operations_are_the_same_within_more::<f32>();
}

/// A backend that is asked for nothing here.
#[derive(Clone, Copy, Debug, Default)]
struct Idle;

impl Backend<f64> for Idle {
    const NAME: &'static str = "idle";

    fn elementwise(op: Elementwise<f64>, operands: &[ArrayViewD<'_, f64>]) -> ArrayD<f64> {
        panic!("{op:?} of {operands:?}")
    }
    fn reduce(op: Reduction, x: ArrayViewD<'_, f64>, axes: &[usize]) -> ArrayD<f64> {
        panic!("{op:?} of {x:?} along {axes:?}")
    }
}

#[test]
fn the_backend_is_not_asked() {
    let x = crate::Value::<f64, Idle>::new(array(&[2, 3]));
    let row = crate::Value::new(array(&[1, 3]));
    let column = &(&x + &row).tanh().sum_keepdims(1) / 2.0;
    let all = [column.max(), (&x - column.t().sum()).exp().mean(), x.softmax(0).logsumexp()];
    let y = all.iter().fold(x.t().norm(2.0), |sum, part| sum + part);
    y.backward();
    let second = y.grad_of(&[&x, &row]);
    (second[0].square().sum() * second[1].square().sum()).backward();
    assert!(y.item().is_finite());
    let short = crate::Value::<f64, Idle>::new(array(&[100, 5]));
    let loss = ((&short + array(&[5])).exp() - array(&[100, 1])).square().sum_axis(0).max();
    (loss + short.softmax(1).square().mean()).backward();
    assert!(short.grad().data().iter().all(|g| g.is_finite()));
    assert!(x.grad().data().iter().chain(&row.grad().data()).all(|g| g.is_finite()));
}

#[test]
fn sums_of_gradients_stay_apart() {
    let x = Value::new(array(&[2, 2]));
    let shared = &x + 0.0;
    // Both cotangents of the sum are one tensor, which is added to in neither of its places.
    let y = (&shared + &shared).sum() + (&shared * 3.0).sum();
    shared.retain_grad();
    y.backward();
    assert!(x.grad().data().iter().all(|&g| g == 5.0));
    let before = x.grad();
    y.backward();
    assert!(before.data().iter().all(|&g| g == 5.0));
    assert!(x.grad().data().iter().chain(&shared.grad().data()).all(|&g| g == 10.0));
}

/// What the backend has made, with repeated elements, is taken up by operations without it, and the other way round.
#[test]
fn arrays_come_from_the_backend_and_go_to_it() {
    let made = || {
        let row = Value::new(array(&[1, 3]));
        let wide = row.broadcast_to([2, 3]);
        [wide.t(), wide.square(), &row + 1.0, wide]
    };
    let used = |x: &Value| {
        [
            x.sum_axis(0),
            x.sum_axis(1),
            x.sum(),
            x.max_axis(0),
            x.exp(),
            x + x.reshape([1, -1]).slice(s![.., ..1]),
            x.t(),
        ]
        .map(|y| y.data().to_owned())
    };
    let want = with_fusing(Fusing::Never, || made().map(|x| used(&x)));
    let got = [
        made().map(|x| with_fusing(Fusing::Never, || used(&x))),
        with_fusing(Fusing::Never, made).map(|x| used(&x)),
    ];
    for (got, want) in got.iter().flatten().zip(want.iter().chain(&want)) {
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            assert_eq!(got.shape(), want.shape(), "{i}");
            assert!(
                got.iter().zip(want).all(|(a, b)| (a - b).abs() <= 1e-14 * (1.0 + b.abs())),
                "{i}: {got} {want}"
            );
        }
    }
}
