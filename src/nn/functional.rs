//! Functions that layers are made of.

use crate::{Error, Scalar, Value};
use ndarray::Array2;

/// Writes a function that returns a `Result` together with its panicking form.
macro_rules! functions {
    ($(
        $(#[$doc:meta])*
        fn $name:ident, $try_name:ident($($arg:ident: $ty:ty),* $(,)?) $body:block
    )*) => { $(
        $(#[$doc])*
        #[track_caller]
        pub fn $name<T: Scalar>($($arg: $ty),*) -> Value<T> {
            $crate::or_panic($try_name($($arg),*))
        }

        #[doc = concat!("Like [`", stringify!($name), "`], but returns an error instead of panicking.")]
        pub fn $try_name<T: Scalar>($($arg: $ty),*) -> Result<Value<T>, Error> $body
    )* };
}
pub(super) use functions;

functions! {
    /// `(x - mean) / sqrt(variance + eps)` over the last axis, times `gain`, plus `bias` (J. Ba, J. Kiros and G. Hinton,
    /// Layer normalization, 2016).
    ///
    /// ```
    /// use autodiff::{Value, nn::layer_norm};
    /// let x = Value::new(ndarray::array![[1.0, 3.0], [10.0, 30.0]]);
    /// let y = layer_norm(&x, None, None, 0.0);
    /// assert_eq!(y.data(), ndarray::array![[-1.0, 1.0], [-1.0, 1.0]].into_dyn());
    /// ```
    ///
    /// # Panics
    ///
    /// Where there is no axis, or gain or bias are not of its length.
    fn layer_norm, try_layer_norm(x: &Value<T>, gain: Option<&Value<T>>, bias: Option<&Value<T>>, eps: f64) {
        let centred = x - x.try_mean_keepdims(-1)?;
        scale("layer_norm", &centred, gain, bias, eps)
    }

    /// `x / sqrt(mean(x^2) + eps)` over the last axis, times `gain` (B. Zhang and R. Sennrich, Root mean square layer
    /// normalization, 2019).
    ///
    /// # Panics
    ///
    /// Where there is no axis, or gain is not of its length.
    fn rms_norm, try_rms_norm(x: &Value<T>, gain: Option<&Value<T>>, eps: f64) {
        scale("rms_norm", x, gain, None, eps)
    }

    /// `softmax(Q K^T / sqrt(d) + mask) V` for queries (..., m, d), keys (..., n, d) and values (..., n, v), whose leading
    /// axes broadcast (A. Vaswani et al., Attention is all you need, 2017, equation 1).
    ///
    /// The mask, if any, is added to the scores, (..., m, n): -inf hides a key. Where `causal`, query i sees the keys up to
    /// the i-th alone.
    ///
    /// # Panics
    ///
    /// Where shapes do not fit.
    fn attention, try_attention(
        queries: &Value<T>, keys: &Value<T>, values: &Value<T>, mask: Option<&Value<T>>, causal: bool
    ) {
        for x in [queries, keys, values] {
            if x.ndim() < 2 {
                let shape = x.shape().to_vec();
                return Err(Error::Rank { op: "attention", shape, expected: "at least 2, (..., length, features)" });
            }
        }
        let d = queries.shape()[queries.ndim() - 1] as f64;
        let mut scores = (queries * T::of(1.0 / d.sqrt())).try_matmul(keys.try_swap_axes(-1, -2)?)?;
        if let Some(mask) = mask {
            scores = scores.try_add(mask)?;
        }
        if causal {
            let (m, n) = (scores.shape()[scores.ndim() - 2], scores.shape()[scores.ndim() - 1]);
            let hidden = |(i, j)| if j > i { T::neg_infinity() } else { T::zero() };
            scores += Value::constant(Array2::from_shape_fn((m, n), hidden));
        }
        scores.try_softmax(-1)?.try_matmul(values)
    }
}

/// `x` over its root mean square along the last axis, times the gain, plus the bias.
fn scale<T: Scalar>(
    op: &'static str,
    x: &Value<T>,
    gain: Option<&Value<T>>,
    bias: Option<&Value<T>>,
    eps: f64,
) -> Result<Value<T>, Error> {
    let square = x.square().try_mean_keepdims(-1)?;
    let features = x.shape()[x.ndim() - 1];
    for weight in gain.iter().chain(&bias) {
        if weight.shape() != [features] {
            return Err(Error::Shape { op, got: weight.shape().to_vec(), expected: vec![features] });
        }
    }
    let mut y = x / (square + T::of(eps)).sqrt();
    if let Some(gain) = gain {
        y *= gain;
    }
    Ok(match bias {
        Some(bias) => y + bias,
        None => y,
    })
}
