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
//! - A file is there as a whole or not at all: it is written beside its place, and moved there when the disk has it. A file
//!   that was there before is kept until then.
//! - A model is loaded as a whole or not at all: where a name or a shape differs, there is an error, and nothing has changed.
//! - Numbers are those that were saved, bit by bit. Files of `f32` go into models of `f64`; the other way, which loses
//!   digits, is an error.
//! - What is a leaf in the model is a leaf afterwards, with its label; what is a constant, as running moments and frozen
//!   parameters are, stays one; tied values stay tied.
//! - Optimisers have a state of their own, [`Adam::state`](crate::optim::Adam::state): a map of named values, which is
//!   saved as a model is.
//!
//! # Values by name
//!
//! [`read`] gives what a file holds as a map, from which [`assign`] takes all that a model needs. So names can differ, or
//! shapes: PyTorch's `Linear` has the transpose of the weight that [`Linear`](crate::nn::Linear) has here.
//!
//! ```no_run
//! use autodiff::nn::{Linear, rng};
//! use autodiff::{Value, io};
//!
//! // In Python: safetensors.torch.save_file(torch_model.state_dict(), "torch.safetensors")
//! let mut values = io::read::<f32>("torch.safetensors")?;
//! for (name, value) in &mut values {
//!     if name.ends_with("weight") {
//!         *value = value.t();
//!     }
//! }
//! let mut model = Linear::<f32>::new(784, 10, &mut rng(0));
//! io::assign(&mut model, &values)?;
//! # Ok::<(), io::Error>(())
//! ```

