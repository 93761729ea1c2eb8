//! Batches of small matrices in one loop: to choose how a product is computed would take longer than the product.

use super::ahead::Ahead;
use super::kernel::{ByColumn, ByRow, Rows};
use super::pack::{Panel, pack};
use crate::memory::Buffer;
use crate::native::gemv::Packed;
use crate::native::math::MulAdd;
use crate::native::matmul::{Batch, matrix, next};
use crate::native::simd::{self, Kernel, Machines};
use crate::scalar::Scalar;

/// Multiplications in a product up to which that is so.
const MOST: usize = 32 * 32 * 32;

/// The same of a row and a matrix.
const MOST_OF_ROW: usize = 32 * 32;

/// The rows and columns of the tiles of small products: eight vectors of sums, or sixteen, which need not wait for each other, where
/// there are registers for them.
#[derive(Clone, Copy, Debug)]
pub(in crate::native) enum SmallTiles {
    EightByThirtyTwo,
    EightBySixteen,
    EightByEight,
    FourByEight,
    OneByThirtyTwo,
    OneBySixteen,
    OneByEight,
}

impl SmallTiles {
    /// Those of a batch of small matrices that consist of whole tiles and whose elements lie in one piece.
    pub fn of<T: Scalar>(batch: &Batch<'_, T>) -> Option<Self> {
        Self::for_vectors(simd::fused_bytes(), batch)
    }

    /// Those for vectors of so many bytes.
    fn for_vectors<T: Scalar>(vector: usize, batch: &Batch<'_, T>) -> Option<Self> {
        let ((_, m, k), (_, _, n)) = (batch.a.dim(), batch.b.dim());
        let multiplications = m.saturating_mul(k).saturating_mul(n);
        let in_one_piece = |x| {
            let x = matrix(x, 0);
            x.is_standard_layout() || x.reversed_axes().is_standard_layout()
        };
        let suits = batch.len() > 0
            && (1..=if m == 1 { MOST_OF_ROW } else { MOST }).contains(&multiplications)
            && in_one_piece(&batch.a)
            && in_one_piece(&batch.b)
            && matrix(&batch.c.view(), 0).is_standard_layout();
        match (vector, size_of::<T>()) {
            _ if !suits => None,
            (64, 4) if n % 32 == 0 && m % 8 == 0 => Some(SmallTiles::EightByThirtyTwo),
            (64, _) if n % 16 == 0 && m % 8 == 0 => Some(SmallTiles::EightBySixteen),
            (64, _) | (32, 4) if n % 8 == 0 && m % 8 == 0 => Some(SmallTiles::EightByEight),
            (1.., _) if n % 8 == 0 && m % 4 == 0 => Some(SmallTiles::FourByEight),
            (64, 4) if n % 32 == 0 && m == 1 => Some(SmallTiles::OneByThirtyTwo),
            (64, _) if n % 16 == 0 && m == 1 => Some(SmallTiles::OneBySixteen),
            (1.., _) if n % 8 == 0 && m == 1 => Some(SmallTiles::OneByEight),
            _ => None,
        }
    }

    /// Computes a batch of which these are the tiles.
    pub fn multiply<T: Scalar>(self, batch: Batch<'_, T>) {
        match self {
            SmallTiles::EightByThirtyTwo => simd::widest(Small::<T, 8, 32>(batch)),
            SmallTiles::EightBySixteen => simd::widest(Small::<T, 8, 16>(batch)),
            SmallTiles::EightByEight => simd::widest(Small::<T, 8, 8>(batch)),
            SmallTiles::FourByEight => simd::widest(Small::<T, 4, 8>(batch)),
            SmallTiles::OneByThirtyTwo => simd::widest(Small::<T, 1, 32>(batch)),
            SmallTiles::OneBySixteen => simd::widest(Small::<T, 1, 16>(batch)),
            SmallTiles::OneByEight => simd::widest(Small::<T, 1, 8>(batch)),
        }
    }
}

/// In tiles of `R` rows and `L` columns.
struct Small<'a, T, const R: usize, const L: usize>(Batch<'a, T>);

