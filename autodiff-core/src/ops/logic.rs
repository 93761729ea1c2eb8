//! Masks joined by the names that NumPy has for it.

use super::{Mask, joined};
use crate::error::{Error, or_panic};
use ndarray::{ArrayBase, Data, Dimension};

macro_rules! logical {
    ($($(#[$doc:meta])+ $name:ident, $try_name:ident, $op:tt;)*) => { $(
        $(#[$doc])+
        ///
        /// # Panics
        ///
        /// Where the shapes do not broadcast together.
        #[must_use]
        #[track_caller]
        pub fn $name(
            a: &ArrayBase<impl Data<Elem = bool>, impl Dimension>,
            b: &ArrayBase<impl Data<Elem = bool>, impl Dimension>,
        ) -> Mask {
            or_panic($try_name(a, b))
        }

        #[doc = concat!("Like [`", stringify!($name), "`], but returns an error instead of panicking.")]
        pub fn $try_name(
            a: &ArrayBase<impl Data<Elem = bool>, impl Dimension>,
            b: &ArrayBase<impl Data<Elem = bool>, impl Dimension>,
        ) -> Result<Mask, Error> {
            joined(stringify!($name), a.view().into_dyn(), b.view().into_dyn(), |a, b| a $op b)
        }
    )* };
}
logical! {
    /// Where both masks hold, under broadcasting: `a & b`.
    ///
    /// ```
    /// use autodiff_core::{logical_and, native::Value};
    /// let x = Value::new(ndarray::array![-2.0, 0.5, 3.0]);
    /// let inside = logical_and(&x.gt(-1.0), &x.lt(1.0));
    /// assert_eq!(inside, ndarray::array![false, true, false].into_dyn());
    /// ```
    logical_and, try_logical_and, &;
    /// Where one of two masks holds, or both, under broadcasting: `a | b`.
    logical_or, try_logical_or, |;
    /// Where just one of two masks holds, under broadcasting: `a ^ b`.
    logical_xor, try_logical_xor, ^;
}

/// Where the mask does not hold: `!a`.
///
/// ```
/// use autodiff_core::{logical_not, native::Value};
/// let x = Value::new(ndarray::array![1.0, f64::NAN]);
/// assert_eq!(logical_not(&x.is_nan()), ndarray::array![true, false].into_dyn());
/// ```
#[must_use]
pub fn logical_not(a: &ArrayBase<impl Data<Elem = bool>, impl Dimension>) -> Mask {
    a.map(|a| !a).into_dyn().into_shared()
}
