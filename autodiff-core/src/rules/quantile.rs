//! Quantiles along axes.

use super::reduce::Along;
use super::{Case, Listed, Needs, Recorded, Rule, Sum};
use crate::backend::{Backend, Binary};
use crate::primal::Primal;
use crate::rows::{by_value, map_each_row, map_rows};
use crate::scalar::Scalar;
use crate::shape::reduced;
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::IxDyn;

/// The quantile `q`, from 0 to 1, of the elements along axes, interpolated between the two nearest. Elements equal to
/// one of these share its gradient equally.
#[derive(Clone, Debug)]
pub(crate) struct Quantile {
    pub op: &'static str,
    pub q: f64,
    pub along: Along,
}

/// The elements on either side of a quantile, and how far it is from the first to the second.
struct Between<T> {
    low: T,
    high: T,
    weight: f64,
}

impl<T: Scalar> Between<T> {
    fn of(row: &[T], q: f64) -> Self {
        let place = q * (row.len() - 1) as f64;
        let weight = place.fract();
        let mut row = row.to_vec();
        let (_, &mut low, above) = row.select_nth_unstable_by(place as usize, by_value);
        let first = above.iter().copied().reduce(|a, b| if by_value(&b, &a).is_lt() { b } else { a });
        match above.iter().any(|x| x.is_nan()) {
            // A quantile of NaN is NaN, wherever it lies.
            true => Between { low: T::nan(), high: T::nan(), weight: 0.0 },
            false => Between { low, high: first.filter(|_| weight > 0.0).unwrap_or(low), weight },
        }
    }

    fn value(&self) -> T {
        let Between { low, high, weight } = *self;
        let (step, weight, rest) = (high - low, T::of(weight), T::of(1.0 - weight));
        if low == high || weight == T::zero() {
            low
        } else if !step.is_finite() {
            low * rest + high * weight
        } else if weight < T::of(0.5) {
            low + step * weight
        } else {
            high - step * rest
        }
    }
}

impl Quantile {
    /// The share of each element in the quantile, which does not change with it.
    fn shares<T: Scalar, B: Backend<T>>(&self, at: &Primal<'_, T, B>) -> Value<T, B> {
        let shares = map_each_row(at.x(0).tensor().view(), &self.along.axes, |row, shares| {
            let Between { low, high, weight } = Between::of(row, self.q);
            for (end, weight) in [(low, 1.0 - weight), (high, weight)] {
                let is_end = |x: T| Binary::same.call(x, end) != T::zero();
                let ties = row.iter().filter(|&&x| is_end(x)).count();
                let share = T::of(weight / ties as f64);
                row.iter()
                    .zip(&mut *shares)
                    .filter(|(x, _)| is_end(**x))
                    .for_each(|(_, s): (_, &mut T)| *s += share);
            }
        });
        Value::constant(shares)
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Quantile {
    fn name(&self) -> &'static str {
        self.op
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 1, output: false }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        let Along { axes, keepdims, from } = &self.along;
        let values = map_rows(x[0].view(), axes, |row| Between::of(row, self.q).value());
        let shape = reduced(from, axes, *keepdims);
        Tensor::new(values.into_shape_with_order(IxDyn(&shape)).expect("one value a row").into_shared())
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(self.along.keep(g).zip(Binary::chain, &self.shares(at)))
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(Value::apply(Sum(self.along.clone()), &[&t.zip(Binary::chain, &self.shares(at))]))
    }
    fn batched(&self, n: usize) -> Option<Recorded<T, B>> {
        Some(Quantile { op: self.op, q: self.q, along: self.along.batched(n) }.recorded())
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Quantile {
    fn cases() -> Vec<Case<T, B>> {
        let case = |shape: &[usize], axes: &'static [isize], q: f64| {
            Case::new("quantile", &[(shape, -2.0..2.0)], move |x| x[0].quantile_axis(axes, q))
        };
        vec![
            case(&[2, 4], &[1], 0.3),
            case(&[4, 2], &[0], 0.75),
            case(&[2, 3, 2], &[0, -1], 0.9),
            case(&[3], &[0], 1.0),
            case(&[1, 2], &[0], 0.5),
            case(&[0, 3], &[1], 0.5),
            Case::new("median", &[(&[2, 3], -2.0..2.0)], |x| x[0].median()),
            Case::new("median", &[(&[2, 4], -2.0..2.0)], |x| x[0].median_keepdims(1)),
        ]
    }
}
