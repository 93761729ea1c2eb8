//! Layers, optimisers and batches together: against PyTorch's numbers, and where something is wrong.

use autodiff::data::Batches;
use autodiff::nn::{self, Linear, Module, Parameters, Sequential, rng};
use autodiff::optim::{Adam, Error, Sgd};
use autodiff::{Scalar, Value};
use ndarray::{Array1, Array2, array};

/// Least squares, `sum((x w + b - y)^2)`, as in tests/suite/reference/optim.py.
struct Line<T: Scalar> {
    w: Value<T>,
    b: Value<T>,
}
autodiff::parameters!(Line<T> { w, b });

impl Line<f64> {
    fn new() -> Self {
        Line { w: Value::new(array![0.5, -0.25]), b: Value::new(0.1).with_label("offset") }
    }

    fn loss(&self) -> Value {
        let x = array![[1.0, 2.0], [-0.5, 0.25], [3.0, -1.0]];
        let y = array![1.0, -2.0, 0.5];
        (Value::constant(x).matmul(&self.w) + &self.b - y).square().sum()
    }

    fn numbers(&self) -> Vec<f64> {
        self.named_parameters().iter().flat_map(|(_, value)| value.data().to_owned()).collect()
    }
}

fn assert_close(got: &[f64], expected: &[f64]) {
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-14 * b.abs() + 1e-15;
    assert!(got.len() == expected.len() && got.iter().zip(expected).all(close), "{got:?}, not {expected:?}");
}

/// What five steps make of the line.
fn after_five(mut step: impl FnMut(&mut Line<f64>)) -> Vec<f64> {
    let mut line = Line::new();
    for _ in 0..5 {
        line.loss().backward();
        step(&mut line);
    }
    assert_eq!(line.b.label().as_deref(), Some("offset"));
    line.numbers()
}

/// The numbers are those of tests/suite/reference/optim.py.
#[test]
fn sgd_steps_as_pytorch_does() {
    let run = |mut sgd: Sgd| after_five(|line| sgd.step(line));
    let sgd = || Sgd::new(0.02);
    assert_close(&run(sgd()), &[0.3895129546972559, 0.1259171852575049, -0.23511263295865237]);
    let decayed = sgd().weight_decay(0.1);
    assert_close(&run(decayed), &[0.3877404007466771, 0.12593499192745056, -0.23400441818418244]);
    let heavy = sgd().momentum(0.9).weight_decay(0.1);
    assert_close(&run(heavy.clone()), &[0.4345077843728396, 0.6392221786615193, -0.7028891068746475]);
    assert_close(
        &run(heavy.clone().nesterov()),
        &[0.6449213051165871, 0.6230641806245072, -0.8414809056126963],
    );
    assert_close(&run(heavy.clip_norm(5.0)), &[0.34825426953889776, 0.5209145223790719, -0.5760263479676485]);
}

#[test]
fn adam_steps_as_pytorch_does() {
    let run = |mut adam: Adam| after_five(|line| adam.step(line));
    assert_close(&run(Adam::new(0.05)), &[0.29226086020841374, -0.0033968072353330048, -0.14511919153314165]);
    let mut all = Adam::default().betas(0.8, 0.95).eps(1e-3).weight_decay(0.1);
    all.set_learning_rate(0.05);
    assert_close(&run(all), &[0.29996608550874393, -0.004890336187755459, -0.14318981156797445]);
    let adam_w = Adam::new(0.05).betas(0.8, 0.95).eps(1e-3).decoupled_weight_decay(0.1);
    assert_close(&run(adam_w), &[0.29452150165405083, -0.0013249232178405984, -0.1430302250185244]);
    let clipped = Adam::new(0.05).clip_norm(5.0);
    assert_close(&run(clipped), &[0.29017469322625533, 0.0006217068599249226, -0.15008651747594212]);
}

