//! Layers, and what they share with every other struct of values: [`Parameters`].
//!
//! A [`Module`] maps a value to a value. [`Linear`] is one, [`Sequential`] is a chain of them, every function
//! `Fn(&Value) -> Value` is one, and so is any struct that has [`Parameters`] and implements `forward`.
//!
//! ```
//! use autodiff::Value;
//! use autodiff::nn::{Linear, Module, Parameters, Sequential, rng};
//!
//! let mut rng = rng(0);
//! let model = Sequential::new()
//!     .then(Linear::new(4, 8, &mut rng))
//!     .then(Value::tanh)
//!     .then(Linear::new(8, 3, &mut rng));
//! let x = Value::constant(ndarray::Array2::<f64>::ones((5, 4)));
//! let loss = model.forward(&x).cross_entropy([0, 1, 2, 0, 1]);
//! loss.backward();
//! for (name, parameter) in model.named_parameters() {
//!     println!("{name}: {:?}", parameter.grad().shape()); // 0.weight: [4, 8], 0.bias: [8], 2.weight: ...
//! }
//! # assert_eq!(model.named_parameters()[3].0, "2.bias");
//! ```
//!
//! A model has two modes, which are two methods: [`forward`](Module::forward) neither changes it nor draws numbers; in
//! [`forward_train`](Module::forward_train), [`Dropout`] drops, and [`BatchNorm`] normalises with the moments of the batch
//! and keeps a running mean of them.
//!
//! Nothing here is random by itself: initial weights come from a generator that the caller makes, with [`rng`] or
//! otherwise. The same generator gives the same weights.

mod functional;
mod layers;
mod losses;
mod parameters;

pub use autodiff_core::{Parameters, Path};
pub use functional::*;
pub use layers::{BatchNorm, Dropout, Embedding};
pub use losses::*;
pub(crate) use parameters::{labelled, places, repeated_name};
pub use rand_chacha::ChaCha8Rng;

use crate::{DefaultBackend, Scalar, Value, or_panic};
use ndarray::Array;
use rand::{Rng, RngExt, SeedableRng};
use std::fmt;

/// A generator of random numbers that gives the same ones for the same `seed`, on every machine.
///
/// ```
/// use autodiff::nn::{Linear, rng};
/// let (a, b) = (Linear::<f64>::new(3, 2, &mut rng(7)), Linear::<f64>::new(3, 2, &mut rng(7)));
/// assert_eq!(a.weight.data(), b.weight.data());
/// ```
#[must_use]
pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// An input that does not fit a layer.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The last axis of an input is not as long as the layer's features, or there is none.
    #[error(
        "{layer}: got an input of shape {got:?}, expected (..., {features}), the last axis for its {features} in-features"
    )]
    Features {
        /// The layer.
        layer: &'static str,
        /// The number of in-features.
        features: usize,
        /// The shape of the input.
        got: Vec<usize>,
    },
    /// Parameters that do not belong together, where someone has replaced one of them.
    #[error("{layer}: weight of shape {weight:?} and bias of shape {bias:?}; expected (in, out) and (out)")]
    Weights {
        /// The layer.
        layer: &'static str,
        /// The shape of the weight.
        weight: Vec<usize>,
        /// The shape of the bias; empty where there is none.
        bias: Vec<usize>,
    },
    /// An input without the layer's channels in its second axis.
    #[error("{layer}: got an input of shape {got:?}, expected (batch, {channels}, ...)")]
    Channels {
        /// The layer.
        layer: &'static str,
        /// The number of channels.
        channels: usize,
        /// The shape of the input.
        got: Vec<usize>,
    },
    /// The error of a function that a layer calls.
    #[error(transparent)]
    Function(#[from] crate::Error),
    /// The error of a layer inside another.
    #[error("Sequential, layer {index}: {source}")]
    Inside {
        /// Which layer, from 0.
        index: usize,
        /// What it says.
        source: Box<Error>,
    },
}

debug_is_display!(Error);

