//! Samples: shuffled batches of them, and a split into a part to train on and a part to test with.
//!
//! [`Samples`] are arrays, slices and vectors with one entry for each sample along their first axis, or tuples of
//! those, as (inputs, labels). A loop over the batches of a few epochs:
//!
//! ```
//! use autodiff::Value;
//! use autodiff::data::{Batches, train_test_split};
//! use ndarray::Array2;
//!
//! let inputs = Array2::from_shape_fn((10, 3), |(i, j)| (i * j) as f64);
//! let labels: Vec<usize> = (0..10).map(|i| i % 2).collect();
//! let (train, test) = train_test_split((&inputs, &labels), 0.2, 7);
//! assert_eq!((train.1.len(), test.1.len()), (8, 2));
//!
//! let batches = Batches::new(&train, 3).shuffle(7);
//! for epoch in 0..5 {
//!     for (x, labels) in batches.epoch(epoch) {
//!         let x = Value::constant(x); // shape (3, 3), and (2, 3) at the end
//!         assert_eq!(x.shape(), [labels.len(), 3]);
//!     }
//! }
//! ```
//!
//! Nothing is random without a seed, and the same seed gives the same order on every machine.

use crate::nn::rng;
use crate::or_panic;
use ndarray::{Array, ArrayBase, Axis, Data, Dimension, RemoveAxis};
use rand::seq::SliceRandom;
use std::ops::Range;

/// Samples that cannot be divided as asked.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Batches of no samples.
    #[error("Batches: got batch size 0, expected at least 1")]
    BatchSize,
    /// Parts of a tuple that differ in length.
    #[error(
        "{op}: got {right} samples beside {left}, expected as many of each (arrays count theirs along axis 0)"
    )]
    Lengths {
        /// The operation.
        op: &'static str,
        /// The number of samples in the first part.
        left: usize,
        /// The number of samples in the other part.
        right: usize,
    },
    /// A share of the samples that is not between none and all.
    #[error("train_test_split: got a test share of {share}, expected more than 0 and less than 1")]
    Share {
        /// The share asked for.
        share: f64,
    },
    /// One of the two parts would be empty.
    #[error(
        "train_test_split: got {samples} samples and a test share of {share}, expected at least one sample for each \
         of the two parts (the number of those to test with is rounded up)"
    )]
    EmptyPart {
        /// The number of samples.
        samples: usize,
        /// The share asked for.
        share: f64,
    },
}

debug_is_display!(Error);

/// Something that holds samples, of which some can be selected.
///
/// Arrays, along their first axis, select into arrays of the same number of axes; slices and vectors into vectors;
/// ranges of indices into vectors of indices; tuples, and references, part by part.
///
/// ```
/// use autodiff::data::Samples;
/// use ndarray::array;
/// let inputs = array![[0.0, 0.1], [1.0, 1.1], [2.0, 2.1]];
/// let labels = vec!["a", "b", "c"];
/// let (x, y) = (&inputs, &labels).subset(&[2, 0]);
/// assert_eq!(x, array![[2.0, 2.1], [0.0, 0.1]]);
/// assert_eq!(y, ["c", "a"]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not hold samples",
    note = "samples are ndarray arrays of at least one axis, slices, Vecs, ranges of indices, and tuples and references of those"
)]
pub trait Samples {
    /// Some of the samples.
    type Subset;

    /// The numbers of samples in the first part, and in one that differs from it if there is one.
    ///
    /// They are equal in all but a tuple whose parts do not fit together.
    fn lengths(&self) -> (usize, usize);

    /// The samples at `indices`, in that order.
    ///
    /// # Panics
    ///
    /// Where there is no such index.
    #[track_caller]
    fn subset(&self, indices: &[usize]) -> Self::Subset;
}

fn count<S: Samples + ?Sized>(op: &'static str, samples: &S) -> Result<usize, Error> {
    match samples.lengths() {
        (left, right) if left != right => Err(Error::Lengths { op, left, right }),
        (length, _) => Ok(length),
    }
}

/// Panics where a subset has an index that is not one of the samples.
#[track_caller]
fn check_indices(indices: &[usize], samples: usize) {
    if let Some(i) = indices.iter().find(|i| **i >= samples) {
        panic!("subset: index {i} is out of range for {samples} samples");
    }
}

impl<S: Samples + ?Sized> Samples for &S {
    type Subset = S::Subset;
    fn lengths(&self) -> (usize, usize) {
        (**self).lengths()
    }
    #[track_caller]
    fn subset(&self, indices: &[usize]) -> Self::Subset {
        (**self).subset(indices)
    }
}

impl<A: Clone, S: Data<Elem = A>, D: Dimension + RemoveAxis> Samples for ArrayBase<S, D> {
    type Subset = Array<A, D>;
    fn lengths(&self) -> (usize, usize) {
        let length = self.shape().first().copied().unwrap_or(0);
        (length, length)
    }
    #[track_caller]
    fn subset(&self, indices: &[usize]) -> Array<A, D> {
        check_indices(indices, self.lengths().0);
        (**self).select(Axis(0), indices)
    }
}