impl<T: Scalar, const R: usize, const L: usize> Kernel for Small<'_, T, R, L> {
    const MACHINES: Machines = if L > 8 { Machines::Vectors(64) } else { Machines::Fused };
    type Output = ();

    #[inline(always)]
    fn run<F: MulAdd>(self) {
        let batch = self.0;
        let ((_, m, k), (_, _, n)) = (batch.a.dim(), batch.b.dim());
        let operands = [batch.a, batch.b];
        let looks_ahead = operands.iter().any(Ahead::suits);
        let results = batch.c.dim().0;
        let by_row = matches!(Packed::of(matrix(&batch.a, 0)), Some(Packed::Rows));
        let mut packed = Buffer::default();
        if matrix(&batch.b, 0).to_slice().is_none() {
            packed.reserve(k * L);
        }
        batch.each(
            #[inline(always)]
            |i, a, b, beta, c| {
                let (rows, columns) = (ByRow(a), a.reversed_axes().to_slice());
                let c = c.as_slice_mut().expect("one piece");
                let mut ahead = Ahead::default();
                if looks_ahead {
                    ahead = Ahead::new(next(&operands, i));
                    if i + 1 < results {
                        ahead = ahead.with_result_after(c);
                    }
                    ahead.share(m / R * (n / L));
                }
                for j in (0..n).step_by(L) {
                    let (elements, stride) = match b.to_slice() {
                        Some(all) => (&all[j..], n),
                        None => {
                            pack::<T, L>(&b, &(0..k), j, L, &mut packed[..k * L]);
                            (&packed[..], L)
                        }
                    };
                    let panel = Panel { elements, stride, start: j, fresh: 0..L, inner: 0..k };
                    for start in (0..m).step_by(R) {
                        ahead.step();
                        let sums = match columns {
                            Some(elements) if !by_row => {
                                ByColumn { elements, stride: m }.multiply::<F, R, L>(start, start, &panel)
                            }
                            _ => rows.multiply::<F, R, L>(start, start, &panel),
                        };
                        if beta == T::zero() {
                            for (row, sums) in c[start * n..].chunks_exact_mut(n).zip(&sums) {
                                let c: &mut [T; L] = row[j..].first_chunk_mut().expect("whole tiles");
                                *c = *sums;
                            }
                            continue;
                        }
                        // As in `gemv`: what is done with them is not to tell the compiler what to make vectors of.
                        let sums = std::hint::black_box(sums);
                        for (row, sums) in c[start * n..].chunks_exact_mut(n).zip(&sums) {
                            let c: &mut [T; L] = row[j..].first_chunk_mut().expect("whole tiles");
                            c.iter_mut().zip(sums).for_each(|(c, &sum)| *c = sum + *c);
                        }
                    }
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, Axis};

    fn matrices<T: Scalar>(shape: [usize; 3], by_column: bool) -> Array3<T> {
        let mut k = 0.0;
        let mut x = Array3::from_shape_simple_fn(shape, || {
            k += 1.0;
            T::of(f64::sin(k * k))
        });
        if by_column {
            x = x.permuted_axes([0, 2, 1]).as_standard_layout().into_owned().permuted_axes([0, 2, 1]);
        }
        x
    }

    /// Batches, of which one operand may be a single matrix, and sums of products, against sums one after another.
    fn batches_add_up_in_order<T: Scalar>([m, k, n]: [usize; 3], vector: usize) {
        for layout in 0..32 {
            let bit = |bit: usize| layout >> bit & 1 == 1;
            let a = matrices::<T>([if bit(2) { 1 } else { 3 }, m, k], bit(0));
            let b = matrices::<T>([3, k, n], bit(1));
            let (is_sum, adds) = (bit(3), bit(4));
            let mut c = matrices::<T>([if is_sum { 1 } else { 3 }, m, n], false);
            let mut want = c.clone();
            for (i, b) in b.outer_iter().enumerate() {
                let a = matrix(&a.view(), i);
                let mut want = want.index_axis_mut(Axis(0), if is_sum { 0 } else { i });
                for ((row, column), want) in want.indexed_iter_mut() {
                    let sum = (0..k).fold(T::zero(), |sum, p| a[(row, p)].mul_add(b[(p, column)], sum));
                    *want = if adds || (is_sum && i > 0) { sum + *want } else { sum };
                }
            }
            let batch = Batch { a: a.view(), b: b.view(), c: c.view_mut(), adds, in_parts: false };
            let tiles = SmallTiles::for_vectors(vector, &batch);
            tiles.unwrap_or_else(|| panic!("{m} by {k} by {n}, {vector} bytes: no tiles")).multiply(batch);
            assert_eq!(c, want, "{m} by {k} by {n}, {vector} bytes, layout {layout}");
        }
    }

    #[test]
    fn small_batches_add_up_in_order_in_both_types() {
        for vector in [64, 32, 16].into_iter().filter(|&bytes| simd::runs(bytes)) {
            for shape in [
                [8, 8, 8],
                [8, 1, 16],
                [16, 9, 8],
                [24, 5, 32],
                [32, 32, 32],
                [1, 8, 8],
                [1, 5, 48],
                [1, 16, 64],
            ] {
                batches_add_up_in_order::<f64>(shape, vector);
                batches_add_up_in_order::<f32>(shape, vector);
            }
        }
    }

    #[test]
    fn others_have_no_small_tiles() {
        let have_tiles = |shape: [usize; 3], step: isize| {
            let [m, k, n] = shape;
            let (a, b) = (matrices::<f64>([2, m, k], false), matrices::<f64>([2, k, n], false));
            let mut c = matrices::<f64>([2, m, n], false);
            let a = a.slice(ndarray::s![.., ..;step, ..]);
            let batch = Batch { a, b: b.view(), c: c.view_mut(), adds: false, in_parts: false };
            SmallTiles::for_vectors(32, &batch).is_some()
        };
        assert!(have_tiles([8, 3, 8], 1));
        assert!(!have_tiles([8, 3, 8], -1), "not in one piece");
        assert!(!have_tiles([6, 3, 8], 1), "no whole tiles of rows");
        assert!(!have_tiles([8, 3, 9], 1), "no whole tiles of columns");
        assert!(!have_tiles([64, 64, 64], 1), "not small");
        assert!(!have_tiles([8, 0, 8], 1), "an empty sum");
        let (none, mut c) = (matrices::<f64>([0, 8, 8], false), matrices([0, 8, 8], false));
        let batch = Batch { a: none.view(), b: none.view(), c: c.view_mut(), adds: false, in_parts: false };
        assert!(SmallTiles::for_vectors(32, &batch).is_none(), "no matrices");
    }
}
