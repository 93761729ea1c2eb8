//! Constants of given shapes.

use crate::backend::Backend;
use crate::error::{Error, twins};
use crate::scalar::Scalar;
use crate::shape::{Lengths, checked_size};
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::{Array1, Array2};

/// Constants. To differentiate with respect to one, make a leaf of its data: `Value::new(Value::ones(3).data())`.
impl<T: Scalar, B: Backend<T>> Value<T, B> {
    twins! {
        /// Zeros.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// assert_eq!(Value::<f64>::zeros([2, 3]).data(), ndarray::Array::zeros((2, 3)).into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where a length is negative, or there are more elements than memory can address.
        fn zeros, try_zeros(shape: impl Into<Lengths>) -> Self {
            Self::filled("zeros", shape.into(), T::zero())
        }

        /// Ones.
        ///
        /// # Panics
        ///
        /// As for [`zeros`](Value::zeros).
        fn ones, try_ones(shape: impl Into<Lengths>) -> Self {
            Self::filled("ones", shape.into(), T::one())
        }

        /// One number everywhere. It takes the memory of one.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// assert_eq!(Value::full([2], 7.0).data(), ndarray::array![7.0, 7.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// As for [`zeros`](Value::zeros).
        fn full, try_full(shape: impl Into<Lengths>, value: T) -> Self {
            Self::filled("full", shape.into(), value)
        }

        /// The identity matrix (n, n).
        ///
        /// # Panics
        ///
        /// Where there are more elements than memory can address.
        fn eye, try_eye(n: usize) -> Self {
            checked_size("eye", &[n, n])?;
            Ok(Value::constant(Array2::eye(n)))
        }

        /// The numbers `start`, `start + step`, ... before `stop`.
        ///
        /// There are `ceil((stop - start) / step)` of them: with a step that has no exact representation one more or less
        /// than expected. [`linspace`](Value::linspace) takes their number.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// assert_eq!(Value::arange(0.0, 2.0, 0.5).data(), ndarray::array![0.0, 0.5, 1.0, 1.5].into_dyn());
        /// assert!(Value::arange(1.0, 0.0, 1.0).is_empty());
        /// ```
        ///
        /// # Panics
        ///
        /// Where the step is 0, a number is not finite, or there are more than memory can address.
        fn arange, try_arange(start: T, stop: T, step: T) -> Self {
            let op = "arange";
            let ends = [("start", start), ("stop", stop), ("step", step)];
            let wrong = |(what, x): &(&'static str, T)| !x.is_finite() || (*what == "step" && *x == T::zero());
            if let Some((what, x)) = ends.into_iter().find(wrong) {
                let expected = if what == "step" { "a finite number other than 0" } else { "a finite number" };
                return Err(Error::Argument { op, what, got: x.to_string(), expected: expected.to_string() });
            }
            let (start, stop, step) = (start.as_f64(), stop.as_f64(), step.as_f64());
            // A negative count becomes 0, and one beyond all memory the largest.
            let count = ((stop - start) / step).ceil() as usize;
            checked_size(op, &[count])?;
            Ok(Value::constant(Array1::from_shape_fn(count, |i| T::of(start + i as f64 * step))))
        }

        /// `count` numbers at equal distances from `start` to `stop`, both of which are among them; of one number, `start`.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// assert_eq!(Value::linspace(0.0, 1.0, 3).data(), ndarray::array![0.0, 0.5, 1.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where there are more numbers than memory can address.
        fn linspace, try_linspace(start: T, stop: T, count: usize) -> Self {
            checked_size("linspace", &[count])?;
            let (first, last, steps) = (start.as_f64(), stop.as_f64(), count.saturating_sub(1) as f64);
            let step = (last - first) / steps;
            let number = |i: usize| match i {
                0 => start,
                _ if i == count - 1 => stop,
                _ if step.is_finite() => T::of(first + i as f64 * step),
                // The ends are further apart than the largest number: halves are not.
                _ => T::of(2.0 * (first / 2.0 + i as f64 * ((last / 2.0 - first / 2.0) / steps))),
            };
            Ok(Value::constant(Array1::from_shape_fn(count, number)))
        }
    }

    fn filled(op: &'static str, shape: Lengths, value: T) -> Result<Self, Error> {
        let shape = shape.exact(op)?;
        checked_size(op, &shape)?;
        Ok(Self::from_parts(Tensor::full(value, &shape), None))
    }

    /// Zeros of the shape of this value.
    #[must_use]
    pub fn zeros_like(&self) -> Self {
        self.full_like(T::zero())
    }

    /// Ones of the shape of this value.
    #[must_use]
    pub fn ones_like(&self) -> Self {
        self.full_like(T::one())
    }

    /// One number everywhere, in the shape of this value.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let x = Value::new(ndarray::array![1.0, 2.0]);
    /// assert_eq!(x.full_like(7.0).data(), ndarray::array![7.0, 7.0].into_dyn());
    /// ```
    #[must_use]
    pub fn full_like(&self, value: T) -> Self {
        Self::from_parts(Tensor::full(value, self.shape()), None)
    }
}