/// A part of a model: a function of one value, with parameters of its own.
///
/// Every `Fn(&Value<T>) -> Value<T>` is a module without parameters. A struct implements [`Parameters`], with
/// [`parameters!`](crate::parameters), and [`forward`](Module::forward); see there for an example.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a module on `Value<{T}>`s",
    note = "modules are layers, functions such as `Value::tanh`, and closures `|x: &Value| ...`; \
            for a closure without the type of its argument, see `Sequential::map`"
)]
pub trait Module<T: Scalar = f64>: Parameters<T, DefaultBackend> {
    /// The output for the input `x`.
    ///
    /// # Panics
    ///
    /// Where the shape of `x` does not fit.
    #[track_caller]
    fn forward(&self, x: &Value<T>) -> Value<T>;

    /// Like [`forward`](Module::forward), but returns an error where the shape of `x` does not fit a layer.
    ///
    /// As provided, it calls `forward`, and panics where that does: layers of this module override it.
    fn try_forward(&self, x: &Value<T>) -> Result<Value<T>, Error> {
        Ok(self.forward(x))
    }

    /// The output for the input `x` in training, in which some layers do something else, and change.
    ///
    /// As provided, it calls [`forward`](Module::forward). A struct of layers that differ in training calls theirs:
    ///
    /// ```
    /// use autodiff::nn::{Dropout, Linear, Module, rng};
    /// use autodiff::{Value, parameters};
    ///
    /// struct Head {
    ///     dropout: Dropout,
    ///     linear: Linear,
    /// }
    /// parameters!(Head { dropout, linear });
    ///
    /// impl Module for Head {
    ///     fn forward(&self, x: &Value) -> Value {
    ///         self.linear.forward(&self.dropout.forward(x))
    ///     }
    ///     fn forward_train(&mut self, x: &Value) -> Value {
    ///         self.linear.forward_train(&self.dropout.forward_train(x))
    ///     }
    /// }
    ///
    /// let mut rng = rng(0);
    /// let mut head = Head { dropout: Dropout::new(1.0, &mut rng), linear: Linear::new(2, 1, &mut rng) };
    /// let x = Value::constant(ndarray::array![[1.0, 2.0]]);
    /// let bias = head.linear.bias.as_ref().unwrap().item();
    /// assert_eq!(head.forward_train(&x).item(), bias);
    /// assert_ne!(head.forward(&x).item(), bias);
    /// ```
    ///
    /// [`value_and_grad_aux`](crate::value_and_grad_aux) lends the model: train a clone, and return it beside the loss.
    ///
    /// # Panics
    ///
    /// As for [`forward`](Module::forward).
    #[track_caller]
    fn forward_train(&mut self, x: &Value<T>) -> Value<T> {
        self.forward(x)
    }

    /// Like [`forward_train`](Module::forward_train), but returns an error where the shape of `x` does not fit a layer;
    /// nothing in the module has changed then.
    ///
    /// As provided, it calls `forward_train`, and panics where that does.
    fn try_forward_train(&mut self, x: &Value<T>) -> Result<Value<T>, Error> {
        Ok(self.forward_train(x))
    }
}

/// Writes the forms that panic, of a layer that has both forms that return errors.
macro_rules! panicking {
    () => {
        #[track_caller]
        fn forward(&self, x: &Value<T>) -> Value<T> {
            or_panic(self.try_forward(x))
        }

        #[track_caller]
        fn forward_train(&mut self, x: &Value<T>) -> Value<T> {
            or_panic(self.try_forward_train(x))
        }
    };
}
use panicking;

impl<T: Scalar, F: Fn(&Value<T>) -> Value<T>> Module<T> for F {
    #[track_caller]
    fn forward(&self, x: &Value<T>) -> Value<T> {
        self(x)
    }
}

