//! LAPACK's part of the gate.
//!
//! LAPACK stores matrices by columns. The functions here take arrays that own their memory, row-major, and LAPACK sees them
//! transposed: "the matrix" is what it sees, and its columns are the array's rows. As each array is borrowed mutably,
//! none overlaps another; all of it is initialised, workspaces too.

use super::{check_library, turn};
use autodiff_core::ndarray::Array2;
use std::ffi::{c_char, c_int};

type Int = *const c_int;
type Char = *const c_char;
/// The length of a character argument, which Fortran compilers pass by value after all others (`size_t` in gfortran 8
/// and later and in Intel's). No routine reads it, but one that ends in a call of another may use the place on the
/// stack where its caller should have put it: to leave it out has corrupted the stacks of programs in C. Routines written
/// in C, as some of OpenBLAS's, are not disturbed by more arguments than they know: the caller removes them.
type Length = usize;

macro_rules! routines {
    ($($routine:ident $single:ident $double:ident ($($argument:ty),*))*) => {
        /// The routines for one element type, by their names without its letter.
        pub(crate) struct Routines<T> {
            $($routine: unsafe extern "C" fn($($argument),*),)*
        }
        routines!(f32: $($routine $single ($($argument),*))*);
        routines!(f64: $($routine $double ($($argument),*))*);
    };
    ($t:ident: $($routine:ident $symbol:ident ($($argument:ty),*))*) => {
        const _: () = {
            type T = $t;
            unsafe extern "C" {
                $(fn $symbol($(_: $argument),*);)*
            }
            impl Element for $t {
                const ROUTINES: Routines<$t> = Routines { $($routine: $symbol,)* };
            }
        };
    };
}

routines! {
    // jobz, uplo, n, a, lda, w, work, lwork, iwork, liwork, info
    syevd ssyevd_ dsyevd_ (Char, Char, Int, *mut T, Int, *mut T, *mut T, Int, *mut c_int, Int, *mut c_int, Length, Length)
    // jobz, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork, iwork, info
    gesdd sgesdd_ dgesdd_ (Char, Int, Int, *mut T, Int, *mut T, *mut T, Int, *mut T, Int, *mut T, Int, *mut c_int, *mut c_int, Length)
}

/// The element types of LAPACK, with its routines.
pub(crate) trait Element: super::Element {
    const ROUTINES: Routines<Self>;
}

/// Whether LAPACK can count what it needs for a matrix of this shape in 32 bits, workspaces included: those of `gesdd`,
/// the largest, have at most seven times the elements and some hundred for each row.
pub(crate) fn fits((m, n): (usize, usize)) -> bool {
    let (short, long) = if m < n { (m, n) } else { (n, m) };
    let elements = short.checked_mul(8).and_then(|x| x.checked_add(512)).and_then(|x| x.checked_mul(long));
    elements.is_some_and(|x| c_int::try_from(x).is_ok())
}

/// A matrix in the words of LAPACK.
struct Matrix<T> {
    rows: c_int,
    columns: c_int,
    pointer: *mut T,
    ld: c_int,
}

impl<T> Matrix<T> {
    /// # Panics
    /// Where the array is not row-major, or a dimension does not fit in 32 bits.
    fn of(array: &mut Array2<T>) -> Self {
        let int = |n: usize| c_int::try_from(n).expect("the caller has asked whether it fits");
        let (columns, rows) = array.dim();
        let pointer = array.as_slice_mut().expect("row-major").as_mut_ptr();
        Matrix { rows: int(rows), columns: int(columns), pointer, ld: int(rows.max(1)) }
    }
}

/// Calls a routine, and returns what it says of the data: 0, or where or how it failed.
///
/// # Panics
/// Where it says that an argument is wrong.
fn call(name: &'static str, routine: impl FnOnce(*mut c_int)) -> usize {
    check_library();
    let _turn = turn();
    let mut info = 0;
    routine(&mut info);
    usize::try_from(info).unwrap_or_else(|_| panic!("{name}: argument {} is wrong", -info))
}

/// As [`call`], for a routine that is given a workspace, first of length -1 to be asked for the best length.
fn call_with_workspace<T: Element>(
    name: &'static str,
    mut routine: impl FnMut(*mut T, Int, *mut c_int),
) -> usize {
    let mut best = [T::zero()];
    call(name, |info| routine(best.as_mut_ptr(), &-1, info));
    // Before 3.10 LAPACK rounds it to the nearest f32, which may be smaller.
    let best = (best[0].as_f64() * (1.0 + T::epsilon().as_f64())).ceil();
    let length = (best as c_int).max(1);
    let mut work = vec![T::zero(); length as usize];
    #[cfg(test)]
    super::calls::count_linalg(name);
    call(name, |info| routine(work.as_mut_ptr(), &length, info))
}

/// The eigenvalues of a symmetric matrix, of which the upper triangle is read; the eigenvectors replace its columns. `None`
/// where the iteration does not end.
pub(crate) fn syevd<T: Element>(a: &mut Array2<T>) -> Option<Vec<T>> {
    let a = Matrix::of(a);
    assert_eq!(a.rows, a.columns, "syevd: not a square matrix");
    let n = a.rows as usize;
    let mut values = vec![T::zero(); n];
    // It needs this length, and makes no use of more.
    let mut integers: Vec<c_int> = vec![0; 3 + 5 * n];
    let integers_length = integers.len() as c_int;
    let info = call_with_workspace("syevd", |work, length, info| {
        // SAFETY: `Matrix::of` gives the matrix's own dimensions; it is borrowed mutably, there are as many values as rows,
        // and the workspaces have the lengths that are given for them.
        unsafe {
            (T::ROUTINES.syevd)(
                c"V".as_ptr(),
                c"U".as_ptr(),
                &a.rows,
                a.pointer,
                &a.ld,
                values.as_mut_ptr(),
                work,
                length,
                integers.as_mut_ptr(),
                &integers_length,
                info,
                1,
                1,
            );
        }
    });
    (info == 0).then_some(values)
}

/// The reduced singular value decomposition of a matrix (m, n), which is overwritten: U (m, k), the values and V^T
/// (k, n), matrices by columns as all here. `None` where the iteration does not end.
pub(crate) fn gesdd<T: Element>(a: &mut Array2<T>) -> Option<(Array2<T>, Vec<T>, Array2<T>)> {
    let (n, m) = a.dim();
    let k = m.min(n);
    let a = Matrix::of(a);
    let mut values = vec![T::zero(); k];
    let (mut left, mut right) = (Array2::zeros((k, m)), Array2::zeros((n, k)));
    let (u, vt) = (Matrix::of(&mut left), Matrix::of(&mut right));
    let mut integers: Vec<c_int> = vec![0; 8 * k];
    let info = call_with_workspace("gesdd", |work, length, info| {
        // SAFETY: `Matrix::of` gives each matrix's own dimensions, which are those that LAPACK expects for this job; all
        // are borrowed mutably or made here; there are k values and 8 k integers; `call_with_workspace` gives the
        // workspace's own length.
        unsafe {
            (T::ROUTINES.gesdd)(
                c"S".as_ptr(),
                &a.rows,
                &a.columns,
                a.pointer,
                &a.ld,
                values.as_mut_ptr(),
                u.pointer,
                &u.ld,
                vt.pointer,
                &vt.ld,
                work,
                length,
                integers.as_mut_ptr(),
                info,
                1,
            );
        }
    });
    (info == 0).then_some((left, values, right))
}
