//! Files of values: what is saved comes back, and where something is wrong, nothing has changed.

use crate::common::{Panic, panic_of};
use autodiff::io::{self, Error};
use autodiff::nn::{BatchNorm, Linear, Module, Parameters, Sequential, rng};
use autodiff::optim::{Adam, Sgd};
use autodiff::{Scalar, Value, parameters};
use ndarray::{Array1, Array2, Array3, array, s};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of its own for a test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("autodiff-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("model.safetensors")
    }

    fn names(&self) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        fs::read_dir(&self.0).unwrap().map(name).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

type Map<T> = BTreeMap<String, Value<T>>;

fn bits<T: Scalar>(value: &Value<T>) -> Vec<u64> {
    value.data().iter().map(|x| x.as_f64().to_bits()).collect()
}

fn assert_same<T: Scalar>(got: &Value<T>, expected: &Value<T>) {
    assert_eq!(got.shape(), expected.shape());
    assert_eq!(bits(got), bits(expected));
}

/// Arrays of all shapes and layouts, and all special numbers.
fn samples<T: Scalar>() -> Map<T> {
    let special = [T::nan(), T::infinity(), T::neg_infinity(), T::neg_zero(), T::min_positive_value()];
    let subnormal = T::min_positive_value() * T::epsilon();
    let cube = Value::new(Array3::from_shape_fn((2, 3, 4), |(i, j, k)| T::of((100 * i + 10 * j + k) as f64)));
    BTreeMap::from([
        ("special".to_string(), Value::new(Array1::from_iter(special.into_iter().chain([subnormal])))),
        ("number".to_string(), Value::new(T::of(0.1))),
        ("empty".to_string(), Value::new(Array2::<T>::zeros((0, 3)))),
        ("transposed".to_string(), cube.permute([2, 0, 1])),
        ("reversed".to_string(), cube.slice(s![.., ..;-1, 1..;2])),
        ("repeated".to_string(), Value::constant(T::of(7.0)).broadcast_to([2, 2])),
        ("größe \"x\"\n.0".to_string(), Value::constant(T::of(1.0))),
        (String::new(), Value::constant(T::of(2.0))),
    ])
}

fn what_is_saved_is_read<T: Scalar>() {
    let folder = Folder::new(&format!("saved-{}", T::NAME));
    let saved = samples::<T>();
    io::save(folder.file(), &saved).unwrap();
    let read = io::read::<T>(folder.file()).unwrap();
    assert_eq!(read.keys().collect::<Vec<_>>(), saved.keys().collect::<Vec<_>>());
    for (name, value) in &read {
        assert_same(value, &saved[name]);
        assert_eq!(value.op(), "constant");
    }
    assert_eq!(folder.names(), ["model.safetensors"]);
    assert_eq!(io::to_bytes(&saved).unwrap(), fs::read(folder.file()).unwrap());
    assert!(io::from_bytes::<T>(&io::to_bytes(&Map::<T>::new()).unwrap()).unwrap().is_empty());
}

#[test]
fn what_is_saved_is_read_bit_by_bit() {
    what_is_saved_is_read::<f64>();
    what_is_saved_is_read::<f32>();
}