#[test]
fn gradients_are_clipped_as_one_vector_whatever_their_size() {
    let moved = |slopes: [f64; 2], max_norm: f64| {
        let mut model = (Value::new(0.0), Value::new(array![0.0]));
        (&model.0 * slopes[0] + &model.1 * slopes[1]).backward();
        Sgd::new(1.0).clip_norm(max_norm).step(&mut model);
        [-model.0.item(), -model.1.item()]
    };
    assert_eq!(moved([3.0, 4.0], 10.0), [3.0, 4.0]);
    assert_close(&moved([3.0, 4.0], 2.5), &[1.5, 2.0]);
    assert_close(&moved([3e300, 4e300], 5.0), &[3.0, 4.0]);
    assert_close(&moved([3e-300, 4e-300], 2.5e-300).map(|x| x * 1e300), &[1.5, 2.0]);
    assert_eq!(moved([3.0, 4.0], 0.0), [0.0, 0.0]);
    assert_eq!(moved([0.0, 0.0], 0.0), [0.0, 0.0]);
    // A leaf that stands in two places counts once.
    let w = Value::new(0.0);
    let mut tied = (w.clone(), w);
    (&tied.0 * 3.0).backward();
    Sgd::new(1.0).clip_norm(3.0).step(&mut tied);
    assert_eq!((tied.0.item(), tied.1.item()), (-3.0, -3.0));
    let mut nothing = Value::new(Array1::<f64>::zeros(0));
    Adam::new(0.1).clip_norm(1.0).step(&mut nothing);
}

#[test]
fn numbers_out_of_the_range_of_the_element_type_are_refused() {
    let panic = crate::common::panic_of(|| drop(Sgd::<f32>::new(1e300))).expect("infinite in f32");
    assert!(panic.message.starts_with("Sgd: got learning rate 1"), "{panic:?}");
    // Squares that are 0 and no eps: not by infinity.
    let mut x = Value::new(array![1.0_f32]);
    (&x * 1e-30).backward();
    Adam::new(0.1).eps(0.0).step(&mut x);
    assert_eq!(x.data()[[0]], 1.0);
}

#[test]
fn given_gradients_take_the_place_of_those_of_leaves() {
    let (mut adam, mut other) = (Adam::new(0.05), Adam::new(0.05));
    let of_leaves = after_five(|line| adam.step(line));
    let given = after_five(|line| {
        let [w, b] = line.loss().grad_of(&[&line.w, &line.b]).try_into().unwrap();
        other.step_with(line, &Line { w, b });
    });
    assert_eq!(given, of_leaves);

    // A value in two places moves against both gradients; a constant stays.
    let w = Value::new(1.0);
    let mut model = vec![w.clone(), Value::constant(5.0), w];
    model[0].backward();
    let gradients = [1.0, 100.0, 10.0].map(Value::constant).to_vec();
    Sgd::new(0.5).step_with(&mut model, &gradients);
    assert_eq!(model.iter().map(Value::item).collect::<Vec<f64>>(), [-4.5, 5.0, -4.5]);
    assert_eq!(model[0].grad().item(), 0.0);
}

#[test]
fn given_gradients_that_do_not_fit_change_nothing() {
    let mut model = vec![Value::new(1.0), Value::new(array![1.0, 2.0])];
    let mut adam = Adam::new(0.1);
    let right = [Value::constant(1.0), Value::constant(array![1.0, 1.0])];
    for (gradients, text) in [
        (right[..1].to_vec(), "Adam: got 1 gradients, expected 2, one for each value of the model"),
        (
            vec![right[0].clone(), Value::constant(array![1.0])],
            "Adam: the gradient of parameter \"1\" has shape [1], expected [2], that of the parameter",
        ),
        (
            vec![right[0].clone(), Value::constant(array![1.0, f64::INFINITY])],
            "Adam: the gradient of parameter \"1\" is inf at [1], expected finite numbers; no parameter was changed",
        ),
    ] {
        assert_eq!(adam.try_step_with(&mut model, &gradients).unwrap_err().to_string(), text);
    }
    assert_eq!(model[0].item(), 1.0);
    assert_eq!(format!("{adam:?}"), format!("{:?}", Adam::<f64>::new(0.1)));
}

