//! The affine map.

use super::{Error, Module, panicking};
use crate::{Scalar, Value, or_panic};
use ndarray::Array;
use rand::{Rng, RngExt};
use std::fmt;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::rng;

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
}
