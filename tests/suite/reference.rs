//! Values, gradients and Hessian-vector products against those of independent engines: `reference/*.json`, each written
//! by the script of its name.

mod convolution;
mod elementwise;
mod layers;
mod linear_algebra;
mod losses;
mod products;
mod reductions;
mod shapes;
mod special;

use crate::common::*;
use autodiff::{DefaultBackend, grad, jvp, where_};
use ndarray::{NewAxis, SliceInfoElem, s};
use serde_json::Value as Json;

/// The largest error of a result, relative to the largest element of its array: a few roundings in sums of
/// a few dozen terms.
fn tolerance<T: Real>() -> f64 {
    if T::NAME == "f64" { 1e-12 } else { 1e-5 }
}

/// How much more an input's rounding can change the result: some singular values, and some eigenvalues of a covariance,
/// are close to one another.
fn sensitivity(op: &str) -> f64 {
    if matches!(op, "svd" | "svd_squares" | "likelihood") { 10.0 } else { 1.0 }
}

fn file(text: &str) -> Json {
    serde_json::from_str(text).expect("the file is JSON")
}

fn number(x: &Json) -> f64 {
    match x {
        Json::String(text) => text.parse().expect("inf, -inf or nan"),
        x => x.as_f64().expect("a number"),
    }
}

fn list(x: &Json) -> Vec<f64> {
    x.as_array().expect("a list").iter().map(number).collect()
}

fn lengths(x: &Json) -> Vec<usize> {
    list(x).into_iter().map(|n| n as usize).collect()
}

fn axes(x: &Json) -> Vec<isize> {
    list(x).into_iter().map(|n| n as isize).collect()
}

fn info(x: &Json) -> Vec<SliceInfoElem> {
    let element = |x: &Json| match x {
        Json::String(_) => NewAxis.into(),
        Json::Number(i) => SliceInfoElem::Index(i.as_i64().expect("an index") as isize),
        range => {
            let range = axes(range);
            SliceInfoElem::Slice { start: range[0], end: Some(range[1]), step: range[2] }
        }
    };
    x.as_array().expect("a list").iter().map(element).collect()
}

/// Data that carry no gradient, as a function of `x` with the gradient 0.
fn constant<T: Real>(x: &V<T>, data: ndarray::ArrayD<T>) -> V<T> {
    V::<T>::constant(data) + x.sum() * T::zero()
}