/// The affine map `x W + b` on the last axis: `(..., in)` to `(..., out)`.
///
/// The weight has shape `(in, out)`, the transpose of PyTorch's, so that the map is a product with no transpose
/// in it, forward or backward; the bias has shape `(out)`. They are replaced as any field is.
///
/// ```
/// use autodiff::Value;
/// use autodiff::nn::{Linear, Module, rng};
/// use ndarray::array;
/// let mut layer = Linear::new(2, 3, &mut rng(0));
/// layer.weight = Value::new(array![[1.0, 0.0, 2.0], [0.0, 1.0, 3.0]]);
/// layer.bias = Some(Value::new(array![0.0, 0.0, 100.0]));
/// let y = layer.forward(&Value::constant(array![[10.0, 1.0]]));
/// assert_eq!(y.data(), array![[10.0, 1.0, 123.0]].into_dyn());
/// ```
#[derive(Clone)]
pub struct Linear<T: Scalar = f64> {
    /// The weight, of shape (in, out).
    pub weight: Value<T>,
    /// The bias, of shape (out), if there is one.
    pub bias: Option<Value<T>>,
}

crate::parameters!(Linear<T> { weight, bias });

impl<T: Scalar> Linear<T> {
    /// A layer with weight and bias drawn uniformly from `-1/sqrt(in) .. 1/sqrt(in)`, the weight first.
    ///
    /// It is the default of PyTorch's `nn.Linear`: the uniform law of He et al., "Delving Deep into Rectifiers"
    /// (2015), bound `gain sqrt(3 / in)`, with the gain `sqrt(1/3)`; the standard deviation is then the
    /// `1/sqrt(3 in)` of Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    /// networks" (2010), equation 1. The numbers are drawn in `f64` for every `T`.
    ///
    /// ```
    /// use autodiff::nn::{Linear, rng};
    /// let layer = Linear::<f32>::new(64, 10, &mut rng(0));
    /// assert_eq!(layer.weight.shape(), [64, 10]);
    /// assert!(layer.weight.data().iter().all(|w| w.abs() <= 1.0 / 8.0));
    /// ```
    #[must_use]
    pub fn new(in_features: usize, out_features: usize, rng: &mut (impl Rng + ?Sized)) -> Self {
        let bound = if in_features == 0 { 0.0 } else { 1.0 / (in_features as f64).sqrt() };
        let mut draw = || T::of(bound * (2.0 * rng.random::<f64>() - 1.0));
        let weight = Array::from_shape_simple_fn((in_features, out_features), &mut draw);
        let bias = Array::from_shape_simple_fn(out_features, &mut draw);
        Linear { weight: Value::new(weight), bias: Some(Value::new(bias)) }
    }

    /// The same layer without its bias.
    ///
    /// ```
    /// use autodiff::nn::{Linear, Parameters, rng};
    /// let layer = Linear::<f64>::new(2, 3, &mut rng(0)).without_bias();
    /// assert_eq!(layer.num_parameters(), 6);
    /// ```
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }

    /// The length of the last axis of an input.
    #[must_use]
    pub fn in_features(&self) -> usize {
        self.weight.shape().first().copied().unwrap_or(0)
    }

    /// The length of the last axis of an output.
    #[must_use]
    pub fn out_features(&self) -> usize {
        self.weight.shape().get(1).copied().unwrap_or(0)
    }
}

impl<T: Scalar> Module<T> for Linear<T> {
    panicking!();

    fn try_forward_train(&mut self, x: &Value<T>) -> Result<Value<T>, Error> {
        self.try_forward(x)
    }

    fn try_forward(&self, x: &Value<T>) -> Result<Value<T>, Error> {
        let layer = "Linear";
        let bias = self.bias.as_ref();
        let &[features, out] = self.weight.shape() else { return Err(self.weights()) };
        if bias.is_some_and(|bias| bias.shape() != [out]) {
            return Err(self.weights());
        }
        if x.shape().last() != Some(&features) {
            return Err(Error::Features { layer, features, got: x.shape().to_vec() });
        }
        let product = x.matmul(&self.weight);
        Ok(match bias {
            Some(bias) => product + bias,
            None => product,
        })
    }
}

impl<T: Scalar> Linear<T> {
    fn weights(&self) -> Error {
        let shape = |value: &Value<T>| value.shape().to_vec();
        let bias = self.bias.as_ref().map(shape).unwrap_or_default();
        Error::Weights { layer: "Linear", weight: shape(&self.weight), bias }
    }
}

