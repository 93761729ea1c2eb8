//! Functions built from other operations: they need no rule of their own.

mod convolution;
mod matrices;
mod products;

pub use convolution::{Conv, Pool};
pub use matrices::MatrixNorm;

use crate::backend::{Backend, Binary};
use crate::error::{Error, twins};
use crate::scalar::Scalar;
use crate::shape::Axes;
use crate::value::Value;
use std::borrow::Borrow;

impl<T: Scalar, B: Backend<T>> Value<T, B> {
    twins! {
        /// `ln(softmax(x))` along one or several axes, at any magnitude.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let x = Value::new(ndarray::array![1000.0, 1000.0]);
        /// assert_eq!(x.log_softmax(0).data(), ndarray::array![-(2.0_f64.ln()), -(2.0_f64.ln())].into_dyn());
        /// ```
        fn log_softmax, try_log_softmax(&self, axes: impl Into<Axes>) -> Self {
            let axes = axes.into().resolve("log_softmax", self.shape())?;
            if self.is_empty() {
                return Ok(self.clone());
            }
            // The result does not change with a shift; shifted by the largest element, it keeps its digits.
            let top = self.detach().try_max_keepdims(axes.as_slice())?;
            let shifted = self.zip(Binary::below, &top);
            Ok(&shifted - shifted.try_logsumexp_keepdims(axes.as_slice())?)
        }

        /// The mean over a batch of `-ln(p)`, where `p` is the probability that the softmax of a row of logits gives
        /// to the row's label.
        ///
        /// `self` holds logits, of shape (batch, classes); `labels` one class for each row, from 0.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let logits = Value::new(ndarray::array![[2.0, 0.0], [0.0, 0.0]]);
        /// let loss = logits.cross_entropy([0, 1]);
        /// let expected = ((1.0 + (-2.0_f64).exp()).ln() + 2.0_f64.ln()) / 2.0;
        /// assert!((loss.item() - expected).abs() < 1e-15);
        /// ```
        ///
        /// # Panics
        ///
        /// Where the logits have other than two axes, there is not one label for each row, or a label is not
        /// below the number of classes.
        fn cross_entropy, try_cross_entropy(&self, labels: impl IntoIterator<Item: Borrow<usize>>) -> Self {
            let op = "cross_entropy";
            let &[rows, classes] = self.shape() else {
                return Err(Error::Rank { op, shape: self.shape().to_vec(), expected: "2, (batch, classes)" });
            };
            let labels: Vec<usize> = labels.into_iter().map(|label| *label.borrow()).collect();
            if labels.len() != rows {
                return Err(Error::Count { op, what: "labels", got: labels.len(), expected: rows });
            }
            if let Some((position, &label)) = labels.iter().enumerate().find(|&(_, &label)| label >= classes) {
                return Err(Error::Label { op, label, position, classes });
            }
            let places: Vec<usize> = labels.iter().enumerate().map(|(row, label)| row * classes + label).collect();
            let chosen = self.try_log_softmax(1)?.try_reshape(-1)?.try_index_select(0, places)?;
            Ok(-chosen.mean())
        }
    }
}
