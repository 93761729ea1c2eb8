//! Layers that differ in training, and tables of vectors.

use super::functional::{Moments, check_fraction};
use super::parameters::labelled;
use super::{Error, Module, Parameters, Path, panicking, rng, try_batch_norm, try_dropout, try_embedding};
use crate::{DefaultBackend, Scalar, Value, or_panic, random};
use ndarray::{ArrayBase, Data, Dimension};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

/// [`batch_norm`](super::batch_norm) of (batch, channels, ...): with the batch's moments in training, with running ones else.
///
/// In training each running moment becomes `(1 - momentum) running + momentum batch`, in which the variance of the batch
/// is the unbiased one, over the number of elements less 1, as PyTorch has it. Running moments are constants among the
/// [`Parameters`]: they have names there as the others do, and no step of an optimiser changes them.
///
/// ```
/// use autodiff::Value;
/// use autodiff::nn::{BatchNorm, Module};
/// use ndarray::array;
/// let mut layer = BatchNorm::<f64>::new(1);
/// let x = Value::constant(array![[1.0], [3.0]]);
/// let y = layer.forward_train(&x);
/// assert!((y.max().item() - 1.0).abs() < 1e-5);
/// assert_eq!(layer.running_mean.data(), array![0.2].into_dyn());
/// assert_eq!(layer.running_variance.data(), array![1.1].into_dyn());
/// assert!((layer.forward(&x).max().item() - 2.8 / 1.1_f64.sqrt()).abs() < 1e-4);
/// ```
#[derive(Clone, Debug)]
pub struct BatchNorm<T: Scalar = f64> {
    /// What is multiplied by, of shape (channels), if anything.
    pub gain: Option<Value<T>>,
    /// What is added then, of shape (channels), if anything.
    pub bias: Option<Value<T>>,
    /// The mean of each channel, (channels).
    pub running_mean: Value<T>,
    /// The variance of each channel, (channels).
    pub running_variance: Value<T>,
    /// The part that the last batch has in running moments, 0.1.
    pub momentum: f64,
    /// What is added to the variance, 1e-5.
    pub eps: f64,
}

crate::parameters!(BatchNorm<T> { gain, bias, running_mean, running_variance });

impl<T: Scalar> BatchNorm<T> {
    /// A layer of gain 1 and bias 0, with the running moments 0 and 1.
    #[must_use]
    pub fn new(channels: usize) -> Self {
        let zeros = Value::<T>::zeros(channels).data();
        let ones = Value::<T>::ones(channels).data();
        BatchNorm {
            gain: Some(Value::new(ones.clone())),
            bias: Some(Value::new(zeros.clone())),
            running_mean: Value::constant(zeros),
            running_variance: Value::constant(ones),
            momentum: 0.1,
            eps: 1e-5,
        }
    }

    /// The same layer without gain and bias.
    #[must_use]
    pub fn without_affine(self) -> Self {
        BatchNorm { gain: None, bias: None, ..self }
    }

    fn check(&self, x: &Value<T>) -> Result<(), Error> {
        let (layer, channels) = ("BatchNorm", self.running_mean.len());
        match x.shape() {
            &[_, c, ..] if c == channels => {}
            got => return Err(Error::Channels { layer, channels, got: got.to_vec() }),
        }
        for moment in [&self.running_mean, &self.running_variance] {
            if moment.shape() != [channels] {
                let (got, expected) = (moment.shape().to_vec(), vec![channels]);
                return Err(crate::Error::Shape { op: layer, got, expected }.into());
            }
        }
        Ok(())
    }

    fn norm(&self, x: &Value<T>, mean: &Value<T>, variance: &Value<T>) -> Result<Value<T>, Error> {
        let (gain, bias) = (self.gain.as_ref(), self.bias.as_ref());
        Ok(try_batch_norm(x, Some((mean, variance)), gain, bias, self.eps)?)
    }
}

impl<T: Scalar> Module<T> for BatchNorm<T> {
    panicking!();

    fn try_forward(&self, x: &Value<T>) -> Result<Value<T>, Error> {
        self.check(x)?;
        self.norm(x, &self.running_mean, &self.running_variance)
    }

