//! A narrow matrix times a small one.

use super::{FEW, lanes, vectors};
use crate::memory::Buffer;
use crate::native::math::MulAdd;
use crate::native::simd::{self, Kernel, Machines};
use crate::native::tiles::{pack, unrolled};
use crate::scalar::Scalar;
use ndarray::{ArrayView2, ArrayViewMut2};
use smallvec::SmallVec;

/// `c = a b` for a narrow `a`; each element is added up in the order of the inner axis.
pub(in crate::native) fn tall<T: Scalar>(
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    mut c: ArrayViewMut2<'_, T>,
    panels: &mut Buffer<T>,
) {
    let (k, n) = b.dim();
    let starts: SmallVec<[usize; FEW / 8]> = vectors(n, lanes::<T>()).collect();
    let size = k * lanes::<T>();
    panels.reserve(starts.len() * size);
    for (panel, &j) in panels.chunks_exact_mut(size).zip(&starts) {
        match size_of::<T>() {
            4 => pack::<T, 16>(&b, &(0..k), j, n.min(16), panel),
            _ => pack::<T, 8>(&b, &(0..k), j, n.min(8), panel),
        }
    }
    let (a, c) = (a.to_slice().expect("standard layout"), c.as_slice_mut().expect("standard layout"));
    simd::widest(Tall { a, panels: &panels[..starts.len() * size], starts: &starts, dim: (k, n), c });
}

struct Tall<'a, T> {
    a: &'a [T],
    /// The columns of `b`, vectors of them one after another, each row after row, and where they start.
    panels: &'a [T],
    starts: &'a [usize],
    dim: (usize, usize),
    c: &'a mut [T],
}

impl<T: Scalar> Kernel for Tall<'_, T> {
    const MACHINES: Machines = Machines::Fused;
    type Output = ();

    #[inline(always)]
    fn run<F: MulAdd>(self) {
        match size_of::<T>() {
            4 => self.rows::<F, 16>(),
            _ => self.rows::<F, 8>(),
        }
    }
}

impl<T: Scalar> Tall<'_, T> {
    #[inline(always)]
    fn rows<F: MulAdd, const L: usize>(self) {
        /// Rows whose vectors of sums stay in registers, wide ones or twice as many narrow ones.
        const R: usize = 4;
        let Tall { a, panels, starts, dim: (k, n), c } = self;
        // The last rows have no place for whole vectors where these go over their end.
        let rows = c.len() / n;
        let whole = rows - (L.saturating_sub(n)).div_ceil(n).min(rows);
        let whole = whole - whole % R;
        for (i, rows) in (0..whole).step_by(R).zip(a.chunks_exact(R * k)) {
            for (panel, &j) in panels.chunks_exact(L * k).zip(starts) {
                let sums = tile::<F, T, R, L>(rows, panel);
                for (r, sums) in sums.into_iter().enumerate() {
                    let c: &mut [T; L] =
                        c[(i + r) * n + j..].first_chunk_mut().expect("a place for a vector");
                    *c = sums;
                }
            }
        }
        for i in whole..rows {
            for (panel, &j) in panels.chunks_exact(L * k).zip(starts) {
                let [sums] = std::hint::black_box(tile::<F, T, 1, L>(&a[i * k..], panel));
                let fresh = n.min(L);
                c[i * n + j..][..fresh].copy_from_slice(&sums[..fresh]);
            }
        }
    }
}

/// The products of the first `R` rows and a vector of columns.
#[inline(always)]
fn tile<F: MulAdd, T: Scalar, const R: usize, const L: usize>(rows: &[T], panel: &[T]) -> [[T; L]; R] {
    let (panel, mut p) = (panel.as_chunks::<L>().0, 0);
    let k = panel.len();
    let mut sums = [[T::zero(); L]; R];
    // Several at a time: where each ends is checked.
    while p + 4 <= k {
        add_products::<F, T, 4, R, L>(&rows[p..], k, &panel[p..], &mut sums);
        p += 4;
    }
    while p < k {
        add_products::<F, T, 1, R, L>(&rows[p..], k, &panel[p..], &mut sums);
        p += 1;
    }
    sums
}

/// Adds the products of the first `P` elements of `R` rows, which are `k` elements apart, and as many vectors of columns.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // of loops over iterators, the compiler does not make vectors here
fn add_products<F: MulAdd, T: Scalar, const P: usize, const R: usize, const L: usize>(
    rows: &[T],
    k: usize,
    panel: &[[T; L]],
    sums: &mut [[T; L]; R],
) {
    let panel: &[[T; L]; P] = panel.first_chunk().expect("as many rows");
    unrolled!(r, R, {
        let row: &[T; P] = rows[r * k..].first_chunk().expect("as many columns");
        for p in 0..P {
            for l in 0..L {
                sums[r][l] = F::mul_add(row[p], panel[p][l], sums[r][l]);
            }
        }
    });
}
