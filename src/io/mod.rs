//! Files of named values, in the [safetensors](https://huggingface.co/docs/safetensors) format, which Python has too.
//!
//! [`save`] writes a model, or whatever has [`Parameters`]; [`load`] reads the numbers into one that is built alike:
//!
//! ```
//! use autodiff::nn::{Linear, Module, Sequential, rng};
//! use autodiff::{Value, io};
//!
//! let build = |seed| Sequential::new().then(Linear::<f64>::new(4, 8, &mut rng(seed))).then(Value::tanh);
//! let model = build(0);
//! let path = std::env::temp_dir().join("model.safetensors");
//! io::save(&path, &model)?;
//!
//! let mut again = build(1);
//! io::load(&path, &mut again)?;
//! let x = Value::constant(ndarray::array![1.0, -2.0, 3.0, 0.5]);
//! assert_eq!(again.forward(&x).data(), model.forward(&x).data());
//! # std::fs::remove_file(&path).unwrap();
//! # Ok::<(), io::Error>(())
//! ```
//!
//! - A file is there as a whole or not at all: it is written beside its place, under a name of its own, and moved there when
//!   the disk has it. Until then a file that was there before is kept. (A process that is killed meanwhile leaves a file whose
//!   name starts with `.autodiff-`. A hard link to the file keeps what it had.)
//! - A model is loaded as a whole or not at all: where a name or a shape differs, there is an error, and nothing has changed.
//! - Numbers are those that were saved, bit by bit, but that a NaN is any NaN. Files of other types are read where no digit is
//!   lost: `f32` into `f64`, but not the other way; the 16-bit types; integers and booleans.
//! - What is a leaf in the model is a leaf afterwards, with its label; what is a constant, as running moments and frozen
//!   parameters are, stays one; tied values stay tied.
//! - The generator of a [`Dropout`](crate::nn::Dropout) is not among the values.
//!
//! # To go on with training
//!
//! Optimisers have a state of their own, [`Adam::state`](crate::optim::Adam::state), a map of named values. Saved with the model
//! in one file, the two are always of the same step:
//!
//! ```
//! use autodiff::nn::{Linear, Parameters, rng};
//! use autodiff::{Value, io, optim::Adam};
//! use std::collections::BTreeMap;
//! # let path = std::env::temp_dir().join("training.safetensors");
//! # let (mut model, mut optimizer) = (Linear::<f64>::new(4, 1, &mut rng(0)), Adam::new(0.1));
//! # model.weight.square().sum().backward();
//! # optimizer.step(&mut model);
//!
//! let weights = model.named_parameters().into_iter().map(|(name, value)| (name, value.clone()));
//! let epoch = BTreeMap::from([("epoch".to_string(), Value::constant(7.0))]);
//! io::save(&path, &[weights.collect(), optimizer.state(&model), epoch])?;
//!
//! // Names of an array's parts start with its indices.
//! let all = io::read::<f64>(&path)?;
//! let part = |prefix: &str| -> BTreeMap<String, Value> {
//!     all.iter().filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_string(), value.clone()))).collect()
//! };
//! # let before = model.weight.clone();
//! # (model, optimizer) = (Linear::<f64>::new(4, 1, &mut rng(1)), Adam::new(0.1));
//! io::assign(&mut model, &part("0."))?;
//! optimizer.load_state(&model, &part("1."))?;
//! assert_eq!(part("2.")["epoch"].item(), 7.0);
//! # assert_eq!(model.weight.data(), before.data());
//! # assert_eq!(optimizer.state(&model)["weight.steps"].item(), 1.0);
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Models of others
//!
//! [`read`] gives what a file holds as a map, which can be changed before [`assign`] gives it to a model: names and shapes have to
//! be those of the model. PyTorch's `Linear` has the transpose of the weight that [`Linear`](crate::nn::Linear) has here (of a
//! square one no error would tell), and its `BatchNorm`'s `weight`, `running_var` and `num_batches_tracked` are `gain`,
//! `running_variance` and nothing here.
//!
//! ```no_run
//! use autodiff::nn::{Linear, Sequential, rng};
//! use autodiff::{Value, io};
//!
//! // In Python: safetensors.torch.save_file(torch_model.state_dict(), "torch.safetensors"), a model of Linear layers
//! let mut values = io::read::<f32>("torch.safetensors")?;
//! values.retain(|name, _| !name.starts_with("head."));
//! for (name, value) in &mut values {
//!     if name.ends_with("weight") {
//!         *value = value.t();
//!     }
//! }
//! let mut model = Sequential::new().then(Linear::<f32>::new(784, 10, &mut rng(0)));
//! io::assign(&mut model, &values)?;
//! # Ok::<(), io::Error>(())
//! ```

