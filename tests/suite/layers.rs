//! Layers that differ in training, and tables of vectors: their definitions, modes, mistakes, and networks
//! that learn with them.

use crate::common::{Real, array, elements, numbers, panic_of};
use autodiff::nn::*;
use autodiff::optim::Adam;
use autodiff::{Value, check_grads, grad, jvp, value_and_grad_aux};
use ndarray::{Array2, ArrayD};

both! {
    evaluation_changes_nothing,
    batch_norm_of_every_number_of_axes,
    batch_norm_at_the_ends,
    dropout_keeps_the_mean,
    dropout_of_nothing_of_all_and_of_infinities,
    embeddings_of_repeated_ids,
    chains_pass_the_mode_on,
    networks_learn,
}

fn leaf<T: Real>(shape: &[usize], data: &[f64]) -> Value<T> {
    Value::new(array::<T>(shape, data))
}

#[track_caller]
fn about<T: Real>(got: &Value<T>, want: &[f64]) {
    let got = elements(got);
    let close = |(g, w): (&f64, &f64)| (g - w).abs() <= 64.0 * T::EPSILON * (1.0 + w.abs());
    assert!(got.len() == want.len() && got.iter().zip(want).all(close), "got {got:?}, expected {want:?}");
}

fn evaluation_changes_nothing<T: Real>() {
    let x = Value::<T>::new(numbers::<T>(&[4, 2]));
    let mut layer = BatchNorm::new(2);
    layer.forward_train(&x);
    let before = format!("{layer:?}");
    layer.forward(&x);
    assert_eq!(format!("{layer:?}"), before);
}

fn batch_norm_of_every_number_of_axes<T: Real>() {
    for shape in [&[3, 2][..], &[3, 2, 2], &[2, 2, 1, 3], &[1, 2, 3]] {
        let x = Value::<T>::new(numbers::<T>(shape));
        let (gain, bias) = (leaf::<T>(&[2], &[2.0, -0.5]), leaf::<T>(&[2], &[0.25, 1.0]));
        // Each channel is what all its elements are by themselves.
        let y = batch_norm(&x, None, Some(&gain), Some(&bias), 0.125);
        for c in 0..2 {
            let part = x.index_select(1, [c]);
            let spread = (part.var(0) + T::of(0.125)).sqrt();
            let (g, b) = (gain.data()[c], bias.data()[c]);
            let want = (&part - part.mean()) / spread * g + b;
            about(&(y.index_select(1, [c]) - want), &vec![0.0; part.len()]);
        }
        // Moments that are given are used as they are, and have gradients of their own.
        let (mean, variance) = (leaf::<T>(&[2], &[0.5, -1.0]), leaf::<T>(&[2], &[2.0, 0.5]));
        let inputs = [x, mean, variance, gain, bias];
        let given = |x: &[Value<T>]| batch_norm(&x[0], Some((&x[1], &x[2])), Some(&x[3]), Some(&x[4]), 1e-5);
        check_grads(given, &inputs, 2).unwrap();
        let own = |x: &[Value<T>]| batch_norm(&x[0], None, Some(&x[3]), None, 0.125);
        check_grads(own, &inputs, 2).unwrap();
    }
}

