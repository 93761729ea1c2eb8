//! Products of matrices in tiles: the sums of some rows and some vectors of columns stay in registers.

use super::gemv::Packed;
use super::math::MulAdd;
use super::simd::{self, Kernel};
use crate::copies;
use crate::memory::Scratch;
use crate::scalar::Scalar;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use std::ops::Range;

/// Bytes of a matrix that is read where it lies: of a larger one, neighbours down a column are on different pages.
const NEAR: usize = 1 << 20;

/// Bytes of a left operand, which is read again for each panel of the right one: a part of a shared cache.
const AGAIN: usize = 1 << 23;

/// Whether products of such matrices are computed here: not without an instruction that multiplies and adds, and not where
/// few columns would be multiplied by a large matrix that has to be rearranged for them.
pub(super) fn suit<T>(a: &ArrayView2<'_, T>, b: &ArrayView2<'_, T>) -> bool {
    let is_read_in_place = a.len() * size_of::<T>() <= AGAIN || a.is_standard_layout();
    simd::fused_bytes() > 0 && !a.is_empty() && !b.is_empty() && (is_read_in_place || b.ncols() >= 64)
}

/// `c = alpha a b + beta c` of matrices that [`suit`]; with `beta` 0, what `c` held is not read.
///
/// Each element is added up in the order of the inner axis, whatever the tiles.
pub(super) fn gemm<T: Scalar>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    c: ArrayViewMut2<'_, T>,
) {
    // Of a right operand whose columns lie in one piece each, the transpose is read as it is, which is worth copying a few rows.
    let is_flat =
        b.t().is_standard_layout() && !b.is_standard_layout() && 4 * a.nrows() <= b.ncols().min(b.nrows());
    let (a, b, mut c) = match is_flat || matches!(Packed::of(c.view()), Some(Packed::Columns)) {
        true => (b.reversed_axes(), a.reversed_axes(), c.reversed_axes()),
        false => (a, b, c),
    };
    if let Some(Packed::Rows) = Packed::of(c.view()) {
        return into_rows(alpha, a, b, beta, c);
    }
    let mut product = Array2::zeros(c.dim());
    into_rows(alpha, a, b, T::zero(), product.view_mut());
    match beta == T::zero() {
        true => c.assign(&product),
        false => c.zip_mut_with(&product, |c, &product| *c = product + beta * *c),
    }
}

/// The same, for a result whose rows lie in one piece each.
fn into_rows<T: Scalar>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    c: ArrayViewMut2<'_, T>,
) {
    let (m, rows) = (a.nrows(), Axis(0));
    if a.len() * size_of::<T>() > AGAIN && m >= 128 {
        let at = (m / 2).next_multiple_of(8);
        let ((a, a_rest), (c, c_rest)) = (a.split_at(rows, at), c.split_at(rows, at));
        into_rows(alpha, a, b, beta, c);
        return into_rows(alpha, a_rest, b, beta, c_rest);
    }
    Product { alpha, a, b, beta, c }.compute(simd::fused_bytes());
}

struct Product<'a, T> {
    alpha: T,
    a: ArrayView2<'a, T>,
    b: ArrayView2<'a, T>,
    beta: T,
    c: ArrayViewMut2<'a, T>,
}

