//! Structs of values: what [`grad`](crate::grad) is taken with respect to, and what an optimiser, or a file, sees of a
//! model.

use crate::backend::Backend;
use crate::error::{Error, or_panic};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::value::Value;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::{fmt, ptr};

/// Where a parameter stands in its model: field names and indices, joined by dots, as in `2.bias`.
///
/// It is made on the stack while a model is visited; its `Display` form is the name.
///
/// ```
/// use autodiff_core::Path;
/// assert_eq!(Path::ROOT.index(2).field("bias").to_string(), "2.bias");
/// assert_eq!(Path::ROOT.to_string(), "");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    part: Part<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Part<'a> {
    Root,
    Field(&'a str),
    Index(usize),
}

impl Path<'_> {
    /// The model itself: its name is empty.
    pub const ROOT: Path<'static> = Path { parent: None, part: Part::Root };

    /// The field `name` of what is here.
    #[must_use]
    pub fn field<'a>(&'a self, name: &'a str) -> Path<'a> {
        Path { parent: Some(self), part: Part::Field(name) }
    }

    /// Element `i` of what is here.
    #[must_use]
    pub fn index(&self, i: usize) -> Path<'_> {
        Path { parent: Some(self), part: Part::Index(i) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent
            && !matches!(parent.part, Part::Root)
        {
            write!(f, "{parent}.")?;
        }
        match self.part {
            Part::Root => Ok(()),
            Part::Field(name) => f.write_str(name),
            Part::Index(i) => write!(f, "{i}"),
        }
    }
}

/// A struct of values that have names: what is trained, differentiated with respect to, saved and loaded.
///
/// A [`Value`] is one, and so are a `Vec`, an array, an `Option`, a tuple and a `BTreeMap<String, _>` of them. For a struct of
/// one's own, the macro `parameters!` of the crate `autodiff` writes the implementation from the list of its fields; by hand,
/// it is a line for each field in each of two methods:
///
/// ```
/// use autodiff_core::{Native, Parameters, Path, grad, native::Value};
///
/// #[derive(Clone)]
/// struct Model {
///     scale: Value,
///     weights: Vec<Value>,
/// }
///
/// impl Parameters<f64, Native> for Model {
///     fn visit<'a>(&'a self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'a Value)) {
///         self.scale.visit(path.field("scale"), f);
///         self.weights.visit(path.field("weights"), f);
///     }
///     fn visit_mut<'a>(&'a mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'a mut Value)) {
///         self.scale.visit_mut(path.field("scale"), f);
///         self.weights.visit_mut(path.field("weights"), f);
///     }
/// }
///
/// let model = Model { scale: Value::new(3.0), weights: vec![Value::new(1.0), Value::new(2.0)] };
/// let names: Vec<String> = model.named_parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["scale", "weights.0", "weights.1"]);
/// // A gradient is a struct of the same kind.
/// let g = grad(|m: &Model| &m.scale * &m.weights[0] * &m.weights[1], &model);
/// assert_eq!((g.scale.item(), g.weights[0].item(), g.weights[1].item()), (2.0, 6.0, 3.0));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of named `Value<{T}>`s",
    note = "for a struct of values or layers, `autodiff::parameters!({Self} {{ field, ... }});` writes the implementation; fields that hold no values are left out of the list"
)]
pub trait Parameters<T: Scalar, B: Backend<T>> {
    /// Calls `f` with each value and its place, which starts with `path`; always in the same order.
    fn visit<'a>(&'a self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'a Value<T, B>));

    /// The same, to replace values.
    fn visit_mut<'a>(&'a mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'a mut Value<T, B>));

    /// The values with their names, such as `"0.weight"`; a lone [`Value`] has the empty name.
    ///
    /// ```
    /// use autodiff_core::{Parameters, native::Value};
    /// let pair = (Value::new(1.0), [Value::new(2.0), Value::new(3.0)]);
    /// let names: Vec<String> = pair.named_parameters().into_iter().map(|(name, _)| name).collect();
    /// assert_eq!(names, ["0", "1.0", "1.1"]);
    /// ```
    fn named_parameters(&self) -> Vec<(String, &Value<T, B>)> {
        let mut all = Vec::new();
        self.visit(Path::ROOT, &mut |path, value| all.push((path.to_string(), value)));
        all
    }

    /// The same, to replace values.
    ///
    /// ```
    /// use autodiff_core::{Parameters, native::Value};
    /// let mut pair = (Value::new(1.0), Value::new(2.0));
    /// for (name, value) in pair.named_parameters_mut() {
    ///     *value = value.clone().with_label(name);
    /// }
    /// assert_eq!(pair.1.label().as_deref(), Some("1"));
    /// ```
    fn named_parameters_mut(&mut self) -> Vec<(String, &mut Value<T, B>)> {
        let mut all = Vec::new();
        self.visit_mut(Path::ROOT, &mut |path, value| all.push((path.to_string(), value)));
        all
    }