#[test]
fn steps_in_single_precision_follow_those_in_double() {
    let mut double = Line::new();
    let mut single =
        Line { w: Value::new(double.w.data().mapv(|x| x as f32)), b: Value::new(double.b.item() as f32) };
    let (mut adam, mut adam32) = (Adam::new(0.05), Adam::new(0.05));
    for _ in 0..5 {
        double.loss().backward();
        // The same gradients for both.
        single.w.backward_with(double.w.grad().data().mapv(|g| g as f32));
        single.b.backward_with(double.b.grad().item() as f32);
        adam.step(&mut double);
        adam32.step(&mut single);
    }
    let single: Vec<f32> = single.named_parameters().iter().flat_map(|(_, v)| v.data().to_owned()).collect();
    let close = |(a, b): (&f32, &f64)| (f64::from(*a) - b).abs() < 1e-6;
    assert!(single.iter().zip(&double.numbers()).all(close));
}

#[test]
fn gradients_start_again_from_zero() {
    let mut line = Line::new();
    let before = line.w.clone();
    line.loss().backward();
    Sgd::new(0.02).step(&mut line);
    assert!(line.w.grad().data().iter().all(|&g| g == 0.0));
    assert_eq!(line.w.op(), "leaf");
    assert_eq!(before.data(), array![0.5, -0.25].into_dyn());
    // Gradients of several batches add up, as one batch of them all would.
    let (mut twice, mut double) = (Line::new(), Line::new());
    twice.loss().backward();
    twice.loss().backward();
    (2.0 * double.loss()).backward();
    Sgd::new(0.01).step(&mut twice);
    Sgd::new(0.01).step(&mut double);
    assert_close(&twice.numbers(), &double.numbers());
}

#[test]
fn a_gradient_that_is_not_finite_changes_nothing() {
    let mut line = Line::new();
    let mut adam = Adam::new(0.05);
    line.loss().backward();
    adam.step(&mut line);
    let (line_before, adam_before) = (line.numbers(), format!("{adam:?}"));
    // The first parameter's gradient is in order, the second's is not.
    (line.loss() + (&line.b - &line.b).sqrt()).backward();
    let error = adam.try_step(&mut line).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Adam: the gradient of parameter \"b\" is NaN at [], expected finite numbers; no parameter was changed"
    );
    assert_eq!(line.numbers(), line_before);
    assert_eq!(format!("{adam:?}"), adam_before);
    line.b.zero_grad();
    line.w.zero_grad();
    line.loss().backward();
    adam.step(&mut line);
    let mut undisturbed = Adam::new(0.05);
    let mut other = Line::new();
    for _ in 0..2 {
        other.loss().backward();
        undisturbed.step(&mut other);
    }
    assert_eq!(line.numbers(), other.numbers());

    let mut x = Value::new(array![[1.0, 0.0], [4.0, 9.0]]).with_label("x");
    x.sqrt().backward();
    let error = Sgd::new(0.1).try_step(&mut x).unwrap_err();
    assert!(error.to_string().contains("parameter \"x\" is inf at [0, 1]"), "{error}");
}

