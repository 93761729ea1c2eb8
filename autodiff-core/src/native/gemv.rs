//! Products of a matrix and a vector, or a few of them, as fast as the matrix is read.

use super::gemm::scaled;
use super::math::MulAdd;
use super::narrow::Pieces;
use super::simd::{self, Kernel, LINE};
use crate::scalar::Scalar;
use crate::threads;
use ndarray::{ArrayView1, ArrayView2, ArrayViewMut2, Axis, s};
use smallvec::SmallVec;

/// Which of a matrix's rows and columns lie in one piece each.
#[derive(Clone, Copy)]
pub(super) enum Packed {
    Rows,
    Columns,
}

impl Packed {
    /// `None` where neither do.
    pub fn of<T>(a: ArrayView2<'_, T>) -> Option<Self> {
        let is_packed = |axis: usize| a.shape()[axis] < 2 || a.strides()[axis] == 1;
        if is_packed(1) { Some(Packed::Rows) } else { is_packed(0).then_some(Packed::Columns) }
    }
}

/// Whether a product of that matrix and so many columns takes these loops, which read it once for all.
///
/// Up to two columns they are the faster ones at any size; up to four where the matrix does not stay in the first-level cache.
pub(super) fn are_few<T>(columns: usize, a: &ArrayView2<'_, T>) -> bool {
    const LARGE: usize = 1 << 14;
    (1..=if a.len() < LARGE { 2 } else { 4 }).contains(&columns)
}

/// `c = alpha a b + beta c`, for few columns; with `beta` 0, what `c` held is not read.
pub(super) fn gemv<T: Scalar>(
    packed: Packed,
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    c: ArrayViewMut2<'_, T>,
) {
    let mut sums = SmallVec::<[T; 32]>::from_elem(T::zero(), c.len());
    products(packed, a, b, &mut sums);
    finish(alpha, &sums, beta, c);
}

/// Whether a matrix, whose columns are packed, has many, which are so short that so many parts of each would be read with many
/// interruptions.
pub(super) fn are_short<T>(a: &ArrayView2<'_, T>, parts: usize) -> bool {
    a.nrows() * size_of::<T>() < parts * SHORT / 4 && a.ncols() >= 2 * CHAIN
}

/// The same for such a matrix, on several threads, of which each adds up some of the chains that one would.
pub(super) fn gemv_in_chains<T: Scalar>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    c: ArrayViewMut2<'_, T>,
) {
    let chain = |i: usize| i * CHAIN..a.ncols().min((i + 1) * CHAIN);
    let mut sums = vec![T::zero(); a.ncols().div_ceil(CHAIN) * c.len()];
    let tasks: Vec<_> = sums.chunks_exact_mut(c.len()).enumerate().collect();
    threads::each(tasks, |(i, sums)| {
        let (a, b) = (a.slice(s![.., chain(i)]), b.slice(s![chain(i), ..]));
        products(Packed::Columns, a, b, sums);
    });
    let (first, others) = sums.split_at_mut(c.len());
    for part in others.chunks_exact(c.len()) {
        first.iter_mut().zip(part).for_each(|(sum, &part)| *sum += part);
    }
    finish(alpha, first, beta, c);
}

/// The products, one column after another, for `sums` that are 0.
fn products<T: Scalar>(packed: Packed, a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, sums: &mut [T]) {
    let columns = b.t();
    let columns = columns.as_standard_layout();
    let x = columns.as_slice().expect("standard layout");
    if a.is_empty() {
        return;
    }
    match Pieces::of(packed, &a) {
        Some(pieces) => pieces.multiply(x, sums),
        None => simd::widest(Product { packed, a, x, sums }),
    }
}

/// `c = alpha sums + beta c`
fn finish<T: Scalar>(alpha: T, sums: &[T], beta: T, mut c: ArrayViewMut2<'_, T>) {
    let rows = c.nrows();
    for (mut column, sums) in c.columns_mut().into_iter().zip(sums.chunks_exact(rows.max(1))) {
        match alpha == T::one() && beta == T::zero() {
            true => column.assign(&ArrayView1::from(sums)),
            false => {
                column.zip_mut_with(&ArrayView1::from(sums), |y, &sum| *y = scaled(alpha, sum, beta, *y))
            }
        }
    }
}