/// The function of a case.
fn apply<T: Real>(op: &str, args: &Json, x: &[V<T>]) -> V<T> {
    let keep = args["keep"] == Json::Bool(true);
    let along = || axes(&args["axes"]);
    let axis = || number(&args["axis"]) as isize;
    let to = || lengths(&args["to"]);
    let labels = || lengths(&args["labels"]);
    let c = || T::of(number(&args["number"]));
    let left = || number(&args["number"]);
    match (op, x) {
        ("neg", [x]) => -x,
        ("exp", [x]) => x.exp(),
        ("ln", [x]) => x.ln(),
        ("sqrt", [x]) => x.sqrt(),
        ("square", [x]) => x.square(),
        ("recip", [x]) => x.recip(),
        ("sin", [x]) => x.sin(),
        ("cos", [x]) => x.cos(),
        ("tanh", [x]) => x.tanh(),
        ("sigmoid", [x]) => x.sigmoid(),
        ("softplus", [x]) => x.softplus(),
        ("abs", [x]) => x.abs(),
        ("sign", [x]) => x.sign(),
        ("relu", [x]) => x.relu(),
        ("powi", [x]) => x.powi(number(&args["n"]) as i32),
        ("powf", [x]) => x.powf(T::of(number(&args["p"]))),
        ("clamp", [x]) => x.clamp(T::of(number(&args["bounds"][0])), T::of(number(&args["bounds"][1]))),
        ("add", [a, b]) => a + b,
        ("sub", [a, b]) => a - b,
        ("mul", [a, b]) => a * b,
        ("div", [a, b]) => a / b,
        ("pow", [a, b]) => a.pow(b),
        ("maximum", [a, b]) => a.maximum(b),
        ("minimum", [a, b]) => a.minimum(b),
        ("add_number", [x]) => x + c(),
        ("sub_number", [x]) => x - c(),
        ("mul_number", [x]) => x * c(),
        ("div_number", [x]) => x / c(),
        ("pow_number", [x]) => x.pow(c()),
        ("number_add", [x]) => left() + x,
        ("number_sub", [x]) => left() - x,
        ("number_mul", [x]) => left() * x,
        ("number_div", [x]) => left() / x,
        ("number_pow", [x]) => V::<T>::constant(c()).pow(x),
        ("where", [a, b]) => {
            let mask = lengths(&args["mask"]).iter().map(|&m| m == 1).collect();
            where_(&ndarray::Array2::from_shape_vec((2, 3), mask).unwrap(), a, b)
        }
        ("sum_all", [x]) => x.sum(),
        ("mean_all", [x]) => x.mean(),
        ("max_all", [x]) => x.max(),
        ("min_all", [x]) => x.min(),
        ("logsumexp_all", [x]) => x.logsumexp(),
        ("sum", [x]) if keep => x.sum_keepdims(&along()[..]),
        ("mean", [x]) if keep => x.mean_keepdims(&along()[..]),
        ("max", [x]) if keep => x.max_keepdims(&along()[..]),
        ("min", [x]) if keep => x.min_keepdims(&along()[..]),
        ("logsumexp", [x]) if keep => x.logsumexp_keepdims(&along()[..]),
        ("sum", [x]) => x.sum_axis(&along()[..]),
        ("mean", [x]) => x.mean_axis(&along()[..]),
        ("max", [x]) => x.max_axis(&along()[..]),
        ("min", [x]) => x.min_axis(&along()[..]),
        ("logsumexp", [x]) => x.logsumexp_axis(&along()[..]),
        ("softmax", [x]) => x.softmax(&along()[..]),
        ("log_softmax", [x]) => x.log_softmax(&along()[..]),
        ("cross_entropy", [x]) => x.cross_entropy(labels()),
        ("matmul", [a, b]) => a.matmul(b),
        ("reshape", [x]) => x.reshape(to()),
        ("permute", [x]) => x.permute(&along()[..]),
        ("t", [x]) => x.t(),
        ("swap_axes", [x]) => x.swap_axes(along()[0], along()[1]),
        ("broadcast_to", [x]) => x.broadcast_to(to()),
        ("squeeze", [x]) => x.squeeze(),
        ("squeeze_axis", [x]) => x.squeeze_axis(&along()[..]),
        ("unsqueeze", [x]) => x.unsqueeze(&along()[..]),
        ("slice", [x]) => x.slice(info(&args["info"])),
        ("index_select", [x]) => x.index_select(axis(), lengths(&args["indices"])),
        ("concat", x) => V::<T>::concat(x, axis()),
        ("stack", x) => V::<T>::stack(x, axis()),
        ("mlp", x) => composite::mlp(x, labels()),
        _ => linear_algebra::apply(op, args, x).unwrap_or_else(|| composite::apply(op, x)),
    }
}

/// Functions as a user would write them.
mod composite {
    use super::*;

    pub fn mlp<T: Real>(x: &[V<T>], labels: Vec<usize>) -> V<T> {
        let [x, w1, b1, w2, b2] = x else { panic!("five inputs") };
        ((x.matmul(w1) + b1).tanh().matmul(w2) + b2).cross_entropy(labels)
    }

