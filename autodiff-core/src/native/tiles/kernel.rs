//! The loops over tiles.

use super::cut::Strip;
use super::pack::Panel;
use super::{NARROW, Output};
use crate::native::gemm::scaled;
use crate::native::math::MulAdd;
use crate::native::simd::{self, Kernel, Machines};
use crate::scalar::Scalar;
use ndarray::{ArrayView2, Axis};

/// Steps along the inner axis by which operands are asked for before they are read.
const AHEAD: usize = 8;

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

pub(in crate::native) use unrolled;

/// Tiles of the rows in `strip` and `L` columns, `R` rows at a time, for vectors of `V` bytes.
pub(super) struct Tiles<'a, 'x, T, A, const V: usize, const R: usize, const L: usize> {
    pub output: &'a mut Output<'x, T>,
    pub left: A,
    pub strip: &'a Strip,
    pub panel: &'a Panel<'a, T>,
}

/// How tiles read the left operand.
pub(super) trait Rows<T>: Copy {
    /// The products of a panel and the rows from `start` on, of which those before `first` are in the tile before too.
    fn multiply<F: MulAdd, const R: usize, const L: usize>(
        self,
        first: usize,
        start: usize,
        panel: &Panel<'_, T>,
    ) -> [[T; L]; R];
}

impl<T: Scalar, A: Rows<T>, const V: usize, const R: usize, const L: usize> Kernel
    for Tiles<'_, '_, T, A, V, R, L>
{
    const MACHINES: Machines = Machines::Vectors(V);
    type Output = ();

    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // the compiler makes vectors of these loops
    fn run<F: MulAdd>(self) {
        let Tiles { output, left, strip, panel } = self;
        // What earlier panels of the same columns have left is added to.
        let adds = panel.inner.start > 0;
        let (alpha, beta) = (output.alpha, if adds { T::one() } else { output.beta });
        let fresh = &panel.fresh;
        let is_plain = *fresh == (0..L) && alpha == T::one() && (adds || beta == T::zero());
        // Tiles wait for what they are added to, unless it is asked for one tile before.
        let is_far = output.ahead.is_some() || output.c.len() * size_of::<T>() > NARROW.height;
        for (first, start) in strip.tiles::<R>() {
            if is_far {
                for r in start + R..strip.rows.end.min(start + 2 * R) {
                    let row = output.c.index_axis(Axis(0), r);
                    let row = &row.to_slice().expect("one piece")[panel.start..];
                    simd::fetch::<T, true>(row.as_ptr(), (L * size_of::<T>()).div_ceil(simd::LINE));
                }
            }
            output.ahead.step();
            let sums = left.multiply::<F, R, L>(first, start, panel);
            if is_plain && first == start {
                unrolled!(r, R, {
                    let mut row = output.c.index_axis_mut(Axis(0), start + r);
                    let c = &mut row.as_slice_mut().expect("one piece")[panel.start..];
                    let c: &mut [T; L] = c.first_chunk_mut().expect("a vector of columns");
                    match adds {
                        true => c.iter_mut().zip(sums[r]).for_each(|(c, sum)| *c += sum),
                        false => *c = sums[r],
                    }
                });
                continue;
            }
            // A copy: the sums themselves stay in registers.
            let sums = std::hint::black_box(sums);
            output.write::<R, L>(first, start, panel, &sums);
        }
    }
}

impl<T: Scalar> Output<'_, T> {
    /// Writes, or adds, the fresh columns of a tile's sums to the rows that are not in the tile before.
    #[inline(never)] // what it does with the sums is not to tell the compiler which of them to make vectors of
    fn write<const R: usize, const L: usize>(
        &mut self,
        first: usize,
        start: usize,
        panel: &Panel<'_, T>,
        sums: &[[T; L]; R],
    ) {
        let adds = panel.inner.start > 0;
        let (alpha, beta) = (self.alpha, if adds { T::one() } else { self.beta });
        let width = self.c.ncols();
        let end = (start + R - 1) * width + panel.start + L;
        if alpha == T::one()
            && beta == T::zero()
            && let Some(all) = self.c.as_slice_mut().and_then(|all| all.get_mut(..end))
        {
            // Whole vectors: what comes before the fresh columns was computed alike, and what comes after them, of fewer columns than a
            // vector has, is the beginning of rows to come.
            let all = &mut all[start * width + panel.start..];
            for (r, sums) in sums.iter().enumerate() {
                all[r * width..][..L].copy_from_slice(sums);
            }
            return;
        }
        for (row, sums) in (start..).zip(sums).skip(first - start) {
            let mut row = self.c.index_axis_mut(Axis(0), row);
            let c = &mut row.as_slice_mut().expect("one piece")[panel.start..];
            for (c, &sum) in c[panel.fresh.clone()].iter_mut().zip(&sums[panel.fresh.clone()]) {
                *c = scaled(alpha, sum, beta, *c);
            }
        }
    }
}

