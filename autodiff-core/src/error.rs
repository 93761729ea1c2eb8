//! What can go wrong, in words that name the operation, what it got and what it expected.

use std::fmt;

/// A mistake in a call: shapes that do not fit, an axis or an index that is not there, a missing gradient.
///
/// Every method that can fail so comes twice: `reshape` panics with this error's message at the caller's line,
/// as `ndarray`'s own methods do, and `try_reshape` returns it. A method whose failure depends on the data, as
/// `cholesky`'s does, comes once and returns a `Result`, for mistakes in shapes too.
///
/// ```
/// use autodiff_core::{Error, native::Value};
/// let x = Value::new(ndarray::array![1.0, 2.0, 3.0]);
/// let error = x.try_reshape([2, 2]).unwrap_err();
/// assert!(matches!(error, Error::Reshape { .. }));
/// assert_eq!(error.to_string(), "reshape: 3 elements of shape [3] do not fit shape [2, 2], which holds 4");
/// assert_eq!(format!("{error:?}"), error.to_string()); // so that `unwrap()`, and `main`, say the same
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two shapes that do not broadcast together.
    #[error(
        "{op}: shapes {left:?} and {right:?} do not broadcast together; expected, from the last axis on, equal lengths or 1"
    )]
    Broadcast {
        /// The operation.
        op: &'static str,
        /// Shape of the first operand.
        left: Vec<usize>,
        /// Shape of the second operand.
        right: Vec<usize>,
    },
    /// A shape that cannot be broadcast to the one asked for.
    #[error(
        "{op}: shape {from:?} does not broadcast to {to:?}; expected, from the last axis on, equal lengths or 1"
    )]
    BroadcastTo {
        /// The operation.
        op: &'static str,
        /// The shape at hand.
        from: Vec<usize>,
        /// The shape asked for.
        to: Vec<usize>,
    },
    /// A shape other than the only one that will do.
    #[error("{op}: got shape {got:?}, expected {expected:?}")]
    Shape {
        /// The operation.
        op: &'static str,
        /// The shape at hand.
        got: Vec<usize>,
        /// The shape it had to be.
        expected: Vec<usize>,
    },
    /// A direction, or weights, of another shape than what it is one of.
    #[error("{op}: got {what} of shape {got:?} for {of} of shape {expected:?}; expected the same shape")]
    Direction {
        /// The operation.
        op: &'static str,
        /// What was given, as in "a tangent".
        what: &'static str,
        /// Its shape.
        got: Vec<usize>,
        /// What it belongs to, as in "an input".
        of: &'static str,
        /// The shape of that.
        expected: Vec<usize>,
    },
    /// Operands of a matrix product whose inner lengths differ.
    #[error(
        "matmul: shapes {left:?} and {right:?}: the inner lengths {inner_left} and {inner_right} differ; expected (..., m, k) @ (..., k, n)"
    )]
    Matmul {
        /// Shape of the first operand.
        left: Vec<usize>,
        /// Shape of the second operand.
        right: Vec<usize>,
        /// Last axis of the first operand.
        inner_left: usize,
        /// Second-last axis of the second operand.
        inner_right: usize,
    },
    /// Operands of a matrix product whose axes before the last two do not broadcast.
    #[error(
        "matmul: shapes {left:?} and {right:?}: the axes before the last two do not broadcast; expected equal lengths or 1"
    )]
    MatmulBatch {
        /// Shape of the first operand.
        left: Vec<usize>,
        /// Shape of the second operand.
        right: Vec<usize>,
    },
    /// Axes of different lengths that are to be summed over together.
    #[error(
        "{op}: shapes {left:?} and {right:?}: axis {left_axis} has length {} and axis {right_axis} has {}; expected equal lengths, as products are summed along both",
        left[*left_axis], right[*right_axis]
    )]
    Contraction {
        /// The operation.
        op: &'static str,
        /// Shape of the first operand.
        left: Vec<usize>,
        /// Shape of the second operand.
        right: Vec<usize>,
        /// The axis of the first operand, counted from the front.
        left_axis: usize,
        /// The axis of the second operand, counted from the front.
        right_axis: usize,
    },
    /// Arrays to be joined whose shapes do not fit together.
    #[error(
        "{op}: along axis {axis}, array {index} of shape {got:?} does not fit array 0 of shape {first:?}; expected {expected}"
    )]
    Join {
        /// The operation.
        op: &'static str,
        /// The axis along which they are joined, counted from the front.
        axis: usize,
        /// Where the array stands in the list.
        index: usize,
        /// Its shape.
        got: Vec<usize>,
        /// The shape of the first array.
        first: Vec<usize>,
        /// The shapes that fit, in words.
        expected: &'static str,
    },
    /// Operands, each with a part of its own to play, whose shapes do not fit together.
    #[error("{op}: {}: {problem}; expected {expected}", roles(shapes))]
    Operands {
        /// The operation.
        op: &'static str,
        /// What each operand is, and its shape.
        shapes: Vec<(&'static str, Vec<usize>)>,
        /// What does not fit.
        problem: String,
        /// The shapes that fit, in words.
        expected: &'static str,
    },
    /// Too few axes, or too many, for the operation.
    #[error("{op}: got shape {shape:?} with {} axes, expected {expected}", shape.len())]
    Rank {
        /// The operation.
        op: &'static str,
        /// The shape at hand.
        shape: Vec<usize>,
        /// The number of axes, in words.
        expected: &'static str,
    },
    /// A function with other than one number as its result, where its gradient is asked for.
    #[error(
        "{op}: the function's result has shape {got:?}, expected one number; sum it, or take its jacobian, or its derivative in a direction with jvp"
    )]
    Result {
        /// The operation.
        op: &'static str,
        /// The shape of the result.
        got: Vec<usize>,
    },
    /// An axis that the array does not have.
    #[error("{op}: axis {axis} is out of range for shape {shape:?}; expected {}", axis_range(shape.len()))]
    Axis {
        /// The operation.
        op: &'static str,
        /// The axis asked for.
        axis: isize,
        /// The shape at hand.
        shape: Vec<usize>,
    },
    /// The same axis twice.
    #[error("{op}: axis {axis} is repeated in {axes:?}; expected each axis at most once")]
    RepeatedAxis {
        /// The operation.
        op: &'static str,
        /// The repeated axis, counted from the front.
        axis: usize,
        /// The axes asked for.
        axes: Vec<isize>,
    },
    /// A permutation that leaves axes out.
    #[error("permute: axes {axes:?} for shape {shape:?}; expected each of its {} axes exactly once", shape.len())]
    Permutation {
        /// The axes asked for.
        axes: Vec<isize>,
        /// The shape at hand.
        shape: Vec<usize>,
    },
    /// A reshape that would change the number of elements.
    #[error("{op}: {} elements of shape {from:?} do not fit shape {to:?}{}", count(from), holds(to))]
    Reshape {
        /// The operation.
        op: &'static str,
        /// The shape at hand.
        from: Vec<usize>,
        /// The shape asked for; -1 stands for an inferred length.
        to: Vec<isize>,
    },
    /// Lengths that are not numbers of elements.
    #[error("{op}: got lengths {got:?}, expected none below 0")]
    Lengths {
        /// The operation.
        op: &'static str,
        /// The lengths asked for.
        got: Vec<isize>,
    },
    /// A shape with more elements than memory can address.
    #[error("{op}: shape {shape:?} has more elements than memory can address")]
    TooLarge {
        /// The operation.
        op: &'static str,
        /// The shape asked for.
        shape: Vec<usize>,
    },
    /// An axis that is not of length one.
    #[error("squeeze_axis: axis {axis} of shape {shape:?} has length {}, expected 1", shape[*axis])]
    Squeeze {
        /// The axis, counted from the front.
        axis: usize,
        /// The shape at hand.
        shape: Vec<usize>,
    },
    /// An index beyond the end of an axis.
    #[error("{op}: index {index} at position {position} is out of range for axis {axis} of shape {shape:?}, which has length {}", shape[*axis])]
    Index {
        /// The operation.
        op: &'static str,
        /// The index asked for.
        index: usize,
        /// Where it stands in the list of indices.
        position: usize,
        /// The axis.
        axis: usize,
        /// The shape at hand.
        shape: Vec<usize>,
    },
    /// A class label beyond the number of classes.
    #[error("{op}: label {label} at position {position} is out of range; expected 0 to {} for {classes} classes", classes.saturating_sub(1))]
    Label {
        /// The operation.
        op: &'static str,
        /// The label.
        label: usize,
        /// Where it stands in the list of labels.
        position: usize,
        /// The number of classes.
        classes: usize,
    },
    /// More or fewer items than there must be.
    #[error("{op}: got {got} {what}, expected {expected}")]
    Count {
        /// The operation.
        op: &'static str,
        /// What is counted.
        what: &'static str,
        /// How many there are.
        got: usize,
        /// How many there must be.
        expected: usize,
    },
    /// A number that is none of those that an operation takes.
    #[error("{op}: {what} is {got}, expected {expected}")]
    Argument {
        /// The operation.
        op: &'static str,
        /// What the number is.
        what: &'static str,
        /// The number.
        got: String,
        /// Those it takes, in words.
        expected: String,
    },
    /// A slice that does not fit the array.
    #[error("{op}: {problem}, for shape {shape:?}")]
    Slice {
        /// The operation.
        op: &'static str,
        /// What does not fit.
        problem: String,
        /// The shape at hand.
        shape: Vec<usize>,
    },
    /// A reduction that has no value for an empty axis.
    #[error("{op}: shape {shape:?} is empty along the reduced axes {axes:?}, where {op} has no value")]
    Empty {
        /// The operation.
        op: &'static str,
        /// The shape at hand.
        shape: Vec<usize>,
        /// The reduced axes.
        axes: Vec<usize>,
    },
    /// `item()` of an array with other than one element.
    #[error("item: shape {shape:?} has {} elements, expected exactly one", count(shape))]
    Item {
        /// The shape at hand.
        shape: Vec<usize>,
    },
    /// An operation that needs a recorded computation, on a value without one.
    #[error(
        "{op}: the value of shape {shape:?} does not depend on any leaf; make inputs with Value::new, not Value::constant, and compute outside no_grad and without detach"
    )]
    NotTracked {
        /// The operation.
        op: &'static str,
        /// The shape at hand.
        shape: Vec<usize>,
    },
    /// A constant among the values that a gradient is asked for with respect to.
    #[error(
        "{op}: value {index} of those to differentiate with respect to, of shape {shape:?}, is a constant; make it with Value::new, not Value::constant, and outside no_grad and without detach"
    )]
    Constant {
        /// The operation.
        op: &'static str,
        /// Where it stands in the list of values.
        index: usize,
        /// The shape at hand.
        shape: Vec<usize>,
    },
    /// The gradient of an intermediate value that was not kept.
    #[error(
        "grad: the gradient of this intermediate value (op \"{op}\", shape {shape:?}) is not kept; call retain_grad() on it before backward(), or make it a leaf: Value::new(x.data())"
    )]
    NotRetained {
        /// The operation that made the value.
        op: &'static str,
        /// The shape at hand.
        shape: Vec<usize>,
    },
    /// The gradient of an intermediate value that was kept too late, or that nothing has flowed to.
    #[error(
        "grad: no backward() has reached this intermediate value (op \"{op}\", shape {shape:?}) since retain_grad(); call retain_grad() before backward()"
    )]
    NotReached {
        /// The operation that made the value.
        op: &'static str,
        /// The shape at hand.
        shape: Vec<usize>,
    },
    /// A matrix that is not square, for an operation on square ones.
    #[error("{op}: got shape {shape:?}, expected square matrices, (..., n, n)")]
    Square {
        /// The operation.
        op: &'static str,
        /// The shape at hand.
        shape: Vec<usize>,
    },
    /// A matrix and right-hand sides that do not fit together.
    #[error(
        "{op}: shapes {left:?} and {right:?} do not fit; expected {expected}, with leading axes that broadcast"
    )]
    System {
        /// The operation.
        op: &'static str,
        /// Shape of the matrix.
        left: Vec<usize>,
        /// Shape of the right-hand sides.
        right: Vec<usize>,
        /// The shapes that fit, in words.
        expected: &'static str,
    },
    /// A matrix for which there is no result: it depends on the data.
    #[error("{op}: shape {shape:?}{}: {reason}", which(index))]
    Linalg {
        /// The operation.
        op: &'static str,
        /// The shape at hand.
        shape: Vec<usize>,
        /// Which of the matrices in the last two axes it is: the indices along the axes before them.
        index: Vec<usize>,
        /// What is wrong with it.
        reason: LinalgError,
    },
    /// A window, of a convolution or of pooling, that does not fit the array.
    #[error("{op}: {problem}, for shape {shape:?}")]
    Window {
        /// The operation.
        op: &'static str,
        /// The shape at hand.
        shape: Vec<usize>,
        /// What does not fit.
        problem: String,
    },
    /// Subscripts of a sum of products that are not well-formed, or do not fit the operands.
    #[error("einsum: \"{subscripts}\": {problem}")]
    Einsum {
        /// The subscripts.
        subscripts: String,
        /// What is wrong with them.
        problem: String,
    },
    /// Analytic and numeric derivatives that differ.
    #[error("{0}")]
    Gradient(String),
}