/// The products of `a` and the columns in `x`, one after another, for `sums` that are 0.
struct Product<'a, T> {
    packed: Packed,
    a: ArrayView2<'a, T>,
    x: &'a [T],
    sums: &'a mut [T],
}

impl<T: Scalar> Kernel for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<F: MulAdd>(self) {
        let (m, k) = self.a.dim();
        let piece = if matches!(self.packed, Packed::Rows) { k } else { m };
        match m * k * size_of::<T>() > NEAR && piece * size_of::<T>() <= SHORT {
            true => self.product::<F, true>(),
            false => self.product::<F, false>(),
        }
    }
}

/// Bytes of a matrix that stays in the first-level cache.
const NEAR: usize = 1 << 15;

/// Bytes of a row up to which the machine does not see in time where the reading goes: there is another one soon.
const SHORT: usize = 1 << 12;

impl<T: Scalar> Product<'_, T> {
    /// The next rows, or columns, are asked for where `AHEAD`.
    #[inline(always)]
    fn product<F: MulAdd, const AHEAD: bool>(self) {
        let (m, k) = self.a.dim();
        // Two columns at a time, for which the registers suffice.
        for (x, sums) in self.x.chunks(2 * k).zip(self.sums.chunks_mut(2 * m)) {
            match (self.packed, x.len() == k) {
                (Packed::Rows, true) => dots::<F, T, 1, AHEAD>(self.a, x, sums),
                (Packed::Rows, false) => dots::<F, T, 2, AHEAD>(self.a, x, sums),
                (Packed::Columns, true) => combinations::<F, T, 1, AHEAD>(self.a, x, sums),
                (Packed::Columns, false) => combinations::<F, T, 2, AHEAD>(self.a, x, sums),
            }
        }
    }
}

/// Asks for what lies `ahead` elements after a chunk, where `AHEAD`. Chunks of half a line are read slower than caches bring them.
#[inline(always)]
fn look_ahead<T, const L: usize, const AHEAD: bool>(chunk: &[T; L], ahead: isize) {
    if AHEAD && size_of_val(chunk) == LINE {
        simd::fetch::<T, false>(chunk.as_ptr().wrapping_offset(ahead), 1);
    }
}

/// Rows, or columns, that are read side by side.
const TOGETHER: usize = 4;

/// Terms that are added up one after another, before their sum is added to that of those before: errors of rounding grow with the
/// length of such a chain.
pub(super) const CHAIN: usize = 512;

/// Of each row of `a` and each of `N` columns; from the last row to the first: a gradient then adds rows up from the first, which were
/// read last and are still in a cache.
#[inline(always)]
fn dots<F: MulAdd, T: Scalar, const N: usize, const AHEAD: bool>(
    a: ArrayView2<'_, T>,
    x: &[T],
    sums: &mut [T],
) {
    let (m, k) = a.dim();
    let ahead = -(TOGETHER as isize) * a.strides()[0];
    let row = |i: usize| a.index_axis_move(Axis(0), i).to_slice().expect("packed rows");
    let x: [&[T]; N] = std::array::from_fn(|j| &x[j * k..(j + 1) * k]);
    for start in (0..k).step_by(LANES * CHAIN) {
        let part = start..k.min(start + LANES * CHAIN);
        let x = x.map(|x| &x[part.clone()]);
        for i in (0..m - m % TOGETHER).step_by(TOGETHER).rev() {
            let rows = std::array::from_fn(|r| &row(i + r)[part.clone()]);
            let found = dot::<F, T, TOGETHER, N, AHEAD>(rows, x, ahead);
            for (j, found) in found.into_iter().enumerate() {
                for (r, [found]) in found.into_iter().enumerate() {
                    sums[j * m + i + r] += found;
                }
            }
        }
        for i in m - m % TOGETHER..m {
            let found = dot::<F, T, 1, N, false>([&row(i)[part.clone()]], x, 0);
            for (j, [[found]]) in found.into_iter().enumerate() {
                sums[j * m + i] += found;
            }
        }
    }
}

/// The terms of a dot product that are added up side by side.
const LANES: usize = 8;

