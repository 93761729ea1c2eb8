//! Functions that layers are made of.

use crate::{Error, Scalar, Value, broadcast_shapes, random, try_where, where_};
use ndarray::{Array2, ArrayBase, Data, Dimension};
use rand::Rng;

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
        let op = "layer_norm";
        features(op, x)?;
        let centred = x - x.try_mean_keepdims(-1)?;
        scale(op, &centred, gain, bias, eps)
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

    /// `(x - mean) / sqrt(variance + eps)` for each channel of (batch, channels, ...), times `gain`, plus `bias` (S. Ioffe
    /// and C. Szegedy, Batch normalization, 2015).
    ///
    /// Mean, variance, gain and bias are of shape (channels). Moments that are not given are the batch's, over all axes but
    /// that of the channels: the variance is over the number of elements, and gradients go through both.
    /// [`BatchNorm`](crate::nn::BatchNorm) keeps running ones, for when the training is over.
    ///
    /// ```
    /// use autodiff::{Value, nn::batch_norm};
    /// let x = Value::new(ndarray::array![[1.0, 10.0], [3.0, 30.0]]);
    /// let y = batch_norm(&x, None, None, None, 0.0);
    /// assert_eq!(y.data(), ndarray::array![[-1.0, -1.0], [1.0, 1.0]].into_dyn());
    /// ```
    ///
    /// # Panics
    ///
    /// Where there are fewer than two axes; moments, gain or bias are not one number for each channel; or the batch's own
    /// moments are those of fewer than two numbers.
    fn batch_norm, try_batch_norm(
        x: &Value<T>,
        moments: Option<(&Value<T>, &Value<T>)>,
        gain: Option<&Value<T>>,
        bias: Option<&Value<T>>,
        eps: f64
    ) {
        let op = "batch_norm";
        let channels = channels(op, x)?;
        let (mean, variance) = match moments {
            Some((mean, variance)) => (mean.clone(), variance.clone()),
            None => {
                let Moments { mean, variance, .. } = Moments::of(x)?;
                (mean, variance)
            }
        };
        let mut beside = vec![1; x.ndim() - 1];
        beside[0] = channels;
        let centred = x - fitted(op, &mean, &beside)?;
        let y = centred * (fitted(op, &variance, &beside)? + T::of(eps)).rsqrt();
        affine(op, y, gain, bias, &beside)
    }

    /// `x / (1 - p)`, but 0 with probability `p`, for each element on its own (N. Srivastava et al., Dropout, 2014). Its
    /// mean is `x`. What is dropped has gradient 0, be it infinite or NaN.
    ///
    /// The same generator drops the same elements, for every `T`.
    ///
    /// ```
    /// use autodiff::{Value, nn::{dropout, rng}};
    /// let x = Value::new(ndarray::array![1.0, 2.0, 3.0, 4.0]);
    /// let y = dropout(&x, 0.5, &mut rng(1));
    /// assert!(y.data().iter().zip(x.data()).all(|(&y, x): (&f64, f64)| y == 0.0 || y == 2.0 * x));
    /// ```
    ///
    /// # Panics
    ///
    /// Where `p` is not from 0 to 1.
    fn dropout, try_dropout(x: &Value<T>, p: f64, rng: &mut (impl Rng + ?Sized)) {
        check_fraction("dropout", "p", p)?;
        let kept = random::rand::<f64>(x.shape(), rng).ge(p);
        // Nothing is kept for 1, and its gradient of 0 must not meet an infinity.
        let scale = if p < 1.0 { 1.0 / (1.0 - p) } else { 0.0 };
        Ok(where_(&kept, x * T::of(scale), T::zero()))
    }

    /// The rows of a table, (n, d), at indices of any shape, (...), as (..., d). In the gradient the parts of a row that is
    /// taken several times are added up.
    ///
    /// ```
    /// use autodiff::{Value, nn::embedding};
    /// use ndarray::array;
    /// let table = Value::new(array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    /// let y = embedding(&table, &array![[2, 0, 2]]);
    /// assert_eq!(y.data(), array![[[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]]].into_dyn());
    /// y.backward();
    /// assert_eq!(table.grad().data(), array![[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]].into_dyn());
    /// ```
    ///
    /// # Panics
    ///
    /// Where the table has other than two axes, or has no row of such an index.
    fn embedding, try_embedding(table: &Value<T>, ids: &ArrayBase<impl Data<Elem = usize>, impl Dimension>) {
        let op = "embedding";
        let &[n, d] = table.shape() else {
            return Err(Error::Rank { op, shape: table.shape().to_vec(), expected: "2, (n, d)" });
        };
        if let Some((position, &index)) = ids.iter().enumerate().find(|&(_, &id)| id >= n) {
            return Err(Error::Index { op, index, position, axis: 0, shape: vec![n, d] });
        }
        let rows = table.try_index_select(0, ids.iter().copied().collect::<Vec<_>>())?;
        rows.try_reshape([ids.shape(), &[d]].concat())
    }

    /// `softmax(Q K^T / sqrt(d) + mask) V` for queries (..., m, d), keys (..., n, d) and values (..., n, v), whose leading
    /// axes broadcast (A. Vaswani et al., Attention is all you need, 2017, equation 1).
    ///
    /// The mask, if any, is added to the scores, (..., m, n): -inf hides a key, whatever its score. Where `causal`, query i
    /// sees the keys up to the i-th alone. A query that sees no key gets zeros, as in PyTorch.
    ///
    /// # Panics
    ///
    /// Where shapes do not fit.
    fn attention, try_attention(
        queries: &Value<T>, keys: &Value<T>, values: &Value<T>, mask: Option<&Value<T>>, causal: bool
    ) {
        check_attention(queries.shape(), keys.shape(), values.shape(), mask.map(Value::shape))?;
        let d = queries.shape()[queries.ndim() - 1] as f64;
        let mut scores = (queries * T::of(1.0 / d.sqrt())).try_matmul(keys.try_swap_axes(-1, -2)?)?;
        // What is hidden is not added to: an infinite score, or NaN, would remain.
        if let Some(mask) = mask {
            let hidden = mask.eq(T::neg_infinity());
            scores = try_where(&hidden, T::neg_infinity(), scores.try_add(mask)?)?;
        }
        if causal {
            let (m, n) = (scores.shape()[scores.ndim() - 2], scores.shape()[scores.ndim() - 1]);
            let hidden = Array2::from_shape_fn((m, n), |(i, j)| j > i);
            scores = try_where(&hidden, T::neg_infinity(), scores)?;
        }
        if mask.is_some() && !scores.is_empty() {
            let hidden = scores.detach().try_max_keepdims(-1)?.eq(T::neg_infinity());
            if hidden.iter().any(|&hidden| hidden) {
                let weights = where_(&hidden, T::zero(), scores).try_softmax(-1)?;
                return where_(&hidden, T::zero(), weights).try_matmul(values);
            }
        }
        scores.try_softmax(-1)?.try_matmul(values)
    }
}

