//! Memory for time.

use crate::backend::Backend;
use crate::rules::Checkpoint;
use crate::scalar::Scalar;
use crate::value::Value;
use std::sync::Arc;

/// `f(x)`, of whose record only `x` and the result are kept: `f` runs once more when derivatives are asked for.
///
/// A chain of n steps in about sqrt(n) checkpoints of as many steps needs memory for 2 sqrt(n) intermediate values, and
/// one more evaluation; in forward mode ([`jvp`](crate::jvp), [`hvp`](crate::hvp)) none is spared, since tangents can be differentiated
/// again. `f` must give the same result each time. It may use other values: they have their gradients.
///
/// ```
/// use autodiff_core::{checkpoint, native::Value};
/// let (x, w) = (Value::new(0.5), Value::new(1.5));
/// let step = |x: &Value, w: &Value| (w * x).sin();
/// let mut y = x.clone();
/// for _ in 0..10 {
///     let w = w.clone();
///     y = checkpoint(move |y| (0..10).fold(y.clone(), |y, _| step(&y, &w)), &y);
/// }
/// y.backward();
/// let plain = (0..100).fold(x.clone(), |y, _| step(&y, &w));
/// let [dx, dw] = plain.grad_of(&[&x, &w]).try_into().unwrap();
/// assert!((x.grad() - dx).abs().item() < 1e-12 && (w.grad() - dw).abs().item() < 1e-12);
/// ```
pub fn checkpoint<T: Scalar, B: Backend<T>>(
    f: impl Fn(&Value<T, B>) -> Value<T, B> + Send + Sync + 'static,
    x: &Value<T, B>,
) -> Value<T, B> {
    Checkpoint::apply(Arc::new(f), x)
}
