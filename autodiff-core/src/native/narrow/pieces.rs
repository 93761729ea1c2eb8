//! A matrix and a vector, where the rows, or the columns, are short and lie one after another.

use crate::native::gemv::{CHAIN, Packed};
use crate::native::math::MulAdd;
use crate::native::simd::{self, Kernel};
use crate::scalar::Scalar;
use ndarray::ArrayView2;

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

/// The rows of a matrix, or the columns.
pub(in crate::native) struct Pieces<'a, T> {
    packed: Packed,
    elements: &'a [T],
    length: usize,
    count: usize,
}

impl<'a, T: Scalar> Pieces<'a, T> {
    /// Those of `a`, if they are short.
    pub fn of(packed: Packed, a: &ArrayView2<'a, T>) -> Option<Self> {
        let (m, k) = a.dim();
        let (length, count, most) = match packed {
            Packed::Rows => (k, m, 8),
            Packed::Columns => (m, k, 7),
        };
        let elements = match packed {
            _ if length > most => None,
            Packed::Rows => a.to_slice(),
            Packed::Columns => a.reversed_axes().to_slice(),
        };
        elements.map(|elements| Pieces { packed, elements, length, count })
    }

    /// The products of the matrix and the columns in `x`, one after another, for `sums` that are 0.
    pub fn multiply(&self, x: &[T], sums: &mut [T]) {
        let (columns, results) = match self.packed {
            Packed::Rows => (self.length, self.count),
            Packed::Columns => (self.count, self.length),
        };
        for (x, sums) in x.chunks(columns).zip(sums.chunks_mut(results)) {
            simd::widest(Product { pieces: self, x, sums });
        }
    }
}

struct Product<'a, T> {
    pieces: &'a Pieces<'a, T>,
    x: &'a [T],
    sums: &'a mut [T],
}

impl<T: Scalar> Kernel for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<F: MulAdd>(self) {
        let Product { pieces: &Pieces { packed, elements, length, .. }, x, sums } = self;
        match packed {
            Packed::Rows => of_length!(length, dots, elements, x, sums),
            Packed::Columns => of_length!(length, combinations, elements, x, sums),
        }
    }
}

/// The dot products of rows and `x`.
#[inline(always)]
fn dots<F: MulAdd, T: Scalar, const K: usize>(rows: &[T], x: &[T], sums: &mut [T]) {
    let x: &[T; K] = x.first_chunk().expect("as many elements");
    for (row, sum) in rows.as_chunks::<K>().0.iter().zip(sums) {
        let mut found = T::zero();
        for p in 0..K {
            found = F::add_product(row[p], x[p], found);
        }
        *sum = found;
    }
}

/// Adds columns, each times its element of `x`.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // of loops over iterators, the compiler does not make vectors here
fn combinations<F: MulAdd, T: Scalar, const M: usize>(columns: &[T], x: &[T], sums: &mut [T]) {
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
