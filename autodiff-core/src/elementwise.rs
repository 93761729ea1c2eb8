//! Methods for elementwise operations that are no rows of one operand, which have theirs from the table of rules.

use crate::backend::{Backend, Binary};
use crate::error::{Error, twins};
use crate::ops::Mask;
use crate::scalar::Scalar;
use crate::value::{Operand, Value};

/// Elementwise functions of two arrays, which broadcast together.
impl<T: Scalar, B: Backend<T>> Value<T, B> {
    twins! {
        /// `ln(e^a + e^b)`, at any magnitude; `d/da = sigmoid(a - b)`, `d/db = sigmoid(b - a)`. Where both are -inf, so is it, with
        /// gradients 0; where both are +inf, they share the gradient.
        fn logaddexp, try_logaddexp(&self, other: impl Operand<T, B>) -> Self {
            self.try_binary(Binary::logaddexp, &other.operand())
        }

        /// `log2(2^a + 2^b)`, at any magnitude; `d/da = 1 / (1 + 2^(b - a))`, `d/db = 1 / (1 + 2^(a - b))`. Where both are -inf, so is
        /// it, with gradients 0; where both are +inf, they share the gradient.
        fn logaddexp2, try_logaddexp2(&self, other: impl Operand<T, B>) -> Self {
            self.try_binary(Binary::logaddexp2, &other.operand())
        }

        /// `a ln(b)`, 0 where `a` is 0, whatever `b` is but NaN; `d/da = ln(b)`, `d/db = a / b`. At (0, 0) the
        /// gradient in `a` is -inf, the slope on either side, as in JAX (PyTorch: 0), and that in `b` is 0, since no `b`
        /// changes the result. NaN for negative `b`.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let p = Value::new(ndarray::array![0.0, 0.5, 0.5]);
        /// let entropy = -p.xlogy(&p).sum();
        /// assert_eq!(entropy.item(), 2.0_f64.ln());
        /// ```
        fn xlogy, try_xlogy(&self, other: impl Operand<T, B>) -> Self {
            self.try_binary(Binary::xlogy, &other.operand())
        }

        /// `a ln(1 + b)`, exact near `b = 0`, and 0 where `a` is 0; `d/da = ln(1 + b)`, `d/db = a / (1 + b)`. At (0, -1)
        /// the gradients are -inf and 0, as those of `xlogy` at (0, 0).
        fn xlog1py, try_xlog1py(&self, other: impl Operand<T, B>) -> Self {
            self.try_binary(Binary::xlog1py, &other.operand())
        }

        /// The angle in [-pi, pi] of the point whose ordinate is `self` and whose abscissa is `other`; `d/da = b / (a^2 + b^2)`,
        /// `d/db = -a / (a^2 + b^2)`. At the origin, where there is none, the gradients are NaN.
        fn atan2, try_atan2(&self, other: impl Operand<T, B>) -> Self {
            self.try_binary(Binary::atan2, &other.operand())
        }

        /// `sqrt(a^2 + b^2)`, without overflow; `d/da = a / y`, `d/db = b / y`. At the origin the gradients are 0.
        fn hypot, try_hypot(&self, other: impl Operand<T, B>) -> Self {
            self.try_binary(Binary::hypot, &other.operand())
        }

        /// The rest of the division by `divisor`, with its sign, like NumPy's `remainder` and Python's `%`; `d/da = 1`,
        /// `d/db = -floor(a / b)`.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let x = Value::new(ndarray::array![-1.0, 5.5]);
        /// assert_eq!(x.remainder(3.0).data(), ndarray::array![2.0, 2.5].into_dyn());
        /// ```
        fn remainder, try_remainder(&self, divisor: impl Operand<T, B>) -> Self {
            self.try_binary(Binary::remainder, &divisor.operand())
        }

        /// The size of `self` with the sign of `sign`, that of zeros and NaN too; `d/da` is 1 where the signs agree and -1 where not, 0 at
        /// `a = 0`, and `d/db = 0`.
        fn copysign, try_copysign(&self, sign: impl Operand<T, B>) -> Self {
            self.try_binary(Binary::copysign, &sign.operand())
        }

        /// The logarithm of the beta function, `ln |Gamma(a) Gamma(b) / Gamma(a + b)|`; `d/da = digamma(a) - digamma(a + b)`,
        /// `d/db = digamma(b) - digamma(a + b)`.
        fn betaln, try_betaln(&self, other: impl Operand<T, B>) -> Self {
            self.try_binary(Binary::betaln, &other.operand())
        }
    }
}

macro_rules! questions {
    ($($(#[$doc:meta])+ $name:ident;)*) => {
        /// Questions about single elements. The answers carry no gradient.
        impl<T: Scalar, B: Backend<T>> Value<T, B> { $(
            $(#[$doc])+
            #[must_use]
            pub fn $name(&self) -> Mask {
                self.tensor().view().mapv(|x| x.$name()).into_shared()
            }
        )* }
    };
}
questions! {
    /// Where the elements are NaN.
    is_nan;
    /// Where the elements are infinite, of either sign.
    is_infinite;
    /// Where the elements are neither infinite nor NaN.
    is_finite;
}

/// Activations of single elements.
impl<T: Scalar, B: Backend<T>> Value<T, B> {
    /// `ln(sigmoid(x))`, exact in both tails; `d/dx = sigmoid(-x)`.
    #[must_use]
    pub fn log_sigmoid(&self) -> Self {
        -(-self).softplus()
    }

    /// `elu` scaled so that it keeps mean 0 and variance 1 (G. Klambauer et al., Self-Normalizing Neural Networks,
    /// 2017): `1.0507 x` above 0 and `1.0507 1.6733 (e^x - 1)` below; `d/dx` is 1.0507 above 0, at 0 too, and
    /// `1.0507 1.6733 e^x` below.
    #[must_use]
    pub fn selu(&self) -> Self {
        self.elu(T::of(1.673_263_242_354_377_2)) * T::of(1.050_700_987_355_480_5)
    }

    /// `x` limited to -1 ..= 1; `d/dx` is 1 strictly inside and 0 elsewhere.
    #[must_use]
    pub fn hardtanh(&self) -> Self {
        self.clamp(-T::one(), T::one())
    }

    /// `x` limited to 0 ..= 6; `d/dx` is 1 strictly inside and 0 elsewhere.
    #[must_use]
    pub fn relu6(&self) -> Self {
        self.clamp(T::zero(), T::of(6.0))
    }

    /// `relu6(x + 3) / 6`; `d/dx` is 1/6 for `|x| < 3` and 0 elsewhere.
    #[must_use]
    pub fn hardsigmoid(&self) -> Self {
        // Limited first: beside a bound the sum could be rounded to it.
        (self.clamp(T::of(-3.0), T::of(3.0)) + T::of(3.0)) / T::of(6.0)
    }
}
