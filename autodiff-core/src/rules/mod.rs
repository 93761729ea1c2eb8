//! The table: every operation, with its evaluation and its derivative.
//!
//! A rule states how to compute its output from arrays, and how a cotangent flows back to, or a tangent flows
//! on from, each of its inputs. Derivatives are written once, over [`Value`]s: on detached values they give
//! plain numbers, on attached ones expressions that can be differentiated again.

mod checkpoint;
mod custom;
pub(crate) mod elementwise;
mod index;
pub(crate) mod linalg;
mod linear;
mod matmul;
mod quantile;
mod recurrence;
mod reduce;
mod scan;
mod take;

pub(crate) use checkpoint::Checkpoint;
pub(crate) use custom::{Custom, Derivative, Hook};
pub(crate) use elementwise::Select;
pub(crate) use index::{Concat, IndexAdd, IndexSelect, Slice, Unslice};
pub(crate) use linalg::{Diagonal, Embed, SolveTriangular};
pub(crate) use linear::{Alias, BroadcastTo, Permute, Reshape};
pub(crate) use matmul::Matmul;
pub(crate) use quantile::Quantile;
pub(crate) use recurrence::Recurrence;
pub(crate) use reduce::{Along, Extremum, LogSumExp, Mean, Softmax, Sum};
pub(crate) use scan::{Cumsum, CumulativeExtremum, LogCumsumexp};
pub(crate) use take::{Put, Take};

use crate::backend::{Backend, Binary, Unary};
use crate::primal::Primal;
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use crate::value::Value;
use elementwise::{AtFew, AtNumbers, Numbers, Partial};
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

/// What an operation computes, and its derivative.
pub(crate) trait Rule<T: Scalar, B: Backend<T>>: Debug + Send + Sync + 'static {
    /// The name of the operation, as its method is called.
    fn name(&self) -> &'static str;

    /// What the derivatives with respect to input `i` read, so that it is kept.
    fn needs(&self, i: usize) -> Needs;

    /// The output. Shapes have been checked.
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T>;

    /// The cotangent of input `i`, given that of the output; of the input's shape, or one it was broadcast to.
    /// `None` is zero.
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>>;

    /// Adds the cotangent of input `i` to what others have brought, in place, if that spares making an array that is zero
    /// all but in a part; gives `sum` back if not.
    fn add_vjp(&self, _g: &Tensor<T>, _i: usize, sum: Tensor<T>) -> Result<Tensor<T>, Tensor<T>> {
        Err(sum)
    }

    /// The tangent of the output due to that of input `i`. `None` is zero.
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>>;

    /// The cotangents of all inputs, each of its input's shape, where one computation gives them, of a whole batch too.
    fn vjp_all(&self, _: &Primal<'_, T, B>, _: &Value<T, B>) -> Option<Vec<Option<Value<T, B>>>> {
        None
    }

    /// The tangent of the output due to those of all these inputs, where one computation gives it, of a whole batch too.
    fn jvp_all(&self, _: &Primal<'_, T, B>, _: &[(usize, &Value<T, B>)]) -> Option<Option<Value<T, B>>> {
        None
    }

    /// The same operation with an axis of length `n` before all others, whose derivatives are those of the parts along
    /// it: many cotangents or tangents at once. What it reads of inputs and output then has length 1 along that axis.
    ///
    /// `None` where no rule does that: each part is taken through the derivative on its own.
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        None
    }

    /// Whether the operation reads the elements of its inputs as soon as it is called.
    fn reads_elements(&self) -> bool {
        false
    }

    /// Whether its tangent costs nothing, or little, until it is looked at.
    fn is_followed(&self) -> bool {
        false
    }

    /// Whether it holds functions of users, which may have captured values.
    fn has_functions(&self) -> bool {
        false
    }

    /// Whether inputs with fewer axes than the output are aligned with its last ones.
    fn broadcasts(&self) -> bool {
        false
    }
}

/// The inputs (bit `i` for input `i`) and the output that a derivative reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    pub inputs: u8,
    pub output: bool,
}

impl Needs {
    pub const NOTHING: Needs = Needs { inputs: 0, output: false };

    pub fn and(self, other: Needs) -> Needs {
        Needs { inputs: self.inputs | other.inputs, output: self.output | other.output }
    }
}

/// Holds for the rules that the table lists.
pub(crate) trait InTable<T> {}

/// A rule with the uses that prove it. Only such a rule can be applied, and only one that the table lists can
/// be such a rule: no operation escapes the tests.
pub(crate) trait Listed<T: Scalar, B: Backend<T>>: Rule<T, B> + InTable<T> + Sized {
    /// Uses of the operation that together exercise its rule.
    fn cases() -> Vec<Case<T, B>>;

    /// The rule as a node keeps it.
    fn recorded(self) -> Recorded<T, B> {
        Recorded::Other(Box::new(self))
    }
}

/// A rule that a node keeps: the commonest in the node itself, which spares an allocation.
pub(crate) enum Recorded<T: Scalar, B: Backend<T>> {
    Unary(Unary<T>),
    Binary(Binary),
    Other(Box<dyn Rule<T, B>>),
}

