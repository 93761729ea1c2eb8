//! Losses and functions of layers: their definitions, tails, kinks, and mistakes.

use crate::common::{Real, array, elements, panic_of};
use autodiff::nn::*;
use autodiff::{Value, check_grads};
use ndarray::Array2;

both! {
    losses_of_elements_and_their_reductions,
    kinks_and_tails_of_losses,
    cross_entropy_from_labels,
    cross_entropy_from_probabilities,
    norms_of_features,
    attention_looks_where_it_may,
    labels_that_do_not_fit_are_named,
}

fn leaf<T: Real>(shape: &[usize], data: &[f64]) -> Value<T> {
    Value::new(array::<T>(shape, data))
}

fn vector<T: Real>(data: &[f64]) -> Value<T> {
    leaf(&[data.len()], data)
}

type Loss<T> = fn(&Value<T>, &Value<T>, Reduction) -> Value<T>;
type Definition = fn(f64, f64) -> f64;

fn losses<T: Real>() -> [(&'static str, Loss<T>, Definition); 8] {
    [
        ("mse_loss", |x, t, r| mse_loss(x, t, r), |x, t| (x - t).powi(2)),
        ("l1_loss", |x, t, r| l1_loss(x, t, r), |x, t| (x - t).abs()),
        ("huber_loss", |x, t, r| huber_loss(x, t, T::of(0.5), r), |x, t| huber(x - t, 0.5)),
        ("smooth_l1_loss", |x, t, r| smooth_l1_loss(x, t, T::of(0.5), r), |x, t| huber(x - t, 0.5) / 0.5),
        ("smooth_l1_loss", |x, t, r| smooth_l1_loss(x, t, T::zero(), r), |x, t| (x - t).abs()),
        (
            "bce_with_logits_loss",
            |x, t, r| bce_with_logits_loss(x, t, r),
            |x, t| {
                let p = 1.0 / (1.0 + (-x).exp());
                -t * p.ln() - (1.0 - t) * (1.0 - p).ln()
            },
        ),
        ("kl_div_loss", |x, t, r| kl_div_loss(x, t, r), |x, t| if t == 0.0 { 0.0 } else { t * (t.ln() - x) }),
        (
            "gaussian_nll_loss",
            |x, t, r| gaussian_nll_loss(x, t, t + T::of(0.5), r),
            |x, t| 0.5 * ((t + 0.5).ln() + (x - t).powi(2) / (t + 0.5)),
        ),
    ]
}

fn huber(r: f64, delta: f64) -> f64 {
    if r.abs() <= delta { r * r / 2.0 } else { delta * (r.abs() - delta / 2.0) }
}

#[track_caller]
fn about<T: Real>(got: &Value<T>, want: &[f64]) {
    let got = elements(got);
    let close = |(&g, &w): (&f64, &f64)| g == w || (g - w).abs() <= 64.0 * T::EPSILON * (1.0 + w.abs());
    let near = got.len() == want.len() && got.iter().zip(want).all(close);
    assert!(near, "got {got:?}, expected {want:?} ({})", T::NAME);
}

fn losses_of_elements_and_their_reductions<T: Real>() {
    let x = leaf::<T>(&[2, 3], &[0.3, -1.5, 0.75, 2.0, -0.25, 0.4]);
    let t = leaf::<T>(&[2, 3], &[0.2, 1.0, 0.5, 0.25, 0.9, 0.7]);
    for (name, loss, definition) in losses::<T>() {
        let pairs = elements(&x).into_iter().zip(elements(&t));
        let want: Vec<f64> = pairs.map(|(x, t)| definition(x, t)).collect();
        about(&loss(&x, &t, Reduction::None), &want);
        about(&loss(&x, &t, Reduction::Sum), &[want.iter().sum()]);
        about(&loss(&x, &t, Reduction::Mean), &[want.iter().sum::<f64>() / 6.0]);
        check_grads(|x| loss(&x[0], &x[1], Reduction::None), &[x.clone(), t.clone()], 2)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let none = leaf::<T>(&[0, 3], &[]);
        assert_eq!(loss(&none, &none, Reduction::None).shape(), [0, 3]);
        assert_eq!(loss(&none, &none, Reduction::Sum).item(), T::zero());
        assert!(loss(&none, &none, Reduction::Mean).item().is_nan());
        let panic = panic_of(|| loss(&x, &t.slice(ndarray::s![0, ..]), Reduction::Mean)).expect("a panic");
        assert!(panic.message.ends_with(": got shape [3], expected [2, 3]"), "{}", panic.message);
        assert!(panic.message.starts_with(name) || name == "smooth_l1_loss", "{}", panic.message);
        assert!(panic.file.ends_with("losses.rs"));
    }
}

fn kinks_and_tails_of_losses<T: Real>() {
    let slope = |loss: &dyn Fn(&Value<T>) -> Value<T>, x: f64| {
        autodiff::grad(|x| loss(x).sum(), &vector::<T>(&[x])).item().as_f64()
    };
    let zero = array::<T>(&[1], &[0.0]);
    assert_eq!(slope(&|x| l1_loss(x, &zero, Reduction::Sum), 0.0), 0.0);
    for (x, want) in [(0.0, 0.0), (0.5, 0.5), (-0.5, -0.5), (1.0, 0.5), (-1e300, -0.5), (f64::INFINITY, 0.5)]
    {
        assert_eq!(slope(&|x| huber_loss(x, &zero, T::of(0.5), Reduction::Sum), x), want);
    }
    let one = |loss: Loss<T>, x: f64, t: f64| loss(&vector(&[x]), &vector(&[t]), Reduction::Sum).item();
    let tail = |x: f64, t: f64| one(|x, t, r| bce_with_logits_loss(x, t, r), x, t).as_f64();
    for got in [tail(40.0, 1.0), tail(-40.0, 0.0)] {
        assert!((got / 4.248354255291589e-18 - 1.0).abs() <= 2.0 * T::EPSILON, "{got}");
    }
    // Huber's loss is smooth at 0.
    for x in [0.0, -0.0, 0.25] {
        let half = T::of(0.5);
        let bend = |loss: &dyn Fn(&Value<T>) -> Value<T>| slope(&|x| autodiff::grad(|x| loss(x).sum(), x), x);
        assert_eq!(bend(&|x| huber_loss(x, &zero, half, Reduction::None)), 1.0);
        assert_eq!(bend(&|x| smooth_l1_loss(x, &zero, half, Reduction::None)), 2.0);
    }
    // What is divided keeps its range.
    let smooth = |x: f64, beta: f64| {
        let loss = smooth_l1_loss(&vector::<T>(&[x]), &zero, T::of(beta), Reduction::Sum);
        loss.item().as_f64()
    };
    assert_eq!(smooth(1e-10, 1e-30), T::of(1e-10).as_f64());
    assert!((smooth(1e20, 1e30) / 5e9 - 1.0).abs() < 4.0 * T::EPSILON);
    let wide = gaussian_nll_loss(&vector::<T>(&[1e30]), &zero, vector::<T>(&[1e36]), Reduction::Sum);
    assert!((wide.item().as_f64() / 5e23 - 1.0).abs() < 16.0 * T::EPSILON, "{wide}");
    assert_eq!([tail(-800.0, 1.0), tail(800.0, 0.0), tail(800.0, 1.0)], [800.0, 800.0, 0.0]);
    assert_eq!([tail(f64::INFINITY, 1.0), tail(f64::INFINITY, 0.0)], [0.0, f64::INFINITY]);
    let kl = |x: f64, t: f64| one(|x, t, r| kl_div_loss(x, t, r), x, t).as_f64();
    assert_eq!([kl(f64::NEG_INFINITY, 0.0), kl(f64::NEG_INFINITY, 0.5)], [0.0, f64::INFINITY]);
    assert_eq!(slope(&|x| kl_div_loss(x, &zero, Reduction::Sum), f64::NEG_INFINITY), 0.0);
}

/// By its definition, with the sum of the weights of the labels.
fn cross_entropy(logits: &Array2<f64>, labels: &[usize], weights: &[f64], smoothing: f64) -> (Vec<f64>, f64) {
    let classes = logits.ncols();
    let losses = logits.outer_iter().zip(labels).map(|(row, &label)| {
        let total: f64 = row.iter().map(|x| x.exp()).sum();
        let terms = row.iter().enumerate().map(|(c, x): (usize, &f64)| {
            let target = smoothing / classes as f64 + if c == label { 1.0 - smoothing } else { 0.0 };
            -target * weights[c] * (x.exp() / total).ln()
        });
        terms.sum()
    });
    (losses.collect(), labels.iter().map(|&label| weights[label]).sum())
}

fn cross_entropy_from_labels<T: Real>() {
    let data = ndarray::array![[0.5, -1.0, 2.0], [0.0, 0.0, 0.0], [1.5, 0.25, -0.5]];
    let (logits, labels) = (Value::new(data.mapv(T::of)), [2, 0, 1]);
    let plain = CrossEntropy::default();
    about(&(cross_entropy_loss(&logits, &labels, &plain) - logits.cross_entropy(labels)), &[0.0]);
    for (weights, smoothing) in
        [([1.0; 3], 0.0), ([1.0; 3], 0.25), ([0.5, 2.0, 1.0], 0.0), ([0.5, 2.0, 0.0], 0.125)]
    {
        let (want, total) = cross_entropy(&data, &labels, &weights, smoothing);
        let options = |reduction| CrossEntropy {
            weights: Some(Value::constant(array::<T>(&[3], &weights))),
            smoothing,
            reduction,
            ignore: None,
        };
        about(&cross_entropy_loss(&logits, &labels, &options(Reduction::None)), &want);
        about(&cross_entropy_loss(&logits, &labels, &options(Reduction::Sum)), &[want.iter().sum()]);
        about(
            &cross_entropy_loss(&logits, &labels, &options(Reduction::Mean)),
            &[want.iter().sum::<f64>() / total],
        );
        let f = |x: &[Value<T>]| cross_entropy_loss(&x[0], &labels, &options(Reduction::Mean));
        check_grads(f, std::slice::from_ref(&logits), 2).unwrap();
    }
    // Rows that are ignored have loss and gradient 0, whatever is in them.
    let bad = leaf::<T>(&[2, 3], &[0.5, -1.0, 2.0, f64::NAN, f64::INFINITY, 0.0]);
    let options = |reduction| CrossEntropy { ignore: Some(7), reduction, ..CrossEntropy::default() };
    let losses = cross_entropy_loss(&bad, &[2, 7], &options(Reduction::None));
    assert_eq!(losses.data()[1], T::zero());
    let mean = cross_entropy_loss(&bad, &[2, 7], &options(Reduction::Mean));
    assert_eq!(mean.item(), losses.data()[0]);
    mean.backward();
    assert!(bad.grad().slice(ndarray::s![1, ..]).data().iter().all(|&g| g == T::zero()), "{:?}", bad.grad());
    // Confident and uniform logits.
    let sure = leaf::<T>(&[3, 2], &[1000.0, 0.0, 1000.0, 0.0, 3.0, 3.0]);
    let losses = cross_entropy_loss(
        &sure,
        &[0, 1, 0],
        &CrossEntropy { reduction: Reduction::None, ..CrossEntropy::default() },
    );
    about(&losses, &[0.0, 1000.0, 2.0_f64.ln()]);
    let none = leaf::<T>(&[0, 3], &[]);
    assert!(cross_entropy_loss(&none, &[], &plain).item().is_nan());
    about(
        &nll_loss(&logits.log_softmax(1), &labels, Reduction::Mean),
        &elements(&logits.cross_entropy(labels)),
    );
}

fn cross_entropy_from_probabilities<T: Real>() {
    let logits = leaf::<T>(&[2, 3], &[0.5, -1.0, 2.0, 0.0, 0.0, 0.0]);
    let hard = leaf::<T>(&[2, 3], &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    let mean = soft_cross_entropy_loss(&logits, hard, Reduction::Mean);
    about(&mean, &elements(&logits.cross_entropy([2, 0])));
    let soft = leaf::<T>(&[2, 3], &[0.25, 0.5, 0.25, 0.1, 0.2, 0.7]);
    check_grads(|x| soft_cross_entropy_loss(&x[0], &x[1], Reduction::None), &[logits, soft], 2).unwrap();
    let out = leaf::<T>(&[1, 2], &[0.0, f64::NEG_INFINITY]);
    let loss = soft_cross_entropy_loss(&out, array::<T>(&[1, 2], &[1.0, 0.0]), Reduction::Sum);
    assert_eq!(loss.item(), T::zero());
}

fn norms_of_features<T: Real>() {
    let x = leaf::<T>(&[2, 3], &[0.5, -1.0, 2.0, 1.0, 3.0, -0.5]);
    let (gain, bias) = (vector::<T>(&[1.0, 2.0, -1.0]), vector(&[0.5, 0.0, 1.0]));
    let plain = layer_norm(&x, None, None, 0.0);
    about(&plain.sum_axis(-1), &[0.0; 2]);
    about(&plain.square().mean_axis(-1), &[1.0; 2]);
    about(&(layer_norm(&x, Some(&gain), Some(&bias), 0.0) - (&plain * &gain + &bias)).abs().max(), &[0.0]);
    about(&rms_norm(&x, None, 0.0).square().mean_axis(-1), &[1.0; 2]);
    about(&rms_norm(&vector::<T>(&[3.0, 4.0]), None, 3.5), &[0.75, 1.0]);
    let inputs = [x.clone(), gain.clone(), bias];
    check_grads(|x| layer_norm(&x[0], Some(&x[1]), Some(&x[2]), 1e-5), &inputs, 2).unwrap();
    check_grads(|x| rms_norm(&x[0], Some(&x[1]), 1e-5), &inputs[..2], 2).unwrap();
    let error = try_layer_norm(&x, Some(&vector(&[1.0])), None, 0.0).unwrap_err();
    assert_eq!(error.to_string(), "layer_norm: got shape [1], expected [3]");
    let number = leaf::<T>(&[], &[1.0]);
    let error = try_rms_norm(&number, None, 0.0).unwrap_err().to_string();
    assert!(error.starts_with("rms_norm: ") && error.contains("at least 1, (..., features)"), "{error}");
    let error = try_layer_norm(&number, None, None, 0.0).unwrap_err().to_string();
    assert!(error.starts_with("layer_norm: ") && error.contains("at least 1, (..., features)"), "{error}");
}

fn attention_looks_where_it_may<T: Real>() {
    let of = |shape: &[usize], k: usize| {
        let n: usize = shape.iter().product();
        let data: Vec<f64> = (0..n).map(|i| ((i * 7 + k * 5) % 11) as f64 / 5.0 - 1.0).collect();
        leaf::<T>(shape, &data)
    };
    let (q, k, v) = (of(&[2, 3, 4], 0), of(&[3, 4], 1), of(&[3, 2], 2));
    let scores = q.matmul(k.t()) / T::of(2.0);
    let open = attention(&q, &k, &v, None, false);
    about(&(&open - scores.softmax(-1).matmul(&v)).abs().max(), &[0.0]);
    // The first query sees the first key alone; a mask says the same.
    let causal = attention(&q, &k, &v, None, true);
    about(&causal.slice(ndarray::s![0, 0, ..]), &elements(&v.slice(ndarray::s![0, ..])));
    let hidden = |(i, j)| if j > i { T::neg_infinity() } else { T::zero() };
    let mask = Value::constant(Array2::from_shape_fn((3, 3), hidden));
    assert_eq!(attention(&q, &k, &v, Some(&mask), false).data(), causal.data());
    // The last sees all.
    about(&(causal - open).slice(ndarray::s![.., 2, ..]).abs().max(), &[0.0]);
    check_grads(|x| attention(&x[0], &x[1], &x[2], None, true), &[q.clone(), k.clone(), v.clone()], 2)
        .unwrap();
    // Whatever the score of a hidden key.
    for score in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        let keys = leaf::<T>(&[2, 1], &[1.0, score]);
        let (q, v) = (leaf::<T>(&[2, 1], &[1.0, 1.0]), leaf::<T>(&[2, 1], &[5.0, 7.0]));
        let mask = leaf::<T>(&[2, 2], &[0.0, f64::NEG_INFINITY, 0.0, f64::NEG_INFINITY]);
        for (mask, causal) in [(None, true), (Some(&mask), false), (Some(&mask), true)] {
            let first = attention(&q, &keys, &v, mask, causal).slice(ndarray::s![0, ..]);
            assert_eq!(elements(&first), [5.0]);
            assert!(elements(&first.grad_of(&[&keys])[0]).iter().all(|&g| g == 0.0));
        }
    }
    // The first query sees no key: it has zeros, and no gradient, and harms no other.
    let hidden = |(i, j)| if i == 0 || j == 2 { T::neg_infinity() } else { T::zero() };
    let mask = Value::constant(Array2::from_shape_fn((3, 3), hidden));
    let y = attention(&q, &k, &v, Some(&mask), false);
    assert!(y.slice(ndarray::s![.., 0, ..]).data().iter().all(|&x| x == T::zero()));
    y.sum().backward();
    assert!(q.grad().slice(ndarray::s![.., 0, ..]).data().iter().all(|&x| x == T::zero()));
    // Two queries in each of two batches share out their attention, for each of two features.
    about(&v.grad().sum(), &[8.0]);
    about(&v.grad().slice(ndarray::s![2, ..]), &[0.0, 0.0]);
    check_grads(
        |x| attention(&x[0], &x[1], &x[2], Some(&mask), false),
        &[q.clone(), k.clone(), v.clone()],
        2,
    )
    .unwrap();
    let error = try_attention(&of(&[4], 0), &k, &v, None, false).unwrap_err().to_string();
    assert!(error.contains("queries [4], ") && error.contains("fewer than 2 axes"), "{error}");
    let error = try_attention(&q, &v, &v, None, false).unwrap_err().to_string();
    assert!(error.starts_with("attention: queries") && error.contains("4 features and keys 2"), "{error}");
}

fn labels_that_do_not_fit_are_named<T: Real>() {
    let x = leaf::<T>(&[2, 3], &[0.0; 6]);
    let plain = CrossEntropy::default();
    let narrow = CrossEntropy { weights: Some(vector::<T>(&[1.0])), ..CrossEntropy::default() };
    for (result, text) in [
        (try_cross_entropy_loss(&x, &[0], &plain), "cross_entropy_loss: got 1 labels, expected 2"),
        (
            try_cross_entropy_loss(&x, &[0, 3], &plain),
            "cross_entropy_loss: label 3 at position 1 is out of range; expected 0 to 2 for 3 classes",
        ),
        (try_cross_entropy_loss(&x, &[0, 1], &narrow), "cross_entropy_loss: got shape [1], expected [3]"),
        (
            try_nll_loss(&x.reshape(-1), &[0], Reduction::Mean),
            "nll_loss: got shape [6] with 1 axes, expected 2, (batch, classes)",
        ),
        (
            try_soft_cross_entropy_loss(&x, vector::<T>(&[1.0]), Reduction::Mean),
            "soft_cross_entropy_loss: got shape [1], expected [2, 3]",
        ),
    ] {
        assert_eq!(result.unwrap_err().to_string(), text);
    }
}

#[test]
fn numbers_that_losses_do_not_take_are_mistakes() {
    let x = Value::<f64>::new(ndarray::array![[1.0, 2.0]]);
    let message = |loss: Result<Value, autodiff::Error>| loss.unwrap_err().to_string();
    for delta in [0.0, -1.0, f64::NAN] {
        let error = message(try_huber_loss(&x, &x, delta, Reduction::Mean));
        assert!(
            error.starts_with("huber_loss") && error.contains("delta") && error.contains("positive"),
            "{error}"
        );
    }
    let error = message(try_smooth_l1_loss(&x, &x, -0.5, Reduction::Mean));
    assert!(
        error.starts_with("smooth_l1_loss") && error.contains("beta") && error.contains("-0.5"),
        "{error}"
    );
    for variance in [[1.0, 0.0], [-1.0, 1.0]] {
        let error = message(try_gaussian_nll_loss(&x, &x, ndarray::array![variance], Reduction::Mean));
        assert!(
            error.starts_with("gaussian_nll_loss")
                && error.contains("variance")
                && error.contains("positive"),
            "{error}"
        );
    }
    for smoothing in [-0.5, 1.5, f64::NAN] {
        let options = CrossEntropy { smoothing, ..CrossEntropy::default() };
        let error = message(try_cross_entropy_loss(&x, &[0], &options));
        assert!(error.starts_with("cross_entropy_loss") && error.contains("0 to 1"), "{error}");
    }
}
