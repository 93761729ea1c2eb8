//! Operands brought together, in the order in which tiles read them.

use super::cut::{Part, Strip};
use crate::copies;
use crate::memory::Buffer;
use crate::native::gemv::Packed;
use crate::scalar::Scalar;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, s};
use smallvec::SmallVec;
use std::ops::Range;

/// The right operand.
pub(super) struct Right<'a, T: Scalar> {
    pub b: ArrayView2<'a, T>,
    /// Its elements, where they are read in place.
    pub direct: Option<&'a [T]>,
    pub packed: &'a mut Buffer<T>,
    /// Whether panels are kept for several parts; else each takes the place of the one before.
    pub several: bool,
    /// Elements of all that there are at once.
    pub len: usize,
}

/// Some columns of part of the right operand: row after row, `stride` elements apart, from the column `start` on.
pub(super) struct Panel<'a, T> {
    pub elements: &'a [T],
    pub stride: usize,
    pub start: usize,
    /// Those of them that are still to be computed.
    pub fresh: Range<usize>,
    /// Its rows.
    pub inner: Range<usize>,
}

impl<T: Scalar> Right<'_, T> {
    /// The columns from `j` on; packed for the first of the parts that they are multiplied with.
    pub fn panel<const W: usize>(&mut self, part: &Part, j: usize) -> Panel<'_, T> {
        let (n, inner) = (self.b.ncols(), part.inner.clone());
        // Where not a whole vector is left, it begins with columns that there were before.
        let start = j.min(n.saturating_sub(W));
        let fresh = j - start..n.min(W);
        if let Some(all) = self.direct.filter(|_| n >= W) {
            let elements = &all[inner.start * n + start..];
            return Panel { elements, stride: n, start, fresh, inner };
        }
        self.packed.reserve(self.len);
        let place = if self.several { (j - part.columns.start) * inner.len() } else { 0 };
        let elements = &mut self.packed[place..place + W * inner.len()];
        if part.rows.start == 0 {
            pack::<T, W>(&self.b, &inner, start, fresh.end, elements);
        }
        Panel { elements, stride: W, start, fresh, inner }
    }
}

/// Copies `count` columns from `j` on of the `inner` rows, row after row of `W`.
pub(in crate::native) fn pack<T: Scalar, const W: usize>(
    b: &ArrayView2<'_, T>,
    inner: &Range<usize>,
    j: usize,
    count: usize,
    packed: &mut [T],
) {
    /// Columns that are read side by side.
    const TOGETHER: usize = 4;
    if b.strides()[1] == 1 {
        let (all, n) = (b.to_slice(), b.ncols());
        for (p, packed) in inner.clone().zip(packed.as_chunks_mut::<W>().0) {
            // What comes after a row does no harm in its place, and a vector is copied sooner than a part of one.
            let row = match all {
                Some(all) => &all[p * n..],
                None => b.index_axis_move(Axis(0), p).to_slice().expect("packed rows"),
            };
            let row = &row[j..];
            match row.first_chunk() {
                Some(row) => *packed = *row,
                None => packed[..count].copy_from_slice(&row[..count]),
            }
        }
        return;
    }
    let column = |l: usize| b.index_axis_move(Axis(1), j + l);
    let is_flat = b.strides()[0] == 1;
    let mut l = 0;
    while is_flat && l + TOGETHER <= count {
        let mut columns = [&[][..]; TOGETHER];
        for (i, place) in columns.iter_mut().enumerate() {
            *place = &column(l + i).to_slice().expect("packed columns")[inner.start..][..inner.len()];
        }
        let rows = packed.as_chunks_mut::<W>().0.iter_mut();
        for (p, row) in (0..inner.len()).zip(rows) {
            let row: &mut [T; TOGETHER] = row[l..].first_chunk_mut().expect("as many columns");
            for i in 0..TOGETHER {
                row[i] = columns[i][p];
            }
        }
        l += TOGETHER;
    }
    for l in l..count {
        let column = column(l).slice_move(s![inner.clone()]);
        column.iter().zip(packed[l..].iter_mut().step_by(W)).for_each(|(&x, packed)| *packed = x);
    }
}

/// Brings part of a matrix together, the tiles of all strips one after another, each of column after column.
pub(super) fn in_tiles<T: Scalar, const R: usize>(a: &ArrayView2<'_, T>, part: &Part, tiles: &mut Buffer<T>) {
    let k = part.inner.len();
    tiles.reserve(part.strips.iter().map(|strip| strip.rows.len().next_multiple_of(strip.height) * k).sum());
    for strip in part.strips.iter().filter(|strip| !strip.rows.is_empty()) {
        let tiles = &mut tiles[strip.place * k..];
        match strip.height {
            1 => strip_in_tiles::<T, 1>(a, &part.inner, strip, tiles),
            4 => strip_in_tiles::<T, 4>(a, &part.inner, strip, tiles),
            _ => strip_in_tiles::<T, R>(a, &part.inner, strip, tiles),
        }
    }
}

#[allow(clippy::needless_range_loop)] // several slices at one place
fn strip_in_tiles<T: Scalar, const R: usize>(
    a: &ArrayView2<'_, T>,
    inner: &Range<usize>,
    strip: &Strip,
    tiles: &mut [T],
) {
    let k = inner.len();
    if let Some(Packed::Rows) = Packed::of(*a) {
        for ((_, start), tile) in strip.tiles::<R>().zip(tiles.chunks_mut(R * k)) {
            let mut rows = [&[][..]; R];
            for r in 0..R {
                let row = a.index_axis_move(Axis(0), start + r).to_slice().expect("packed rows");
                rows[r] = &row[inner.start..][..k];
            }
            for (p, column) in tile.as_chunks_mut::<R>().0.iter_mut().enumerate() {
                for r in 0..R {
                    column[r] = rows[r][p];
                }
            }
        }
        return;
    }
    /// Tiles that take a column's elements one after the other: where there are more of them, they are on more pages than a
    /// processor remembers for writing.
    const TOGETHER: usize = 4;
    let starts: SmallVec<[usize; 64]> = strip.tiles::<R>().map(|(_, start)| start).collect();
    for (starts, tiles) in starts.chunks(TOGETHER).zip(tiles.chunks_mut(TOGETHER * R * k)) {
        for (p, q) in inner.clone().enumerate() {
            let column = a.index_axis_move(Axis(1), q).to_slice().expect("packed columns");
            for (&start, tile) in starts.iter().zip(tiles.chunks_mut(R * k)) {
                let rows: &[T; R] = column[start..].first_chunk().expect("as many rows");
                tile.as_chunks_mut().0[p] = *rows;
            }
        }
    }
}

/// Copies a matrix of any layout row after row.
pub(super) fn rearrange<T: Scalar>(a: &ArrayView2<'_, T>, rows: &mut [T]) {
    /// Elements up to which a plain loop starts sooner than it would be overtaken.
    const FEW: usize = 1024;
    if a.len() <= FEW {
        rows.iter_mut().zip(a).for_each(|(to, &from)| *to = from);
    } else {
        let rows = ArrayViewMut2::from_shape(a.dim(), rows).expect("as many elements");
        copies::assign(rows.into_dyn(), a.view().into_dyn());
    }
}