/// A matrix for which a factorisation does not exist, or is not found: it depends on the data, so it is never a panic.
///
/// ```
/// use autodiff_core::{Backend, Native};
/// let error = Native::cholesky(ndarray::array![[1.0, 2.0], [2.0, 1.0]].view()).unwrap_err();
/// assert_eq!(error.to_string(), "the matrix is not positive definite: pivot 1 of its Cholesky factorisation is not positive");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinalgError {
    /// A symmetric matrix that is not positive definite.
    #[error(
        "the matrix is not positive definite: pivot {pivot} of its Cholesky factorisation is not positive"
    )]
    NotPositiveDefinite {
        /// The first row at which this shows, from 0: the leading block of `pivot` rows is positive definite.
        pivot: usize,
    },
    /// A singular matrix: it has no inverse.
    #[error("the matrix is singular: pivot {pivot} of its triangular factor is zero")]
    Singular {
        /// The first row with a zero on the diagonal, from 0.
        pivot: usize,
    },
    /// A matrix that holds NaN or infinities, which has no eigenvalues or singular values.
    #[error("the matrix holds NaN or infinite elements")]
    NotFinite,
    /// An iteration that did not end.
    #[error("the iteration for eigenvalues or singular values did not converge")]
    NoConvergence,
}

/// The message, which is what `unwrap` shows, and a `main` that returns the error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The message, as that of [`Error`].
impl fmt::Debug for LinalgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn axis_range(ndim: usize) -> String {
    match ndim {
        0 => "no axis, since it has none".to_string(),
        n => format!("-{n} to {}", n - 1),
    }
}