    /// The number of numbers in all values together.
    ///
    /// ```
    /// use autodiff_core::{Parameters, native::Value};
    /// let pair = (Value::new(1.0), Value::new(ndarray::array![2.0, 3.0]));
    /// assert_eq!(pair.num_parameters(), 3);
    /// ```
    fn num_parameters(&self) -> usize {
        let mut count = 0;
        self.visit(Path::ROOT, &mut |_, value| count += value.len());
        count
    }

    /// All numbers in one vector: the elements of each value in row-major order, one value after the other. Gradients flow through
    /// it, and through [`with_vector`](Self::with_vector), its inverse.
    ///
    /// What is known of vectors serves structs with these two: the matrix of all second derivatives, say, whose inverse gives
    /// standard errors, or a line search.
    ///
    /// ```
    /// use autodiff_core::{Parameters, hessian, native::Value};
    /// use ndarray::array;
    /// let f = |(a, b): &(Value, Value)| (a * a * b).sum();
    /// let at = (Value::constant(array![1.0, 2.0]), Value::constant(3.0));
    /// assert_eq!(at.to_vector().data(), array![1.0, 2.0, 3.0].into_dyn());
    /// let h = hessian(|v| f(&at.with_vector(v)), &at.to_vector());
    /// assert_eq!(h.data(), array![[6.0, 0.0, 2.0], [0.0, 6.0, 4.0], [2.0, 4.0, 0.0]].into_dyn());
    /// ```
    ///
    /// # Panics
    ///
    /// Where there are more elements than memory can address.
    #[track_caller]
    #[doc(alias("ravel_pytree", "parameters_to_vector"))]
    fn to_vector(&self) -> Value<T, B> {
        let parts: Vec<_> = values(self).into_iter().map(Value::flatten).collect();
        match parts.as_slice() {
            [] => Value::zeros([0]),
            [only] => only.clone(),
            parts => or_panic(Value::join("to_vector", parts, 0)),
        }
    }

    /// A struct of the same kind and shapes with the numbers of a vector, of shape (number of parameters,), in the order of
    /// [`to_vector`](Self::to_vector).
    ///
    /// ```
    /// use autodiff_core::{Parameters, native::Value};
    /// use ndarray::array;
    /// let pair = (Value::new(array![[1.0], [2.0]]), Value::new(3.0));
    /// let (a, b) = pair.with_vector(&(pair.to_vector() * 10.0));
    /// assert_eq!(a.data(), array![[10.0], [20.0]].into_dyn());
    /// assert_eq!(b.item(), 30.0);
    /// ```
    ///
    /// # Panics
    ///
    /// Where the vector has another shape.
    #[must_use]
    #[track_caller]
    #[doc(alias("unravel", "vector_to_parameters"))]
    fn with_vector(&self, vector: &Value<T, B>) -> Self
    where
        Self: Clone,
    {
        or_panic(self.try_with_vector(vector))
    }

    /// Like [`with_vector`](Self::with_vector), but returns an error instead of panicking.
    fn try_with_vector(&self, vector: &Value<T, B>) -> Result<Self, Error>
    where
        Self: Clone,
    {
        let (op, expected) = ("with_vector", [self.num_parameters()]);
        if vector.shape() != expected {
            let (got, expected) = (vector.shape().to_vec(), expected.to_vec());
            return Err(Error::Shape { op, got, expected });
        }
        let mut end = 0;
        Ok(replaced(self, |value| {
            let start = end;
            end += value.len();
            vector.part(0, start..end).with_shape(op, Shape::from_slice(value.shape()))
        }))
    }
}

/// The values of a struct.
pub(crate) fn values<T: Scalar, B: Backend<T>, P: Parameters<T, B> + ?Sized>(x: &P) -> Vec<&Value<T, B>> {
    let mut all = Vec::new();
    x.visit(Path::ROOT, &mut |_, value| all.push(value));
    all
}

/// A struct of the same kind with other values, which are asked for in the order of [`values`].
pub(crate) fn replaced<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone>(
    x: &P,
    mut f: impl FnMut(&Value<T, B>) -> Value<T, B>,
) -> P {
    let mut copy = x.clone();
    let mut visited: SmallVec<[*const Value<T, B>; 8]> = SmallVec::new();
    copy.visit(Path::ROOT, &mut |_, value| visited.push(ptr::from_ref(value)));
    let mut visited = visited.into_iter();
    let mut is_same = true;
    copy.visit_mut(Path::ROOT, &mut |_, value| {
        is_same &= visited.next() == Some(ptr::from_ref(value));
        if is_same {
            *value = f(value);
        }
    });
    assert!(
        is_same && visited.next().is_none(),
        "Parameters: `visit` and `visit_mut` find other values, or in another order"
    );
    copy
}

impl<T: Scalar, B: Backend<T>> Parameters<T, B> for Value<T, B> {
    fn visit<'a>(&'a self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'a Value<T, B>)) {
        f(path, self);
    }
    fn visit_mut<'a>(&'a mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'a mut Value<T, B>)) {
        f(path, self);
    }
}