fn batch_norm_at_the_ends<T: Real>() {
    // A constant channel: its bias, with gradients that eps keeps finite.
    let x = leaf::<T>(&[3, 1], &[2.0; 3]);
    let y = batch_norm(&x, None, None, None, 1e-5);
    assert_eq!(elements(&y), [0.0; 3]);
    y.square().backward();
    assert_eq!(elements(&x.grad()), [0.0; 3]);
    // Far from 0 the digits of the differences count.
    let far = leaf::<T>(&[2, 1], &[1e6 + 1.0, 1e6 + 3.0]);
    about(&batch_norm(&far, None, None, None, 0.0), &[-1.0, 1.0]);
    let mut layer = BatchNorm::<T>::new(2).without_affine();
    assert_eq!(layer.forward(&leaf(&[0, 2], &[])).shape(), [0, 2]);
    assert_eq!(BatchNorm::<T>::new(0).forward_train(&leaf(&[2, 0], &[])).shape(), [2, 0]);
    let before = format!("{layer:?}");
    let fails = |layer: &mut BatchNorm<T>, shape: &[usize]| {
        layer.try_forward_train(&Value::ones(shape)).unwrap_err().to_string()
    };
    for shape in [&[1, 2][..], &[0, 2], &[1, 2, 1]] {
        let size: usize = shape.iter().product::<usize>() / 2;
        assert_eq!(
            fails(&mut layer, shape),
            format!(
                "batch_norm: the size of a channel is {size} for shape {shape:?}, expected at least 2, where its moments \
                 are the batch's"
            )
        );
    }
    for shape in [&[2, 3][..], &[2], &[]] {
        assert_eq!(
            fails(&mut layer, shape),
            format!("BatchNorm: got an input of shape {shape:?}, expected (batch, 2, ...)")
        );
        assert!(layer.try_forward(&Value::ones(shape)).is_err());
    }
    assert_eq!(format!("{layer:?}"), before, "nothing has changed");
    let narrow = Value::<T>::ones(1);
    let error = try_batch_norm(&Value::ones([2, 2]), None, Some(&narrow), None, 0.0).unwrap_err();
    assert_eq!(error.to_string(), "batch_norm: got shape [1], expected [2]");
    let error = try_batch_norm(&narrow, Some((&narrow, &narrow)), None, None, 0.0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "batch_norm: got shape [1] with 1 axes, expected at least 2, (batch, channels, ...)"
    );
}

fn dropout_keeps_the_mean<T: Real>() {
    let n = 20_000;
    let x = Value::<T>::ones([n / 2, 2]);
    for p in [0.1, 0.5, 0.9] {
        let y = dropout(&x, p, &mut rng(1));
        let kept = y.count_nonzero() as f64 / n as f64;
        // Within five standard errors.
        assert!((kept - (1.0 - p)).abs() < 5.0 * (p * (1.0 - p) / n as f64).sqrt(), "{kept} kept for {p}");
        assert!(y.data().iter().all(|&y| y == T::zero() || y == T::of(1.0 / (1.0 - p))));
        assert_eq!(dropout(&x, p, &mut rng(1)).data(), y.data());
        assert_ne!(dropout(&x, p, &mut rng(2)).data(), y.data());
        assert_eq!(dropout(&Value::<f64>::ones([n / 2, 2]), p, &mut rng(1)).ne(0.0), y.ne(T::zero()));
    }
    let x = Value::<T>::new(numbers::<T>(&[2, 3]));
    check_grads(|x| dropout(&x[0].square(), 0.5, &mut rng(3)), std::slice::from_ref(&x), 2).unwrap();
    // Linear: its own derivative, forward too.
    let f = |x: &Value<T>| dropout(x, 0.25, &mut rng(3));
    assert_eq!(jvp(f, &x, &x).1.data(), f(&x).data());
}

fn dropout_of_nothing_of_all_and_of_infinities<T: Real>() {
    let x = leaf::<T>(&[5], &[1.0, -0.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN]);
    let y = dropout(&x, 0.0, &mut rng(0));
    assert!(elements(&y).iter().zip(elements(&x)).all(|(&y, x)| crate::common::same(y, x, true)));
    let y = dropout(&x, 1.0, &mut rng(0));
    assert_eq!(elements(&y), [0.0; 5]);
    assert_eq!(elements(&grad(|x| dropout(&x.square(), 1.0, &mut rng(0)).sum(), &x))[..4], [0.0; 4]);
    assert_eq!(elements(&grad(|x| dropout(x, 1.0, &mut rng(0)).sum(), &x)), [0.0; 5]);
    assert_eq!(elements(&grad(|x| dropout(x, 0.0, &mut rng(0)).sum(), &x)), [1.0; 5]);
    assert_eq!(dropout(&leaf::<T>(&[0, 2], &[]), 0.5, &mut rng(0)).shape(), [0, 2]);
    for p in [-0.1, 1.5, f64::NAN, f64::INFINITY] {
        let want = format!("p is {p}, expected 0 to 1");
        assert_eq!(try_dropout(&x, p, &mut rng(0)).unwrap_err().to_string(), format!("dropout: {want}"));
        let panic = panic_of(|| Dropout::new(p, &mut rng(0))).expect("a panic");
        assert_eq!((panic.message, panic.file.ends_with("layers.rs")), (format!("Dropout: {want}"), true));
    }
}

