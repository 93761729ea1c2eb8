//! The errors of elementwise operations in `f64`, against `accuracy/reference.csv`, which mpmath has written.

use crate::native::Value;
use ndarray::Array1;
use std::collections::BTreeMap;

/// The operation of that name, of one operand or two.
fn apply(name: &str, x: &[Value]) -> Value {
    macro_rules! operations {
        ($($one:ident)*; $($two:ident)*) => {
            match (name, x) {
                $( (stringify!($one), [x]) => x.$one(), )*
                $( (stringify!($two), [a, b]) => a.$two(b), )*
                ("neg", [x]) => -x,
                ("add", [a, b]) => a + b,
                ("sub", [a, b]) => a - b,
                ("mul", [a, b]) => a * b,
                ("div", [a, b]) => a / b,
                ("elu", [x]) => x.elu(1.0),
                ("celu", [x]) => x.celu(1.0),
                ("polygamma", [x]) => x.polygamma(1),
                _ => panic!("no operation {name:?} of {} operands", x.len()),
            }
        };
    }
    operations![
        square recip sqrt rsqrt cbrt abs exp exp_m1 exp2 ln ln_1p log2 log10 sin cos tan asin acos atan sinh cosh tanh
        asinh acosh atanh sinc sigmoid softplus log_sigmoid selu silu gelu gelu_tanh mish softsign erf erfc erfinv
        normal_cdf log_normal_cdf normal_pdf lgamma digamma;
        pow hypot atan2 logaddexp logaddexp2 xlogy xlog1py remainder betaln
    ]
}

/// The rows of one operation: its arguments; and the value and the partial derivatives, each rounded, and by how much.
#[derive(Default)]
struct Rows {
    arguments: Vec<Vec<f64>>,
    results: Vec<Vec<Option<(f64, f64)>>>,
}

fn rows() -> BTreeMap<&'static str, Rows> {
    let mut all: BTreeMap<_, Rows> = BTreeMap::new();
    for line in include_str!("accuracy/reference.csv").lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |text: &str| f64::from_bits(u64::from_str_radix(text, 16).expect("hexadecimal"));
        // One operand has two results of two fields each, two have three.
        let operands = if fields.len() == 6 { 1 } else { 2 };
        let rows = all.entry(fields[0]).or_default();
        rows.arguments.push(fields[1..=operands].iter().map(|x| number(x)).collect());
        let result = |pair: &[&str]| match pair {
            ["", ""] => None,
            pair => Some((number(pair[0]), pair[1].parse::<f64>().expect("an integer") / 1000.0)),
        };
        rows.results.push(fields[1 + operands..].chunks(2).map(result).collect());
    }
    all
}

/// The distance of `got` from `want` plus `missing` units in the last place of it.
fn ulps(got: f64, (want, missing): (f64, f64)) -> f64 {
    let steps = |x: f64| if x < 0.0 { -((x.to_bits() << 1 >> 1) as i64) } else { x.to_bits() as i64 };
    let missing = if got == want { missing.abs() } else { missing };
    match got.is_finite() {
        true if got == want => missing,
        true => ((steps(got) - steps(want)) as f64 - missing).abs(),
        false => f64::INFINITY,
    }
}

/// The worst errors of an operation, in units in the last place: of its value, and of its gradients.
pub(super) fn worst() -> BTreeMap<&'static str, [f64; 2]> {
    let mut all = BTreeMap::new();
    for (name, rows) in rows() {
        let operands = rows.arguments[0].len();
        let leaf = |i: usize| Value::new(rows.arguments.iter().map(|x| x[i]).collect::<Array1<f64>>());
        let leaves: Vec<Value> = (0..operands).map(leaf).collect();
        let y = apply(name, &leaves);
        y.backward();
        let mut got = vec![y.data()];
        got.extend(leaves.iter().map(|x| x.grad().data()));
        let mut worst = [0.0, 0.0];
        for (i, got) in got.iter().enumerate() {
            let mut place = (0.0, 0);
            for (j, &got) in got.iter().enumerate() {
                let error = rows.results[j][i].map_or(0.0, |want| ulps(got, want));
                if error > place.0 {
                    place = (error, j);
                }
            }
            println!("{name}, result {i}: {:.2} at {:?}", place.0, rows.arguments[place.1]);
            let worst = &mut worst[if i == 0 { 0 } else { 1 }];
            *worst = if place.0 > *worst { place.0 } else { *worst };
        }
        all.insert(name, worst);
    }
    all
}

#[test]
fn values_and_gradients_are_exact_to_four_units() {
    for (name, errors) in worst() {
        assert!(errors.iter().all(|&error| error <= 4.0), "{name}: {errors:?}");
    }
}
