//! Losses: how far predictions are from targets.

use crate::nn::functional::{check_fraction, functions};
use crate::{DefaultBackend, Error, Operand, Scalar, Value, where_};
use ndarray::Array1;

/// What becomes of the losses of all elements, or of all rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reduction {
    /// Their mean; NaN of nothing.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// They stay.
    None,
}

impl Reduction {
    fn of<T: Scalar>(self, losses: Value<T>) -> Value<T> {
        match self {
            Reduction::Mean => losses.mean(),
            Reduction::Sum => losses.sum(),
            Reduction::None => losses,
        }
    }
}

/// What [`cross_entropy_loss`] weighs, and how; as it is by default, nothing is.
#[derive(Clone, Debug)]
pub struct CrossEntropy<T: Scalar = f64> {
    /// A weight for each class; the mean is then one with the weights of the labels.
    pub weights: Option<Value<T>>,
    /// The part, from 0 to 1, of each target that goes to all classes alike.
    pub smoothing: f64,
    /// The label of rows that do not count: their loss is 0, and the mean is over the others.
    pub ignore: Option<usize>,
    /// What becomes of the losses of the rows.
    pub reduction: Reduction,
}

impl<T: Scalar> Default for CrossEntropy<T> {
    fn default() -> Self {
        CrossEntropy { weights: None, smoothing: 0.0, ignore: None, reduction: Reduction::Mean }
    }
}

/// Checks a number that a loss is given, NaN included.
fn check_number<T: Scalar>(
    op: &'static str,
    what: &'static str,
    x: T,
    is_right: bool,
    expected: &str,
) -> Result<(), Error> {
    match is_right {
        true => Ok(()),
        false => Err(Error::Argument { op, what, got: x.to_string(), expected: expected.to_string() }),
    }
}

/// The residual `r` cut at `delta` on both sides, and what that is multiplied with for the loss of Huber: near and far in one
/// formula, whose derivatives meet at `delta`; that of `|r|` would have the second one 0 at 0.
fn near_and_arm<T: Scalar>(r: Value<T>, delta: T) -> [Value<T>; 2] {
    let near = r.clamp(-delta, delta);
    let arm = r - &near * T::of(0.5);
    [near, arm]
}

/// The target, which must be of the prediction's shape: broadcast, a column beside a row is a mistake.
fn like<T: Scalar>(
    op: &'static str,
    x: &Value<T>,
    target: impl Operand<T, DefaultBackend>,
) -> Result<Value<T>, Error> {
    let target = target.operand();
    match target.shape() == x.shape() {
        true => Ok(target),
        false => Err(Error::Shape { op, got: target.shape().to_vec(), expected: x.shape().to_vec() }),
    }
}

/// `a b`, and 0 where `a` is 0 and `b` is not finite.
fn part<T: Scalar>(a: &Value<T>, b: &Value<T>) -> Value<T> {
    let counts = &a.ne(T::zero()) | &b.abs().lt(T::infinity());
    where_(&counts, a * b, T::zero())
}

fn matrix<T: Scalar>(op: &'static str, x: &Value<T>) -> Result<(usize, usize), Error> {
    match *x.shape() {
        [rows, classes] => Ok((rows, classes)),
        _ => Err(Error::Rank { op, shape: x.shape().to_vec(), expected: "2, (batch, classes)" }),
    }
}