fn embeddings_of_repeated_ids<T: Real>() {
    let table = leaf::<T>(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let ids = ndarray::array![[2, 0], [2, 1]];
    let y = embedding(&table, &ids);
    assert_eq!(y.data(), array::<T>(&[2, 2, 2], &[5.0, 6.0, 1.0, 2.0, 5.0, 6.0, 3.0, 4.0]));
    y.backward_with(array::<T>(&[2, 2, 2], &[1.0, 2.0, 10.0, 20.0, 100.0, 200.0, 1000.0, 2000.0]));
    assert_eq!(table.grad().data(), array::<T>(&[3, 2], &[10.0, 20.0, 1000.0, 2000.0, 101.0, 202.0]));
    check_grads(|x| embedding(&x[0], &ids).square(), std::slice::from_ref(&table), 2).unwrap();
    // One index, none, and ids in another order of memory.
    assert_eq!(elements(&embedding(&table, &ndarray::arr0(1))), [3.0, 4.0]);
    assert_eq!(embedding(&table, &Array2::zeros((0, 4))).shape(), [0, 4, 2]);
    assert_eq!(elements(&embedding(&table, &ids.t())), [5.0, 6.0, 5.0, 6.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(embedding(&leaf::<T>(&[0, 2], &[]), &ndarray::aview1(&[])).shape(), [0, 2]);
    let error = try_embedding(&table, &ndarray::array![[0, 1], [3, 0]]).unwrap_err().to_string();
    assert_eq!(
        error,
        "embedding: index 3 at position 2 is out of range for axis 0 of shape [3, 2], which has length 3"
    );
    let error = try_embedding(&table.reshape(-1), &ids).unwrap_err().to_string();
    assert_eq!(error, "embedding: got shape [6] with 1 axes, expected 2, (n, d)");
    let panic = panic_of(|| Embedding::<T>::new(2, 3, &mut rng(0)).forward(&ids)).expect("a panic");
    assert!(
        panic.message.starts_with("embedding: index 2") && panic.file.ends_with("layers.rs"),
        "{panic:?}"
    );
}

fn chains_pass_the_mode_on<T: Real>() {
    let mut rng = rng(0);
    let inner = Sequential::new().then(Dropout::new(0.5, &mut rng)).then(BatchNorm::<T>::new(3));
    let mut model = Sequential::new().then(Linear::new(2, 3, &mut rng)).then(inner).then(Value::tanh);
    let names: Vec<String> = model.named_parameters().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["0.weight", "0.bias", "1.1.gain", "1.1.bias", "1.1.running_mean", "1.1.running_variance"]
    );
    let x = Value::<T>::new(numbers::<T>(&[8, 2]));
    let before = model.forward(&x).data();
    assert_eq!(model.forward(&x).data(), before);
    let mut twin = model.clone();
    let (first, second) = (model.forward_train(&x).data(), model.forward_train(&x).data());
    assert_ne!(first, second, "dropout draws anew");
    assert_eq!(twin.forward_train(&x).data(), first, "a clone draws the same");
    assert_ne!(model.forward(&x).data(), before, "running moments have moved");
    // Errors name the place, and pass through.
    let wide = Value::ones([4, 3]);
    for error in [model.try_forward(&wide).unwrap_err(), model.try_forward_train(&wide).unwrap_err()] {
        assert!(error.to_string().starts_with("Sequential, layer 0: Linear: got"), "{error}");
    }
    let error = model.try_forward_train(&Value::ones([1, 2])).unwrap_err().to_string();
    assert!(error.starts_with("Sequential, layer 1: Sequential, layer 1: batch_norm: the size"), "{error}");
    let panic = panic_of(|| model.forward_train(&wide)).expect("a panic");
    assert!(panic.file.ends_with("layers.rs"), "{panic:?}");
    // An error in a later layer leaves those before it as they were.
    let mut late = Sequential::new().then(Dropout::new(0.5, &mut rng)).then(BatchNorm::<T>::new(2));
    let mut twin = late.clone();
    late = late.then(Linear::new(3, 1, &mut rng));
    let state_of = |m: &Sequential<T>| {
        m.named_parameters().into_iter().take(4).map(|(_, v)| v.data()).collect::<Vec<_>>()
    };
    let state = state_of(&late);
    assert!(late.try_forward_train(&x).is_err());
    assert_eq!(state_of(&late), state);
    let error = late.try_forward_train(&x).unwrap_err().to_string();
    assert!(error.starts_with("Sequential, layer 2: Linear"), "{error}");
    twin.forward_train(&x);
    assert_ne!(state_of(&twin), state);
    // `grad` lends the model: a copy is trained, and comes back beside the gradient.
    let running = |m: &Sequential<T>| m.named_parameters()[4].1.clone();
    let moved = running(&model);
    let step = |m: &Sequential<T>| {
        let mut m = m.clone();
        (m.forward_train(&x).square().mean(), m)
    };
    let (_, slopes, after) = value_and_grad_aux(step, &model);
    assert_ne!(running(&after).data(), moved.data());
    assert_eq!(running(&model).data(), moved.data());
    assert_eq!(running(&after).op(), "constant");
    assert!(slopes.named_parameters()[0].1.data().iter().all(|g| g.is_finite()));
}

#[test]
fn moments_that_do_not_fit_change_nothing() {
    let x = Value::<f64>::constant(ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
    for moment in [ndarray::array![1.0], ndarray::array![1.0, 1.0, 1.0]] {
        let mut layer = BatchNorm::new(2);
        layer.running_variance = Value::constant(moment.clone());
        let mean = layer.running_mean.data();
        let error = layer.try_forward_train(&x).unwrap_err().to_string();
        assert_eq!(error, format!("BatchNorm: got shape {:?}, expected [2]", moment.shape()));
        assert_eq!(layer.try_forward(&x).unwrap_err().to_string(), error);
        assert_eq!(layer.running_mean.data(), mean);
    }
}

/// Whether two of four words are the same: a table, a norm and a dropout learn it together.
fn networks_learn<T: Real>() {
    #[derive(Clone)]
    struct Model<T: autodiff::Scalar> {
        words: Embedding<T>,
        head: Sequential<T>,
    }
    autodiff::parameters!(Model<T> { words, head });

    let mut rng = rng(5);
    let head = Sequential::new()
        .then(Linear::new(6, 12, &mut rng))
        .then(BatchNorm::new(12))
        .then(Value::relu)
        .then(Dropout::new(0.2, &mut rng))
        .then(Linear::new(12, 2, &mut rng));
    let mut model = Model { words: Embedding::<T>::new(4, 3, &mut rng), head };
    // No sum of what each word says tells whether they are the same.
    let pairs = Array2::from_shape_fn((16, 2), |(i, j)| if j == 0 { i / 4 } else { i % 4 });
    let labels: Vec<usize> = pairs.outer_iter().map(|pair| usize::from(pair[0] == pair[1])).collect();
    let input = |model: &Model<T>| model.words.forward(&pairs).reshape([16, 6]);
    let mut optimizer = Adam::new(0.03);
    let loss = |model: &Model<T>| model.head.forward(&input(model)).cross_entropy(&labels).item().as_f64();
    let before = model.clone();
    for _ in 0..150 {
        let x = input(&model);
        model.head.forward_train(&x).cross_entropy(&labels).backward();
        optimizer.step(&mut model);
    }
    let of = |model: &Model<T>| -> Vec<ArrayD<T>> {
        model.named_parameters().iter().map(|(_, value)| value.data().into_owned()).collect()
    };
    let logits = model.head.forward(&input(&model)).data();
    let right =
        labels.iter().enumerate().filter(|&(i, &label)| (logits[[i, 1]] > logits[[i, 0]]) == (label == 1));
    assert_eq!(right.count(), 16, "loss {}", loss(&model));
    assert!(loss(&model) < 0.2 * loss(&before), "{} of {}", loss(&model), loss(&before));
    // Every parameter has moved, running moments too; those no step has made leaves.
    assert!(of(&before).iter().zip(of(&model)).all(|(old, new)| *old != new));
    let constants = model.named_parameters().into_iter().filter(|(_, value)| value.op() == "constant");
    let names: Vec<String> = constants.map(|(name, _)| name).collect();
    assert_eq!(names, ["head.1.running_mean", "head.1.running_variance"]);
}
