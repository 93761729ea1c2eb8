//! Functions of matrices made to be well-conditioned, as the scripts make them.

use super::*;
use autodiff::{MatrixNorm, Triangle};
use ndarray::Array2;

fn matrix<T: Real>(m: usize, n: usize, f: impl Fn(usize) -> f64) -> V<T> {
    V::<T>::constant(Array2::from_shape_fn((m, n), |(i, j)| T::of(if i == j { f(i) } else { 0.0 })))
}

fn lengths<T: Real>(a: &V<T>) -> (usize, usize) {
    (a.shape()[a.ndim() - 2], a.shape()[a.ndim() - 1])
}

fn stairs<T: Real>(a: &V<T>) -> V<T> {
    let (m, n) = lengths(a);
    0.5 * a + matrix::<T>(m, n, |i| 2.0 * (i + 1) as f64)
}

fn even<T: Real>(a: &V<T>) -> V<T> {
    0.5 * (a + a.swap_axes(-1, -2))
}

fn triangle<T: Real>(a: &V<T>, lower: bool, unit: bool) -> V<T> {
    let (m, n) = lengths(a);
    // What is on the diagonal of a unit triangle does not count, nor what is on its other side.
    let diagonal = matrix::<T>(m, n, |i| if unit { 77.0 } else { 2.0 + i as f64 });
    let t = 0.5 * a.tril(-1) + diagonal;
    let t = if lower { t } else { t.swap_axes(-1, -2) };
    &t + &t.detach().swap_axes(-1, -2)
        * V::<T>::constant(Array2::from_shape_fn((m, n), |(i, j)| T::of(if i != j { 3.0 } else { 0.0 })))
}

pub fn apply<T: Real>(op: &str, args: &Json, x: &[V<T>]) -> Option<V<T>> {
    let k = || args["k"].as_i64().expect("a diagonal") as isize;
    let over = || T::of(args["over"].as_f64().unwrap_or(1.0));
    let part = || args["part"].as_str().expect("a part");
    let y = match (op, x) {
        ("solve", [a, b]) => stairs(a).solve(b),
        ("solve_triangular", [a, b]) => {
            let flag = |name: &str| args[name] == Json::Bool(true);
            let (lower, unit) = (flag("lower"), flag("unit"));
            let mut kind = if lower { Triangle::LOWER } else { Triangle::UPPER };
            if args["trans"] == 1 {
                kind = kind.transposed();
            }
            triangle(a, lower, unit).solve_triangular(b, if unit { kind.unit() } else { kind })
        }
        ("inv", [a]) => stairs(a).inv(),
        ("det", [a]) => Ok(stairs(a).det()),
        ("slogdet", [a]) => Ok(stairs(a).slogdet().1),
        ("cholesky", [a]) => {
            let n = lengths(a).0;
            (a.matmul(a.swap_axes(-1, -2)) + matrix::<T>(n, n, |_| 1.0)).cholesky()
        }
        ("eigvalsh", [a]) => even(&stairs(a)).eigvalsh(),
        ("eigh_squares", [a]) => even(&stairs(a)).eigh().map(|(w, v)| v.square() * w.unsqueeze(-2)),
        ("eigh_exp", [a]) => (0.25 * even(&stairs(a)))
            .eigh()
            .map(|(w, v)| (&v * w.exp().unsqueeze(-2)).matmul(v.swap_axes(-1, -2))),
        ("matrix_power", [a]) => {
            (stairs(a) / over()).matrix_power(args["n"].as_i64().expect("an exponent") as i32)
        }
        ("expm", [a]) => (a / over()).expm(),
        ("cond", [a]) => stairs(a).cond(),
        ("matrix_norm", [a]) => stairs(a).matrix_norm(match args["norm"].as_str().expect("a norm") {
            "fro" => MatrixNorm::Frobenius,
            "nuc" => MatrixNorm::Nuclear,
            "1" => MatrixNorm::One,
            "2" => MatrixNorm::Two,
            "inf" => MatrixNorm::Infinity,
            norm => panic!("no norm {norm}"),
        }),
        ("matrix_rank", [a]) => a
            .matmul(a.swap_axes(-1, -2))
            .matrix_rank()
            .map(|ranks| constant(a, ranks.map(|&rank| T::of(rank as f64)))),
        ("eigh", [a]) => even(&stairs(a)).eigh().map(|(w, v)| {
            let f = match part() {
                "squares" => return v.square() * w.unsqueeze(-2),
                "sqrt" => w.sqrt(),
                "ln" => w.ln(),
                "square" => w.square(),
                part => panic!("no part {part}"),
            };
            (&v * f.unsqueeze(-2)).matmul(v.swap_axes(-1, -2))
        }),
        ("svd", [a]) => stairs(a).svd().map(|(u, s, vt)| match part() {
            "squares" => u.square().matmul((s.unsqueeze(-1) * vt).square()),
            "polar" => u.matmul(vt),
            "ln" => (u * s.ln().unsqueeze(-2)).matmul(vt),
            part => panic!("no part {part}"),
        }),
        ("qr", [a]) => {
            let (q, r) = stairs(a).qr();
            let first = || q.index_select(-1, [0]);
            Ok(match part() {
                "squares" => q.square().matmul(r.square()),
                "projector" => first().matmul(first().swap_axes(-1, -2)),
                "ln" => r.diagonal(0).abs().ln(),
                part => panic!("no part {part}"),
            })
        }
        ("svdvals", [a]) => stairs(a).svdvals(),
        ("svd_squares", [a]) => {
            stairs(a).svd().map(|(u, s, vt)| u.square().matmul((s.unsqueeze(-1) * vt).square()))
        }
        ("qr_squares", [a]) => {
            let (q, r) = stairs(a).qr();
            Ok(q.square().matmul(r.square()))
        }
        ("pinv", [a]) => stairs(a).pinv(),
        ("lstsq", [a, b]) => stairs(a).lstsq(b),
        ("trace", [a]) => Ok(a.trace()),
        ("tril", [a]) => Ok(a.tril(k())),
        ("triu", [a]) => Ok(a.triu(k())),
        ("diagonal", [a]) => Ok(a.diagonal(k())),
        ("diag", [a]) => Ok(a.diag()),
        ("likelihood", [x, y, scale]) => {
            let distances = (x.unsqueeze(1) - x.unsqueeze(0)) / scale;
            let k = (-distances.square()).exp() + matrix::<T>(x.len(), x.len(), |_| 0.25);
            let l = k.cholesky().expect("positive definite");
            let z = l.solve_triangular(y, Triangle::LOWER).expect("regular");
            let s = l.solve_triangular(z, Triangle::LOWER.transposed()).expect("regular");
            Ok(y.matmul(s) + 2.0 * l.diagonal(0).ln().sum())
        }
        _ => return None,
    };
    Some(y.expect("a well-conditioned matrix"))
}