/// The file of `reference/io.py`, which Python's package wrote.
#[test]
fn files_are_those_of_python() {
    let bytes = include_bytes!("reference/io.safetensors");
    let values = BTreeMap::from([
        ("0.weight".to_string(), Value::new(array![[1.0, 2.0, 3.0], [-0.5, 1e-300, f64::NEG_INFINITY]])),
        ("0.bias".to_string(), Value::new(array![0.1, -0.0])),
        ("steps".to_string(), Value::new(12.0)),
        ("none".to_string(), Value::new(Array2::<f64>::zeros((0, 2)))),
    ]);
    assert_eq!(io::to_bytes(&values).unwrap(), bytes);
    for (name, value) in io::from_bytes::<f64>(bytes).unwrap() {
        assert_same(&value, &values[&name]);
    }
    // Of several types, and with metadata.
    let mixed = io::from_bytes::<f64>(include_bytes!("reference/io_mixed.safetensors")).unwrap();
    assert_eq!(mixed["single"].data(), array![f64::from(0.1_f32), 3.0].into_dyn());
    assert_eq!(mixed["double"].data(), array![0.1].into_dyn());
    let refused = |bytes: &[u8], message: &str| {
        assert_eq!(io::from_bytes::<f32>(bytes).unwrap_err().to_string(), message);
    };
    refused(
        include_bytes!("reference/io_mixed.safetensors"),
        "\"double\" has elements of type F64, expected a type that f32 holds without loss",
    );
    refused(
        include_bytes!("reference/io_complex.safetensors"),
        "\"c\" has elements of type C64, expected a type that f32 holds without loss",
    );
    refused(
        include_bytes!("reference/io_large.safetensors"),
        "\"large\" holds 9007199254740993, expected integers that f32 can hold",
    );
}

/// Smaller floating-point numbers, integers and booleans, all exact.
#[test]
fn numbers_of_other_types_are_read_without_loss() {
    let values = io::from_bytes::<f32>(include_bytes!("reference/io_small.safetensors")).unwrap();
    let halves = [0.0, -0.0, 1.5, -65504.0, 2.0_f32.powi(-24), 2.0_f32.powi(-14), 0.333_251_95];
    let special = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    assert_same(&values["half"], &Value::new(Array1::from_iter(halves.into_iter().chain(special))));
    assert_eq!(values["bool"].data(), array![1.0, 0.0].into_dyn());
    for (name, bits) in [("int8", 8), ("int16", 16), ("int32", 32), ("int64", 64)] {
        assert_eq!(values[name].data(), array![-(2.0_f32.powi(bits - 2)), 3.0].into_dyn());
        assert_eq!(values[&format!("u{name}")].data(), array![2.0_f32.powi(bits - 1), 3.0].into_dyn());
    }
    // As PyTorch writes it: the upper half of an f32.
    let header = br#"{"x":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}"#;
    let length = (header.len() as u64).to_le_bytes();
    let bytes = [&length[..], header, &[0x80, 0x3f, 0x49, 0xc0]].concat();
    assert_eq!(io::from_bytes::<f64>(&bytes).unwrap()["x"].data(), array![1.0, -3.140625].into_dyn());
}

/// Leaves, constants, labels and ties.
struct Model<T: Scalar> {
    shared: Linear<T>,
    norm: BatchNorm<T>,
    again: Linear<T>,
    frozen: Option<Value<T>>,
}
parameters!(Model<T> { shared, norm, again, frozen });

impl<T: Scalar> Model<T> {
    fn new(seed: u64) -> Self {
        let mut shared = Linear::new(3, 3, &mut rng(seed));
        shared.weight = shared.weight.with_label("w");
        let frozen = Some(Value::constant(T::of(seed as f64)));
        Model { again: shared.clone(), shared, norm: BatchNorm::new(3), frozen }
    }

    fn loss(&mut self) -> Value<T> {
        let x = Value::constant(Array2::from_shape_fn((4, 3), |(i, j)| T::of((i * i + j) as f64 / 5.0)));
        let y = self.again.forward(&self.norm.forward_train(&self.shared.forward(&x)).tanh());
        (y - self.frozen.clone().unwrap()).square().sum()
    }
}

fn a_model_is_loaded_as_it_was<T: Scalar>() {
    let folder = Folder::new(&format!("model-{}", T::NAME));
    let (mut model, mut loaded) = (Model::<T>::new(1), Model::<T>::new(2));
    model.loss().backward();
    Sgd::new(0.1).step(&mut model);
    io::save(folder.file(), &model).unwrap();
    io::load(folder.file(), &mut loaded).unwrap();
    for ((name, value), (_, expected)) in loaded.named_parameters().iter().zip(model.named_parameters()) {
        assert_same(value, expected);
        assert_eq!((value.op(), value.label()), (expected.op(), expected.label()), "{name}");
    }
    assert_eq!(loaded.shared.weight.id(), loaded.again.weight.id());
    assert_same(&loaded.loss(), &model.loss());
    loaded.loss().backward();
    Sgd::new(0.1).step(&mut loaded);
    assert_same(&loaded.shared.weight, &loaded.again.weight);
}

