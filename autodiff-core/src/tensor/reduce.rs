//! Reductions of tensors.

use super::Tensor;
use crate::backend::{Backend, Binary, Elementwise, Reduction, Unary};
use crate::few::{self, Dims};
use crate::lazy::{self, Lazy};
use crate::program::MAX_AXES;
use crate::scalar::Scalar;
use crate::shape::Shape;
use smallvec::SmallVec;

impl<T: Scalar> Tensor<T> {
    /// Reduces along `axes`, which keep length 1.
    pub fn reduce<B: Backend<T>>(&self, op: Reduction, axes: &[usize]) -> Self {
        let mut shape = Shape::from_slice(self.shape());
        axes.iter().for_each(|&axis| shape[axis] = 1);
        self.reduce_to::<B>(op, axes, &shape)
    }

    /// Reduces along `axes`, of which `shape`, that of the result, leaves out some or all.
    pub fn reduce_to<B: Backend<T>>(&self, op: Reduction, axes: &[usize], shape: &[usize]) -> Self {
        match self.reduce_few(op, axes, shape) {
            Some(few) => few,
            None => self.reduce_many::<B>(op, axes).reshape(shape),
        }
    }

    /// The reduction without the backend, of a short array of which no element is repeated, if it is not left for later.
    fn reduce_few(&self, op: Reduction, axes: &[usize], shape: &[usize]) -> Option<Self> {
        let (all, dims) = (Dims::short(self.shape())?, Dims::short(shape)?);
        if self.pending().is_some() || self.is_spread() {
            return None;
        }
        let reduced = |(from, elements): (&[usize], &[T])| {
            Self::few(dims, |y| few::reduce(op, from, elements, axes, y))
        };
        match all.is_few() {
            true => Some(reduced(self.packed(&mut None))),
            false => self.packed_base()?.packed_elements().map(reduced),
        }
    }

    fn reduce_many<B: Backend<T>>(&self, op: Reduction, axes: &[usize]) -> Self {
        let along_one = axes.iter().all(|&axis| self.shape()[axis] == 1);
        let small = self.pending().is_none() && lazy::is_immediate(self.len());
        if along_one || small || self.len() == 0 || self.shape().len() > MAX_AXES {
            return Self::new(B::reduce(op, self.view(), axes).into_shared());
        }
        let compact = self.compact();
        let repeated = |axis: &usize| compact.shape()[*axis] != self.shape()[*axis];
        let times: usize =
            axes.iter().filter(|axis| repeated(axis)).map(|&axis| self.shape()[axis]).product();
        let long: SmallVec<[usize; 4]> =
            axes.iter().copied().filter(|axis| compact.shape()[*axis] != 1).collect();
        // Along other axes than the last, the terms of these would have to be kept until the largest is known.
        let last = (0..self.shape().len()).rev().filter(|&axis| self.shape()[axis] != 1);
        let row: usize = long.iter().map(|&axis| compact.shape()[axis]).product();
        let in_rows = last.take(long.len()).all(|axis| long.contains(&axis)) && lazy::is_row(row);
        match op {
            Reduction::LogSumExp if times == 1 && in_rows => return self.log_sum_exp::<B>(axes),
            Reduction::LogSumExp => return Self::new(B::reduce(op, self.view(), axes).into_shared()),
            _ => {}
        }
        let mut shape = Shape::from_slice(self.shape());
        axes.iter().for_each(|&axis| shape[axis] = 1);
        let once = match long.is_empty() {
            true => compact,
            false => Tensor::Lazy(Lazy::fold::<B>(op, &long, compact)),
        };
        let whole = match op {
            // n equal terms are n times one of them.
            Reduction::Sum if times != 1 => {
                Self::binary::<B>(Binary::mul, &once, &Tensor::Scalar(T::of(times as f64)))
            }
            _ => once,
        };
        whole.broadcast_to(&shape)
    }

    /// `m + ln(1 + sum of exp(x - m) over all but one x = m)`, of whose steps a softmax needs most.
    fn log_sum_exp<B: Backend<T>>(&self, axes: &[usize]) -> Self {
        let (most, terms) = self.exp_below_max::<B>(axes);
        let others = Self::unary::<B>(Unary::ln_1p, &terms.reduce::<B>(Reduction::SumBesideOne, axes));
        let bottom = Tensor::Scalar(T::neg_infinity());
        let is_bottom = Self::binary::<B>(Binary::same, &most, &bottom);
        let finite = Self::binary::<B>(Binary::add, &most, &others);
        Self::elementwise::<B, 3>(Elementwise::Select, [&is_bottom, &bottom, &finite])
    }

    /// The largest elements `m` along axes, which keep length 1, and `exp(x - m)`.
    pub fn exp_below_max<B: Backend<T>>(&self, axes: &[usize]) -> (Self, Self) {
        let most = self.reduce::<B>(Reduction::Max, axes);
        let terms = Self::unary::<B>(Unary::exp, &Self::binary::<B>(Binary::below, self, &most));
        (most, terms)
    }
}