use crate::nn::{Parameters, Path as Name};
use crate::{DefaultBackend, Scalar, Value};
use ndarray::ArrayD;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, View};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file that cannot be written or read, or that does not fit a model. No file and no model has changed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What the system says of a file.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What is wrong in a file.
    #[error("{path}: {source}", path = path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<Error>,
    },
    /// Bytes that are not in the format, or not all of them.
    #[error("not in the safetensors format, or cut off: {message}")]
    Format {
        /// What the parser says.
        message: String,
    },
    /// An element type that the values have not, and that is not turned into it without loss.
    #[error("{name:?} has elements of type {got}, expected {expected}")]
    Type {
        /// The name.
        name: String,
        /// The element type, as the format calls it.
        got: String,
        /// Those that would do.
        expected: &'static str,
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
    #[error("{name:?} has shape {got:?}, expected {expected:?} as in the model")]
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
    #[error("{name:?} is the result of `{op}`, expected a leaf (Value::new) or a constant (detach)")]
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

fn differences(missing: &[String], unexpected: &[String]) -> String {
    let list = |names: &[String]| {
        let shown: Vec<String> = names.iter().take(4).map(|name| format!("{name:?}")).collect();
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
/// Where the file cannot be written, or two values have one name. What was at `path` is still there then.
pub fn save<T: Scalar, P: Parameters<T, DefaultBackend> + ?Sized>(
    path: impl AsRef<Path>,
    model: &P,
) -> Result<(), Error> {
    let path = path.as_ref();
    let bytes = to_bytes(model).map_err(within(path))?;
    replace(path, &bytes).map_err(|source| Error::File { path: path.into(), source })
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
    let bytes = fs::read(path).map_err(|source| Error::File { path: path.into(), source })?;
    from_bytes(&bytes).map_err(within(path))
}

/// What [`save`] writes, as bytes. The same values give the same bytes.
///
/// # Errors
///
/// Where two values have one name, or one has the name that the format keeps for itself, `__metadata__`.
pub fn to_bytes<T: Scalar, P: Parameters<T, DefaultBackend> + ?Sized>(model: &P) -> Result<Vec<u8>, Error> {
    let values = model.named_parameters();
    distinct(&values)?;
    if values.iter().any(|(name, _)| name == METADATA) {
        return Err(Error::Reserved);
    }
    let tensors = values.iter().map(|(name, value)| (name, Tensor(value)));
    safetensors::serialize(tensors, None).map_err(|error| Error::Format { message: error.to_string() })
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
/// Where they are not in the safetensors format, or have elements of other types than `f32`, and, for `f64`, `f64`.
pub fn from_bytes<T: Scalar>(bytes: &[u8]) -> Result<BTreeMap<String, Value<T>>, Error> {
    let format = |message: String| Error::Format { message };
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| format(error.to_string()))?;
    let value = |(name, tensor): (&str, TensorView<'_>)| {
        let numbers: Vec<T> = match tensor.dtype() {
            Dtype::F64 if T::NAME == "f64" => numbers_of(tensor.data(), f64::from_le_bytes),
            Dtype::F32 => numbers_of(tensor.data(), |x| f64::from(f32::from_le_bytes(x))),
            other => {
                let expected = if T::NAME == "f64" { "F64 or F32" } else { "F32" };
                return Err(Error::Type { name: name.to_string(), got: other.to_string(), expected });
            }
        };
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
    let mut places = Vec::with_capacity(fresh.len());
    model.visit_mut(Name::ROOT, &mut |_, place| places.push(place));
    assert_eq!(
        places.len(),
        fresh.len(),
        "io: `visit` and `visit_mut` of the model's Parameters differ in the number of values"
    );
    for (place, value) in places.into_iter().zip(fresh) {
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
        fresh.push(match place.label() {
            Some(label) => value.with_label(label),
            None => value,
        });
    }
    Ok(fresh)
}

fn distinct<T: Scalar>(values: &[(String, &Value<T>)]) -> Result<(), Error> {
    let mut names = BTreeSet::new();
    match values.iter().find(|(name, _)| !names.insert(name)) {
        Some((name, _)) => Err(Error::Duplicate { name: name.clone() }),
        None => Ok(()),
    }
}

/// A value as the format sees it.
struct Tensor<'a, T: Scalar>(&'a Value<T>);

impl<T: Scalar> View for Tensor<'_, T> {
    fn dtype(&self) -> Dtype {
        if T::NAME == "f64" { Dtype::F64 } else { Dtype::F32 }
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data_len(&self) -> usize {
        self.0.len() * size_of::<T>()
    }

    /// The elements in row-major order, each from its lowest byte to its highest.
    fn data(&self) -> Cow<'_, [u8]> {
        let data = self.0.data();
        let rows = data.as_standard_layout();
        let numbers = rows.as_slice().expect("row-major arrays are slices");
        let bytes = if T::NAME == "f64" {
            bytes_of(numbers, |x| x.as_f64().to_le_bytes())
        } else {
            bytes_of(numbers, |x| (x.as_f64() as f32).to_le_bytes())
        };
        Cow::Owned(bytes)
    }
}

fn bytes_of<T: Copy, const N: usize>(numbers: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    numbers.iter().map(|&x| bytes(x)).collect::<Vec<_>>().into_flattened()
}

fn numbers_of<T: Scalar, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|&chunk| T::of(number(chunk))).collect()
}

fn within(path: &Path) -> impl Fn(Error) -> Error {
    move |error| Error::In { path: path.into(), source: Box::new(error) }
}

/// Puts a file with these bytes in the place of the one at `path`, or, where something fails, leaves that one as it is.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    // Of a link, the file that it leads to.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let permissions = match fs::metadata(&target) {
        Ok(old) if old.is_file() => Some(old.permissions()),
        Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "is there and not a file")),
        Err(_) => None,
    };
    let Some(name) = target.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "expected the path of a file"));
    };
    // Beside it, since only within a file system is a file moved at once, by a name of this call alone.
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}-{}", std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed)));
    let beside = target.with_file_name(hidden);
    let written = File::create(&beside).and_then(|mut file| {
        permissions.map_or(Ok(()), |permissions| file.set_permissions(permissions))?;
        file.write_all(bytes)?;
        // Or the name could reach the disk before the numbers.
        file.sync_all()
    });
    let moved = written.and_then(|()| fs::rename(&beside, &target));
    if moved.is_err() {
        // There may be none. What failed first is what the caller learns.
        let _ = fs::remove_file(&beside);
    }
    moved
}
