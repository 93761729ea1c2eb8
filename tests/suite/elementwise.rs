//! Elementwise functions at the points that engines of this kind get wrong: zeros of either sign, infinities, NaN, the
//! borders of domains, poles and kinks.

use crate::common::*;
use ndarray::{arr0, array, s};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// pi / 2, as the type has it.
fn pi_2<T: Real>() -> f64 {
    T::of(std::f64::consts::FRAC_PI_2).as_f64()
}

type Row = (f64, [f64; 3]);

/// `f`, `f'` and `f''` at special points. In values the sign of zero counts; derivatives may be either zero.
fn table<T: Real>() -> Vec<(&'static str, Function<T>, Vec<Row>)> {
    let nan = |x: f64| (x, [NAN; 3]);
    // Functions with a slope of 1 at 0 and none of second order.
    let odd: [(&str, Function<T>); 9] = [
        ("tan", |x| x.tan()),
        ("asin", |x| x.asin()),
        ("atan", |x| x.atan()),
        ("sinh", |x| x.sinh()),
        ("asinh", |x| x.asinh()),
        ("atanh", |x| x.atanh()),
        ("softsign", |x| x.softsign()),
        ("hardtanh", |x| x.hardtanh()),
        ("nan_to_num", |x| x.nan_to_num()),
    ];
    let mut all: Vec<(&'static str, Function<T>, Vec<Row>)> =
        odd.map(|(name, f)| (name, f, vec![(0.0, [0.0, 1.0, 0.0]), (-0.0, [-0.0, 1.0, 0.0])])).into();
    let most = T::MAX.as_f64();
    let flat = |x: f64, y: f64| (x, [y, 0.0, 0.0]);
    all.extend::<Vec<(&'static str, Function<T>, Vec<Row>)>>(vec![
        ("exp2", |x| x.exp2(), vec![(INF, [INF; 3]), (-INF, [0.0; 3]), nan(NAN)]),
        (
            "log2",
            |x| x.log2(),
            vec![
                (0.0, [-INF, INF, -INF]),
                (-0.0, [-INF, INF, -INF]),
                nan(-1.0),
                (INF, [INF, 0.0, 0.0]),
                nan(NAN),
            ],
        ),
        (
            "log10",
            |x| x.log10(),
            vec![
                (0.0, [-INF, INF, -INF]),
                (-0.0, [-INF, INF, -INF]),
                nan(-1.0),
                (INF, [INF, 0.0, 0.0]),
                nan(NAN),
            ],
        ),
        ("tan", |x| x.tan(), vec![nan(INF), nan(-INF), nan(NAN)]),
        (
            "asin",
            |x| x.asin(),
            vec![
                (1.0, [pi_2::<T>(), INF, INF]),
                (-1.0, [-pi_2::<T>(), INF, -INF]),
                nan(1.5),
                nan(-INF),
                nan(NAN),
            ],
        ),
        (
            "acos",
            |x| x.acos(),
            vec![(1.0, [0.0, -INF, -INF]), (0.0, [pi_2::<T>(), -1.0, 0.0]), nan(1.5), nan(INF), nan(NAN)],
        ),
        (
            "atan",
            |x| x.atan(),
            vec![flat(INF, pi_2::<T>()), flat(-INF, -pi_2::<T>()), flat(most, pi_2::<T>()), nan(NAN)],
        ),
        ("sinh", |x| x.sinh(), vec![(INF, [INF; 3]), (-INF, [-INF, INF, -INF]), nan(NAN)]),
        ("cosh", |x| x.cosh(), vec![(0.0, [1.0, 0.0, 1.0]), (-INF, [INF, -INF, INF]), nan(NAN)]),
        ("asinh", |x| x.asinh(), vec![flat(INF, INF), flat(-INF, -INF), nan(NAN)]),
        (
            "acosh",
            |x| x.acosh(),
            vec![(1.0, [0.0, INF, -INF]), flat(INF, INF), nan(0.5), nan(-INF), nan(NAN)],
        ),
        (
            "atanh",
            |x| x.atanh(),
            vec![(1.0, [INF; 3]), (-1.0, [-INF, INF, -INF]), nan(1.5), nan(INF), nan(NAN)],
        ),
        ("sinc", |x| x.sinc(), vec![flat(INF, 0.0), flat(-INF, 0.0), nan(NAN)]),
        (
            "cbrt",
            |x| x.cbrt(),
            vec![
                (0.0, [0.0, INF, 0.0]),
                (-0.0, [-0.0, INF, 0.0]),
                flat(INF, INF),
                flat(-INF, -INF),
                nan(NAN),
            ],
        ),
        (
            "rsqrt",
            |x| x.rsqrt(),
            vec![
                (0.0, [INF, -INF, INF]),
                (1.0, [1.0, -0.5, 0.75]),
                (4.0, [0.5, -0.0625, 0.75 / 32.0]),
                flat(INF, 0.0),
                nan(-1.0),
                nan(NAN),
            ],
        ),
        (
            "floor",
            |x| x.floor(),
            vec![flat(-0.0, -0.0), flat(-0.5, -1.0), flat(2.5, 2.0), flat(INF, INF), flat(NAN, NAN)],
        ),
        (
            "ceil",
            |x| x.ceil(),
            vec![flat(0.0, 0.0), flat(-0.5, -0.0), flat(2.5, 3.0), flat(-INF, -INF), flat(NAN, NAN)],
        ),
        (
            "round",
            |x| x.round(),
            vec![
                flat(0.5, 0.0),
                flat(-0.5, -0.0),
                flat(1.5, 2.0),
                flat(2.5, 2.0),
                flat(-2.5, -2.0),
                flat(INF, INF),
                flat(NAN, NAN),
            ],
        ),
        ("trunc", |x| x.trunc(), vec![flat(-0.5, -0.0), flat(2.5, 2.0), flat(-INF, -INF), flat(NAN, NAN)]),
        (
            "fract",
            |x| x.fract(),
            vec![(2.25, [0.25, 1.0, 0.0]), (-2.25, [-0.25, 1.0, 0.0]), (3.0, [0.0, 1.0, 0.0])],
        ),
        ("erf", |x| x.erf(), vec![flat(INF, 1.0), flat(-INF, -1.0), flat(30.0, 1.0), nan(NAN)]),
        ("erfc", |x| x.erfc(), vec![flat(INF, 0.0), flat(-INF, 2.0), flat(30.0, 0.0), nan(NAN)]),
        (
            "erfinv",
            |x| x.erfinv(),
            vec![(1.0, [INF; 3]), (-1.0, [-INF, INF, -INF]), nan(1.5), nan(-INF), nan(NAN)],
        ),
        ("normal_cdf", |x| x.normal_cdf(), vec![flat(INF, 1.0), flat(-INF, 0.0), flat(-60.0, 0.0), nan(NAN)]),
        ("normal_pdf", |x| x.normal_pdf(), vec![flat(INF, 0.0), flat(-INF, 0.0), nan(NAN)]),
        (
            "lgamma",
            |x| x.lgamma(),
            vec![
                (0.0, [INF, -INF, INF]),
                (-0.0, [INF, INF, INF]),
                (-2.0, [INF, NAN, INF]),
                (INF, [INF, INF, 0.0]),
                nan(NAN),
            ],
        ),
        (
            "digamma",
            |x| x.digamma(),
            vec![(0.0, [-INF, INF, NAN]), (-3.0, [NAN, INF, NAN]), (INF, [INF, 0.0, 0.0]), nan(NAN)],
        ),
        (
            "polygamma(1)",
            |x| x.polygamma(1),
            vec![(0.0, [INF, NAN, INF]), (INF, [0.0; 3]), nan(-INF), nan(NAN)],
        ),
        (
            "log_sigmoid",
            |x| x.log_sigmoid(),
            vec![flat(INF, -0.0), (-INF, [-INF, 1.0, 0.0]), (-1000.0, [-1000.0, 1.0, 0.0])],
        ),
        (
            "silu",
            |x| x.silu(),
            vec![
                (0.0, [0.0, 0.5, 0.5]),
                (-0.0, [-0.0, 0.5, 0.5]),
                (INF, [INF, 1.0, 0.0]),
                flat(-INF, -0.0),
                nan(NAN),
            ],
        ),
        (
            "gelu",
            |x| x.gelu(),
            vec![(INF, [INF, 1.0, 0.0]), flat(-INF, -0.0), (60.0, [60.0, 1.0, 0.0]), nan(NAN)],
        ),
        (
            "gelu_tanh",
            |x| x.gelu_tanh(),
            vec![(INF, [INF, 1.0, 0.0]), flat(-INF, -0.0), (60.0, [60.0, 1.0, 0.0]), nan(NAN)],
        ),
        ("mish", |x| x.mish(), vec![(INF, [INF, 1.0, 0.0]), flat(-INF, -0.0), nan(NAN)]),
        (
            "elu",
            |x| x.elu(T::one()),
            vec![
                (0.0, [0.0, 1.0, 0.0]),
                (-0.0, [-0.0, 1.0, 0.0]),
                (INF, [INF, 1.0, 0.0]),
                flat(-INF, -1.0),
                nan(NAN),
            ],
        ),
        ("elu(1/2)", |x| x.elu(T::of(0.5)), vec![(0.0, [0.0, 0.5, 0.0]), flat(-INF, -0.5)]),
        ("elu(2)", |x| x.elu(T::of(2.0)), vec![(0.0, [0.0, 1.0, 0.0]), flat(-INF, -2.0)]),
        ("elu(-1)", |x| x.elu(-T::one()), vec![(0.0, [-0.0, 0.0, 0.0]), flat(-INF, 1.0)]),
        (
            "celu(2)",
            |x| x.celu(T::of(2.0)),
            vec![(0.0, [0.0, 1.0, 0.0]), (INF, [INF, 1.0, 0.0]), flat(-INF, -2.0), nan(NAN)],
        ),
        (
            "leaky_relu",
            |x| x.leaky_relu(T::of(0.125)),
            vec![(0.0, [0.0, 0.125, 0.0]), (-0.0, [-0.0, 0.125, 0.0]), (-INF, [-INF, 0.125, 0.0])],
        ),
        (
            "leaky_relu(-1)",
            |x| x.leaky_relu(-T::one()),
            vec![(0.0, [-0.0, 0.0, 0.0]), (-2.0, [2.0, -1.0, 0.0])],
        ),
        (
            "softsign",
            |x| x.softsign(),
            vec![flat(INF, 1.0), flat(-INF, -1.0), (1.0, [0.5, 0.25, -0.25]), nan(NAN)],
        ),
        (
            "relu6",
            |x| x.relu6(),
            vec![flat(0.0, 0.0), flat(6.0, 6.0), (3.0, [3.0, 1.0, 0.0]), flat(INF, 6.0)],
        ),
        ("hardtanh", |x| x.hardtanh(), vec![flat(1.0, 1.0), flat(-1.0, -1.0), flat(INF, 1.0)]),
        (
            "hardsigmoid",
            |x| x.hardsigmoid(),
            vec![flat(-3.0, 0.0), flat(3.0, 1.0), flat(INF, 1.0), flat(-INF, 0.0)],
        ),
        (
            "nan_to_num",
            |x| x.nan_to_num(),
            vec![flat(NAN, 0.0), flat(INF, most), flat(-INF, -most), (-2.5, [-2.5, 1.0, 0.0])],
        ),
    ]);
    all
}

