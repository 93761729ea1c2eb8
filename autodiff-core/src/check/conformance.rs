//! The suite that every backend passes: every operation of the table, over element types and layouts.

use super::{Function, Tolerance, Trial, check_order, compare, gradients, numbers, slope, weighted};
use crate::backend::Backend;
use crate::lazy::{self, Fusing};
use crate::native::Native;
use crate::rules::{Case, cases};
use crate::scalar::Scalar;
use crate::transform::{hessian, jacobian};
use crate::value::Value;
use ndarray::{ArcArray, ArrayD, Axis, IxDyn, ShapeBuilder, Slice};

/// Tests that a backend computes every operation, and its derivatives, right: `conformance!(MyBackend);` at the
/// top of a test module.
///
/// ```
/// mod native {
///     autodiff_core::conformance!(autodiff_core::Native);
/// }
/// ```
#[macro_export]
macro_rules! conformance {
    ($backend:ty) => {
        #[test]
        fn derivatives() {
            $crate::check::conformance::fused_and_not(
                $crate::check::conformance::derivatives::<f64, $backend>,
            );
        }
        #[test]
        fn modes_f64() {
            $crate::check::conformance::fused_and_not($crate::check::conformance::modes::<f64, $backend>);
        }
        #[test]
        fn modes_f32() {
            $crate::check::conformance::fused_and_not($crate::check::conformance::modes::<f32, $backend>);
        }
        #[test]
        fn batches() {
            $crate::check::conformance::fused_and_not($crate::check::conformance::batches::<f64, $backend>);
        }
        #[test]
        fn hessians() {
            $crate::check::conformance::fused_and_not($crate::check::conformance::hessians::<f64, $backend>);
        }
        #[test]
        fn layouts_f64() {
            $crate::check::conformance::fused_and_not($crate::check::conformance::layouts::<f64, $backend>);
        }
        #[test]
        fn layouts_f32() {
            $crate::check::conformance::fused_and_not($crate::check::conformance::layouts::<f32, $backend>);
        }
        #[test]
        fn lengths_f64() {
            $crate::check::conformance::fused_and_not($crate::check::conformance::lengths::<f64, $backend>);
        }
        #[test]
        fn lengths_f32() {
            $crate::check::conformance::fused_and_not($crate::check::conformance::lengths::<f32, $backend>);
        }
        #[test]
        fn agreement_f64() {
            $crate::check::conformance::fused_and_not($crate::check::conformance::agreement::<f64, $backend>);
        }
        #[test]
        fn agreement_f32() {
            $crate::check::conformance::fused_and_not($crate::check::conformance::agreement::<f32, $backend>);
        }
        #[test]
        fn linalg_f64() {
            $crate::check::linalg::linalg::<f64, $backend>();
        }
        #[test]
        fn linalg_f32() {
            $crate::check::linalg::linalg::<f32, $backend>();
        }
    };
}

/// The names of all operations in the table.
pub fn operations<T: Scalar, B: Backend<T>>() -> Vec<&'static str> {
    let mut names: Vec<_> = cases::<T, B>().iter().map(|case| case.name).collect();
    names.dedup();
    names
}

fn samples<T: Scalar, B: Backend<T>>(case: &Case<T, B>) -> Vec<ArrayD<T>> {
    // What `f32` can hold, so that both element types are given the same numbers.
    let rounded = |x: f64| T::of(f64::from(x as f32));
    let inputs = case.inputs.iter().enumerate();
    inputs.map(|(i, s)| numbers::<f64>(&s.shape, s.range.clone(), 17 * i + 29).mapv(rounded)).collect()
}

fn leaves<T: Scalar, B: Backend<T>>(case: &Case<T, B>) -> Vec<Value<T, B>> {
    samples(case).into_iter().map(Value::new).collect()
}