impl<T: Scalar> Product<'_, T> {
    /// In tiles for vectors of so many bytes: sixteen registers of sums where there are 32, else eight.
    fn compute(self, vector: usize) {
        match (vector, size_of::<T>(), self.a.nrows()) {
            (64, 8, 8..) => self.panels::<8, 16, 8>(),
            (64, 8, 4..) => self.panels::<4, 16, 8>(),
            (64, 8, _) => self.panels::<1, 16, 8>(),
            (64, _, 8..) if self.b.ncols() <= 8 => self.panels::<8, 16, 8>(),
            (64, _, 8..) => self.panels::<8, 32, 16>(),
            (64, _, 4..) => self.panels::<4, 32, 16>(),
            (64, ..) => self.panels::<1, 32, 16>(),
            (_, 8, 4..) => self.panels::<4, 8, 4>(),
            (_, 8, _) => self.panels::<1, 8, 4>(),
            (_, _, 4..) => self.panels::<4, 16, 8>(),
            _ => self.panels::<1, 16, 8>(),
        }
    }

    /// `L` columns at a time, and `H` where no more are left; `R` rows, of which there are as many.
    fn panels<const R: usize, const L: usize, const H: usize>(mut self) {
        let ((m, k), n) = (self.a.dim(), self.b.ncols());
        let near = |x: &ArrayView2<'_, T>| x.len() * size_of::<T>() <= NEAR;
        let mut rearranged = Scratch::default();
        let left = match (Packed::of(self.a), self.a.reversed_axes().to_slice()) {
            (Some(Packed::Rows), _) => Left::Rows(self.a),
            (Some(Packed::Columns), Some(columns)) if near(&self.a) => Left::Columns(columns),
            (Some(Packed::Columns), _) => {
                in_tiles::<T, R>(&self.a, &mut rearranged);
                Left::Tiles(&rearranged)
            }
            (None, _) => {
                rearranged.reserve(m * k);
                rearrange(&self.a, &mut rearranged);
                Left::Rows(ArrayView2::from_shape((m, k), &rearranged).expect("as many elements"))
            }
        };
        // Columns that are read again and again are brought together.
        let direct = self.b.to_slice().filter(|_| m <= 8 * R && near(&self.b));
        let mut packed = Scratch::default();
        let mut j = 0;
        while j < n {
            let rest = n - j;
            let width = if rest > H { L } else { H };
            let panel = match direct.filter(|_| n >= width) {
                Some(whole) => {
                    let start = j.min(n - width);
                    Panel { elements: &whole[start..], stride: n, start, fresh: j - start..width }
                }
                None => {
                    let count = width.min(rest);
                    packed.reserve(k * width);
                    pack(&self.b, j, count, width, &mut packed);
                    Panel { elements: &packed[..k * width], stride: width, start: j, fresh: 0..count }
                }
            };
            match width == L {
                true => self.tiles::<R, L>(left, panel),
                false => self.tiles::<R, H>(left, panel),
            }
            j += width;
        }
    }

    /// All rows of some columns. Each kind of tile is a kernel of its own: in a larger function, the compiler makes no vectors.
    fn tiles<const R: usize, const L: usize>(&mut self, left: Left<'_, T>, panel: Panel<'_, T>) {
        match left {
            Left::Rows(_) => simd::widest(Tiles::<T, R, L, false> { product: self, left, panel }),
            Left::Columns(_) | Left::Tiles(_) => {
                simd::widest(Tiles::<T, R, L, true> { product: self, left, panel })
            }
        }
    }
}

/// The left operand.
#[derive(Clone, Copy)]
enum Left<'a, T> {
    /// Whose rows lie in one piece each.
    Rows(ArrayView2<'a, T>),
    /// Column after column.
    Columns(&'a [T]),
    /// Tile after tile, of each column after column.
    Tiles(&'a [T]),
}

/// Some columns of the right operand: row after row, `stride` elements apart, from the column `start` on.
struct Panel<'a, T> {
    elements: &'a [T],
    stride: usize,
    start: usize,
    /// Those of them that are still to be computed.
    fresh: Range<usize>,
}

/// All rows of `L` columns, `R` at a time, of a left operand that lies row after row or column after column.
struct Tiles<'a, 'x, 'l, T, const R: usize, const L: usize, const BY_COLUMN: bool> {
    product: &'a mut Product<'x, T>,
    left: Left<'l, T>,
    panel: Panel<'a, T>,
}

impl<T: Scalar, const R: usize, const L: usize, const BY_COLUMN: bool> Kernel
    for Tiles<'_, '_, '_, T, R, L, BY_COLUMN>
{
    type Output = ();

    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // the compiler makes vectors of these loops
    fn run<F: MulAdd>(self) {
        let Tiles { product, left, panel } = self;
        let (m, k) = product.a.dim();
        let (alpha, beta) = (product.alpha, product.beta);
        for i in (0..m).step_by(R) {
            // The last tile goes over rows of the one before.
            let start = i.min(m - R);
            let sums = if BY_COLUMN {
                let (columns, stride) = match left {
                    Left::Columns(columns) => (&columns[start..], m),
                    Left::Tiles(tiles) => (&tiles[i * k..], R),
                    Left::Rows(_) => unreachable!("columns"),
                };
                of_columns::<F, T, R, L>(columns, stride, k, &panel)
            } else {
                let Left::Rows(rows) = left else { unreachable!("rows") };
                of_rows::<F, T, R, L>(rows, start, &panel)
            };
            for r in i - start..R {
                let mut row = product.c.index_axis_mut(Axis(0), start + r);
                let c = &mut row.as_slice_mut().expect("one piece")[panel.start..];
                if panel.fresh == (0..L) && alpha == T::one() && beta == T::zero() {
                    *c.first_chunk_mut().expect("a vector of columns") = sums[r];
                    continue;
                }
                let fresh = panel.fresh.clone();
                for (c, &sum) in c[fresh.clone()].iter_mut().zip(&sums[r][fresh]) {
                    *c = if beta == T::zero() { alpha * sum } else { alpha * sum + beta * *c };
                }
            }
        }
    }
}

