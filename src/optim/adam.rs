//! Adam.

use super::Error;
use super::state::{self, Kind, Part, State};
use super::step::{Numbers, Slot, at_least_zero, decayed, optimizer, take};
use crate::nn::Parameters;
use crate::or_panic;
use autodiff_core::native::update;
use autodiff_core::{Backend, Scalar, Value};
use std::collections::BTreeMap;

/// Adam: steps whose sizes adapt to each number's own gradients.
///
/// Kingma and Ba, "Adam: A Method for Stochastic Optimization" (ICLR 2015), algorithm 1, with the bias corrections as
/// PyTorch's `Adam` writes them. For a parameter `x` with gradient `g`, in its step number `t` from 1:
///
/// ```text
/// g <- g + weight_decay x
/// m <- beta1 m + (1 - beta1) g
/// v <- beta2 v + (1 - beta2) g^2
/// x <- (1 - learning_rate decoupled_weight_decay) x - learning_rate / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps)
/// ```
///
/// With [`decoupled_weight_decay`](Self::decoupled_weight_decay) it is AdamW: I. Loshchilov and F. Hutter, "Decoupled weight decay
/// regularization" (ICLR 2019).
///
/// ```
/// use autodiff::nn::{Linear, Module, rng};
/// use autodiff::{Value, optim::Adam};
/// use ndarray::array;
///
/// // y = 2 a - b + 0.5, from four points.
/// let x = Value::constant(array![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]);
/// let y = array![[0.5], [2.5], [-0.5], [1.5]];
/// let mut model = Linear::<f64>::new(2, 1, &mut rng(0));
/// let mut optimizer = Adam::new(0.05);
/// for _ in 0..1000 {
///     (model.forward(&x) - &y).square().mean().backward();
///     optimizer.step(&mut model);
/// }
/// assert!((model.weight.data()[[0, 0]] - 2.0).abs() < 1e-3);
/// ```
#[derive(Clone, Debug)]
pub struct Adam<T: Scalar = f64> {
    learning_rate: f64,
    betas: (f64, f64),
    eps: f64,
    weight_decay: f64,
    decoupled_weight_decay: f64,
    max_norm: Option<f64>,
    slots: Vec<Slot<Moments<T>>>,
}

#[derive(Clone, Debug)]
struct Moments<T> {
    /// As each parameter has its own count, one that was frozen at first is corrected as it should be.
    steps: u32,
    first: Vec<T>,
    second: Vec<T>,
}

optimizer!(
    Adam,
    "Adam",
    new: "Adam::new(0.1)",
    states: "`weight.first_moment`, `weight.second_moment` and `weight.steps`, the number of its steps"
);

impl<T: Scalar> State<T> for Moments<T> {
    const PARTS: &'static [Part] = &[
        Part { name: "first_moment", kind: Kind::Any },
        Part { name: "second_moment", kind: Kind::Square },
        Part { name: "steps", kind: Kind::Count },
    ];

    fn numbers(&self) -> Vec<Vec<T>> {
        vec![self.first.clone(), self.second.clone(), vec![T::of(f64::from(self.steps))]]
    }

    fn from_numbers(parts: Vec<Vec<T>>) -> Self {
        let [first, second, steps] = parts.try_into().expect("one for each part");
        // Of a count that `f32` has rounded, or that is too large, no correction can be told from the next one's.
        Moments { steps: steps[0].as_f64() as u32, first, second }
    }
}

/// Adam with the learning rate of the paper, 1e-3.
impl<T: Scalar> Default for Adam<T> {
    fn default() -> Self {
        Adam::new(1e-3)
    }
}

impl<T: Scalar> Adam<T> {
    /// Adam with the other numbers as in the paper: betas (0.9, 0.999), eps 1e-8, no weight decay.
    ///
    /// # Panics
    ///
    /// Where the learning rate is negative, infinite or NaN.
    #[must_use]
    #[track_caller]
    pub fn new(learning_rate: f64) -> Self {
        let learning_rate = at_least_zero::<T>("Adam", "learning rate", learning_rate);
        Adam {
            learning_rate,
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.0,
            decoupled_weight_decay: 0.0,
            max_norm: None,
            slots: Vec::new(),
        }
    }

    /// With other rates at which the means of gradients and of their squares forget; each in `0 .. 1`.
    ///
    /// # Panics
    ///
    /// Where one is not.
    #[must_use]
    #[track_caller]
    pub fn betas(mut self, beta1: f64, beta2: f64) -> Self {
        for beta in [beta1, beta2] {
            assert!((0.0..1.0).contains(&beta), "Adam: got beta {beta}, expected at least 0 and below 1");
        }
        self.betas = (beta1, beta2);
        self
    }

    /// With another number in the place of 1e-8, which keeps steps finite where gradients vanish.
    ///
    /// # Panics
    ///
    /// Where it is negative, infinite or NaN.
    #[must_use]
    #[track_caller]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = at_least_zero::<T>("Adam", "eps", eps);
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
        self.weight_decay = at_least_zero::<T>("Adam", "weight decay", weight_decay);
        self
    }

    /// With each parameter made smaller by this part of the learning rate in each step, apart from its gradient: AdamW, in which
    /// PyTorch's `AdamW` has 0.01.
    ///
    /// ```
    /// use autodiff::{Value, optim::Adam};
    /// let mut x: Value = Value::new(2.0);
    /// let mut adam_w = Adam::new(0.1).decoupled_weight_decay(0.5);
    /// (x.clone() * 0.0).backward();
    /// adam_w.step(&mut x);
    /// assert_eq!(x.item(), 2.0 * (1.0 - 0.1 * 0.5));
    /// ```
    ///
    /// # Panics
    ///
    /// Where it is negative, infinite or NaN.
    #[doc(alias = "AdamW")]
    #[must_use]
    #[track_caller]
    pub fn decoupled_weight_decay(mut self, weight_decay: f64) -> Self {
        self.decoupled_weight_decay = at_least_zero::<T>("Adam", "decoupled weight decay", weight_decay);
        self
    }

    /// One step of a parameter.
    fn rule(&self) -> impl Fn(&mut Option<Moments<T>>, Numbers<'_, T>) + use<T> {
        let (learning_rate, (beta1, beta2)) = (self.learning_rate, self.betas);
        let (gain1, gain2) = (T::of(1.0 - beta1), T::of(1.0 - beta2));
        let (kept2, eps, decay) = (T::of(beta2), T::of(self.eps), T::of(self.weight_decay));
        let kept = T::of(1.0 - learning_rate * self.decoupled_weight_decay);
        move |state, Numbers { old, x, g, scale }| {
            let zeros = || vec![T::zero(); x.len()];
            let fresh = || Moments { steps: 0, first: zeros(), second: zeros() };
            let Moments { steps, first, second } = state.get_or_insert_with(fresh);
            *steps = steps.saturating_add(1);
            let t = f64::from(*steps);
            let rate = T::of(learning_rate / (1.0 - beta1.powf(t)));
            let unbias = T::of((1.0 - beta2.powf(t)).sqrt().recip());
            update(
                old,
                [x, first, second],
                g,
                #[inline(always)]
                move |[x, m, v], g| {
                    let (g, x) = (decayed(g * scale, decay, x), kept * x);
                    let m = m + gain1 * (g - m);
                    let v = kept2 * v + gain2 * g * g;
                    let size = v.sqrt() * unbias + eps;
                    // Where eps is 0, gradients that were always 0, or whose squares are, move nothing.
                    [if size == T::zero() { x } else { x - rate * m / size }, m, v]
                },
            );
        }
    }
}
