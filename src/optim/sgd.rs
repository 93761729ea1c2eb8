//! Stochastic gradient descent.

use super::Error;
use super::state::{self, Kind, Part, State};
use super::step::{Numbers, Slot, at_least_zero, decayed, optimizer, take};
use crate::nn::Parameters;
use crate::or_panic;
use autodiff_core::native::update;
use autodiff_core::{Backend, Scalar, Value};
use std::collections::BTreeMap;

/// Stochastic gradient descent, with momentum, Nesterov's or not, and weight decay.
///
/// For a parameter `x` with gradient `g`, as in PyTorch's `SGD` (without dampening):
///
/// ```text
/// g <- g + weight_decay x
/// v <- momentum v + g             (v = g in the first step)
/// x <- x - learning_rate v        (with nesterov: g + momentum v in the place of v)
/// ```
///
/// The form with momentum is that of Sutskever et al., "On the importance of initialization and momentum in deep
/// learning" (2013), with the learning rate taken out of `v`.
///
/// ```
/// use autodiff::Value;
/// use autodiff::optim::Sgd;
/// let mut w = Value::new(ndarray::array![1.0, -2.0]);
/// let mut optimizer = Sgd::new(0.25).momentum(0.9);
/// w.square().sum().backward();
/// optimizer.step(&mut w);
/// assert_eq!(w.data(), ndarray::array![0.5, -1.0].into_dyn());
/// ```
#[derive(Clone, Debug)]
pub struct Sgd<T: Scalar = f64> {
    learning_rate: f64,
    momentum: f64,
    weight_decay: f64,
    nesterov: bool,
    max_norm: Option<f64>,
    slots: Vec<Slot<Vec<T>>>,
}

optimizer!(
    Sgd,
    "Sgd",
    new: "Sgd::new(0.1).momentum(0.9)",
    states: "with momentum, `weight.velocity`, the `v` above; without, nothing"
);

impl<T: Scalar> State<T> for Vec<T> {
    const PARTS: &'static [Part] = &[Part { name: "velocity", kind: Kind::Any }];

    fn numbers(&self) -> Vec<Vec<T>> {
        vec![self.clone()]
    }

    fn from_numbers(parts: Vec<Vec<T>>) -> Self {
        let [velocity] = parts.try_into().expect("one for each part");
        velocity
    }
}

impl<T: Scalar> Sgd<T> {
    /// Plain gradient descent: no momentum, no weight decay.
    ///
    /// # Panics
    ///
    /// Where the learning rate is negative, infinite or NaN.
    #[must_use]
    #[track_caller]
    pub fn new(learning_rate: f64) -> Self {
        let learning_rate = at_least_zero::<T>("Sgd", "learning rate", learning_rate);
        Sgd {
            learning_rate,
            momentum: 0.0,
            weight_decay: 0.0,
            nesterov: false,
            max_norm: None,
            slots: Vec::new(),
        }
    }

    /// With momentum, usually 0.9.
    ///
    /// # Panics
    ///
    /// Where it is negative, infinite or NaN.
    #[must_use]
    #[track_caller]
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = at_least_zero::<T>("Sgd", "momentum", momentum);
        self
    }

    /// With the gradient of `weight_decay x^2 / 2` added to that of each parameter `x`.
    ///
    /// # Panics
    ///
    /// Where it is negative, infinite or NaN.
    #[must_use]
    #[track_caller]
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = at_least_zero::<T>("Sgd", "weight decay", weight_decay);
        self
    }

    /// With Nesterov's momentum: the step looks ahead to where `v` leads. Without momentum it changes nothing.
    #[must_use]
    pub fn nesterov(mut self) -> Self {
        self.nesterov = true;
        self
    }

    /// One step of a parameter.
    fn rule(&self) -> impl Fn(&mut Option<Vec<T>>, Numbers<'_, T>) + use<T> {
        let (rate, momentum) = (T::of(self.learning_rate), T::of(self.momentum));
        let (decay, nesterov, is_plain) = (T::of(self.weight_decay), self.nesterov, self.momentum == 0.0);
        move |state, Numbers { old, x, g, scale }| {
            if is_plain {
                return update(
                    old,
                    [x],
                    g,
                    #[inline(always)]
                    move |[x], g| [x - rate * decayed(g * scale, decay, x)],
                );
            }
            let v = state.get_or_insert_with(|| vec![T::zero(); x.len()]);
            update(
                old,
                [x, v],
                g,
                #[inline(always)]
                move |[x, v], g| {
                    let g = decayed(g * scale, decay, x);
                    let v = momentum * v + g;
                    [x - rate * if nesterov { g + momentum * v } else { v }, v]
                },
            );
        }
    }
}