/// Checks that the shapes of queries, keys and values, and that of a mask, fit together.
fn check_attention(
    queries: &[usize],
    keys: &[usize],
    values: &[usize],
    mask: Option<&[usize]>,
) -> Result<(), Error> {
    let problem = match (queries, keys, values) {
        ([q @ .., m, d], [k @ .., n, features], [v @ .., length, _]) => {
            // What the scores are spread to by the mask, if any.
            let spread = |scores: &[usize]| match mask {
                Some(mask) => broadcast_shapes(scores, mask).ok().filter(|all| all.ends_with(&[*m, *n])),
                None => Some(scores.to_vec()),
            };
            let leading = broadcast_shapes(q, k).ok();
            let scores = leading.as_ref().map(|leading| [leading, &[*m, *n][..]].concat());
            let all = scores.as_ref().and_then(|scores| spread(scores));
            if d != features {
                format!("queries have {d} features and keys {features}")
            } else if n != length {
                format!("there are {n} keys and {length} values")
            } else if leading.is_none() {
                "the leading axes of queries and keys do not broadcast".to_string()
            } else if let Some(all) = all {
                match broadcast_shapes(&all[..all.len() - 2], v) {
                    Ok(_) => return Ok(()),
                    Err(_) => format!(
                        "the leading axes of values do not broadcast with those of the scores, {all:?}"
                    ),
                }
            } else {
                format!("the mask does not broadcast to the scores, {:?}", scores.unwrap_or_default())
            }
        }
        _ => "there are fewer than 2 axes".to_string(),
    };
    let mut shapes = vec![("queries", queries), ("keys", keys), ("values", values)];
    shapes.extend(mask.map(|mask| ("mask", mask)));
    Err(Error::Operands {
        op: "attention",
        shapes: shapes.into_iter().map(|(what, shape)| (what, shape.to_vec())).collect(),
        problem,
        expected: match mask {
            Some(_) => "(..., m, d), (..., n, d) and (..., n, v), and a mask that broadcasts to (..., m, n)",
            None => "(..., m, d), (..., n, d) and (..., n, v)",
        },
    })
}