    fn try_forward_train(&mut self, x: &Value<T>) -> Result<Value<T>, Error> {
        self.check(x)?;
        let Moments { mean, variance, count } = Moments::of(x)?;
        let y = self.norm(x, &mean, &variance)?;
        let n = count as f64;
        let (rest, part) = (T::of(1.0 - self.momentum), T::of(self.momentum));
        let running = |old: &Value<T>, new: Value<T>| {
            let moment = old.detach() * rest + new.detach() * part;
            // Looked at, so that it does not keep the batch.
            labelled(Value::constant(moment.data()), old.label())
        };
        self.running_mean = running(&self.running_mean, mean);
        self.running_variance = running(&self.running_variance, variance * T::of(n / (n - 1.0)));
        Ok(y)
    }
}

/// [`dropout`](super::dropout) in training, and nothing else.
///
/// It has a generator of its own. A clone draws the same numbers as the original would.
///
/// ```
/// use autodiff::Value;
/// use autodiff::nn::{Dropout, Module, rng};
/// let mut layer = Dropout::new(0.25, &mut rng(0));
/// let x: Value = Value::ones(10_000);
/// assert!((layer.forward_train(&x).mean().item() - 1.0).abs() < 0.05);
/// assert_eq!(layer.forward(&x).data(), x.data());
/// ```
#[derive(Clone, Debug)]
pub struct Dropout {
    p: f64,
    rng: ChaCha8Rng,
}

impl Dropout {
    /// A layer that drops each element with probability `p`, by a generator that is seeded by the given one.
    ///
    /// # Panics
    ///
    /// Where `p` is not from 0 to 1.
    #[must_use]
    #[track_caller]
    pub fn new(p: f64, rng: &mut (impl Rng + ?Sized)) -> Self {
        or_panic(Self::try_new(p, rng))
    }

    /// Like [`new`](Self::new), but returns an error instead of panicking.
    pub fn try_new(p: f64, rng: &mut (impl Rng + ?Sized)) -> Result<Self, crate::Error> {
        check_fraction("Dropout", "p", p)?;
        Ok(Dropout { p, rng: self::rng(rng.random()) })
    }
}

/// There are none.
impl<T: Scalar> Parameters<T, DefaultBackend> for Dropout {
    fn visit<'a>(&'a self, _: Path<'_>, _: &mut dyn FnMut(Path<'_>, &'a Value<T>)) {}
    fn visit_mut<'a>(&'a mut self, _: Path<'_>, _: &mut dyn FnMut(Path<'_>, &'a mut Value<T>)) {}
}

impl<T: Scalar> Module<T> for Dropout {
    panicking!();

    fn try_forward(&self, x: &Value<T>) -> Result<Value<T>, Error> {
        Ok(x.clone())
    }

    fn try_forward_train(&mut self, x: &Value<T>) -> Result<Value<T>, Error> {
        Ok(try_dropout(x, self.p, &mut self.rng)?)
    }
}

/// A table of vectors, one for each index below `n`: [`embedding`](super::embedding) with its weight.
///
/// It takes indices, so it is no [`Module`].
///
/// ```
/// use autodiff::nn::{Embedding, rng};
/// let words = Embedding::<f64>::new(1000, 16, &mut rng(0));
/// let y = words.forward(&ndarray::array![[5, 7, 5], [0, 999, 1]]);
/// assert_eq!(y.shape(), [2, 3, 16]);
/// ```
#[derive(Clone, Debug)]
pub struct Embedding<T: Scalar = f64> {
    /// The vectors, of shape (n, d).
    pub weight: Value<T>,
}

crate::parameters!(Embedding<T> { weight });

impl<T: Scalar> Embedding<T> {
    /// `n` vectors of length `d`, of numbers from the standard normal distribution, as PyTorch's `nn.Embedding` has them.
    #[must_use]
    pub fn new(n: usize, d: usize, rng: &mut (impl Rng + ?Sized)) -> Self {
        Embedding { weight: Value::new(random::randn::<T>([n, d], rng).data()) }
    }

    /// The vectors at the given indices: of their shape, and an axis of length d at the end.
    ///
    /// # Panics
    ///
    /// Where there is no such index.
    #[must_use]
    #[track_caller]
    pub fn forward(&self, ids: &ArrayBase<impl Data<Elem = usize>, impl Dimension>) -> Value<T> {
        or_panic(self.try_forward(ids))
    }

    /// Like [`forward`](Self::forward), but returns an error instead of panicking.
    pub fn try_forward(
        &self,
        ids: &ArrayBase<impl Data<Elem = usize>, impl Dimension>,
    ) -> Result<Value<T>, crate::Error> {
        try_embedding(&self.weight, ids)
    }
}