/// The body for each row `0..R` up to eight. Of a loop over them, the compiler does not always see that it has so few rounds, and
/// makes no vectors.
macro_rules! unrolled {
    ($row:ident, $rows:ident, $body:block) => {
        unrolled!($row, $rows, $body, 0 1 2 3 4 5 6 7)
    };
    ($row:ident, $rows:ident, $body:block, $($i:literal)*) => {
        $(if $i < $rows {
            let $row = $i;
            $body
        })*
    };
}

/// The sums of a tile, from rows of the left operand. (In a `black_box`, as in `gemv`: what is done with them is not to tell the
/// compiler which of them to make vectors of.)
#[inline(always)]
#[allow(clippy::needless_range_loop)] // the compiler makes vectors of these loops
fn of_rows<F: MulAdd, T: Scalar, const R: usize, const L: usize>(
    a: ArrayView2<'_, T>,
    start: usize,
    panel: &Panel<'_, T>,
) -> [[T; L]; R] {
    let k = a.ncols();
    let mut rows = [panel.elements; R];
    for r in 0..R {
        rows[r] = &a.index_axis_move(Axis(0), start + r).to_slice().expect("one piece")[..k];
    }
    let mut sums = [[T::zero(); L]; R];
    for (p, b) in (0..k).zip(panel.elements.chunks(panel.stride)) {
        let b: &[T; L] = b.first_chunk().expect("a vector of columns");
        unrolled!(r, R, {
            let a = rows[r][p];
            for l in 0..L {
                sums[r][l] = F::mul_add(a, b[l], sums[r][l]);
            }
        });
    }
    std::hint::black_box(sums)
}

/// The same, from columns of as many rows.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // the compiler makes vectors of these loops
fn of_columns<F: MulAdd, T: Scalar, const R: usize, const L: usize>(
    a: &[T],
    stride: usize,
    k: usize,
    panel: &Panel<'_, T>,
) -> [[T; L]; R] {
    let mut sums = [[T::zero(); L]; R];
    for (a, b) in a.chunks(stride).zip(panel.elements.chunks(panel.stride)).take(k) {
        let a: &[T; R] = a.first_chunk().expect("as many rows");
        let b: &[T; L] = b.first_chunk().expect("a vector of columns");
        unrolled!(r, R, {
            for l in 0..L {
                sums[r][l] = F::mul_add(a[r], b[l], sums[r][l]);
            }
        });
    }
    std::hint::black_box(sums)
}

/// Copies `count` columns from `j` on, row after row of `width`.
fn pack<T: Scalar>(b: &ArrayView2<'_, T>, j: usize, count: usize, width: usize, packed: &mut [T]) {
    if b.strides()[1] == 1 {
        for (row, packed) in b.rows().into_iter().zip(packed.chunks_exact_mut(width)) {
            packed[..count].copy_from_slice(&row.to_slice().expect("packed rows")[j..j + count]);
        }
    } else {
        for l in 0..count {
            let packed = packed[l..].iter_mut().step_by(width);
            match b.column(j + l).to_slice() {
                Some(column) => column.iter().zip(packed).for_each(|(&x, packed)| *packed = x),
                None => b.column(j + l).iter().zip(packed).for_each(|(&x, packed)| *packed = x),
            }
        }
    }
}

/// The rows of each tile one tile after another, column after column, of a matrix whose columns lie in one piece each.
fn in_tiles<T: Scalar, const R: usize>(a: &ArrayView2<'_, T>, packed: &mut Scratch<T>) {
    /// Columns of which the lines that are read next stay in the first-level cache.
    const TOGETHER: usize = 64;
    let (m, k) = a.dim();
    packed.reserve(m.div_ceil(R) * k * R);
    for first in (0..k).step_by(TOGETHER) {
        let columns = first..k.min(first + TOGETHER);
        for (i, tile) in (0..m).step_by(R).zip(packed.chunks_exact_mut(k * R)) {
            let start = i.min(m - R);
            for (p, packed) in columns.clone().zip(tile.chunks_exact_mut(R).skip(first)) {
                let column = a.index_axis_move(Axis(1), p).to_slice().expect("packed columns");
                packed.copy_from_slice(&column[start..start + R]);
            }
        }
    }
}