#[test]
fn a_model_is_loaded_as_it_was_saved() {
    a_model_is_loaded_as_it_was::<f64>();
    a_model_is_loaded_as_it_was::<f32>();
}

#[test]
fn single_precision_goes_into_double() {
    let single = Linear::<f32>::new(3, 2, &mut rng(0));
    let bytes = io::to_bytes(&single).unwrap();
    let mut double = Linear::<f64>::new(3, 2, &mut rng(1));
    io::assign(&mut double, &io::from_bytes(&bytes).unwrap()).unwrap();
    assert_eq!(double.weight.data(), single.weight.data().mapv(f64::from));
}

/// Asserts that the model does not take the values, with this message, and stays as it is.
fn assert_refused<P: Parameters<f64, autodiff::DefaultBackend>>(
    model: &mut P,
    values: &Map<f64>,
    message: &str,
) {
    let before: Vec<_> =
        model.named_parameters().into_iter().map(|(_, value)| (value.id(), bits(value))).collect();
    let error = io::assign(model, values).unwrap_err();
    assert_eq!(error.to_string(), message);
    let after: Vec<_> =
        model.named_parameters().into_iter().map(|(_, value)| (value.id(), bits(value))).collect();
    assert_eq!(before, after);
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let mut rng = rng(0);
    let mut model = Sequential::new().then(Linear::<f64>::new(2, 3, &mut rng)).then(Value::tanh);
    let map = |entries: &[(&str, &[usize])]| -> Map<f64> {
        entries.iter().map(|(name, shape)| (name.to_string(), Value::ones(*shape))).collect()
    };
    assert_refused(
        &mut model,
        &map(&[("0.weight", &[2, 3])]),
        "the names are not those of the model: there is no value for \"0.bias\"",
    );
    let more = ["a", "b", "c", "d", "e", "f"].map(|name| (name, [1].as_slice()));
    let values = map(&[&more[..], &[("0.bias", &[3]), ("0.weight", &[2, 3])]].concat());
    assert_refused(
        &mut model,
        &values,
        "the names are not those of the model: it has no place for \"a\", \"b\", \"c\", \"d\" and 2 more",
    );
    assert_refused(
        &mut model,
        &map(&[("0.weights", &[2, 3]), ("0.bias", &[3])]),
        "the names are not those of the model: there is no value for \"0.weight\", and no place for \"0.weights\"",
    );
    assert_refused(
        &mut model,
        &map(&[("0.bias", &[3]), ("0.weight", &[3, 2])]),
        "\"0.weight\" has shape [3, 2], expected [2, 3] as in the model",
    );
    let mut computed = (Value::new(1.0), Value::new(2.0).square());
    assert_refused(
        &mut computed,
        &map(&[("0", &[]), ("1", &[])]),
        "\"1\" is the result of `square`, expected a leaf (Value::new) or a constant (detach)",
    );
    let tied = Value::new(1.0);
    let values = BTreeMap::from([("0".to_string(), Value::new(0.0)), ("1".to_string(), Value::new(-0.0))]);
    assert_refused(
        &mut [tied.clone(), tied],
        &values,
        "\"1\" and \"0\" are one value in the model, but their numbers differ",
    );
}

/// Two values without their own names.
struct Nameless([Value; 2]);

/// Whose two methods find its values in different orders.
#[derive(Clone)]
struct Crossed([Value; 2]);

impl Parameters<f64, autodiff::DefaultBackend> for Crossed {
    fn visit<'a>(&'a self, path: autodiff::Path<'_>, f: &mut dyn FnMut(autodiff::Path<'_>, &'a Value)) {
        self.0.visit(path, f);
    }
    fn visit_mut<'a>(
        &'a mut self,
        path: autodiff::Path<'_>,
        f: &mut dyn FnMut(autodiff::Path<'_>, &'a mut Value),
    ) {
        let [a, b] = &mut self.0;
        f(path.index(1), b);
        f(path.index(0), a);
    }
}