/// A function has no parameters: what needs some is a struct.
impl<T: Scalar, B: Backend<T>, F: Fn(&Value<T, B>) -> Value<T, B>> Parameters<T, B> for F {
    fn visit<'a>(&'a self, _: Path<'_>, _: &mut dyn FnMut(Path<'_>, &'a Value<T, B>)) {}
    fn visit_mut<'a>(&'a mut self, _: Path<'_>, _: &mut dyn FnMut(Path<'_>, &'a mut Value<T, B>)) {}
}

impl<T: Scalar, B: Backend<T>, P: Parameters<T, B>> Parameters<T, B> for Option<P> {
    fn visit<'a>(&'a self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'a Value<T, B>)) {
        if let Some(inner) = self {
            inner.visit(path, f);
        }
    }
    fn visit_mut<'a>(&'a mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'a mut Value<T, B>)) {
        if let Some(inner) = self {
            inner.visit_mut(path, f);
        }
    }
}

macro_rules! sequences {
    ($([$($generics:tt)*] $type:ty;)*) => { $(
        impl<T: Scalar, B: Backend<T>, P: Parameters<T, B>, $($generics)*> Parameters<T, B> for $type {
            fn visit<'a>(&'a self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'a Value<T, B>)) {
                for (i, part) in self.iter().enumerate() {
                    part.visit(path.index(i), f);
                }
            }
            fn visit_mut<'a>(&'a mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'a mut Value<T, B>)) {
                for (i, part) in self.iter_mut().enumerate() {
                    part.visit_mut(path.index(i), f);
                }
            }
        }
    )* };
}
sequences! {
    [] [P];
    [] Vec<P>;
    [const N: usize] [P; N];
}

/// Keys are names, in their order.
impl<T: Scalar, B: Backend<T>, P: Parameters<T, B>> Parameters<T, B> for BTreeMap<String, P> {
    fn visit<'a>(&'a self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'a Value<T, B>)) {
        for (name, part) in self {
            part.visit(path.field(name), f);
        }
    }
    fn visit_mut<'a>(&'a mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'a mut Value<T, B>)) {
        for (name, part) in self {
            part.visit_mut(path.field(name), f);
        }
    }
}

macro_rules! tuples {
    ($($($P:ident $i:tt),+;)*) => { $(
        impl<T: Scalar, B: Backend<T>, $($P: Parameters<T, B>),+> Parameters<T, B> for ($($P,)+) {
            fn visit<'a>(&'a self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'a Value<T, B>)) {
                $( self.$i.visit(path.index($i), f); )+
            }
            fn visit_mut<'a>(&'a mut self, path: Path<'_>, f: &mut dyn FnMut(Path<'_>, &'a mut Value<T, B>)) {
                $( self.$i.visit_mut(path.index($i), f); )+
            }
        }
    )* };
}
tuples! {
    P0 0;
    P0 0, P1 1;
    P0 0, P1 1, P2 2;
    P0 0, P1 1, P2 2, P3 3;
    P0 0, P1 1, P2 2, P3 3, P4 4;
    P0 0, P1 1, P2 2, P3 3, P4 4, P5 5;
}

#[cfg(test)]
mod tests {
    use super::Parameters;
    use crate::native::Value;
    use crate::{Native, grad};
    use std::collections::BTreeMap;

    #[test]
    fn replaces_each_value_once_in_order() {
        let mut nested = (vec![Value::new(1.0), Value::new(2.0)], None::<Value>, Some(Value::new(3.0)));
        let names = |n: &dyn Parameters<f64, Native>| -> Vec<String> {
            n.named_parameters().into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&nested), ["0.0", "0.1", "2"]);
        for (_, value) in nested.named_parameters_mut() {
            *value = Value::new(value.item() * 10.0);
        }
        let values: Vec<f64> = nested.named_parameters().iter().map(|(_, value)| value.item()).collect();
        assert_eq!(values, [10.0, 20.0, 30.0]);
        assert_eq!(nested.num_parameters(), 3);
    }

    #[test]
    fn maps_name_their_values_by_keys() {
        let pair = |x: f64, y: f64| vec![Value::new(x), Value::new(y)];
        let mut map =
            BTreeMap::from([("b".to_string(), pair(2.0, 3.0)), ("a.c".to_string(), pair(5.0, 7.0))]);
        let names: Vec<String> = map.named_parameters().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a.c.0", "a.c.1", "b.0", "b.1"]);
        let g = grad(|m: &BTreeMap<String, Vec<Value>>| &m["b"][0] * &m["a.c"][1] + &m["b"][1], &map);
        assert_eq!((g["b"][0].item(), g["b"][1].item(), g["a.c"][1].item()), (7.0, 1.0, 2.0));
        *map.named_parameters_mut().swap_remove(1).1 = Value::new(11.0);
        assert_eq!(map["a.c"][1].item(), 11.0);
    }

    #[test]
    fn functions_have_none() {
        let nothing: &dyn Parameters<f64, Native> = &(|x: &Value| x.relu());
        assert_eq!(nothing.num_parameters(), 0);
        assert!(Parameters::<f32, Native>::named_parameters(&Value::<f32>::tanh).is_empty());
    }
}