/// Copies a matrix of any layout row after row.
fn rearrange<T: Scalar>(a: &ArrayView2<'_, T>, rows: &mut [T]) {
    /// Elements up to which a plain loop starts sooner than it would be overtaken.
    const FEW: usize = 1024;
    if a.len() <= FEW {
        rows.iter_mut().zip(a).for_each(|(to, &from)| *to = from);
    } else {
        let rows = ArrayViewMut2::from_shape(a.dim(), rows).expect("as many elements");
        copies::assign(rows.into_dyn(), a.view().into_dyn());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::gemm::tests::matrix;
    use ndarray::{Array2, s};

    /// Tiles for every kind of vector, whether the machine has it or not, against sums one after another.
    fn tiles_of_all_vectors_add_up_in_order<T: Scalar>() {
        let sizes = [1, 3, 4, 5, 8, 9, 16, 17, 33, 40];
        for (&m, &n) in sizes.iter().flat_map(|m| sizes.iter().map(move |n| (m, n))) {
            for k in [1, 9] {
                for layout in 0..8 {
                    let (a, b) = (matrix::<T>((m, k), layout & 1 == 1), matrix::<T>((k, n), layout & 2 == 2));
                    let (alpha, beta) =
                        if layout & 4 == 4 { (T::of(-0.5), T::of(2.0)) } else { (T::one(), T::zero()) };
                    let old = matrix::<T>((m, n), false);
                    let want = Array2::from_shape_fn((m, n), |(i, j)| {
                        let sum = (0..k).fold(T::zero(), |sum, p| a[(i, p)].mul_add(b[(p, j)], sum));
                        if beta == T::zero() { alpha * sum } else { alpha * sum + beta * old[(i, j)] }
                    });
                    for vector in [64, 32, 16] {
                        let mut c = old.clone();
                        Product { alpha, a: a.view(), b: b.view(), beta, c: c.view_mut() }.compute(vector);
                        assert_eq!(c, want, "{m} by {k} by {n}, layout {layout}, {vector} bytes");
                    }
                }
            }
        }
    }

    #[test]
    fn tiles_of_all_vectors_add_up_in_order_in_both_types() {
        tiles_of_all_vectors_add_up_in_order::<f64>();
        tiles_of_all_vectors_add_up_in_order::<f32>();
    }

    #[test]
    fn large_matrices_and_parts_of_them() {
        // More than is read in place, than is read again, and than a panel of a whole matrix.
        for (m, k, n) in [(300, 520, 40), (9, 400, 500), (1100, 1000, 9)] {
            for layout in 0..8 {
                let by_column = |bit: usize| layout >> bit & 1 == 1;
                let (a, b) = (matrix::<f64>((m, k), by_column(0)), matrix::<f64>((k, n), by_column(1)));
                let c = matrix::<f64>((m + 3, n + 5), by_column(2));
                let want = a.mapv(|x| x * 1e3).dot(&b) / 1e3;
                let (mut whole, mut part) = (Array2::zeros((m, n)), c.clone());
                gemm(1.0, a.view(), b.view(), 0.0, whole.view_mut());
                let place = s![2..m + 2, 3..n + 3];
                gemm(2.0, a.view(), b.view(), -1.0, part.slice_mut(place));
                let is_near = |x: &Array2<f64>, y: &Array2<f64>| (x - y).iter().all(|x| x.abs() < 1e-11);
                assert!(is_near(&whole, &want), "{m} by {k} by {n}, layout {layout}");
                let sum = &whole * 2.0 - c.slice(place);
                assert!(is_near(&part.slice(place).to_owned(), &sum), "{m} by {k} by {n}, layout {layout}");
                part.slice_mut(place).assign(&c.slice(place));
                assert_eq!(part, c, "nothing beside it is written");
                let mut reversed = Array2::zeros((m, n));
                gemm(
                    1.0,
                    a.slice(s![..;-1, ..;-1]),
                    b.slice(s![..;-1, ..]),
                    0.0,
                    reversed.slice_mut(s![..;-1, ..]),
                );
                assert!(is_near(&reversed, &want), "{m} by {k} by {n}, layout {layout}, reversed");
            }
        }
    }
}