    pub fn apply<T: Real>(op: &str, x: &[V<T>]) -> V<T> {
        match (op, x) {
            ("attention", [q, k, v]) => (q.matmul(k.swap_axes(-1, -2)) / T::of(2.0)).softmax(-1).matmul(v),
            ("layer_norm", [x, gain, bias]) => {
                let centred = x - x.mean_keepdims(-1);
                let scale = (centred.square().mean_keepdims(-1) + T::of(1e-5)).sqrt();
                centred / scale * gain + bias
            }
            ("rosenbrock", [x]) => {
                let (head, tail) = (x.slice(s![..-1]), x.slice(s![1..]));
                (100.0 * (tail - head.square()).square() + (1.0 - head).square()).sum()
            }
            ("logistic", [x, w, b, target]) => {
                let z = x.matmul(w) + b;
                (z.softplus() - target * &z).mean()
            }
            ("gaussian", [mean, log_scale, x]) => {
                (0.5 * ((x - mean) / log_scale.exp()).square() + log_scale).sum()
            }
            ("divergence", [a, b]) => (a.softmax(0) * (a.log_softmax(0) - b.log_softmax(0))).sum(),
            ("huber", [x, w, target]) => {
                let r = x.matmul(w) - target;
                where_(&r.abs().le(T::one()), 0.5 * r.square(), r.abs() - T::of(0.5)).sum()
            }
            ("quadratic", [x, a]) => x.matmul(a).matmul(x),
            ("convolution", [x, kernel]) => {
                let n = x.len() - 2;
                (0..3).map(|i| kernel.slice(s![i]) * x.slice(s![i..i + n])).sum()
            }
            ("recurrent", [x, wx, wh]) => {
                let start = V::<T>::constant(ndarray::Array1::from_elem(3, T::zero()));
                (0..x.shape()[0]).fold(start, |h, i| (x.slice(s![i, ..]).matmul(wx) + h.matmul(wh)).tanh())
            }
            ("swish", [x, w]) => {
                let z = x.matmul(w);
                &z * z.sigmoid()
            }
            ("distances", [a, b]) => (a.unsqueeze(1) - b.unsqueeze(0)).square().sum_axis(-1).sqrt(),
            ("cosine", [a, b]) => a.matmul(b) / (a.matmul(a) * b.matmul(b)).sqrt(),
            ("mixture", [logits, means, x]) => {
                (logits.log_softmax(0) - 0.5 * (x.unsqueeze(1) - means).square()).logsumexp_axis(1)
            }
            ("embedding", [table, w]) => table.index_select(0, [2, 0, 2]).mean_axis(0).matmul(w),
            ("box_cox", [x, p]) => (x.pow(p) - T::one()) / p,
            ("gated", [x, w, u]) => x.matmul(w).sigmoid() * x.matmul(u).tanh(),
            _ => panic!("no function {op:?} of {} inputs", x.len()),
        }
    }
}

/// Numbers that follow from an element's place, of the given shape.
fn placed<T: Real>(shape: &[usize], f: impl Fn(usize) -> f64) -> V<T> {
    let data: Vec<f64> = (0..shape.iter().product()).map(f).collect();
    V::<T>::constant(array::<T>(shape, &data))
}

fn weights<T: Real>(shape: &[usize]) -> V<T> {
    placed(shape, |i| ((i * 7 % 11) as f64 - 5.0) / 4.0)
}

fn direction<T: Real>(shape: &[usize], j: usize) -> V<T> {
    placed(shape, |i| (((i * 5 + 3 * j) % 13) as f64 - 6.0) / 8.0)
}

fn check<T: Real>(what: &str, got: &V<T>, want: &Json, failures: &mut Vec<String>) {
    let op = what.split(' ').next().expect("a name");
    let (got, want) = (elements(got), list(want));
    let scale = want.iter().fold(0.0, |m, w| larger(m, w.abs()));
    // A gradient can be 0 as the difference of numbers near 1.
    let bound = sensitivity(op) * tolerance::<T>() * larger(scale, 1.0);
    let near = got.len() == want.len() && got.iter().zip(&want).all(|(g, w)| (g - w).abs() <= bound);
    if !near {
        failures.push(format!("{what} ({}): got {got:?}, expected {want:?}", T::NAME));
    }
}

/// A test for each file: its cases, more than so many, agree with the function.
macro_rules! families {
    ($($test:ident: $file:literal, $least:literal, $apply:expr;)*) => {
        $(fn $test<T: Real<B = DefaultBackend>>() {
            agree::<T>(include_str!(concat!("reference/", $file)), $least, $apply);
        })*
        both!($($test),*);
        const FILES: &[&str] = &[$(include_str!(concat!("reference/", $file))),*];
    };
}
mod cases {
    use super::*;

    families! {
        values: "values.json", 600, super::apply;
        elementwise: "elementwise.json", 190, |op, args, x| {
            elementwise::apply(op, args, x).expect("an elementwise function")
        };
        shapes: "shapes.json", 300, shapes::apply;
        products: "products.json", 190, products::apply;
        convolution: "convolution.json", 120, convolution::apply;
        linear_algebra: "linear_algebra.json", 380, |op, args, x| {
            linear_algebra::apply(op, args, x).expect("a function of matrices")
        };
        losses: "losses.json", 240, losses::apply;
        layers: "layers.json", 120, layers::apply;
        reductions: "reductions.json", 590, reductions::apply;
    }