/// The length of the last axis.
fn features<T: Scalar>(op: &'static str, x: &Value<T>) -> Result<usize, Error> {
    let rank = || Error::Rank { op, shape: x.shape().to_vec(), expected: "at least 1, (..., features)" };
    x.shape().last().copied().ok_or_else(rank)
}

/// `x` over its root mean square along the last axis, times the gain, plus the bias.
fn scale<T: Scalar>(
    op: &'static str,
    x: &Value<T>,
    gain: Option<&Value<T>>,
    bias: Option<&Value<T>>,
    eps: f64,
) -> Result<Value<T>, Error> {
    let features = features(op, x)?;
    let square = x.square().try_mean_keepdims(-1)?;
    affine(op, x / (square + T::of(eps)).sqrt(), gain, bias, &[features])
}

/// `y` times the gain, plus the bias, each put beside it.
fn affine<T: Scalar>(
    op: &'static str,
    mut y: Value<T>,
    gain: Option<&Value<T>>,
    bias: Option<&Value<T>>,
    beside: &[usize],
) -> Result<Value<T>, Error> {
    if let Some(gain) = gain {
        y *= fitted(op, gain, beside)?;
    }
    if let Some(bias) = bias {
        y += fitted(op, bias, beside)?;
    }
    Ok(y)
}

/// Numbers, one for each feature or channel, in a shape whose first length is their number and whose others are 1.
fn fitted<T: Scalar>(op: &'static str, x: &Value<T>, beside: &[usize]) -> Result<Value<T>, Error> {
    match x.shape() == &beside[..1] {
        true => x.try_reshape(beside),
        false => Err(Error::Shape { op, got: x.shape().to_vec(), expected: vec![beside[0]] }),
    }
}

/// The number of channels of (batch, channels, ...).
fn channels<T: Scalar>(op: &'static str, x: &Value<T>) -> Result<usize, Error> {
    match *x.shape() {
        [_, channels, ..] => Ok(channels),
        _ => {
            Err(Error::Rank { op, shape: x.shape().to_vec(), expected: "at least 2, (batch, channels, ...)" })
        }
    }
}

/// Mean and variance of each channel, both over its `count` elements.
pub(super) struct Moments<T: Scalar> {
    pub mean: Value<T>,
    pub variance: Value<T>,
    pub count: usize,
}

impl<T: Scalar> Moments<T> {
    pub fn of(x: &Value<T>) -> Result<Self, Error> {
        let op = "batch_norm";
        channels(op, x)?;
        let axes: Vec<usize> = (0..x.ndim()).filter(|&axis| axis != 1).collect();
        let count = axes.iter().map(|&axis| x.shape()[axis]).product();
        if count < 2 {
            return Err(Error::Argument {
                op,
                what: "the size of a channel",
                got: format!("{count} for shape {:?}", x.shape()),
                expected: "at least 2, where its moments are the batch's".to_string(),
            });
        }
        let (mean, variance) = (x.try_mean_axis(&axes[..])?, x.try_var_axis(&axes[..], 0)?);
        Ok(Moments { mean, variance, count })
    }
}

/// Checks the probability of an element to be dropped.
pub(super) fn check_fraction(op: &'static str, what: &'static str, x: f64) -> Result<(), Error> {
    match (0.0..=1.0).contains(&x) {
        true => Ok(()),
        false => Err(Error::Argument { op, what, got: x.to_string(), expected: "0 to 1".to_string() }),
    }
}
