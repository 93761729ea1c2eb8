//! Elementwise operations on tensors.

use super::{Tensor, with_ndim};
use crate::backend::{Backend, Binary, Elementwise, Unary};
use crate::copies;
use crate::few::{self, Dims};
use crate::lazy::{self, Lazy};
use crate::native::simd::Lanes;
use crate::program::MAX_AXES;
use crate::scalar::Scalar;
use crate::shape::{common_shape, covers};
use ndarray::{ArrayD, ArrayViewD, IxDyn};
use smallvec::SmallVec;
use std::sync::Arc;

impl<T: Scalar> Tensor<T> {
    #[inline(never)] // numbers, which come past it, are to have little to save
    pub fn elementwise<B: Backend<T>, const N: usize>(op: Elementwise<T>, operands: [&Tensor<T>; N]) -> Self {
        if let Some(few) = Self::elementwise_few(op, operands) {
            return few;
        }
        let wide = common_shape(operands.iter().map(|x| x.shape()));
        let pending = operands.iter().any(|x| x.pending().is_some());
        if !pending && lazy::is_immediate(wide.iter().product()) || wide.len() > MAX_AXES {
            let bases: SmallVec<[ArrayViewD<'_, T>; 3]> = operands.iter().map(|x| x.base()).collect();
            return Self::repeated(B::elementwise(op, &bases), &wide);
        }
        if wide.contains(&0) {
            return Self::new(ArrayD::zeros(IxDyn(&wide)).into_shared());
        }
        let compact: SmallVec<[Tensor<T>; 2]> = operands.iter().map(|x| x.compact()).collect();
        let shape = common_shape(compact.iter().map(|x| x.shape()));
        Tensor::Lazy(Lazy::map::<B>(op, shape, compact)).broadcast_to(&wide)
    }

    /// The operation without the backend, where its result is short, and is not left for later.
    #[inline]
    fn elementwise_few<const N: usize>(op: Elementwise<T>, operands: [&Tensor<T>; N]) -> Option<Self> {
        let shapes = operands.map(|x| x.shape());
        let covers_all = |i: &usize| (0..N).all(|j| j == *i || covers(shapes[*i], shapes[j]));
        let dims = match (0..N).find(covers_all) {
            Some(i) => Dims::short(shapes[i]),
            None => Dims::short(&common_shape(shapes.into_iter())),
        }?;
        if operands.iter().any(|x| x.pending().is_some()) {
            return None;
        }
        let mut lanes = [Lanes::NONE; N];
        for (x, lanes) in operands.iter().zip(&mut lanes) {
            match x.lanes(&dims) {
                Some(there) => *lanes = there,
                None if dims.is_few() => return Some(Self::elementwise_gathered(op, operands, dims)),
                None => return Self::elementwise_spread(op, operands, dims),
            }
        }
        if !dims.is_few() && lanes.iter().all(|lanes| matches!(lanes, Lanes::Same(_))) {
            // One element that stands for many does so in the result.
            let mut one = [T::zero()];
            op.apply(&lanes, &mut one);
            return Some(Self::full(one[0], dims.shape()));
        }
        Some(Self::few(dims, |y| op.apply(&lanes, y)))
    }

    /// The same for operands of which some do not lie in memory as the result does.
    fn elementwise_gathered<const N: usize>(
        op: Elementwise<T>,
        operands: [&Tensor<T>; N],
        dims: Dims,
    ) -> Self {
        let mut wide = [[T::zero(); few::MOST]; N];
        let mut lanes = [Lanes::NONE; N];
        for ((x, wide), lanes) in operands.iter().zip(&mut wide).zip(&mut lanes) {
            *lanes = x.lanes(&dims).unwrap_or_else(|| {
                let mut place = None;
                let (from, elements) = x.packed(&mut place);
                let wide = &mut wide[..dims.len()];
                copies::spread(from, elements, dims.shape(), wide);
                Lanes::Each(wide)
            });
        }
        Self::few(dims, |y| op.apply(&lanes, y))
    }

    /// The same for a result of more than a few elements.
    fn elementwise_spread<const N: usize>(
        op: Elementwise<T>,
        operands: [&Tensor<T>; N],
        dims: Dims,
    ) -> Option<Self> {
        if operands.iter().any(|x| x.is_spread()) {
            let bases = operands.map(|x| x.base());
            if common_shape(bases.iter().map(|base| base.shape()))[..] != *dims.shape() {
                // Elements that stand for many do so in the result.
                let compact = operands.map(|x| x.compact());
                return Some(Self::elementwise_few(op, compact.each_ref())?.broadcast_to(dims.shape()));
            }
        }
        let mut wide = [const { None }; N];
        for (x, wide) in operands.iter().zip(&mut wide) {
            if x.lanes(&dims).is_none() {
                *wide = Some(x.wide(dims)?);
            }
        }
        let mut lanes = [Lanes::NONE; N];
        for ((x, wide), lanes) in operands.iter().zip(&wide).zip(&mut lanes) {
            *lanes = wide.as_ref().unwrap_or(x).lanes(&dims).expect("each element in its place");
        }
        Some(Self::few(dims, |y| op.apply(&lanes, y)))
    }

    /// A copy of a short array, repeated to make `dims`, with each element in its place.
    fn wide(&self, dims: Dims) -> Option<Self> {
        let base = self.packed_base()?;
        let (from, elements) = base.packed_elements()?;
        Some(match elements.len() == dims.len() {
            true => base.reshape(dims.shape()),
            false => Self::few(dims, |y| copies::spread(from, elements, dims.shape(), y)),
        })
    }

    /// `array`, repeated to make `shape`.
    fn repeated(array: ArrayD<T>, shape: &[usize]) -> Self {
        let array = array.into_shared();
        match array.shape() == shape {
            true => Self::new(array),
            false => Self::spread(with_ndim(array, shape.len()), IxDyn(shape)),
        }
    }

    pub fn unary<B: Backend<T>>(op: Unary<T>, x: &Tensor<T>) -> Self {
        match x.number() {
            Some(x) => Tensor::Scalar(op.call(x)),
            None => Self::elementwise::<B, 1>(Elementwise::Unary(op), [x]),
        }
    }

    pub fn binary<B: Backend<T>>(op: Binary, a: &Tensor<T>, b: &Tensor<T>) -> Self {
        match (a.number(), b.number()) {
            (Some(a), Some(b)) => Tensor::Scalar(op.call(a, b)),
            // What a cotangent of ones is multiplied with is the product.
            _ if matches!(op, Binary::mul | Binary::chain | Binary::absorb)
                && a.is_ones()
                && covers(b.shape(), a.shape()) =>
            {
                b.clone()
            }
            _ => Self::elementwise::<B, 2>(Elementwise::Binary(op), [a, b]),
        }
    }

    /// Whether it is 1, everywhere, and known to be without computing it.
    fn is_ones(&self) -> bool {
        match self {
            Tensor::Scalar(x) => *x == T::one(),
            Tensor::Few(few) => few.elements().iter().all(|&x| x == T::one()),
            Tensor::Array(a) => a.base.len() == 1 && a.base.first() == Some(&T::one()),
            Tensor::Lazy(_) => false,
        }
    }

    /// Adds `other`, of the same shape, in place where this is the only holder of its memory.
    pub fn accumulate<B: Backend<T>>(self, other: &Tensor<T>) -> Self {
        let mut sum = match self.pending() {
            Some(_) => self,
            None => self.into_ready(),
        };
        match (&mut sum, other) {
            (Tensor::Scalar(a), Tensor::Scalar(b)) => return Tensor::Scalar(*a + *b),
            (Tensor::Few(a), Tensor::Few(b)) => {
                if let Some(own) = Arc::get_mut(a) {
                    own.elements_mut().iter_mut().zip(b.elements()).for_each(|(sum, &x)| *sum += x);
                    return sum;
                }
            }
            _ => {}
        }
        if other.pending().is_none()
            && let Some(mut own) = sum.own_mut()
        {
            match (own.as_slice_mut(), other.base().to_slice()) {
                // Without what ndarray does beside adding, which is most of the work for some tens of numbers.
                (Some(own), Some(other)) if own.len() == other.len() => {
                    own.iter_mut().zip(other).for_each(|(sum, &x)| *sum += x);
                }
                _ => copies::add_assign(own, other.view()),
            }
            return sum;
        }
        Self::binary::<B>(Binary::add, &sum, other)
    }
}