    /// `OPERATIONS.md` is the list of operations, and the source of networks that of its functions.
    #[test]
    fn every_operation_has_reference_values() {
        let page = include_str!("../../autodiff-core/OPERATIONS.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let source =
            concat!(include_str!("../../src/nn/functional.rs"), include_str!("../../src/nn/losses.rs"));
        let functions = source.lines().filter_map(|line| line.strip_prefix("    fn ")?.split_once(", try_"));
        let (names, functions): (Vec<_>, Vec<_>) = (rows.collect(), functions.collect());
        assert!(names.len() > 150 && functions.len() > 15, "{} and {}", names.len(), functions.len());
        // Other files have functions of the same names, as a user would write them.
        let networks = [include_str!("reference/layers.json"), include_str!("reference/losses.json")];
        for (names, files) in [(names, FILES), (functions, &networks)] {
            for (name, _) in names {
                let case = format!("\"op\":\"{name}\"");
                assert!(files.iter().any(|file| file.contains(&case)), "{name} has no reference values");
            }
        }
        let all: usize = FILES.iter().map(|text| file(text)["cases"].as_array().expect("cases").len()).sum();
        assert!(all > 2500, "{all} cases");
    }
}

/// Every case of a file, of which there are more than `least`.
fn agree<T: Real>(text: &str, least: usize, apply: fn(&str, &Json, &[V<T>]) -> V<T>) {
    let file = file(text);
    let cases = file["cases"].as_array().expect("cases");
    assert!(cases.len() > least, "{} cases", cases.len());
    let mut failures = Vec::new();
    for case in cases {
        let (op, args) = (case["op"].as_str().expect("a name"), &case["args"]);
        let inputs = case["inputs"].as_array().expect("inputs");
        let what =
            format!("{op} {args} of {:?}", inputs.iter().map(|x| lengths(&x["shape"])).collect::<Vec<_>>());
        let input = |x: &Json| {
            let data: Vec<f64> = list(&x["units"]).iter().map(|u| u / 64.0).collect();
            leaf::<T>(&lengths(&x["shape"]), &data)
        };
        let x: Vec<V<T>> = inputs.iter().map(input).collect();
        let all: Vec<&V<T>> = x.iter().collect();

        let y = apply(op, args, &x);
        assert_eq!(y.shape(), lengths(&case["shape"]), "{what}: the shape");
        check(&format!("{what}: y"), &y, &case["y"], &mut failures);

        let w = weights::<T>(y.shape());
        if let Ok(()) = (&w * &y).sum().try_backward() {
            for (j, x) in x.iter().enumerate() {
                check(&format!("{what}: gradient {j}"), &x.grad(), &case["g"][j], &mut failures);
            }
        } else {
            failures.push(format!("{what}: not differentiable"));
        }

        let bent = |y: &V<T>| (weights::<T>(y.shape()) * (y + 0.5 * y.square())).sum();
        let slopes = bent(&y).grad_of(&all);
        let along = slopes.iter().enumerate().map(|(j, g)| (g * direction::<T>(g.shape(), j)).sum());
        let products = gradients(&along.sum(), &all);
        for (j, h) in products.iter().enumerate() {
            check(&format!("{what}: Hessian product {j}"), h, &case["h"][j], &mut failures);
        }

        if let [x] = &x[..] {
            // The same two through forward mode.
            let v = direction::<T>(x.shape(), 0);
            let f = |x: &V<T>| apply(op, args, std::slice::from_ref(x));
            let (_, dy) = jvp(|x| (weights::<T>(y.shape()) * f(x)).sum(), x, &v);
            let want: f64 = list(&case["g"][0]).iter().zip(elements(&v)).map(|(g, v)| g * v).sum();
            check(&format!("{what}: jvp"), &dy, &Json::from(vec![want]), &mut failures);
            let (_, h) = jvp(|x| grad(|x| bent(&f(x)), x), x, &v);
            check(
                &format!("{what}: Hessian product, forward over reverse"),
                &h,
                &case["h"][0],
                &mut failures,
            );
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}
