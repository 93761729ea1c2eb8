//! The choice between two arrays by a mask.

use super::*;

/// `a` where the mask, the first input, is not 0, else `b`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Select;

impl Select {
    /// Writes to `y` the elements of `a` where those of `mask` are not 0, else those of `b`.
    pub(crate) fn apply<T: Scalar>(mask: Lanes<'_, T>, a: Lanes<'_, T>, b: Lanes<'_, T>, y: &mut [T]) {
        match mask {
            Lanes::Each(mask) => simd::widest(Block { op: Select, operands: (mask, a, b), y }),
            Lanes::Same(&mask) => match if mask != T::zero() { a } else { b } {
                Lanes::Each(chosen) => y.copy_from_slice(chosen),
                Lanes::Same(&chosen) => y.fill(chosen),
            },
        }
    }
}

impl<T: Scalar> Kernel for Block<'_, Select, (&[T], Lanes<'_, T>, Lanes<'_, T>), T> {
    type Output = ();

    #[inline(always)]
    fn run<F: MulAdd>(self) {
        let ((mask, a, b), y) = (self.operands, self.y);
        let y = y.iter_mut().zip(mask);
        match (a, b) {
            (Lanes::Each(a), Lanes::Each(b)) => {
                for (((y, &mask), &a), &b) in y.zip(a).zip(b) {
                    *y = if mask != T::zero() { a } else { b };
                }
            }
            (Lanes::Each(a), Lanes::Same(&b)) => {
                for ((y, &mask), &a) in y.zip(a) {
                    *y = if mask != T::zero() { a } else { b };
                }
            }
            (Lanes::Same(&a), Lanes::Each(b)) => {
                for ((y, &mask), &b) in y.zip(b) {
                    *y = if mask != T::zero() { a } else { b };
                }
            }
            (Lanes::Same(&a), Lanes::Same(&b)) => {
                for (y, &mask) in y {
                    *y = if mask != T::zero() { a } else { b };
                }
            }
        }
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Select {
    fn name(&self) -> &'static str {
        "where"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 1, output: false }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        Tensor::elementwise::<B, 3>(Elementwise::Select, [x[0], x[1], x[2]])
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let zero = Value::number(T::zero());
        match i {
            1 => Some(Value::apply(Select, &[&at.x(0), g, &zero])),
            2 => Some(Value::apply(Select, &[&at.x(0), &zero, g])),
            _ => None,
        }
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        self.vjp(at, t, i)
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(Select.recorded())
    }
    fn broadcasts(&self) -> bool {
        true
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Select {
    fn cases() -> Vec<Case<T, B>> {
        let mask = |n: usize| Value::constant(ndarray::Array1::from_shape_fn(n, |i| T::of((i % 2) as f64)));
        let shapes: [(&[usize], &[usize]); 3] = [(&[2, 3], &[2, 3]), (&[2, 1], &[]), (&[0, 3], &[1, 3])];
        let case = |(a, b)| {
            Case::new("where", &[(a, -2.0..2.0), (b, -2.0..2.0)], move |x| {
                Value::apply(Select, &[&mask(3), &x[0], &x[1]])
            })
        };
        shapes.map(case).into()
    }
}