#[test]
fn values_in_another_order_are_not_confused() {
    let mut crossed = Crossed([Value::new(1.0), Value::new(100.0)]);
    (&crossed.0[0] * 2.0 + &crossed.0[1]).backward();
    let bytes = io::to_bytes(&Crossed([Value::new(5.0), Value::new(6.0)])).unwrap();
    let values = io::from_bytes(&bytes).unwrap();
    let message = |panic: Option<Panic>| panic.expect("a panic").message;
    for (op, message) in [
        ("Sgd", message(panic_of(|| drop(Sgd::new(0.1).try_step(&mut crossed.clone()))))),
        ("io", message(panic_of(|| drop(io::assign(&mut crossed.clone(), &values))))),
        ("Parameters", message(panic_of(|| drop(autodiff::grad(|c: &Crossed| &c.0[0] * &c.0[1], &crossed))))),
        ("Parameters", message(panic_of(|| drop(crossed.with_vector(&crossed.to_vector()))))),
    ] {
        assert!(message.starts_with(&format!("{op}: `visit` and `visit_mut`")), "{message}");
    }
    let _ = Sgd::new(0.1).try_step(&mut crossed.0);
    assert_eq!((crossed.0[0].item(), crossed.0[1].item()), (0.8, 99.9));
}

impl Parameters<f64, autodiff::DefaultBackend> for Nameless {
    fn visit<'a>(
        &'a self,
        path: autodiff::nn::Path<'_>,
        f: &mut dyn FnMut(autodiff::nn::Path<'_>, &'a Value),
    ) {
        self.0.iter().for_each(|value| f(path, value));
    }
    fn visit_mut<'a>(
        &'a mut self,
        path: autodiff::nn::Path<'_>,
        f: &mut dyn FnMut(autodiff::nn::Path<'_>, &'a mut Value),
    ) {
        self.0.iter_mut().for_each(|value| f(path, value));
    }
}

#[test]
fn names_that_a_file_cannot_have_are_refused() {
    let mut nameless = Nameless([Value::new(1.0), Value::new(2.0)]);
    let error = io::to_bytes(&nameless).unwrap_err();
    assert_eq!(error.to_string(), "two values have the name \"\", expected names that differ");
    assert!(matches!(io::assign(&mut nameless, &Map::new()), Err(Error::Duplicate { .. })));
    let reserved = BTreeMap::from([("__metadata__".to_string(), Value::new(1.0))]);
    assert!(matches!(io::to_bytes(&reserved), Err(Error::Reserved)));
}

#[test]
fn a_file_that_is_broken_is_an_error_that_names_it() {
    let folder = Folder::new("broken");
    let mut model = Linear::<f64>::new(3, 2, &mut rng(0));
    io::save(folder.file(), &model).unwrap();
    let whole = fs::read(folder.file()).unwrap();
    for length in 0..whole.len() {
        fs::write(folder.file(), &whole[..length]).unwrap();
        let error = io::load(folder.file(), &mut model).unwrap_err().to_string();
        let expected = format!("{}: not in the safetensors format, or cut off: ", folder.file().display());
        assert!(error.starts_with(&expected), "{error}");
    }
    // A length of the header beyond all memory.
    fs::write(folder.file(), [0xff; 64]).unwrap();
    assert!(matches!(io::read::<f64>(folder.file()), Err(Error::In { .. })));
    let missing = folder.0.join("missing");
    let error = io::load(&missing, &mut model).unwrap_err();
    assert!(error.to_string().starts_with(&format!("{}: ", missing.display())), "{error}");
    assert!(matches!(error, Error::File { .. }));
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_old_one() {
    let folder = Folder::new("unwritten");
    let model = Value::new(1.0);
    for path in [Path::new("/"), &folder.0, &folder.0.join("none/model"), Path::new("")] {
        let error = io::save(path, &model).unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error}");
    }
    assert!(folder.names().is_empty());
    io::save(folder.file(), &model).unwrap();
    assert!(io::save(folder.file(), &Nameless([Value::new(1.0), Value::new(2.0)])).is_err());
    assert_eq!(io::read::<f64>(folder.file()).unwrap()[""].item(), 1.0);
    io::save(folder.file(), &Value::new(2.0)).unwrap();
    assert_eq!(io::read::<f64>(folder.file()).unwrap()[""].item(), 2.0);
    assert_eq!(folder.names(), ["model.safetensors"]);
}