impl<T: Scalar, B: Backend<T>> std::ops::Deref for Recorded<T, B> {
    type Target = dyn Rule<T, B>;

    fn deref(&self) -> &Self::Target {
        match self {
            Recorded::Unary(rule) => rule,
            Recorded::Binary(rule) => rule,
            Recorded::Other(rule) => &**rule,
        }
    }
}

impl<T: Scalar, B: Backend<T>> Recorded<T, B> {
    /// Whether it holds functions of users, which may have captured values.
    #[inline]
    pub fn has_functions(&self) -> bool {
        matches!(self, Recorded::Other(rule) if rule.has_functions())
    }

    /// Whether there is a derivative at numbers, [`number_vjp`](Recorded::number_vjp).
    pub fn is_elementwise(&self) -> bool {
        !matches!(self, Recorded::Other(_))
    }

    /// What `vjp` gives where all is numbers.
    #[inline]
    pub fn number_vjp(&self, at: &AtNumbers<T>, g: T, i: usize) -> Option<T> {
        match self {
            Recorded::Unary(rule) => rule.number_vjp(at, g),
            Recorded::Binary(rule) => rule.number_vjp(at, g, i),
            Recorded::Other(rule) => unreachable!("{} has no derivative at numbers", rule.name()),
        }
    }

    /// The derivative with respect to input `i` where all is arrays of a few elements.
    pub fn slopes(&self, at: &AtFew<'_, T>, i: usize) -> Partial<Numbers<T>> {
        match self {
            Recorded::Unary(rule) => rule.slopes(at),
            Recorded::Binary(rule) => rule.slopes(at, i),
            Recorded::Other(rule) => unreachable!("{} has no derivative at numbers", rule.name()),
        }
    }
}

type Function<T, B> = Arc<dyn Fn(&[Value<T, B>]) -> Value<T, B> + Send + Sync>;

/// A use of an operation, with inputs on which to check its derivatives.
pub struct Case<T: Scalar, B: Backend<T>> {
    /// The operation's name.
    pub name: &'static str,
    pub(crate) f: Function<T, B>,
    pub(crate) inputs: Vec<Sample>,
    /// Whether each output element depends on the input elements at its own place alone.
    pub(crate) elementwise: bool,
}

/// The shape of an input and the range its elements are drawn from.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub shape: Vec<usize>,
    pub range: Range<f64>,
}

impl<T: Scalar, B: Backend<T>> Case<T, B> {
    pub(crate) fn new(
        name: &'static str,
        inputs: &[(&[usize], Range<f64>)],
        f: impl Fn(&[Value<T, B>]) -> Value<T, B> + Send + Sync + 'static,
    ) -> Self {
        let inputs = inputs.iter().map(|(s, r)| Sample { shape: s.to_vec(), range: r.clone() }).collect();
        Case { name, f: Arc::new(f), inputs, elementwise: false }
    }
}

macro_rules! table {
    ($($rule:ty),* $(,)?) => {
        /// Every use of every operation that the tests check.
        pub(crate) fn cases<T: Scalar, B: Backend<T>>() -> Vec<Case<T, B>> {
            let mut all = Vec::new();
            $(
                let cases = <$rule as Listed<T, B>>::cases();
                assert!(!cases.is_empty(), "{} has no cases", stringify!($rule));
                all.extend(cases);
            )*
            // What takes functions of users is a rule for one backend.
            all.extend(Custom::<T, B>::cases());
            all.extend(Hook::<T, B>::cases());
            all.extend(Checkpoint::<T, B>::cases());
            all
        }
        $(impl<T: Scalar> InTable<T> for $rule {})*
    };
}

impl<T: Scalar, B: Backend<T>> InTable<T> for Custom<T, B> {}
impl<T: Scalar, B: Backend<T>> InTable<T> for Hook<T, B> {}
impl<T: Scalar, B: Backend<T>> InTable<T> for Checkpoint<T, B> {}

table![
    Unary<T>,
    Binary,
    Select,
    Sum,
    Mean,
    Extremum,
    LogSumExp,
    Softmax,
    Matmul,
    Alias,
    Reshape,
    Permute,
    BroadcastTo,
    Slice,
    Unslice,
    IndexSelect,
    IndexAdd,
    Concat,
    Take,
    Put,
    Cumsum,
    CumulativeExtremum,
    LogCumsumexp,
    Recurrence,
    Quantile,
    linalg::Weigh,
    Diagonal,
    Embed,
    SolveTriangular,
    linalg::Solve<T>,
    linalg::Inverse<T>,
    linalg::Det<T>,
    linalg::LnDet<T>,
    linalg::Cofactor<T>,
    linalg::Cholesky<T>,
    linalg::Cotangent,
    linalg::Orthogonal<T>,
    linalg::Upper<T>,
    linalg::Eigenvalues<T>,
    linalg::Eigenvectors<T>,
    linalg::SingularValues<T>,
    linalg::SingularVectors<T>,
    linalg::Pinv<T>,
];