fn describe<T: Scalar, B: Backend<T>>(case: &Case<T, B>) -> String {
    let shapes: Vec<_> = case.inputs.iter().map(|s| &s.shape).collect();
    format!("{} of shapes {shapes:?} on {}, {}", case.name, B::NAME, T::NAME)
}

/// Runs a check with all operations joined to expressions, however small, with each computed on its own by the backend, and
/// as operations on so few elements are, apart from the backend.
pub fn fused_and_not(check: fn()) {
    check();
    lazy::with_fusing(Fusing::Always, check);
    lazy::with_fusing(Fusing::Never, check);
}

/// First and second derivatives of every case against numeric ones, and forward against reverse mode.
pub fn derivatives<T: Scalar, B: Backend<T>>() {
    for case in cases::<T, B>() {
        let inputs = leaves(&case);
        if let Err(error) = check_order(&*case.f, &inputs, 1, 2) {
            panic!("{}: {error}", describe(&case));
        }
    }
}

/// Forward against reverse mode, of every case and of the derivative of its gradient, and `backward` against both.
pub fn modes<T: Scalar, B: Backend<T>>() {
    for case in cases::<T, B>() {
        let inputs = leaves(&case);
        let along_gradient = |x: &[Value<T, B>]| slope(&*case.f, x);
        for (order, f) in [(1, &*case.f as Function<'_, T, B>), (2, &along_gradient)] {
            let trial = Trial::new(f, &inputs);
            if let Err(problem) = trial.check_backward().and_then(|()| trial.check_modes()) {
                panic!("{}: order {order}, {problem}", describe(&case));
            }
        }
    }
}

/// Sweeps with several cotangents or tangents at once against one sweep for each, of every case and of the derivative
/// of its gradient, and the gradients of their results.
pub fn batches<T: Scalar, B: Backend<T>>() {
    const N: usize = 3;
    let tolerance = Tolerance::of::<T>().analytic;
    for case in cases::<T, B>() {
        let along_gradient = |x: &[Value<T, B>]| slope(&*case.f, x);
        for (order, f) in [(1, &*case.f as Function<'_, T, B>), (2, &along_gradient)] {
            let inputs = leaves(&case);
            let y = f(&inputs);
            let side_by_side = |x: &Value<T, B>, salt| {
                let shape: Vec<usize> = [N].iter().chain(x.shape()).copied().collect();
                Value::<T, B>::constant(numbers::<T>(&shape, -1.0..1.0, salt))
            };
            let each = |all: &Value<T, B>, f: &dyn Fn(&Value<T, B>) -> Value<T, B>| {
                let part = |b| f(&all.index_select(0, [b]).squeeze_axis(0));
                Value::stack(&(0..N).map(part).collect::<Vec<_>>(), 0)
            };
            for (i, x) in inputs.iter().enumerate() {
                let (t, g) = (side_by_side(x, 5 * i + 2), side_by_side(&y, 3));
                let forward = each(&t, &|t| y.try_tangent("jvp", &[(x, t)], true).expect("shapes agree"));
                let reverse = each(&g, &|g| gradients(&(&y * g).sum(), &inputs).swap_remove(i));
                let tangents = |attached| y.tangents(x, t.clone(), attached);
                let cotangents = |attached| y.cotangents(&[x], g.clone(), attached).remove(0);
                for (mode, [detached, got], expected) in [
                    ("forward", [false, true].map(tangents), forward),
                    ("reverse", [false, true].map(cotangents), reverse),
                ] {
                    let what = format!("{}: order {order}, input {i}, {mode}", describe(&case));
                    check_same(&what, &[detached.data()], &[expected.data()], tolerance);
                    let all = |x: &Value<T, B>| {
                        let mut all = vec![x.data()];
                        all.extend(gradients(&weighted(x), &inputs).iter().map(Value::data));
                        all
                    };
                    check_same(&what, &all(&got), &all(&expected), tolerance);
                }
            }
        }
    }
}

/// Every case's Jacobian forward against reverse, and its Hessian forward over reverse against reverse over reverse, by
/// each input; Hessians are symmetric.
pub fn hessians<T: Scalar, B: Backend<T>>() {
    let tolerance = Tolerance::of::<T>().analytic;
    for case in cases::<T, B>() {
        let inputs = leaves(&case);
        let at = |i: usize, x: &Value<T, B>| {
            let mut all = inputs.clone();
            all[i] = x.clone();
            (case.f)(&all)
        };
        for (i, x) in inputs.iter().enumerate().filter(|(_, x)| !x.is_empty()) {
            let what = |kind| format!("{}: input {i}, {kind}", describe(&case));
            let matrix = |x: &Value<T, B>, rows: usize, columns: usize| x.reshape([rows, columns]);
            let whole = |x: &Value<T, B>| {
                let shape: Vec<usize> = [x.len()].iter().chain(x.shape()).copied().collect();
                Value::<T, B>::constant(ndarray::Array2::<T>::eye(x.len())).reshape(shape.as_slice())
            };
            let y = at(i, x);
            if !y.is_empty() {
                let forward = matrix(&y.tangents(x, whole(x), true), x.len(), y.len()).t();
                let reverse = matrix(&y.cotangents(&[x], whole(&y), true)[0], y.len(), x.len());
                let got = matrix(&jacobian(|x| at(i, x), x), y.len(), x.len());
                check_same(&what("modes"), &[forward.data()], &[reverse.data()], tolerance);
                check_same(&what("jacobian"), &[got.data()], &[reverse.data()], tolerance);
            }
            let f = |x: &Value<T, B>| weighted(&at(i, x));
            let forward = matrix(&hessian(f, x), x.len(), x.len());
            let g = gradients(&f(x), &inputs).swap_remove(i);
            let reverse = matrix(&g.cotangents(&[x], whole(x), true)[0], x.len(), x.len());
            check_same(&what("hessian"), &[forward.data()], &[reverse.data()], tolerance);
            check_same(&what("symmetry"), &[forward.data()], &[forward.t().data()], tolerance);
        }
    }
}

/// A case's value, gradients, and derivative of a gradient, at the given inputs.
fn outcome<T: Scalar, B: Backend<T>>(case: &Case<T, B>, inputs: &[Value<T, B>]) -> Vec<ArcArray<T, IxDyn>> {
    let y = (case.f)(inputs);
    let mut all = vec![y.data()];
    all.extend(gradients(&weighted(&y), inputs).iter().map(Value::data));
    all.extend(gradients(&slope(&*case.f, inputs), inputs).iter().map(Value::data));
    all
}

fn check_same<A: Scalar, E: Scalar>(
    what: &str,
    got: &[ArcArray<A, IxDyn>],
    expected: &[ArcArray<E, IxDyn>],
    tolerance: f64,
) {
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let part = if i == 0 { "value".to_string() } else { format!("derivative {i}") };
        let message = |index, a, b| format!("{part}, index {index}: got {a}, expected {b}");
        if let Err(error) = compare(got, expected, tolerance, message) {
            panic!("{what}: {error}");
        }
    }
}

/// The same elements in other places of memory.
fn laid_out<T: Scalar>(x: &ArrayD<T>, layout: &str) -> ArcArray<T, IxDyn> {
    match layout {
        "column-major" => {
            let mut y = ArrayD::zeros(IxDyn(x.shape()).f());
            y.assign(x);
            y.into_shared()
        }
        "reversed" => {
            let mut y = x.slice_each_axis(|_| Slice::new(0, None, -1)).to_owned();
            (0..y.ndim()).for_each(|axis| y.invert_axis(Axis(axis)));
            y.into_shared()
        }
        "strided" => {
            let wide: Vec<usize> = x.shape().iter().map(|n| 2 * n).collect();
            let mut y = ArrayD::from_elem(IxDyn(&wide), T::nan());
            y.slice_each_axis_mut(|_| Slice::new(0, None, 2)).assign(x);
            y.slice_each_axis_inplace(|_| Slice::new(0, None, 2));
            y.into_shared()
        }
        _ => unreachable!("{layout} is no layout"),
    }
}

/// Every case over column-major, reversed, strided and stride-0 inputs gives what it gives over packed ones.
pub fn layouts<T: Scalar, B: Backend<T>>() {
    let tolerance = Tolerance::of::<T>().analytic;
    for case in cases::<T, B>() {
        let packed = samples(&case);
        let expected = outcome(&case, &leaves(&case));
        for layout in ["column-major", "reversed", "strided"] {
            let inputs: Vec<_> = packed.iter().map(|x| Value::new(laid_out(x, layout))).collect();
            check_same(
                &format!("{}, {layout}", describe(&case)),
                &outcome(&case, &inputs),
                &expected,
                tolerance,
            );
        }
        repeated(&case, &packed, tolerance);
    }
}

/// One element along the last axis, repeated without a copy, against its copies.
fn repeated<T: Scalar, B: Backend<T>>(case: &Case<T, B>, packed: &[ArrayD<T>], tolerance: f64) {
    let single = |x: &ArrayD<T>| match x.ndim() {
        0 => x.clone(),
        n => x.slice_axis(Axis(n - 1), Slice::from(..x.len_of(Axis(n - 1)).min(1))).to_owned(),
    };
    let singles: Vec<Value<T, B>> = packed.iter().map(|x| Value::new(single(x))).collect();
    let spread: Vec<_> = singles.iter().zip(packed).map(|(s, x)| s.broadcast_to(x.shape())).collect();
    let copies: Vec<_> = spread.iter().map(|s| Value::new(s.data())).collect();
    let of_copies = outcome(case, &copies);
    // Both ends: what the rule gives for repeated inputs, and what reaches the single elements.
    check_same(&format!("{}, stride 0", describe(case)), &outcome(case, &spread), &of_copies, tolerance);
    let y = weighted(&(case.f)(&spread));
    for (i, (g, s)) in gradients(&y, &singles).iter().zip(&singles).enumerate() {
        let whole = Value::<T, B>::constant(of_copies[1 + i].clone()).sum_to(s.shape());
        check_same(&format!("{}, repeated", describe(case)), &[g.data()], &[whole.data()], tolerance);
    }
}

/// Elementwise operations on arrays of every length around those of vector registers, against single numbers.
pub fn lengths<T: Scalar, B: Backend<T>>() {
    for case in cases::<T, B>().iter().filter(|case| case.elementwise) {
        for n in (0..=35).chain([63, 64, 65, 127, 128, 129, 257]) {
            let inputs: Vec<ArrayD<T>> = (case.inputs.iter().enumerate())
                .map(|(i, s)| numbers(&[n], s.range.clone(), 13 * i + n))
                .collect();
            let whole = (case.f)(&inputs.iter().map(Value::constant).collect::<Vec<_>>()).data();
            assert_eq!(whole.shape(), [n], "{}", describe(case));
            for i in 0..n {
                let one =
                    (case.f)(&inputs.iter().map(|x| Value::constant(x[[i]])).collect::<Vec<_>>()).item();
                assert!(
                    whole[[i]].to_f64() == one.to_f64(),
                    "{}: element {i} of {n} is {}, alone {one}",
                    describe(case),
                    whole[[i]]
                );
            }
        }
    }
}

/// Every case on this backend and element type against the pure-Rust backend in `f64`.
pub fn agreement<T: Scalar, B: Backend<T>>() {
    let tolerance = Tolerance::of::<T>().analytic;
    for (case, oracle) in cases::<T, B>().iter().zip(cases::<f64, Native>()) {
        let (got, expected) = (outcome(case, &leaves(case)), outcome(&oracle, &leaves(&oracle)));
        check_same(&describe(case), &got, &expected, tolerance);
    }
}
