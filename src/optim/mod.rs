//! Optimisers: [`Sgd`] and [`Adam`], for everything that has [`Parameters`](crate::nn::Parameters).
//!
//! ```
//! use autodiff::Value;
//! use autodiff::optim::Sgd;
//!
//! let mut x: Value = Value::new(3.0);
//! let mut optimizer = Sgd::new(0.1);
//! for _ in 0..100 {
//!     x.square().backward();
//!     optimizer.step(&mut x);
//! }
//! assert!(x.item().abs() < 1e-8);
//! ```
//!
//! A value does not change, so a step makes new ones: it replaces each parameter of the model, in its place, by a
//! fresh leaf with the updated data and the old label. The gradient of a fresh leaf is zero: **there is no
//! `zero_grad` to call**, and gradients never run over from one step into the next. To add up the gradients of several
//! batches, call `backward` for each before the step. Handles that were taken from the model before a step keep the
//! old values, and so do its clones: what is given to the step is trained, and nothing else.
//!
//! - Gradients need not come from `backward`: [`step_with`](Adam::step_with) takes those that [`grad`](crate::grad) and its kin give.
//! - A parameter that is a constant, as `detach` makes one, is frozen: steps leave it as it is.
//! - A value that stands in several places (tied weights) is one parameter, and stays one.
//! - A parameter that no `backward` has reached has gradient zero, and is updated with that.
//! - What an optimiser remembers between steps, [`state`](Adam::state) gives and [`load_state`](Adam::load_state) takes back:
//!   training can be interrupted.
//! - A step happens as a whole or not at all: `try_step` returns an error, and [`step`](Adam::step) panics with it, before
//!   any parameter, and anything inside the optimiser, has changed.

mod adam;
mod sgd;
mod state;
mod step;

pub use adam::Adam;
pub use sgd::Sgd;

/// A step that cannot be taken, or a state that does not fit. Nothing has changed.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to train.
    #[error(
        "{optimizer}: the model has no parameters to train, expected at least one leaf, as Value::new makes"
    )]
    Empty {
        /// The optimiser.
        optimizer: &'static str,
    },
    /// More or fewer parameters than in the steps before.
    #[error(
        "{optimizer}: the model has {got} parameters, expected {expected} as in the steps before; another model needs an optimizer of its own"
    )]
    Count {
        /// The optimiser.
        optimizer: &'static str,
        /// The number of parameters now.
        got: usize,
        /// The number of parameters before.
        expected: usize,
    },
    /// A parameter of another shape than in the steps before.
    #[error(
        "{optimizer}: {} has shape {got:?}, expected {expected:?} as in the steps before; another model needs an optimizer of its own",
        parameter(name)
    )]
    Shape {
        /// The optimiser.
        optimizer: &'static str,
        /// The name of the parameter.
        name: String,
        /// Its shape now.
        got: Vec<usize>,
        /// Its shape before.
        expected: Vec<usize>,
    },
    /// A parameter that was computed from other values, which a step would not reach.
    #[error(
        "{optimizer}: {} is the result of `{op}`, expected a leaf (Value::new) or a constant (detach)",
        parameter(name)
    )]
    NotALeaf {
        /// The optimiser.
        optimizer: &'static str,
        /// The name of the parameter.
        name: String,
        /// The operation that made it.
        op: &'static str,
    },
    /// More or fewer gradients than the model has values.
    #[error("{optimizer}: got {got} gradients, expected {expected}, one for each value of the model")]
    Gradients {
        /// The optimiser.
        optimizer: &'static str,
        /// The number of gradients.
        got: usize,
        /// The number of values.
        expected: usize,
    },
    /// A gradient of another shape than its parameter.
    #[error(
        "{optimizer}: the gradient of {} has shape {got:?}, expected {expected:?}, that of the parameter",
        parameter(name)
    )]
    Gradient {
        /// The optimiser.
        optimizer: &'static str,
        /// The name of the parameter.
        name: String,
        /// The shape of the gradient.
        got: Vec<usize>,
        /// The shape of the parameter.
        expected: Vec<usize>,
    },
    /// A part of a state that does not fit the model.
    #[error("{optimizer}: state {name:?} {got}, expected {expected}")]
    State {
        /// The optimiser.
        optimizer: &'static str,
        /// The name in the state.
        name: String,
        /// What is wrong with it.
        got: String,
        /// What would fit.
        expected: String,
    },
    /// A part of a state that belongs to no parameter.
    #[error(
        "{optimizer}: state {name:?} belongs to no parameter of the model; expected the parameters' names, and after each {parts}"
    )]
    UnknownState {
        /// The optimiser.
        optimizer: &'static str,
        /// The name in the state.
        name: String,
        /// What this optimiser remembers of a parameter.
        parts: String,
    },
    /// Parameters that a state could not tell apart.
    #[error("{optimizer}: two parameters have the name {name:?}, expected names that differ")]
    Duplicate {
        /// The optimiser.
        optimizer: &'static str,
        /// The name.
        name: String,
    },
    /// A gradient that is NaN or infinite somewhere.
    #[error(
        "{optimizer}: the gradient of {} is {value} at {index:?}, expected finite numbers; no parameter was changed",
        parameter(name)
    )]
    NonFinite {
        /// The optimiser.
        optimizer: &'static str,
        /// The name of the parameter.
        name: String,
        /// The first such element, as it prints.
        value: String,
        /// Where it is.
        index: Vec<usize>,
    },
}

debug_is_display!(Error);

/// How an error speaks of a parameter: one that is the whole model has no name, unless it has a label.
fn parameter(name: &str) -> String {
    if name.is_empty() { "the parameter".to_string() } else { format!("parameter \"{name}\"") }
}