mod file;
mod format;

use crate::nn::{Parameters, labelled, places, repeated_name};
use crate::{DefaultBackend, Scalar, Value};
use format::{Tensor, numbers};
use ndarray::ArrayD;
use safetensors::tensor::{SafeTensors, TensorView, View};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A file that cannot be written or read, or that does not fit a model. No file and no model has changed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What the system says of a file.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// What is wrong in a file.
    #[error("{}: {cause}", path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: Box<Error>,
    },
    /// Bytes that are not in the format, or not all of them.
    #[error("not in the safetensors format, or cut off: {message}")]
    Format {
        /// What the parser says.
        message: String,
    },
    /// What the format cannot hold.
    #[error("cannot be written in the safetensors format: {message}")]
    Unwritable {
        /// What the writer says.
        message: String,
    },
    /// Numbers that are not turned into the values' type without loss.
    #[error("{} {got}, expected {expected}", named(name))]
    Type {
        /// The name.
        name: String,
        /// What it has.
        got: String,
        /// What would do.
        expected: String,
    },
    /// Names that only one of the two has.
    #[error("the names are not those of the model: {}", differences(missing, unexpected))]
    Names {
        /// Those of the model for which there is no value.
        missing: Vec<String>,
        /// Those of values that have no place in the model.
        unexpected: Vec<String>,
    },
    /// A value of another shape than that in the model.
    #[error("{} has shape {got:?}, expected {expected:?} as in the model", named(name))]
    Shape {
        /// The name.
        name: String,
        /// Its shape.
        got: Vec<usize>,
        /// The shape in the model.
        expected: Vec<usize>,
    },
    /// Numbers that differ for one value that stands in two places of the model.
    #[error("{name:?} and {first:?} are one value in the model, but their numbers differ")]
    Tied {
        /// The name.
        name: String,
        /// The name of the same value before.
        first: String,
    },
    /// A place in the model that holds what was computed from other values.
    #[error("{} is the result of `{op}`, expected a leaf (Value::new) or a constant (detach)", named(name))]
    NotALeaf {
        /// The name.
        name: String,
        /// The operation that made it.
        op: &'static str,
    },
    /// Two values of one name.
    #[error("two values have the name {name:?}, expected names that differ")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A name that the format keeps for itself.
    #[error("a value has the name {METADATA:?}, which the safetensors format keeps for itself")]
    Reserved,
}

debug_is_display!(Error);

const METADATA: &str = "__metadata__";

/// How an error speaks of a value: one that is the whole model has no name.
fn named(name: &str) -> String {
    if name.is_empty() { "the value without a name".to_string() } else { format!("{name:?}") }
}

fn differences(missing: &[String], unexpected: &[String]) -> String {
    let list = |names: &[String]| {
        let shown: Vec<String> = names.iter().take(4).map(|name| named(name)).collect();
        match names.len() - shown.len() {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    };
    match (missing, unexpected) {
        ([], _) => format!("it has no place for {}", list(unexpected)),
        (_, []) => format!("there is no value for {}", list(missing)),
        _ => format!("there is no value for {}, and no place for {}", list(missing), list(unexpected)),
    }
}

/// Writes the values of `model`, with their names, to the file at `path`, in the place of what is there.
///
/// # Errors
///
/// Where the file cannot be written, or [`to_bytes`] returns an error. What was at `path` is still there then.
pub fn save<T: Scalar, P: Parameters<T, DefaultBackend> + ?Sized>(
    path: impl AsRef<Path>,
    model: &P,
) -> Result<(), Error> {
    let path = path.as_ref();
    let bytes = to_bytes(model).map_err(within(path))?;
    file::replace(path, &bytes).map_err(|cause| Error::File { path: path.into(), cause })
}

/// Reads the file at `path` into `model`, which has values of the same names and shapes.
///
/// # Errors
///
/// Where the file cannot be read, or [`assign`] returns an error. Nothing has changed then.
pub fn load<T: Scalar, P: Parameters<T, DefaultBackend> + ?Sized>(
    path: impl AsRef<Path>,
    model: &mut P,
) -> Result<(), Error> {
    let path = path.as_ref();
    assign(model, &read(path)?).map_err(within(path))
}

/// The values in the file at `path`, by name, as constants.
///
/// # Errors
///
/// Where the file cannot be read, or [`from_bytes`] returns an error.
pub fn read<T: Scalar>(path: impl AsRef<Path>) -> Result<BTreeMap<String, Value<T>>, Error> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(|cause| Error::File { path: path.into(), cause })?;
    from_bytes(&bytes).map_err(within(path))
}