functions! {
    /// `(x - t)^2`.
    ///
    /// ```
    /// use autodiff::{Value, nn::{Reduction, mse_loss}};
    /// let x = Value::new(ndarray::array![1.0, 4.0]);
    /// assert_eq!(mse_loss(&x, ndarray::array![1.0, 2.0], Reduction::Mean).item(), 2.0);
    /// ```
    ///
    /// # Panics
    ///
    /// Where the shapes differ.
    fn mse_loss, try_mse_loss(x: &Value<T>, target: impl Operand<T, DefaultBackend>, reduction: Reduction) {
        let target = like("mse_loss", x, target)?;
        Ok(reduction.of((x - target).square()))
    }

    /// `|x - t|`; its gradient at 0 is 0.
    ///
    /// # Panics
    ///
    /// Where the shapes differ.
    fn l1_loss, try_l1_loss(x: &Value<T>, target: impl Operand<T, DefaultBackend>, reduction: Reduction) {
        let target = like("l1_loss", x, target)?;
        Ok(reduction.of((x - target).abs()))
    }

    /// `r^2 / 2` for `r = |x - t|` up to `delta`, which is positive, and the line `delta (r - delta / 2)` beyond (P. Huber,
    /// Robust estimation of a location parameter, 1964).
    ///
    /// ```
    /// use autodiff::{Value, nn::{Reduction, huber_loss}};
    /// let x = Value::new(ndarray::array![1.0, -4.0]);
    /// let y = huber_loss(&x, ndarray::array![0.0, 0.0], 2.0, Reduction::None);
    /// assert_eq!(y.data(), ndarray::array![0.5, 6.0].into_dyn());
    /// ```
    ///
    /// # Panics
    ///
    /// Where the shapes differ, or `delta` is not positive.
    fn huber_loss, try_huber_loss(x: &Value<T>, target: impl Operand<T, DefaultBackend>, delta: T, reduction: Reduction) {
        let op = "huber_loss";
        check_number(op, "delta", delta, delta > T::zero(), "a positive number")?;
        let [near, arm] = near_and_arm(x - like(op, x, target)?, delta);
        Ok(reduction.of(near * arm))
    }

    /// The [`huber_loss`] over `beta`: `r^2 / (2 beta)` for `r = |x - t|` up to `beta`, and `r - beta / 2` beyond; for 0,
    /// the [`l1_loss`].
    ///
    /// # Panics
    ///
    /// Where the shapes differ, or `beta` is negative.
    fn smooth_l1_loss, try_smooth_l1_loss(x: &Value<T>, target: impl Operand<T, DefaultBackend>, beta: T, reduction: Reduction) {
        let op = "smooth_l1_loss";
        check_number(op, "beta", beta, beta >= T::zero(), "0 or a positive number")?;
        let target = like(op, x, target)?;
        if beta == T::zero() {
            return try_l1_loss(x, target, reduction);
        }
        // Divided before they are multiplied: the product of small numbers would be lost.
        let [near, arm] = near_and_arm(x - target, beta);
        Ok(reduction.of(near / beta * arm))
    }

    /// The cross-entropy of a probability `t` and the sigmoid of `x`: `-t ln(p) - (1 - t) ln(1 - p)`, exact in the tails.
    ///
    /// ```
    /// use autodiff::{Value, nn::{Reduction, bce_with_logits_loss}};
    /// let x = Value::new(ndarray::array![40.0]);
    /// let y = bce_with_logits_loss(&x, ndarray::array![1.0], Reduction::Mean);
    /// assert_eq!(y.item(), 4.248354255291589e-18);
    /// ```
    ///
    /// # Panics
    ///
    /// Where the shapes differ.
    fn bce_with_logits_loss, try_bce_with_logits_loss(x: &Value<T>, target: impl Operand<T, DefaultBackend>, reduction: Reduction) {
        let target = like("bce_with_logits_loss", x, target)?;
        let other = -&target + T::one();
        Ok(reduction.of(part(&target, &(-x).softplus()) + part(&other, &x.softplus())))
    }

    /// The divergence of Kullback and Leibler of probabilities `t` from those whose logarithms are `x`: `t (ln(t) - x)`, 0
    /// where `t` is 0. [`Reduction::Mean`] is over elements; the divergence itself, of each row, is a sum.
    ///
    /// # Panics
    ///
    /// Where the shapes differ.
    fn kl_div_loss, try_kl_div_loss(x: &Value<T>, target: impl Operand<T, DefaultBackend>, reduction: Reduction) {
        let target = like("kl_div_loss", x, target)?;
        Ok(reduction.of(part(&target, &(target.ln() - x))))
    }

    /// `-ln` of the density of `t` under the normal law of mean `x` and the given variance, which is positive, without its
    /// constant: `(ln(v) + (x - t)^2 / v) / 2`.
    ///
    /// # Panics
    ///
    /// Where the shapes differ, or a variance is 0 or negative.
    fn gaussian_nll_loss, try_gaussian_nll_loss(
        x: &Value<T>, target: impl Operand<T, DefaultBackend>, variance: impl Operand<T, DefaultBackend>, reduction: Reduction
    ) {
        let op = "gaussian_nll_loss";
        let (target, variance) = (like(op, x, target)?, like(op, x, variance)?);
        if let Some(v) = variance.data().iter().find(|v| **v <= T::zero()) {
            let (what, expected) = ("a variance", "positive numbers".to_string());
            return Err(Error::Argument { op, what, got: v.to_string(), expected });
        }
        let deviations = (x - target) / variance.sqrt();
        Ok(reduction.of((variance.ln() + deviations.square()) * T::of(0.5)))
    }

    /// `-x` at the label of each row of logarithms of probabilities, (batch, classes).
    ///
    /// # Panics
    ///
    /// Where there are other than two axes, or the labels are not one for each row, each below the number of classes.
    fn nll_loss, try_nll_loss(x: &Value<T>, labels: &[usize], reduction: Reduction) {
        let chosen = choose("nll_loss", x, labels, None)?;
        Ok(reduction.of(-chosen))
    }

    /// `-ln(p)` for the probability `p` that the softmax of each row of logits, (batch, classes), gives to its label.
    ///
    /// With smoothing `s`, the target of a row is `1 - s` for its label and `s / classes` more for every class; each class
    /// has its weight.
    ///
    /// ```
    /// use autodiff::Value;
    /// use autodiff::nn::{CrossEntropy, cross_entropy_loss};
    /// let logits = Value::new(ndarray::array![[2.0, 0.0], [0.0, 0.0], [7.0, 1.0]]);
    /// let options = CrossEntropy { ignore: Some(9), ..CrossEntropy::default() };
    /// let loss = cross_entropy_loss(&logits, &[0, 1, 9], &options);
    /// let expected = ((1.0 + (-2.0_f64).exp()).ln() + 2.0_f64.ln()) / 2.0;
    /// assert!((loss.item() - expected).abs() < 1e-15);
    /// ```
    ///
    /// # Panics
    ///
    /// Where there are other than two axes, the labels are not one for each row, each below the number of classes or the
    /// one to ignore, there is not one weight for each class, or the smoothing is not from 0 to 1.
    fn cross_entropy_loss, try_cross_entropy_loss(logits: &Value<T>, labels: &[usize], options: &CrossEntropy<T>) {
        let op = "cross_entropy_loss";
        let (_, classes) = matrix(op, logits)?;
        check_fraction(op, "smoothing", options.smoothing)?;
        let logs = logits.try_log_softmax(1)?;
        let ones = || Value::constant(Array1::from_elem(classes, T::one()));
        let weights = match &options.weights {
            Some(weights) => like(op, &ones(), weights)?,
            None => ones(),
        };
        let chosen = choose(op, &logs, labels, options.ignore)?;
        let kept = ndarray::ArrayD::from_shape_fn(&[labels.len()][..], |i| Some(labels[i[0]]) != options.ignore);
        let known: Vec<usize> = labels.iter().map(|&label| if Some(label) == options.ignore { 0 } else { label }).collect();
        let own = if classes == 0 { chosen.detach() } else { weights.try_index_select(0, known)? };
        let (smoothing, rest) = (T::of(options.smoothing), T::of(1.0 - options.smoothing));
        let mut losses = part(&own, &chosen) * -rest;
        if options.smoothing != 0.0 {
            losses -= part(&weights, &logs).try_mean_axis(1)? * smoothing;
        }
        let losses = where_(&kept, losses, T::zero());
        match options.reduction {
            Reduction::Mean => Ok(losses.sum() / where_(&kept, own, T::zero()).sum()),
            reduction => Ok(reduction.of(losses)),
        }
    }

    /// `-sum(t ln(p))` for each row of target probabilities `t` and of the softmax `p` of logits, both (batch, classes);
    /// where `t` is 0, the class does not count, whatever its logit.
    ///
    /// # Panics
    ///
    /// Where there are other than two axes, or the shapes differ.
    fn soft_cross_entropy_loss, try_soft_cross_entropy_loss(
        logits: &Value<T>, target: impl Operand<T, DefaultBackend>, reduction: Reduction
    ) {
        let op = "soft_cross_entropy_loss";
        matrix(op, logits)?;
        let target = like(op, logits, target)?;
        Ok(reduction.of(-part(&target, &logits.try_log_softmax(1)?).try_sum_axis(1)?))
    }
}

/// The element of each row at its label; at the label to ignore, any.
fn choose<T: Scalar>(
    op: &'static str,
    x: &Value<T>,
    labels: &[usize],
    ignore: Option<usize>,
) -> Result<Value<T>, Error> {
    let (rows, classes) = matrix(op, x)?;
    if labels.len() != rows {
        return Err(Error::Count { op, what: "labels", got: labels.len(), expected: rows });
    }
    let wrong = |&(_, &label): &(usize, &usize)| label >= classes && Some(label) != ignore;
    if let Some((position, &label)) = labels.iter().enumerate().find(wrong) {
        return Err(Error::Label { op, label, position, classes });
    }
    if classes == 0 {
        return Ok(Value::constant(Array1::from_elem(rows, T::zero())));
    }
    let place =
        |(row, &label): (usize, &usize)| row * classes + if Some(label) == ignore { 0 } else { label };
    let places: Vec<usize> = labels.iter().enumerate().map(place).collect();
    x.try_reshape(-1)?.try_index_select(0, places)
}