#[test]
fn a_name_can_be_as_long_as_the_system_lets_it() {
    let folder = Folder::new("long");
    io::save(folder.0.join("x".repeat(255)), &Value::new(1.0)).unwrap();
    assert_eq!(folder.names(), ["x".repeat(255)]);
}

#[cfg(unix)]
#[test]
fn a_link_to_where_nothing_is_yet_stays() {
    let folder = Folder::new("dangling");
    std::os::unix::fs::symlink("between", folder.0.join("link")).unwrap();
    std::os::unix::fs::symlink(folder.file(), folder.0.join("between")).unwrap();
    io::save(folder.0.join("link"), &Value::new(1.0)).unwrap();
    assert!(folder.0.join("link").is_symlink() && folder.0.join("between").is_symlink());
    assert_eq!(io::read::<f64>(folder.file()).unwrap()[""].item(), 1.0);
    std::os::unix::fs::symlink("circle", folder.0.join("circle")).unwrap();
    assert!(matches!(io::save(folder.0.join("circle"), &Value::new(1.0)), Err(Error::File { .. })));
    assert!(folder.0.join("circle").is_symlink());
}

#[cfg(unix)]
#[test]
fn a_link_and_the_permissions_of_a_file_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Folder::new("links");
    io::save(folder.file(), &Value::new(1.0)).unwrap();
    fs::set_permissions(folder.file(), fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.0.join("link");
    symlink("model.safetensors", &link).unwrap();
    io::save(&link, &Value::new(2.0)).unwrap();
    assert_eq!(io::read::<f64>(folder.file()).unwrap()[""].item(), 2.0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(folder.file()).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn threads_that_save_to_one_file_leave_one_of_theirs() {
    let folder = Folder::new("threads");
    std::thread::scope(|scope| {
        for i in 0..8 {
            let file = folder.file();
            scope.spawn(move || io::save(file, &Value::<f64>::full(1000, f64::from(i))).unwrap());
        }
    });
    let read = io::read::<f64>(folder.file()).unwrap();
    assert_eq!(read[""].max().item(), read[""].min().item());
    assert_eq!(folder.names(), ["model.safetensors"]);
}

type Step<O, T> = fn(&mut O, &mut Model<T>);
type State<O, T> = fn(&O, &Model<T>) -> Map<T>;
type LoadState<O, T> = fn(&mut O, &Model<T>, &Map<T>) -> Result<(), autodiff::optim::Error>;

/// Asserts that training goes on, bit by bit, where a new optimiser takes over the state.
fn goes_on<T: Scalar, O: Clone>(new: O, step: Step<O, T>, state: State<O, T>, load_state: LoadState<O, T>) {
    let step = |optimizer: &mut O, model: &mut Model<T>| {
        model.loss().backward();
        step(optimizer, model);
    };
    let (mut model, mut optimizer) = (Model::<T>::new(0), new.clone());
    (0..3).for_each(|_| step(&mut optimizer, &mut model));
    let bytes = io::to_bytes(&state(&optimizer, &model)).unwrap();
    let (mut other, mut again) = (Model::<T>::new(0), new);
    io::assign(&mut other, &io::from_bytes(&io::to_bytes(&model).unwrap()).unwrap()).unwrap();
    load_state(&mut again, &other, &io::from_bytes(&bytes).unwrap()).unwrap();
    assert_eq!(io::to_bytes(&state(&again, &other)).unwrap(), bytes);
    for _ in 0..3 {
        step(&mut optimizer, &mut model);
        step(&mut again, &mut other);
    }
    for ((name, value), (_, expected)) in other.named_parameters().iter().zip(model.named_parameters()) {
        assert_eq!(bits(value), bits(expected), "{name}");
    }
}

#[test]
fn training_goes_on_where_it_was_interrupted() {
    goes_on::<f64, _>(Adam::new(0.05), Adam::step, Adam::state, Adam::load_state);
    let decayed = Adam::new(0.05).decoupled_weight_decay(0.01);
    goes_on::<f32, _>(decayed, Adam::step, Adam::state, Adam::load_state);
    let heavy = Sgd::new(0.01).momentum(0.9);
    goes_on::<f64, _>(heavy, Sgd::step, Sgd::state, Sgd::load_state);
    let nesterov = Sgd::new(0.01).momentum(0.9).nesterov();
    goes_on::<f32, _>(nesterov, Sgd::step, Sgd::state, Sgd::load_state);
    goes_on::<f64, _>(Sgd::new(0.01), Sgd::step, Sgd::state, Sgd::load_state);
}

#[test]
fn a_state_that_does_not_fit_changes_nothing() {
    let mut model = (Value::new(array![1.0, 2.0]), Value::constant(3.0));
    let mut adam = Adam::new(0.1);
    assert!(adam.state(&model).is_empty());
    model.0.square().sum().backward();
    adam.step(&mut model);
    let good = adam.state(&model);
    let names: Vec<&String> = good.keys().collect();
    assert_eq!(names, ["0.first_moment", "0.second_moment", "0.steps"]);
    let mut refused = |name: &str, value: Option<Value>, message: &str| {
        let mut state = good.clone();
        match value {
            Some(value) => state.insert(name.to_string(), value),
            None => state.remove(name),
        };
        assert_eq!(adam.load_state(&model, &state).unwrap_err().to_string(), message);
        assert_eq!(io::to_bytes(&adam.state(&model)).unwrap(), io::to_bytes(&good).unwrap());
    };
    refused("0.steps", None, "Adam: state \"0.steps\" is missing, expected a number");
    refused(
        "0.first_moment",
        Some(Value::zeros(3)),
        "Adam: state \"0.first_moment\" has shape [3], expected shape [2], that of the parameter",
    );
    refused(
        "0.second_moment",
        Some(Value::constant(array![1.0, -1.0])),
        "Adam: state \"0.second_moment\" holds -1, expected numbers of at least 0",
    );
    refused(
        "0.second_moment",
        Some(Value::constant(array![1.0, f64::NAN])),
        "Adam: state \"0.second_moment\" holds NaN, expected numbers of at least 0",
    );
    refused(
        "0.first_moment",
        Some(Value::constant(array![f64::NAN, 1.0])),
        "Adam: state \"0.first_moment\" holds NaN, expected numbers",
    );
    refused(
        "0.steps",
        Some(Value::constant(0.5)),
        "Adam: state \"0.steps\" holds 0.5, expected a whole number of at least 1",
    );
    refused(
        "0.velocity",
        Some(Value::zeros(2)),
        "Adam: state \"0.velocity\" belongs to no parameter of the model; expected the parameters' names, and after each first_moment, second_moment, steps",
    );
    let mut sgd = Sgd::new(0.1).momentum(0.5);
    let mut nameless = Nameless([Value::new(1.0), Value::new(2.0)]);
    (&nameless.0[0] + &nameless.0[1]).backward();
    sgd.step(&mut nameless);
    let message = "Sgd: two parameters have the name \"\", expected names that differ";
    assert_eq!(sgd.try_state(&nameless).unwrap_err().to_string(), message);
    assert_eq!(sgd.load_state(&nameless, &Map::new()).unwrap_err().to_string(), message);
    let error = adam.try_state(&[Value::new(1.0)]).unwrap_err().to_string();
    assert!(
        error.starts_with("Adam: the model has 1 parameters, expected 2 as in the steps before"),
        "{error}"
    );
}