fn roles(shapes: &[(&str, Vec<usize>)]) -> String {
    let each: Vec<String> = shapes.iter().map(|(what, shape)| format!("{what} {shape:?}")).collect();
    each.join(", ")
}

fn which(index: &[usize]) -> String {
    if index.is_empty() { String::new() } else { format!(", matrix {index:?}") }
}

fn count(shape: &[usize]) -> usize {
    shape.iter().product()
}

fn holds(to: &[isize]) -> String {
    let unknown = to.iter().filter(|&&n| n < 0).count();
    let known = to.iter().filter(|&&n| n >= 0).try_fold(1usize, |p, &n| p.checked_mul(n as usize));
    match (unknown, known) {
        (0, Some(n)) => format!(", which holds {n}"),
        (1, Some(0)) if to.contains(&-1) => ", where nothing tells the length to infer".to_string(),
        (1, Some(n)) if to.contains(&-1) => format!(", which holds a multiple of {n}"),
        (_, None) => ", which is larger than memory".to_string(),
        _ => "; expected lengths of at least 0, and at most one -1".to_string(),
    }
}

/// The value, or a panic with the error's message at the line of the caller's caller.
#[track_caller]
pub(crate) fn or_panic<V>(result: Result<V, Error>) -> V {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// Writes a method that returns a `Result` together with its panicking form.
///
/// `fn name, try_name(&self, ...) -> V { body }`: the body returns `Result<V, Error>`. Functions without `self` have an
/// invocation of their own.
macro_rules! twins {
    ($(
        $(#[$doc:meta])*
        fn $name:ident, $try_name:ident($($arg:ident: $ty:ty),*) -> $out:ty $body:block
    )+) => { $(
        $(#[$doc])*
        #[track_caller]
        pub fn $name($($arg: $ty),*) -> $out {
            $crate::error::or_panic(Self::$try_name($($arg),*))
        }

        #[doc = concat!("Like [`", stringify!($name), "`](Self::", stringify!($name), "), but returns an error instead of panicking.")]
        pub fn $try_name($($arg: $ty),*) -> Result<$out, Error> $body
    )+ };
    ($(
        $(#[$doc:meta])*
        fn $name:ident, $try_name:ident(&$self:ident $(, $arg:ident: $ty:ty)*) -> $out:ty $body:block
    )*) => { $(
        $(#[$doc])*
        #[track_caller]
        pub fn $name(&$self $(, $arg: $ty)*) -> $out {
            $crate::error::or_panic($self.$try_name($($arg),*))
        }

        #[doc = concat!("Like [`", stringify!($name), "`](Self::", stringify!($name), "), but returns an error instead of panicking.")]
        pub fn $try_name(&$self $(, $arg: $ty)*) -> Result<$out, Error> $body
    )* };
}
pub(crate) use twins;