/// Of each of some rows and each of some columns. How many there are changes no bit.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // of loops over iterators, the compiler does not make vectors here
fn dot<F: MulAdd, T: Scalar, const R: usize, const N: usize, const AHEAD: bool>(
    a: [&[T]; R],
    x: [&[T]; N],
    ahead: isize,
) -> [[[T; 1]; R]; N] {
    let k = a[0].len();
    let (a, x) = (a.map(|a| a[..k].as_chunks::<LANES>()), x.map(|x| x[..k].as_chunks::<LANES>()));
    let (rows, columns) = (a.map(|(row, _)| row), x.map(|(column, _)| column));
    let mut eight = [[[T::zero(); LANES]; R]; N];
    for i in 0..k / LANES {
        for r in 0..R {
            look_ahead::<T, LANES, AHEAD>(&rows[r][i], ahead);
        }
        for r in 0..R {
            for j in 0..N {
                for l in 0..LANES {
                    eight[j][r][l] = F::add_product(rows[r][i][l], columns[j][i][l], eight[j][r][l]);
                }
            }
        }
    }
    let mut sums = [[[T::zero(); 1]; R]; N];
    for j in 0..N {
        sums[j] = total::<F, T, R>(apart(eight[j]), a.map(|(_, rest)| rest), x[j].1);
    }
    sums
}

/// The sums of all lanes of each row and the products of what did not fill them: halves are added to each other, and what is left
/// joins as many of them.
#[inline(always)]
fn total<F: MulAdd, T: Scalar, const R: usize>(
    eight: [[T; LANES]; R],
    mut rows: [&[T]; R],
    mut column: &[T],
) -> [[T; 1]; R] {
    let left = column.len();
    let mut four = halved::<T, LANES, 4, R>(&eight);
    if left & 4 != 0 {
        add_products::<F, T, _, R>(&mut four, &mut rows, &mut column);
    }
    let mut two = halved::<T, 4, 2, R>(&apart(four));
    if left & 2 != 0 {
        add_products::<F, T, _, R>(&mut two, &mut rows, &mut column);
    }
    let mut one = halved::<T, 2, 1, R>(&two);
    if left & 1 != 0 {
        add_products::<F, T, _, R>(&mut one, &mut rows, &mut column);
    }
    one
}

/// The same lanes; but the compiler does not see them come together, or it would make vectors of two of them, in the loop before, too.
/// Nor can it read two vectors of lanes at once, which would wait until both are written.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // as above
fn apart<T: Scalar, const L: usize, const R: usize>(mut lanes: [[T; L]; R]) -> [[T; L]; R] {
    #[derive(Clone, Copy)]
    #[repr(align(128))]
    struct Apart<T>(T);
    let mut there = [Apart([T::zero(); L]); R];
    for r in 0..R {
        there[r].0 = lanes[r];
    }
    let there = std::hint::black_box(there);
    for r in 0..R {
        lanes[r] = there[r].0;
    }
    lanes
}

/// The sums of `H` pairs of lanes each.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // as above; and closures would not be inlined
fn halved<T: Scalar, const L: usize, const H: usize, const R: usize>(lanes: &[[T; L]; R]) -> [[T; H]; R] {
    let mut sums = [[T::zero(); H]; R];
    for r in 0..R {
        for l in 0..H {
            sums[r][l] = lanes[r][l] + lanes[r][H + l];
        }
    }
    sums
}

/// Adds the products of the first `L` elements of rows and a column, and takes them off.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // as above
fn add_products<F: MulAdd, T: Scalar, const L: usize, const R: usize>(
    lanes: &mut [[T; L]; R],
    rows: &mut [&[T]; R],
    column: &mut &[T],
) {
    let x;
    (x, *column) = column.split_first_chunk::<L>().expect("as many are left");
    for r in 0..R {
        let row;
        (row, rows[r]) = rows[r].split_first_chunk::<L>().expect("as many are left");
        for l in 0..L {
            lanes[r][l] = F::add_product(row[l], x[l], lanes[r][l]);
        }
    }
}