impl<T: Scalar> fmt::Debug for Linear<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linear")
            .field("in_features", &self.in_features())
            .field("out_features", &self.out_features())
            .field("bias", &self.bias.is_some())
            .finish()
    }
}

/// Modules in a chain: each takes the output of the one before it.
///
/// The parameters of the i-th module, functions counted too, have names that start with `i.`, as in `2.bias`.
/// A clone has the same values until one of the two is trained further: a clone is a snapshot.
///
/// ```
/// use autodiff::Value;
/// use autodiff::nn::{Linear, Module, Sequential, rng};
/// let mut rng = rng(0);
/// let model = Sequential::new()
///     .then(Linear::new(2, 16, &mut rng))
///     .map(|x| x.relu())
///     .then(Linear::new(16, 1, &mut rng))
///     .then(Value::sigmoid);
/// let y = model.forward(&Value::constant(ndarray::array![[0.5, -0.5]]));
/// assert_eq!(y.shape(), [1, 1]);
/// ```
pub struct Sequential<T: Scalar = f64> {
    layers: Vec<Box<dyn Layer<T>>>,
}

/// A module that a boxed chain can be cloned with.
trait Layer<T: Scalar>: Module<T> + Send + Sync {
    fn boxed_clone(&self) -> Box<dyn Layer<T>>;
}

impl<T: Scalar, M: Module<T> + Clone + Send + Sync + 'static> Layer<T> for M {
    fn boxed_clone(&self) -> Box<dyn Layer<T>> {
        Box::new(self.clone())
    }
}

impl<T: Scalar> Sequential<T> {
    /// A chain of no modules: it returns its input.
    #[must_use]
    pub fn new() -> Self {
        Sequential { layers: Vec::new() }
    }

    /// With another module at the end: a layer, a chain, or a function such as `Value::tanh`.
    #[must_use]
    pub fn then(mut self, module: impl Module<T> + Clone + Send + Sync + 'static) -> Self {
        self.layers.push(Box::new(module));
        self
    }

    /// With a function at the end; unlike [`then`](Self::then), it lets Rust infer the type of a closure's argument.
    #[must_use]
    pub fn map(self, f: impl Fn(&Value<T>) -> Value<T> + Clone + Send + Sync + 'static) -> Self {
        self.then(f)
    }

    /// The number of modules, functions counted too.
    #[must_use]
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether there are no modules.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }
}

impl<T: Scalar> Default for Sequential<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Scalar> Clone for Sequential<T> {
    fn clone(&self) -> Self {
        // Not `layer.boxed_clone()`, which would find the implementation for the box.
        Sequential { layers: self.layers.iter().map(|layer| (**layer).boxed_clone()).collect() }
    }
}

impl<T: Scalar> Parameters<T, DefaultBackend> for Sequential<T> {
    fn visit<'a>(&'a self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'a Value<T>)) {
        for (i, layer) in self.layers.iter().enumerate() {
            (**layer).visit(path.index(i), f);
        }
    }
    fn visit_mut<'a>(&'a mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'a mut Value<T>)) {
        for (i, layer) in self.layers.iter_mut().enumerate() {
            (**layer).visit_mut(path.index(i), f);
        }
    }
}

/// Names the layer of a chain that an error is from.
fn inside(index: usize) -> impl Fn(Error) -> Error {
    move |error| Error::Inside { index, source: Box::new(error) }
}

impl<T: Scalar> Module<T> for Sequential<T> {
    panicking!();

    fn try_forward(&self, x: &Value<T>) -> Result<Value<T>, Error> {
        let mut layers = self.layers.iter().enumerate();
        layers.try_fold(x.clone(), |x, (i, layer)| (**layer).try_forward(&x).map_err(inside(i)))
    }

    fn try_forward_train(&mut self, x: &Value<T>) -> Result<Value<T>, Error> {
        let before = self.clone();
        let mut layers = self.layers.iter_mut().enumerate();
        let y =
            layers.try_fold(x.clone(), |x, (i, layer)| (**layer).try_forward_train(&x).map_err(inside(i)));
        if y.is_err() {
            *self = before;
        }
        y
    }
}

