//! Derivatives that users state.

use super::{jacobian, vjp};
use crate::backend::Backend;
use crate::rules::{Custom, Derivative, Hook};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::value::Value;
use std::sync::Arc;

/// A function of up to 8 values with a derivative of its own, for reverse mode.
///
/// `vjp(inputs, y, g, i)` is the cotangent of input `i`, given that of the result `y`: of the input's shape, or of one that
/// it was broadcast to. It is linear in `g`, from which forward mode follows. Written with operations on the values it is
/// given, it can be differentiated again; what it takes out of them as arrays counts as constant. If no record is left in
/// it at all, second derivatives, and forward mode, panic and say so.
///
/// `f` depends on its inputs alone. [`check_grads`](crate::check::check_grads) checks the derivative as any other.
///
/// ```
/// use autodiff_core::{check::check_grads, custom_vjp, native::Value};
/// // ln(1 + e^x), whose derivative would overflow as it is written.
/// let softplus = |x: &Value| {
///     custom_vjp(
///         "softplus",
///         &[x],
///         |x| x[0].exp().ln_1p(),
///         |x, _, g, _| g * x[0].sigmoid(),
///     )
/// };
/// check_grads(|x| softplus(&x[0]), &[Value::new(ndarray::array![-1.0, 0.5])], 2)?;
/// # Ok::<(), autodiff_core::Error>(())
/// ```
///
/// # Panics
///
/// With more than 8 inputs; where `f` uses a value that is differentiated and not among its inputs; where a derivative has
/// a wrong shape.
#[track_caller]
pub fn custom_vjp<T: Scalar, B: Backend<T>>(
    name: &'static str,
    inputs: &[&Value<T, B>],
    f: impl Fn(&[Value<T, B>]) -> Value<T, B> + Send + Sync + 'static,
    vjp: impl Fn(&[Value<T, B>], &Value<T, B>, &Value<T, B>, usize) -> Value<T, B> + Send + Sync + 'static,
) -> Value<T, B> {
    custom(Custom { name, f: Arc::new(f), derivative: Derivative::Vjp(Arc::new(vjp)) }, inputs)
}

/// A function of up to 8 values with a derivative of its own, for forward mode; see [`custom_vjp`].
///
/// `jvp(inputs, y, t, i)` is the part of the tangent of the result `y` due to that of input `i`, of a shape that broadcasts
/// to the result's. It is linear in `t`, from which reverse mode follows.
///
/// ```
/// use autodiff_core::{custom_jvp, grad, native::Value};
/// let cube = |x: &Value| custom_jvp("cube", &[x], |x| x[0].powi(3), |x, _, t, _| 3.0 * t * x[0].square());
/// assert_eq!(grad(cube, &Value::new(2.0)).item(), 12.0);
/// assert_eq!(grad(|x| grad(cube, x), &Value::new(2.0)).item(), 12.0);
/// ```
///
/// # Panics
///
/// As [`custom_vjp`].
#[track_caller]
pub fn custom_jvp<T: Scalar, B: Backend<T>>(
    name: &'static str,
    inputs: &[&Value<T, B>],
    f: impl Fn(&[Value<T, B>]) -> Value<T, B> + Send + Sync + 'static,
    jvp: impl Fn(&[Value<T, B>], &Value<T, B>, &Value<T, B>, usize) -> Value<T, B> + Send + Sync + 'static,
) -> Value<T, B> {
    custom(Custom { name, f: Arc::new(f), derivative: Derivative::Jvp(Arc::new(jvp)) }, inputs)
}

#[track_caller]
fn custom<T: Scalar, B: Backend<T>>(rule: Custom<T, B>, inputs: &[&Value<T, B>]) -> Value<T, B> {
    assert!(
        inputs.len() <= 8,
        "{}: got {} inputs, expected at most 8; concatenate some",
        rule.name,
        inputs.len()
    );
    Value::apply(rule, inputs)
}

/// A root x of `f(x, theta) = 0`, found by `solve(theta)`, as a function of `theta`: its derivatives are those of the
/// implicit function, whatever way it was found.
///
/// `dx = -(df/dx)^-1 (df/dtheta) dtheta`, by a dense linear solve, of any order. For the minimum of a function pass its
/// gradient, for a fixed point of g pass `g(x) - x`. `f` gives as many elements as x has. Where `df/dx` is singular
/// derivatives are NaN.
///
/// ```
/// use autodiff_core::{custom_root, grad, native::Value};
/// // The square root, by Newton's method.
/// let sqrt = |a: &Value| {
///     custom_root(
///         |x, a| x.square() - &a[0],
///         |a| (0..20).fold(Value::constant(1.0), |x, _| 0.5 * (&x + &a[0] / &x)),
///         &[a],
///     )
/// };
/// let a = Value::new(4.0);
/// assert_eq!(sqrt(&a).item(), 2.0);
/// assert_eq!(grad(sqrt, &a).item(), 0.25);
/// assert_eq!(grad(|a| grad(sqrt, a), &a).item(), -0.03125);
/// ```
///
/// # Panics
///
/// As [`custom_vjp`], and where `f` gives more or fewer elements than the root has.
#[track_caller]
pub fn custom_root<T: Scalar, B: Backend<T>>(
    f: impl Fn(&Value<T, B>, &[Value<T, B>]) -> Value<T, B> + Send + Sync + 'static,
    solve: impl Fn(&[Value<T, B>]) -> Value<T, B> + Send + Sync + 'static,
    theta: &[&Value<T, B>],
) -> Value<T, B> {
    let f = Arc::new(f);
    let residual = f.clone();
    let root = move |theta: &[Value<T, B>]| {
        let x = solve(theta).detach();
        let rest = residual(&x, theta);
        assert!(
            rest.tracked().is_none(),
            "custom_root: the function uses a value that is differentiated and not in theta; put it there"
        );
        assert!(
            rest.len() == x.len(),
            "custom_root: the function gives shape {:?} for a root of shape {:?}, expected as many elements",
            rest.shape(),
            x.shape()
        );
        x
    };
    custom_vjp("custom_root", theta, root, move |theta, x, g, i| {
        let square = Shape::from_slice(&[x.len(), x.len()]);
        let by_x = jacobian(|x| f(x, theta), x).with_shape("custom_root", square);
        let right = g.with_shape("custom_root", Shape::from_slice(&[x.len()]));
        let Ok(weights) = by_x.t().solve(&right) else {
            return g.sum() * &theta[i] * T::nan();
        };
        let residual = |t: &Value<T, B>| {
            let mut all = theta.to_vec();
            all[i] = t.clone();
            f(x, &all)
        };
        let (y, pull) = vjp(residual, &theta[i]);
        -pull(&weights.with_shape("custom_root", Shape::from_slice(y.shape())))
    })
}

impl<T: Scalar, B: Backend<T>> Value<T, B> {
    /// The same value, whose gradient goes through `f` on its way back: to clip it, to scale it, or to look at it.
    ///
    /// `f` gets the cotangent of this value, and what it returns takes its place. Forward mode is not changed.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let x = Value::new(ndarray::array![1.0, 100.0]);
    /// x.hook_grad(|g| g.clamp(-10.0, 10.0)).square().backward();
    /// assert_eq!(x.grad().data(), ndarray::array![2.0, 10.0].into_dyn());
    /// ```
    #[must_use]
    pub fn hook_grad(&self, f: impl Fn(&Self) -> Self + Send + Sync + 'static) -> Self {
        Value::apply(Hook(Arc::new(f)), &[self])
    }
}