/// What [`save`] writes, as bytes. The same values give the same bytes.
///
/// # Errors
///
/// Where two values have one name, one has the name that the format keeps for itself, `__metadata__`, or names are longer than
/// 100 MB together.
pub fn to_bytes<T: Scalar, P: Parameters<T, DefaultBackend> + ?Sized>(model: &P) -> Result<Vec<u8>, Error> {
    let values = model.named_parameters();
    distinct(&values)?;
    if values.iter().any(|(name, _)| name == METADATA) {
        return Err(Error::Reserved);
    }
    let tensors = values.iter().map(|(name, value)| (name, Tensor(value)));
    safetensors::serialize(tensors, None).map_err(|error| Error::Unwritable { message: error.to_string() })
}

/// The values in the bytes of a file, as with `include_bytes!`; see [`read`].
///
/// ```
/// use autodiff::{Value, io};
/// let pair = [Value::new(ndarray::array![1.0, f64::NAN]), Value::new(-0.0)];
/// let values = io::from_bytes::<f64>(&io::to_bytes(&pair)?)?;
/// assert_eq!(values["0"].shape(), [2]);
/// assert!(values["1"].item().is_sign_negative());
/// # Ok::<(), io::Error>(())
/// ```
///
/// # Errors
///
/// Where they are not in the safetensors format, or hold numbers that `T` cannot without loss.
pub fn from_bytes<T: Scalar>(bytes: &[u8]) -> Result<BTreeMap<String, Value<T>>, Error> {
    let format = |message: String| Error::Format { message };
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| format(error.to_string()))?;
    let value = |(name, tensor): (&str, TensorView<'_>)| {
        let numbers = numbers::<T>(tensor.dtype(), tensor.data());
        let numbers =
            numbers.map_err(|(got, expected)| Error::Type { name: name.to_string(), got, expected })?;
        let array =
            ArrayD::from_shape_vec(tensor.shape(), numbers).map_err(|error| format(error.to_string()))?;
        Ok((name.to_string(), Value::constant(array)))
    };
    tensors.iter().map(value).collect()
}

/// Gives each value of `model` the numbers of that of the same name in `values`.
///
/// # Errors
///
/// Where the names and shapes are not the same, tied values differ, or a place holds the result of an operation. Nothing has
/// changed then.
pub fn assign<T: Scalar, P: Parameters<T, DefaultBackend> + ?Sized>(
    model: &mut P,
    values: &BTreeMap<String, Value<T>>,
) -> Result<(), Error> {
    let fresh = fresh(&model.named_parameters(), values)?;
    for (place, value) in places("io", model).into_iter().zip(fresh) {
        *place = value;
    }
    Ok(())
}

/// What goes into each place of a model.
fn fresh<T: Scalar>(
    places: &[(String, &Value<T>)],
    values: &BTreeMap<String, Value<T>>,
) -> Result<Vec<Value<T>>, Error> {
    distinct(places)?;
    let names: BTreeSet<&String> = places.iter().map(|(name, _)| name).collect();
    let missing: Vec<String> =
        places.iter().filter(|(name, _)| !values.contains_key(name)).map(|(name, _)| name.clone()).collect();
    let unexpected: Vec<String> = values.keys().filter(|name| !names.contains(name)).cloned().collect();
    if !(missing.is_empty() && unexpected.is_empty()) {
        return Err(Error::Names { missing, unexpected });
    }
    let mut firsts = BTreeMap::new();
    let mut fresh: Vec<Value<T>> = Vec::with_capacity(places.len());
    for (i, (name, place)) in places.iter().enumerate() {
        let data = values[name].data();
        if data.shape() != place.shape() {
            let (got, expected) = (data.shape().to_vec(), place.shape().to_vec());
            return Err(Error::Shape { name: name.clone(), got, expected });
        }
        let value = match place.op() {
            "constant" => Value::constant(data),
            "leaf" => match *firsts.entry(place.id()).or_insert(i) {
                first if first == i => Value::new(data),
                first if Tensor(&values[&places[first].0]).data() == Tensor(&values[name]).data() => {
                    fresh.push(fresh[first].clone());
                    continue;
                }
                first => return Err(Error::Tied { name: name.clone(), first: places[first].0.clone() }),
            },
            op => return Err(Error::NotALeaf { name: name.clone(), op }),
        };
        fresh.push(labelled(value, place.label()));
    }
    Ok(fresh)
}

fn distinct<V>(values: &[(String, V)]) -> Result<(), Error> {
    repeated_name(values).map_or(Ok(()), |name| Err(Error::Duplicate { name: name.clone() }))
}

fn within(path: &Path) -> impl Fn(Error) -> Error {
    move |error| Error::In { path: path.into(), cause: Box::new(error) }
}