impl<T: Scalar> fmt::Debug for Sequential<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sequential({} modules", self.len())?;
        for (name, value) in self.named_parameters() {
            write!(f, ", {name}: {:?}", value.shape())?;
        }
        write!(f, ")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn linear_maps_the_last_axis_of_any_number() {
        let layer = Linear::new(4, 3, &mut rng(1));
        for shape in [vec![4], vec![5, 4], vec![2, 5, 4], vec![0, 4]] {
            let y = layer.forward(&Value::constant(Array::<f64, _>::ones(shape.as_slice())));
            assert_eq!(y.ndim(), shape.len());
            assert_eq!(y.shape().last(), Some(&3));
        }
    }

    #[test]
    fn initial_weights_fill_the_range_evenly() {
        let layer = Linear::<f64>::new(100, 200, &mut rng(2));
        let weight = layer.weight.data();
        let bound = 0.1;
        assert!(weight.iter().all(|w| w.abs() <= bound));
        // Mean 0 and variance bound^2 / 3, within five standard errors of 20,000 draws.
        assert!(weight.mean().unwrap().abs() < 5.0 * bound / 3.0_f64.sqrt() / 20_000.0_f64.sqrt());
        assert!((weight.var(0.0) / (bound * bound / 3.0) - 1.0).abs() < 5.0 * (0.8 / 20_000.0_f64).sqrt());
        assert_eq!(Linear::<f64>::new(0, 2, &mut rng(2)).weight.shape(), [0, 2]);
    }

    #[test]
    fn both_element_types_get_the_same_numbers() {
        let double = Linear::<f64>::new(3, 2, &mut rng(3));
        let single = Linear::<f32>::new(3, 2, &mut rng(3));
        assert_eq!(double.weight.data().mapv(|w| w as f32), single.weight.data());
    }

    #[test]
    fn errors_name_the_layer_and_what_it_got() {
        let mut layer = Linear::<f64>::new(4, 3, &mut rng(0));
        let error = layer.try_forward(&Value::constant(Array2::ones((5, 6)))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Linear: got an input of shape [5, 6], expected (..., 4), the last axis for its 4 in-features"
        );
        assert!(layer.try_forward(&Value::constant(1.0)).is_err());
        let chain = Sequential::new().map(|x| x.relu()).then(layer.clone());
        let error = chain.try_forward(&Value::constant(array![1.0])).unwrap_err();
        assert!(error.to_string().starts_with("Sequential, layer 1: Linear: got an input of shape [1]"));
        layer.bias = Some(Value::new(array![1.0]));
        let error = layer.try_forward(&Value::constant(Array2::ones((5, 4)))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Linear: weight of shape [4, 3] and bias of shape [1]; expected (in, out) and (out)"
        );
    }

    #[test]
    fn chains_nest_and_name_their_parts() {
        let mut rng = rng(0);
        let block = Sequential::new().then(Linear::new(2, 2, &mut rng)).then(Value::tanh);
        let model = Sequential::new().then(block.clone()).then(block).then(Linear::new(2, 1, &mut rng));
        let names: Vec<String> = model.named_parameters().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["0.0.weight", "0.0.bias", "1.0.weight", "1.0.bias", "2.weight", "2.bias"]);
        assert_eq!(
            format!("{:?}", Sequential::<f64>::new().then(Linear::new(2, 1, &mut rng))),
            "Sequential(1 modules, 0.weight: [2, 1], 0.bias: [1])"
        );
        let x = Value::constant(array![[1.0, 2.0]]);
        assert_eq!(Sequential::new().forward(&x).data(), x.data());
        assert_eq!(model.clone().forward(&x).data(), model.forward(&x).data());
    }

    #[test]
    fn models_go_to_other_threads() {
        fn sendable<M: Send + Sync>(_: &M) {}
        sendable(&Sequential::<f64>::new().map(|x| x.relu()));
    }
}