impl<A: Clone> Samples for [A] {
    type Subset = Vec<A>;
    fn lengths(&self) -> (usize, usize) {
        (self.len(), self.len())
    }
    #[track_caller]
    fn subset(&self, indices: &[usize]) -> Vec<A> {
        check_indices(indices, self.len());
        indices.iter().map(|&i| self[i].clone()).collect()
    }
}

impl<A: Clone> Samples for Vec<A> {
    type Subset = Vec<A>;
    fn lengths(&self) -> (usize, usize) {
        self.as_slice().lengths()
    }
    #[track_caller]
    fn subset(&self, indices: &[usize]) -> Vec<A> {
        self.as_slice().subset(indices)
    }
}

impl Samples for Range<usize> {
    type Subset = Vec<usize>;
    fn lengths(&self) -> (usize, usize) {
        (self.len(), self.len())
    }
    #[track_caller]
    fn subset(&self, indices: &[usize]) -> Vec<usize> {
        check_indices(indices, self.len());
        indices.iter().map(|i| self.start + i).collect()
    }
}

macro_rules! tuples {
    ($($First:ident 0 $(, $Rest:ident $i:tt)+;)*) => { $(
        impl<$First: Samples, $($Rest: Samples),+> Samples for ($First, $($Rest),+) {
            type Subset = ($First::Subset, $($Rest::Subset),+);
            fn lengths(&self) -> (usize, usize) {
                let (first, other) = self.0.lengths();
                let others = [other $(, self.$i.lengths().0, self.$i.lengths().1)+];
                (first, others.into_iter().find(|&n| n != first).unwrap_or(first))
            }
            #[track_caller]
            fn subset(&self, indices: &[usize]) -> Self::Subset {
                (self.0.subset(indices), $(self.$i.subset(indices)),+)
            }
        }
    )* };
}
tuples! {
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
}

/// Samples in batches of one size, but for the last, which holds what is left; in a new order in each epoch, if asked.
///
/// ```
/// use autodiff::data::Batches;
/// // In order, as nothing was said of shuffling; a range selects indices.
/// let batches: Vec<Vec<usize>> = Batches::new(0..5, 2).epoch(0).collect();
/// assert_eq!(batches, [vec![0, 1], vec![2, 3], vec![4]]);
///
/// let shuffled = Batches::new(0..100, 100).shuffle(7);
/// let order = |epoch| shuffled.epoch(epoch).next().unwrap();
/// assert_eq!(order(0), order(0));
/// assert_ne!(order(0), order(1));
/// ```
#[derive(Clone, Debug)]
pub struct Batches<S> {
    samples: S,
    count: usize,
    batch_size: usize,
    seed: Option<u64>,
}

impl<S: Samples> Batches<S> {
    /// Batches of `batch_size` samples, in the order of the samples.
    ///
    /// # Panics
    ///
    /// Where the batch size is 0, or the parts of a tuple of samples differ in length.
    #[must_use]
    #[track_caller]
    pub fn new(samples: S, batch_size: usize) -> Self {
        or_panic(Self::try_new(samples, batch_size))
    }

    /// Like [`new`](Self::new), but returns an error instead of panicking.
    pub fn try_new(samples: S, batch_size: usize) -> Result<Self, Error> {
        let count = count("Batches", &samples)?;
        match batch_size {
            0 => Err(Error::BatchSize),
            _ => Ok(Batches { samples, count, batch_size, seed: None }),
        }
    }

    /// The same batches with the samples shuffled anew in each epoch.
    #[must_use]
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The batches of one epoch. Their order depends on the seed and on the number of the epoch alone, so that training
    /// that is taken up again at some epoch goes on as it would have.
    pub fn epoch(&self, epoch: u64) -> impl ExactSizeIterator<Item = S::Subset> + '_ {
        let order: Vec<usize> = match self.seed {
            Some(seed) => shuffled(self.count, seed, epoch),
            None => (0..self.count).collect(),
        };
        (0..self.len()).map(move |batch| {
            let start = batch * self.batch_size;
            let end = self.count.min(start.saturating_add(self.batch_size));
            self.samples.subset(&order[start..end])
        })
    }

    /// The number of batches in an epoch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.div_ceil(self.batch_size)
    }

    /// Whether there are no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// `0 .. n` in an order of its own for each pair of seed and stream.
fn shuffled(n: usize, seed: u64, stream: u64) -> Vec<usize> {
    let mut rng = rng(seed);
    rng.set_stream(stream);
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut rng);
    order
}