#[test]
fn another_model_needs_another_optimizer() {
    let mut optimizer = Adam::new(0.1);
    let mut model = vec![Value::new(1.0), Value::new(array![1.0, 2.0])];
    optimizer.step(&mut model);
    model[1] = Value::new(array![1.0, 2.0, 3.0]);
    let error = optimizer.try_step(&mut model).unwrap_err();
    let (got, expected) = (vec![3], vec![2]);
    assert_eq!(error, Error::Shape { optimizer: "Adam", name: "1".into(), got, expected });
    let mut single = Adam::new(0.1);
    single.step(&mut Value::new(1.0));
    let error = single.try_step(&mut Value::new(array![1.0])).unwrap_err();
    assert!(error.to_string().starts_with("Adam: the parameter has shape [1], expected [] as in"), "{error}");
    model.pop();
    let error = optimizer.try_step(&mut model).unwrap_err();
    assert_eq!(error, Error::Count { optimizer: "Adam", got: 1, expected: 2 });
    assert_eq!(model[0].item(), 1.0);
}

#[test]
fn only_leaves_are_trained() {
    let x = Value::new(2.0);
    let error = Sgd::new(0.1).try_step(&mut (x.clone(), &x * 2.0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Sgd: parameter \"1\" is the result of `mul`, expected a leaf (Value::new) or a constant (detach)"
    );
    for mut nothing in [vec![], vec![Value::constant(1.0)]] {
        let error = Sgd::new(0.1).try_step(&mut nothing).unwrap_err();
        assert_eq!(error, Error::Empty { optimizer: "Sgd" });
    }
}

#[test]
fn constants_are_frozen_until_they_are_leaves() {
    let mut model: (Value, Value) = (Value::new(1.0), Value::constant(1.0));
    let mut adam = Adam::new(0.1);
    for _ in 0..10 {
        (&model.0 * &model.1).backward();
        adam.step(&mut model);
    }
    assert_eq!(model.1.item(), 1.0);
    assert_eq!(model.1.op(), "constant");
    // The first step of Adam is of the learning rate's size, whenever it comes.
    model.1 = Value::new(1.0);
    (3.0 * &model.1).backward();
    adam.step(&mut model);
    assert!((model.1.item() - 0.9).abs() < 1e-8);
}

#[test]
fn tied_weights_stay_tied() {
    let w: Value = Value::new(array![1.0, 2.0]);
    let n = Value::new(0.5);
    let apart = Value::new(0.5); // equal, but a leaf of its own
    let mut model = vec![w.clone(), n.clone(), w.clone(), apart, n];
    let mut sgd = Sgd::new(0.1);
    for step in 1..3 {
        // d/dw = 1 + 1, d/dn = 1 + 10, d/dapart = 100.
        let numbers = &model[1] + 100.0 * &model[3] + 10.0 * &model[4];
        (&model[0] + &model[2] + numbers * 0.5).backward();
        sgd.step(&mut model);
        let step = f64::from(step);
        assert_close(model[0].data().as_slice().unwrap(), &[1.0 - 0.2 * step, 2.0 - 0.2 * step]);
        assert_eq!(model[0].data().as_ptr(), model[2].data().as_ptr());
        assert_close(&[model[1].item(), model[4].item()], &[0.5 - 1.1 * step; 2]);
        assert_close(&[model[3].item()], &[0.5 - 10.0 * step]);
    }
}

#[test]
fn mistakes_are_reported_at_the_line_of_the_caller() {
    let layer = Linear::<f64>::new(4, 3, &mut rng(0));
    let chain = Sequential::new().then(layer.clone()).map(|x| x.relu());
    let x = Value::constant(Array2::ones((5, 6)));
    let calls: [(&str, u32, &dyn Fn()); 5] = [
        ("Linear: got an input of shape [5, 6], expected (..., 4)", line!(), &|| drop(layer.forward(&x))),
        ("Sequential, layer 0: Linear: got an input", line!(), &|| drop(chain.forward(&x))),
        ("Sgd: got learning rate -1, expected", line!(), &|| drop(Sgd::<f64>::new(-1.0))),
        ("Batches: got batch size 0", line!(), &|| drop(Batches::new(0..3, 0))),
        ("Sgd: the model has no parameters", line!(), &|| Sgd::new(0.1).step(&mut Vec::<Value>::new())),
    ];
    for (start, expected_line, call) in calls {
        let panic = crate::common::panic_of(call).expect("a panic");
        assert!(panic.message.starts_with(start), "{panic:?}");
        assert!(panic.file.ends_with("training.rs"), "{panic:?}");
        assert_eq!(panic.line, expected_line, "{panic:?}");
    }
}

/// Two half circles that no line separates.
fn moons(n: usize) -> (Array2<f64>, Vec<usize>) {
    let angle = |i: usize| std::f64::consts::PI * (i / 2) as f64 / (n / 2) as f64;
    let x = Array2::from_shape_fn((n, 2), |(i, j)| match (i % 2, j) {
        (0, 0) => angle(i).cos(),
        (0, _) => angle(i).sin(),
        (_, 0) => 1.0 - angle(i).cos(),
        (..) => 0.5 - angle(i).sin(),
    });
    (x, (0..n).map(|i| i % 2).collect())
}

fn train(seed: u64, epochs: u64) -> (Sequential, Vec<f64>) {
    let (x, y) = moons(100);
    let mut rng = rng(seed);
    let mut model = Sequential::new()
        .then(Linear::new(2, 16, &mut rng))
        .then(Value::tanh)
        .then(Linear::new(16, 2, &mut rng));
    let mut optimizer = Adam::new(0.05);
    let batches = Batches::new((&x, &y), 25).shuffle(seed);
    let mut losses = Vec::new();
    for epoch in 0..epochs {
        for (x, y) in batches.epoch(epoch) {
            let loss = model.forward(&Value::constant(x)).cross_entropy(&y);
            loss.backward();
            optimizer.step(&mut model);
            losses.push(loss.item());
        }
    }
    (model, losses)
}

#[test]
fn a_network_learns_what_no_line_separates() {
    let (model, losses) = train(0, 60);
    let (x, y) = moons(100);
    let logits = model.forward(&Value::constant(x)).data();
    let right = |(i, &label): (usize, &usize)| (logits[[i, 1]] > logits[[i, 0]]) == (label == 1);
    assert!(y.iter().enumerate().all(right));
    assert!(losses[losses.len() - 1] < 0.05 * losses[0]);
    // A clone is a snapshot: it does not follow.
    let snapshot = model.clone();
    let mut model = model;
    let (x, y) = moons(100);
    model.forward(&Value::constant(x)).cross_entropy(&y).backward();
    Sgd::new(0.1).step(&mut model);
    let first = |m: &Sequential| m.named_parameters()[0].1.data();
    assert_ne!(first(&snapshot), first(&model));
}

#[test]
fn the_same_seed_gives_the_same_training() {
    let ((_, a), (_, b), (_, c)) = (train(1, 3), train(1, 3), train(2, 3));
    assert_eq!(a, b);
    assert_ne!(a, c);
}

#[test]
fn errors_are_send_sync_and_std_errors() {
    fn check<E: std::error::Error + Send + Sync + 'static>() {}
    check::<nn::Error>();
    check::<Error>();
    check::<autodiff::data::Error>();
}

#[test]
fn arrays_in_other_orders_are_updated_element_by_element() {
    // The gradient of a transpose is in column-major order.
    let mut w = Value::new(Array2::from_shape_fn((3, 2), |(i, j)| (i * 2 + j) as f64));
    let slope = Array2::from_shape_fn((2, 3), |(i, j)| (10 * i + j) as f64);
    (w.t() * &slope).sum().backward();
    Sgd::new(1.0).step(&mut w);
    assert_eq!(
        w.data(),
        Array2::from_shape_fn((3, 2), |(i, j)| (i * 2 + j) as f64 - (10 * j + i) as f64).into_dyn()
    );
    let mut spread: Value = Value::new(Array1::zeros(3));
    spread.sum().backward();
    Adam::new(0.5).step(&mut spread);
    assert!(spread.data().iter().all(|x| (x + 0.5).abs() < 1e-7));
}