/// The sums of the columns of `a` times the elements of each of `N` columns.
#[inline(always)]
fn combinations<F: MulAdd, T: Scalar, const N: usize, const AHEAD: bool>(
    a: ArrayView2<'_, T>,
    x: &[T],
    sums: &mut [T],
) {
    /// Sums that stay in the first-level cache.
    const BLOCK: usize = 1024;
    let (m, k) = a.dim();
    let ahead = TOGETHER as isize * a.strides()[1];
    let mut memory = vec![T::zero(); if k > CHAIN { N * BLOCK } else { 0 }];
    for start in (0..m).step_by(BLOCK) {
        let rows = start..m.min(start + BLOCK);
        let column = |j: usize| {
            let column = a.index_axis_move(Axis(1), j).to_slice().expect("packed columns");
            &column[rows.clone()]
        };
        let mut rest = &mut sums[..];
        let mut sums: [&mut [T]; N] = std::array::from_fn(|_| {
            let (first, others) = std::mem::take(&mut rest).split_at_mut(m);
            rest = others;
            &mut first[rows.clone()]
        });
        let mut parts = memory.chunks_exact_mut(BLOCK);
        let mut parts: [&mut [T]; N] =
            std::array::from_fn(|_| parts.next().map_or(&mut [][..], |part| &mut part[..rows.len()]));
        for chain in (0..k).step_by(CHAIN) {
            let end = k.min(chain + CHAIN);
            // The first chain starts from the zeros that are there.
            let to = if chain == 0 { &mut sums } else { &mut parts };
            let whole = end - (end - chain) % TOGETHER;
            for first in (chain..whole).step_by(TOGETHER) {
                let columns = std::array::from_fn(|i| column(first + i));
                let x = std::array::from_fn(|j| *x[j * k + first..].first_chunk().expect("as many are left"));
                add_columns::<F, T, TOGETHER, N, AHEAD>(columns, x, to, ahead);
            }
            for j in whole..end {
                let x = std::array::from_fn(|n| [x[n * k + j]]);
                add_columns::<F, T, 1, N, false>([column(j)], x, to, 0);
            }
            if chain > 0 {
                for (sums, part) in sums.iter_mut().zip(&mut parts) {
                    for (sum, part) in sums.iter_mut().zip(part.iter_mut()) {
                        *sum += std::mem::replace(part, T::zero());
                    }
                }
            }
        }
    }
}

/// Adds `C` columns, each times its number for each of the sums.
#[inline(always)]
fn add_columns<F: MulAdd, T: Scalar, const C: usize, const N: usize, const AHEAD: bool>(
    columns: [&[T]; C],
    x: [[T; C]; N],
    sums: &mut [&mut [T]; N],
    ahead: isize,
) {
    let in_lines = match size_of::<T>() {
        4 => add_chunks::<F, T, 16, C, N, AHEAD>(0, columns, x, sums, ahead),
        _ => add_chunks::<F, T, 8, C, N, AHEAD>(0, columns, x, sums, ahead),
    };
    let in_fours = add_chunks::<F, T, 4, C, N, false>(in_lines, columns, x, sums, 0);
    add_chunks::<F, T, 1, C, N, false>(in_fours, columns, x, sums, 0);
}

/// The same for the elements from `start` on, `L` at a time, as far as these go; where that is.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // as above
fn add_chunks<F: MulAdd, T: Scalar, const L: usize, const C: usize, const N: usize, const AHEAD: bool>(
    start: usize,
    columns: [&[T]; C],
    x: [[T; C]; N],
    sums: &mut [&mut [T]; N],
    ahead: isize,
) -> usize {
    let columns = columns.map(|column| column[start..].as_chunks::<L>().0);
    let chunks = sums.each_mut().map(|sums| sums[start..].as_chunks_mut::<L>().0);
    let count = chunks[0].len();
    for i in 0..count {
        // The compiler is not to take several chunks at once: it would gather their elements.
        let i = std::hint::black_box(i);
        for column in columns {
            look_ahead::<T, L, AHEAD>(&column[i], ahead);
        }
        for n in 0..N {
            let mut sum = chunks[n][i];
            for c in 0..C {
                for l in 0..L {
                    sum[l] = F::add_product(columns[c][i][l], x[n][c], sum[l]);
                }
            }
            chunks[n][i] = sum;
        }
    }
    start + count * L
}