/// Rows that lie in one piece each.
#[derive(Clone, Copy)]
pub(super) struct ByRow<'a, T>(pub ArrayView2<'a, T>);

impl<T: Scalar> Rows<T> for ByRow<'_, T> {
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // the compiler makes vectors of these loops
    fn multiply<F: MulAdd, const R: usize, const L: usize>(
        self,
        _: usize,
        start: usize,
        panel: &Panel<'_, T>,
    ) -> [[T; L]; R] {
        let mut sums = [[T::zero(); L]; R];
        let k = panel.inner.len();
        let mut rows = [panel.elements; R];
        for r in 0..R {
            let row = self.0.index_axis_move(Axis(0), start + r).to_slice().expect("one piece");
            rows[r] = &row[panel.inner.start..][..k];
        }
        for (p, b) in (0..k).zip(panel.elements.chunks(panel.stride)) {
            let b: &[T; L] = b.first_chunk().expect("a vector of columns");
            unrolled!(r, R, {
                let a = rows[r][p];
                for l in 0..L {
                    sums[r][l] = F::mul_add(a, b[l], sums[r][l]);
                }
            });
        }
        sums
    }
}

/// Adds to each sum the product of its row's element and its column's.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // the compiler makes vectors of these loops
fn add_products<F: MulAdd, T: Scalar, const R: usize, const L: usize>(
    a: &[T; R],
    b: &[T; L],
    sums: &mut [[T; L]; R],
) {
    unrolled!(r, R, {
        for l in 0..L {
            sums[r][l] = F::mul_add(a[r], b[l], sums[r][l]);
        }
    });
}

/// Columns, one after another, from the panel's first row on.
#[derive(Clone, Copy)]
pub(super) struct ByColumn<'a, T> {
    pub elements: &'a [T],
    pub stride: usize,
}

impl<T: Scalar> Rows<T> for ByColumn<'_, T> {
    #[inline(always)]
    fn multiply<F: MulAdd, const R: usize, const L: usize>(
        self,
        _: usize,
        start: usize,
        panel: &Panel<'_, T>,
    ) -> [[T; L]; R] {
        let mut sums = [[T::zero(); L]; R];
        let (columns, rows) =
            (self.elements[start..].chunks(self.stride), panel.elements.chunks(panel.stride));
        for (a, b) in columns.zip(rows).take(panel.inner.len()) {
            let a: &[T; R] = a.first_chunk().expect("as many rows");
            let b: &[T; L] = b.first_chunk().expect("a vector of columns");
            add_products::<F, T, R, L>(a, b, &mut sums);
        }
        sums
    }
}

/// Asks for what is read in place of `elements` some steps later.
#[inline(always)]
fn ask_ahead<T, const N: usize>(elements: &[T; N]) {
    let later = elements.as_ptr().wrapping_add(AHEAD * N);
    simd::fetch::<T, false>(later, size_of::<[T; N]>().div_ceil(simd::LINE));
}

/// Tiles, one after another, of each column after column.
#[derive(Clone, Copy)]
pub(super) struct ByTile<'a, T> {
    pub elements: &'a [T],
    /// The first tile's first row.
    pub first: usize,
}

impl<T: Scalar> Rows<T> for ByTile<'_, T> {
    #[inline(always)]
    fn multiply<F: MulAdd, const R: usize, const L: usize>(
        self,
        first: usize,
        _: usize,
        panel: &Panel<'_, T>,
    ) -> [[T; L]; R] {
        let mut sums = [[T::zero(); L]; R];
        let tile = &self.elements[(first - self.first) * panel.inner.len()..];
        for (a, b) in tile.as_chunks::<R>().0.iter().zip(panel.elements.as_chunks::<L>().0) {
            // Longer panels than the first-level cache holds, and tiles beside them: the machine brings lines no sooner than they
            // are missed.
            if L * size_of::<T>() > simd::LINE {
                ask_ahead(a);
                ask_ahead(b);
            }
            add_products::<F, T, R, L>(a, b, &mut sums);
        }
        sums
    }
}
