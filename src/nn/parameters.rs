//! What writes [`Parameters`](crate::nn::Parameters) for structs, and what is asked of those who implement it.

use super::{Parameters, Path};
use autodiff_core::{Backend, Scalar, Value};
use std::collections::BTreeSet;

/// The places of a model's values, in the order in which `visit` finds them; `op` is what asks.
pub(crate) fn places<'a, T: Scalar, B: Backend<T>, P: Parameters<T, B> + ?Sized>(
    op: &str,
    model: &'a mut P,
) -> Vec<&'a mut Value<T, B>> {
    let mut visited = Vec::new();
    model.visit(Path::ROOT, &mut |_, value| visited.push(std::ptr::from_ref(value)));
    let mut places = Vec::with_capacity(visited.len());
    model.visit_mut(Path::ROOT, &mut |_, value| places.push(value));
    assert!(
        places.iter().map(|place| std::ptr::from_ref(&**place)).eq(visited),
        "{op}: `visit` and `visit_mut` of the model's Parameters find other values, or in another order"
    );
    places
}

/// A value with the label of the one whose place it takes, if that has one.
pub(crate) fn labelled<T: Scalar, B: Backend<T>>(
    value: Value<T, B>,
    label: Option<std::sync::Arc<str>>,
) -> Value<T, B> {
    match label {
        Some(label) => value.with_label(label),
        None => value,
    }
}

/// The first name that one before it has, too: implementations by hand can give such.
pub(crate) fn repeated_name<V>(named: &[(String, V)]) -> Option<&String> {
    let mut names = BTreeSet::new();
    named.iter().map(|(name, _)| name).find(|name| !names.insert(*name))
}

/// Implements [`Parameters`](crate::nn::Parameters) for a struct, from the list of its fields that hold values.
///
/// The struct is of `f64` values, or generic over the element type alone. Fields that are not listed are not
/// visited.
///
/// ```
/// use autodiff::nn::{Linear, Module, Parameters, rng};
/// use autodiff::{Scalar, Value, parameters};
///
/// struct Spring {
///     stiffness: Value,
///     damping: Value,
///     mass: f64,
/// }
/// parameters!(Spring { stiffness, damping });
///
/// struct Residual<T: Scalar> {
///     inner: Linear<T>,
/// }
/// parameters!(Residual<T> { inner });
///
/// impl<T: Scalar> Module<T> for Residual<T> {
///     fn forward(&self, x: &Value<T>) -> Value<T> {
///         x + self.inner.forward(x).tanh()
///     }
/// }
///
/// let spring = Spring { stiffness: Value::new(2.0), damping: Value::new(0.1), mass: 1.0 };
/// assert_eq!(spring.named_parameters()[1].0, "damping");
/// let layer = Residual { inner: Linear::<f32>::new(3, 3, &mut rng(0)) };
/// assert_eq!(layer.named_parameters()[0].0, "inner.weight");
/// # let _ = spring.mass;
/// ```
#[macro_export]
macro_rules! parameters {
    ($Model:ident { $($field:ident),* $(,)? }) => {
        impl $crate::nn::Parameters<f64, $crate::DefaultBackend> for $Model {
            $crate::parameters!(@methods f64; $($field),*);
        }
    };
    ($Model:ident<$T:ident> { $($field:ident),* $(,)? }) => {
        impl<$T: $crate::Scalar> $crate::nn::Parameters<$T, $crate::DefaultBackend> for $Model<$T> {
            $crate::parameters!(@methods $T; $($field),*);
        }
    };
    (@methods $T:ty; $($field:ident),*) => {
        fn visit<'a>(
            &'a self,
            path: $crate::nn::Path<'_>,
            f: &mut dyn FnMut($crate::nn::Path<'_>, &'a $crate::Value<$T>),
        ) {
            $( $crate::nn::Parameters::visit(&self.$field, path.field(stringify!($field)), f); )*
        }
        fn visit_mut<'a>(
            &'a mut self,
            path: $crate::nn::Path<'_>,
            f: &mut dyn FnMut($crate::nn::Path<'_>, &'a mut $crate::Value<$T>),
        ) {
            $( $crate::nn::Parameters::visit_mut(&mut self.$field, path.field(stringify!($field)), f); )*
        }
    };
}