/// The samples, shuffled, in two parts: to train on, and, a share of `test_share`, to test with.
///
/// The number of samples to test with is rounded up, as scikit-learn's function of this name does.
///
/// ```
/// use autodiff::data::train_test_split;
/// let (train, test) = train_test_split(0..10, 0.25, 0);
/// assert_eq!((train.len(), test.len()), (7, 3));
/// ```
///
/// # Panics
///
/// Where `test_share` is not between 0 and 1, one of the two parts would be empty, or the parts of a tuple of samples
/// differ in length.
#[must_use]
#[track_caller]
pub fn train_test_split<S: Samples>(samples: S, test_share: f64, seed: u64) -> (S::Subset, S::Subset) {
    or_panic(try_train_test_split(samples, test_share, seed))
}

/// Like [`train_test_split`], but returns an error instead of panicking.
pub fn try_train_test_split<S: Samples>(
    samples: S,
    test_share: f64,
    seed: u64,
) -> Result<(S::Subset, S::Subset), Error> {
    let n = count("train_test_split", &samples)?;
    if !(test_share > 0.0 && test_share < 1.0) {
        return Err(Error::Share { share: test_share });
    }
    let test = (n as f64 * test_share).ceil() as usize;
    if test == 0 || test >= n {
        return Err(Error::EmptyPart { samples: n, share: test_share });
    }
    // A stream that no epoch uses.
    let order = shuffled(n, seed, u64::MAX);
    let (test, train) = order.split_at(test);
    Ok((samples.subset(train), samples.subset(test)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array3};

    #[test]
    fn every_sample_comes_once_in_each_epoch() {
        let batches = Batches::new(0..23, 5).shuffle(3);
        for epoch in 0..4 {
            let parts = batches.epoch(epoch);
            assert_eq!((parts.len(), batches.len()), (5, 5));
            let parts: Vec<Vec<usize>> = parts.collect();
            assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5, 5, 5, 3]);
            let mut all = parts.concat();
            all.sort_unstable();
            assert_eq!(all, (0..23).collect::<Vec<_>>());
        }
    }

    #[test]
    fn orders_depend_on_seed_and_epoch_alone() {
        let order = |seed, epoch| Batches::new(0..50, 50).shuffle(seed).epoch(epoch).next().unwrap();
        assert_eq!(order(1, 2), order(1, 2));
        assert_ne!(order(1, 2), order(1, 3));
        assert_ne!(order(1, 2), order(2, 2));
        // On this machine and on every other.
        assert_eq!(Batches::new(0..8, 8).shuffle(0).epoch(0).next().unwrap(), [2, 0, 6, 1, 3, 5, 7, 4]);
    }

    #[test]
    fn parts_stay_together() {
        let inputs = Array3::from_shape_fn((6, 2, 2), |(i, ..)| i as f32);
        let targets = Array1::from_shape_fn(6, |i| i as f32);
        for (x, y, i) in Batches::new((&inputs, targets.view(), 0..6), 4).shuffle(0).epoch(0) {
            assert_eq!(x.shape(), [i.len(), 2, 2]);
            assert_eq!(y.to_vec(), i.iter().map(|&i| i as f32).collect::<Vec<_>>());
            assert!(x.outer_iter().zip(&y).all(|(x, &y)| x.iter().all(|&x| x == y)));
        }
    }

    #[test]
    fn sizes_at_the_ends() {
        assert_eq!(Batches::new(0..0, 3).epoch(0).count(), 0);
        assert!(Batches::new(0..0, 3).is_empty());
        assert_eq!(Batches::new(0..3, usize::MAX).epoch(0).collect::<Vec<_>>(), [[0, 1, 2]]);
        let (train, test) = train_test_split(0..2, 0.5, 0);
        assert_eq!((train.len(), test.len()), (1, 1));
    }

    /// Asserts that the panic says which index it was.
    fn assert_out_of_range<S: Samples>(samples: S) {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| samples.subset(&[0, 3, 9])));
        let message = panic.err().expect("there are 3").downcast::<String>().expect("a message");
        assert_eq!(*message, "subset: index 3 is out of range for 3 samples");
    }

    #[test]
    fn indices_that_are_none_are_named() {
        assert_out_of_range(4..7);
        assert_out_of_range(vec!["a", "b", "c"]);
        assert_out_of_range((Array3::<f32>::zeros((3, 4, 5)), vec![1, 2, 3]));
    }

    #[test]
    fn mistakes_are_explained() {
        let say = |error: Error| error.to_string();
        assert_eq!(
            say(Batches::try_new(0..3, 0).unwrap_err()),
            "Batches: got batch size 0, expected at least 1"
        );
        assert_eq!(
            say(Batches::try_new((vec![1.0; 3], (vec![1; 3], vec![2; 4])), 2).unwrap_err()),
            "Batches: got 4 samples beside 3, expected as many of each (arrays count theirs along axis 0)"
        );
        for share in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(matches!(try_train_test_split(0..9, share, 0), Err(Error::Share { .. })));
        }
        for (samples, share) in [(0, 0.5), (1, 0.5), (5, 0.9)] {
            assert_eq!(try_train_test_split(0..samples, share, 0), Err(Error::EmptyPart { samples, share }));
        }
    }
}
