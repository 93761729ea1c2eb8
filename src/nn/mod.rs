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
mod linear;
mod losses;
mod parameters;
mod sequential;

pub use crate::random::rng;
pub use autodiff_core::{Parameters, Path};
pub use functional::*;
pub use layers::{BatchNorm, Dropout, Embedding};
pub use linear::Linear;
pub use losses::*;
pub(crate) use parameters::{labelled, places, repeated_name};
pub use rand_chacha::ChaCha8Rng;
pub use sequential::Sequential;

use crate::{DefaultBackend, Scalar, Value};

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
    #[error("Sequential, layer {index}: {cause}")]
    Inside {
        /// Which layer, from 0.
        index: usize,
        /// What it says.
        cause: Box<Error>,
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
