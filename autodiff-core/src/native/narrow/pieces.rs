//! A matrix and a vector, where the rows, or the columns, are short and lie one after another.

use crate::native::gemv::CHAIN;
use crate::native::math::MulAdd;
use crate::scalar::Scalar;

/// The most elements of a short row, or column.
pub(in crate::native) const SHORT: usize = 8;

/// Calls a function that is compiled for each length of the pieces.
macro_rules! of_length {
    ($length:expr, $f:ident, $($arg:expr),*) => {
        match $length {
            1 => $f::<F, T, 1>($($arg),*),
            2 => $f::<F, T, 2>($($arg),*),
            3 => $f::<F, T, 3>($($arg),*),
            4 => $f::<F, T, 4>($($arg),*),
            5 => $f::<F, T, 5>($($arg),*),
            6 => $f::<F, T, 6>($($arg),*),
            7 => $f::<F, T, 7>($($arg),*),
            8 => $f::<F, T, 8>($($arg),*),
            length => unreachable!("{length} elements are not short"),
        }
    };
}

/// The dot products of rows of `length` and `x`.
#[inline(always)]
pub(in crate::native) fn dots<F: MulAdd, T: Scalar>(length: usize, rows: &[T], x: &[T], sums: &mut [T]) {
    of_length!(length, dots_of, rows, x, sums);
}

#[inline(always)]
fn dots_of<F: MulAdd, T: Scalar, const K: usize>(rows: &[T], x: &[T], sums: &mut [T]) {
    let x: &[T; K] = x.first_chunk().expect("as many elements");
    for (row, sum) in rows.as_chunks::<K>().0.iter().zip(sums) {
        let mut found = T::zero();
        for p in 0..K {
            found = F::add_product(row[p], x[p], found);
        }
        *sum = found;
    }
}

/// Adds columns of `length`, each times its element of `x`.
#[inline(always)]
pub(in crate::native) fn combinations<F: MulAdd, T: Scalar>(
    length: usize,
    columns: &[T],
    x: &[T],
    sums: &mut [T],
) {
    of_length!(length, combinations_of, columns, x, sums);
}

#[inline(always)]
#[allow(clippy::needless_range_loop)] // of loops over iterators, the compiler does not make vectors here
fn combinations_of<F: MulAdd, T: Scalar, const M: usize>(columns: &[T], x: &[T], sums: &mut [T]) {
    /// Columns that are added up side by side.
    const TOGETHER: usize = 4;
    for (columns, x) in columns.as_chunks::<M>().0.chunks(CHAIN).zip(x.chunks(CHAIN)) {
        let (columns, other_columns) = columns.as_chunks::<TOGETHER>();
        let (x, others) = x.as_chunks::<TOGETHER>();
        let mut found = [[T::zero(); M]; TOGETHER];
        for (columns, x) in columns.iter().zip(x) {
            for c in 0..TOGETHER {
                for i in 0..M {
                    found[c][i] = F::add_product(columns[c][i], x[c], found[c][i]);
                }
            }
        }
        for ((column, &x), found) in other_columns.iter().zip(others).zip(&mut found) {
            for i in 0..M {
                found[i] = F::add_product(column[i], x, found[i]);
            }
        }
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum += (found[0][i] + found[1][i]) + (found[2][i] + found[3][i]);
        }
    }
}
