//! The one gate to the library: every call to C is made here, after its arguments are checked.
//!
//! CBLAS trusts its caller: it takes pointers without lengths, and answers a wrong dimension with a line on the
//! terminal and an untouched result. The functions here take views instead, so that what a pointer may reach is what
//! the view may reach; the output is borrowed mutably, so no input overlaps it; memory behind a view is initialised.

use autodiff_core::Scalar;
use autodiff_core::ndarray::{ArrayView2, ArrayView3, ArrayViewMut3};
use cblas_sys::{CBLAS_LAYOUT, CBLAS_TRANSPOSE};
use std::ffi::c_int;

/// How CBLAS, told that matrices are row-major, is to see one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    transposed: bool,
    ld: c_int,
}

impl Layout {
    /// The layout of a matrix of these dimensions and strides; `None` where CBLAS has no words for it.
    ///
    /// CBLAS asks for a leading dimension of at least the length of a row, even where there is one row and it means
    /// nothing: ndarray may have any stride there.
    pub(crate) fn of((rows, columns): (usize, usize), (down, right): (isize, isize)) -> Option<Layout> {
        let ld = |lines: usize, length: usize, along: isize, across: isize| {
            let length = c_int::try_from(length.max(1)).ok()?;
            c_int::try_from(lines).ok()?;
            let across = if lines <= 1 { length } else { c_int::try_from(across).ok()? };
            ((length == 1 || along == 1) && across >= length).then_some(across)
        };
        if let Some(ld) = ld(rows, columns, right, down) {
            return Some(Layout { transposed: false, ld });
        }
        ld(columns, rows, down, right).map(|ld| Layout { transposed: true, ld })
    }

    /// The layout of a view.
    pub(crate) fn of_view<T>(view: &ArrayView2<'_, T>) -> Option<Layout> {
        Layout::of(view.dim(), (view.strides()[0], view.strides()[1]))
    }

    /// Whether a result may have this layout: CBLAS writes rows.
    pub(crate) fn is_row_major(self) -> bool {
        !self.transposed
    }

    fn flag(self) -> CBLAS_TRANSPOSE {
        if self.transposed { CBLAS_TRANSPOSE::CblasTrans } else { CBLAS_TRANSPOSE::CblasNoTrans }
    }
}

/// The element types of CBLAS, with its routines.
pub(crate) trait Element: Scalar {
    /// `c = alpha a b + beta c` for each of a batch of matrices; with `beta` 0, `c` is not read.
    ///
    /// `a` is (N, m, k) and `b` (N, k, n). `c` is (N, m, n), or (1, m, n): then the products are summed.
    ///
    /// # Panics
    /// Where shapes differ or the matrices have no [`Layout`], or those of `c` none that is row-major.
    fn products(
        alpha: Self,
        a: ArrayView3<'_, Self>,
        b: ArrayView3<'_, Self>,
        beta: Self,
        c: &mut ArrayViewMut3<'_, Self>,
    );
}

/// The layout of the matrices in a batch.
fn layout<T>(name: &str, batch: &ArrayView3<'_, T>) -> Layout {
    let ((_, rows, columns), strides) = (batch.dim(), batch.strides());
    Layout::of((rows, columns), (strides[1], strides[2]))
        .unwrap_or_else(|| panic!("{name}: no layout for ({rows}, {columns}), strides {strides:?}"))
}

macro_rules! element {
    ($t:ty, $gemm:ident) => {
        impl Element for $t {
            fn products(
                alpha: $t,
                a: ArrayView3<'_, $t>,
                b: ArrayView3<'_, $t>,
                beta: $t,
                c: &mut ArrayViewMut3<'_, $t>,
            ) {
                const NAME: &str = stringify!($gemm);
                let ((count, m, k), (_, _, n)) = (a.dim(), b.dim());
                let results = c.dim().0;
                assert!(
                    b.dim() == (count, k, n)
                        && c.dim() == (results, m, n)
                        && (results == count || results == 1),
                    "{NAME}: {:?}, {:?} and {:?} do not go together",
                    a.dim(),
                    b.dim(),
                    c.dim()
                );
                if c.is_empty() {
                    return;
                }
                if count == 0 || k == 0 {
                    // Not every library leaves a clean result behind for an empty sum.
                    if beta == 0.0 {
                        c.fill(0.0)
                    } else {
                        c.mapv_inplace(|x| beta * x)
                    }
                    return;
                }
                let (la, lb, lc) = (layout(NAME, &a), layout(NAME, &b), layout(NAME, &c.view()));
                assert!(lc.is_row_major(), "{NAME}: the result's strides are {:?}", c.strides());
                let step = if results == 1 { 0 } else { c.strides()[0] };
                let steps = (a.strides()[0], b.strides()[0], step);
                let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
                for i in 0..count {
                    let beta = if i > 0 && results == 1 { 1.0 } else { beta };
                    let i = i as isize;
                    // SAFETY: `i` is an index into each of the batches, or the step of one is 0, so that the pointers
                    // are to first elements of matrices in them. Their shapes agree (asserted), are not empty
                    // (returned above) and, as do the leading dimensions, fit in an i32: `Layout::of` gives no other,
                    // and only those with which CBLAS reaches exactly the elements of the view. The views keep the
                    // memory alive and initialised; `c` is borrowed mutably, so it overlaps no operand.
                    unsafe {
                        cblas_sys::$gemm(
                            CBLAS_LAYOUT::CblasRowMajor,
                            la.flag(),
                            lb.flag(),
                            m as c_int,
                            n as c_int,
                            k as c_int,
                            alpha,
                            a.offset(i * steps.0),
                            la.ld,
                            b.offset(i * steps.1),
                            lb.ld,
                            beta,
                            c.offset(i * steps.2),
                            lc.ld,
                        );
                    }
                }
            }
        }
    };
}
element!(f32, cblas_sgemm);
element!(f64, cblas_dgemm);