fn functions_at_special_points<T: Real>() {
    let mut failures = Vec::new();
    for (name, f, rows) in table::<T>() {
        for (x, want) in rows {
            let got = derivatives(f, T::of(x));
            let right = same(got[0], T::of(want[0]).as_f64(), true)
                && (1..3).all(|i| same(got[i], T::of(want[i]).as_f64(), false));
            if !right {
                failures.push(format!("{name} of {x:?}: got {got:?}, expected {want:?} ({})", T::NAME));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// `a op b` and its derivatives, at special pairs.
fn functions_of_two_at_special_pairs<T: Real>() {
    type Pairs = Vec<([f64; 2], [f64; 3])>;
    type Two<T> = fn(&V<T>, &V<T>) -> V<T>;
    let ln2 = T::of(std::f64::consts::LN_2).as_f64();
    let rows: Vec<(&str, Two<T>, Pairs)> = vec![
        (
            "logaddexp",
            |a, b| a.logaddexp(b),
            vec![
                ([1000.0, 1000.0], [(T::of(1000.0) + T::of(ln2)).as_f64(), 0.5, 0.5]),
                ([-INF, -INF], [-INF, 0.0, 0.0]),
                ([INF, 0.0], [INF, 1.0, 0.0]),
                ([INF, INF], [INF, 0.5, 0.5]),
                ([-INF, 2.0], [2.0, 0.0, 1.0]),
                ([NAN, 1.0], [NAN; 3]),
            ],
        ),
        (
            "logaddexp2",
            |a, b| a.logaddexp2(b),
            vec![
                ([1000.0, 1000.0], [1001.0, 0.5, 0.5]),
                ([-INF, -INF], [-INF, 0.0, 0.0]),
                ([0.0, INF], [INF, 0.0, 1.0]),
                ([-INF, 2.0], [2.0, 0.0, 1.0]),
            ],
        ),
        (
            "xlogy",
            |a, b| a.xlogy(b),
            vec![
                ([0.0, 0.0], [0.0, -INF, 0.0]),
                ([-0.0, 0.0], [0.0, -INF, 0.0]),
                ([0.0, 2.0], [0.0, ln2, 0.0]),
                ([0.0, INF], [0.0, INF, 0.0]),
                ([0.0, -1.0], [0.0, NAN, 0.0]),
                ([2.0, 0.0], [-INF, -INF, INF]),
                ([1.0, -1.0], [NAN; 3]),
                ([0.0, NAN], [NAN, NAN, NAN]),
            ],
        ),
        (
            "xlog1py",
            |a, b| a.xlog1py(b),
            vec![([0.0, -1.0], [0.0, -INF, 0.0]), ([1.0, 0.0], [0.0, 0.0, 1.0]), ([1.0, -2.0], [NAN; 3])],
        ),
        (
            "atan2",
            |a, b| a.atan2(b),
            vec![
                ([0.0, 1.0], [0.0, 1.0, 0.0]),
                ([-0.0, 1.0], [-0.0, 1.0, 0.0]),
                ([1.0, INF], [0.0, 0.0, 0.0]),
                ([0.0, 0.0], [0.0, NAN, NAN]),
                ([2.0, 0.0], [pi_2::<T>(), 0.0, -0.5]),
            ],
        ),
        (
            "hypot",
            |a, b| a.hypot(b),
            vec![
                ([0.0, 0.0], [0.0, 0.0, 0.0]),
                ([3.0, 0.0], [3.0, 1.0, 0.0]),
                ([INF, 1.0], [INF, 1.0, 0.0]),
                ([1.0, -INF], [INF, 0.0, -1.0]),
            ],
        ),
        (
            "remainder",
            |a, b| a.remainder(b),
            vec![
                ([-1.0, 3.0], [2.0, 1.0, 1.0]),
                ([1.0, -3.0], [-2.0, 1.0, 1.0]),
                ([-7.0, 3.5], [0.0, 1.0, 2.0]),
                ([7.0, -3.5], [-0.0, 1.0, 2.0]),
                ([5.5, 2.0], [1.5, 1.0, -2.0]),
                ([1.0, 0.0], [NAN, 1.0, NAN]),
                ([1.0, INF], [1.0, 1.0, 0.0]),
                ([-1.0, INF], [INF, 1.0, 1.0]),
            ],
        ),
        (
            "copysign",
            |a, b| a.copysign(b),
            vec![
                ([2.0, -0.0], [-2.0, -1.0, 0.0]),
                ([-2.0, -1.0], [-2.0, 1.0, 0.0]),
                ([0.0, -1.0], [-0.0, 0.0, 0.0]),
                ([INF, -1.0], [-INF, -1.0, 0.0]),
            ],
        ),
        (
            "betaln",
            |a, b| a.betaln(b),
            vec![([0.0, 1.0], [INF, -INF, 0.0]), ([1.0, INF], [-INF, -INF, 0.0]), ([NAN, 1.0], [NAN; 3])],
        ),
    ];
    let mut failures = Vec::new();
    for (name, f, pairs) in rows {
        for ([a, b], want) in pairs {
            for n in [0, 1, 9] {
                // A number, and arrays of one length.
                let of = |x: f64| if n == 0 { V::<T>::new(T::of(x)) } else { vector(&vec![x; n]) };
                let (x, y) = (of(a), of(b));
                let z = f(&x, &y);
                let g = gradients(&z, &[&x, &y]);
                let got = [&z, &g[0], &g[1]].map(|v| *elements(v).last().unwrap());
                if !(same(got[0], want[0], true) && (1..3).all(|i| same(got[i], want[i], false))) {
                    failures.push(format!(
                        "{name} of {a:?} and {b:?}: got {got:?}, expected {want:?} ({})",
                        T::NAME
                    ));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn tails_are_exact<T: Real>() {
    // mpmath, 60 digits
    let rows: [(&str, Function<T>, f64, [f64; 2]); 5] = [
        ("gelu", |x| x.gelu(), -10.0, [-7.619853024160526e-23, -7.618400096464814e-22]),
        ("erfc", |x| x.erfc(), 5.0, [1.537459794428035e-12, -1.5670866531017336e-11]),
        ("log_sigmoid", |x| x.log_sigmoid(), 40.0, [-4.248354255291589e-18, 4.248354255291589e-18]),
        ("silu", |x| x.silu(), -40.0, [-1.6993417021166355e-16, -1.6568581595637197e-16]),
        ("gelu_tanh", |x| x.gelu_tanh(), 1.0, [0.8411919906082768, 1.0829640838457826]),
    ];
    for (name, f, x, want) in rows {
        let got = derivatives(f, T::of(x));
        for (got, want) in got.iter().zip(want) {
            assert!(
                (got - want).abs() <= 4.0 * T::EPSILON * want.abs(),
                "{name} of {x}: got {got}, expected {want}"
            );
        }
    }
}

fn questions_about_elements<T: Real>() {
    let x = vector::<T>(&[0.0, NAN, INF, -INF, 1.0]);
    let expected = |yes: [bool; 5]| ndarray::arr1(&yes).into_dyn();
    assert_eq!(x.is_nan(), expected([false, true, false, false, false]));
    assert_eq!(x.is_infinite(), expected([false, false, true, true, false]));
    assert_eq!(x.is_finite(), expected([true, false, false, false, true]));
    assert_eq!(!(&x.is_nan() | &x.is_infinite()), x.is_finite());
    assert_eq!(x.slice(ndarray::s![..0]).is_nan().shape(), [0]);
}

#[test]
fn masks_join_under_broadcasting() {
    let (column, row) = (array![[false], [true]], array![false, true]);
    let and = autodiff::logical_and(&column, &row);
    assert_eq!(and, array![[false, false], [false, true]].into_dyn());
    let or = autodiff::logical_or(&column, &row);
    assert_eq!(or, array![[false, true], [true, true]].into_dyn());
    let xor = autodiff::logical_xor(&column, &row);
    assert_eq!(xor, array![[false, true], [true, false]].into_dyn());
    let not = autodiff::logical_not(&column);
    assert_eq!(not, array![[true], [false]].into_dyn());
    assert_eq!(autodiff::logical_or(&or, &arr0(true)), array![[true, true], [true, true]].into_dyn());
    let none = column.slice(s![..0, ..]);
    assert_eq!(autodiff::logical_xor(&none, &row).shape(), [0, 2]);
    assert_eq!(autodiff::logical_not(&none).shape(), [0, 1]);
}

fn mistaken_shapes_are_named<T: Real>() {
    let (a, b) = (vector::<T>(&[1.0, 2.0]), vector::<T>(&[1.0, 2.0, 3.0]));
    let error = a.try_hypot(&b).unwrap_err().to_string();
    assert!(error.contains("hypot") && error.contains("[2]") && error.contains("[3]"), "{error}");
    let panic = panic_of(|| a.logaddexp(&b)).expect("a panic");
    assert!(panic.message.contains("logaddexp") && panic.file.ends_with("elementwise.rs"), "{panic:?}");
}

both!(
    functions_at_special_points,
    functions_of_two_at_special_pairs,
    tails_are_exact,
    questions_about_elements,
    mistaken_shapes_are_named,
);
