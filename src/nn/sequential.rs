//! Chains of modules.

use super::{Error, Module, Parameters, Path, panicking};
use crate::{DefaultBackend, Scalar, Value, or_panic};
use std::fmt;

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
    move |error| Error::Inside { index, cause: Box::new(error) }
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
    use crate::nn::Linear;
    use crate::random::rng;
    use ndarray::{Array2, array};

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
