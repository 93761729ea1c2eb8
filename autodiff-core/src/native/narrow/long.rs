//! A narrow matrix, transposed, times another.

use super::vectors;
use crate::native::gemm::scaled;
use crate::native::math::MulAdd;
use crate::native::simd::{self, Kernel, Machines};
use crate::native::tiles::unrolled;
use crate::scalar::Scalar;
use crate::threads;
use ndarray::{ArrayView2, ArrayViewMut2};
use smallvec::SmallVec;

/// Chains in which the rows of a long product are added up side by side.
const CHAINS: usize = 2;

/// Rows that are added up in these chains, before their sum is added to that of those before: errors of rounding grow with the length
/// of a chain.
const CHAIN: usize = 128;

/// Rows that are worth a thread: a multiple of a chain.
const TASK: usize = 64 * CHAIN;

/// `c = alpha a^T b + beta c` for narrow `a` and `b`, on several threads or on this one, which changes no bit.
pub(in crate::native) fn long<T: Scalar>(
    on_threads: bool,
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    mut c: ArrayViewMut2<'_, T>,
) {
    // Vectors are those of the matrix with more columns.
    if a.ncols() > b.ncols() {
        return long(on_threads, alpha, b, a, beta, c.reversed_axes());
    }
    let (m, n) = (a.ncols(), b.ncols());
    let [a, b] = [a, b].map(|x| x.to_slice().expect("standard layout"));
    let part = |(i, a)| {
        let mut sums = SmallVec::<[T; 64]>::from_elem(T::zero(), m * n);
        simd::widest(Long { a, b: &b[i * TASK * n..], dim: (m, n), sums: &mut sums });
        sums
    };
    let tasks = a.chunks(TASK * m).enumerate();
    let add = |mut sums: SmallVec<_>, part: SmallVec<_>| {
        sums.iter_mut().zip(&part).for_each(|(sum, &part)| *sum += part);
        sums
    };
    let sums = match on_threads {
        true => threads::map_init(tasks, || (), |(), task| part(task)).into_iter().reduce(add),
        false => tasks.map(part).reduce(add),
    };
    c.iter_mut().zip(&sums.expect("there are rows")).for_each(|(c, &sum)| *c = scaled(alpha, sum, beta, *c));
}

struct Long<'a, T> {
    /// The rows of both, and what comes after those of the second.
    a: &'a [T],
    b: &'a [T],
    dim: (usize, usize),
    /// What is added to.
    sums: &'a mut [T],
}

impl<T: Scalar> Kernel for Long<'_, T> {
    const MACHINES: Machines = Machines::Fused;
    type Output = ();

    #[inline(always)]
    fn run<F: MulAdd>(self) {
        match size_of::<T>() {
            4 => self.chains::<F, 16>(),
            _ => self.chains::<F, 8>(),
        }
    }
}

impl<T: Scalar> Long<'_, T> {
    #[inline(always)]
    fn chains<F: MulAdd, const L: usize>(self) {
        let Long { a, b, dim: (m, n), sums } = self;
        let mut panel = [[T::zero(); L]; CHAIN];
        for (a, b) in a.chunks(CHAIN * m).zip(b.chunks(CHAIN * n)) {
            for (nominal, j) in (0..n).step_by(L).zip(vectors(n, L)) {
                let panel = &mut panel[..a.len() / m];
                for (p, to) in panel.iter_mut().enumerate() {
                    let row = &b[p * n + j..];
                    match row.first_chunk() {
                        Some(row) => *to = *row,
                        None => to[..row.len()].copy_from_slice(row),
                    }
                }
                let fresh = nominal - j..n.min(L);
                let mut i = 0;
                while i < m {
                    let mut add = |r: usize, found: &[T; L]| {
                        let sums = &mut sums[(i + r) * n + j..];
                        for l in fresh.clone() {
                            sums[l] += found[l];
                        }
                    };
                    i += match m - i {
                        4.. => part::<F, T, 4, L>(a, m, i, panel, &mut add),
                        2.. => part::<F, T, 2, L>(a, m, i, panel, &mut add),
                        _ => part::<F, T, 1, L>(a, m, i, panel, &mut add),
                    };
                }
            }
        }
    }
}

/// Gives `add` the sums of the products of `M` columns from `i` on of some rows of `m` and as many vectors; and `M`.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // of loops over iterators, the compiler does not make vectors here
fn part<F: MulAdd, T: Scalar, const M: usize, const L: usize>(
    a: &[T],
    m: usize,
    i: usize,
    panel: &[[T; L]],
    add: &mut impl FnMut(usize, &[T; L]),
) -> usize {
    let (panel, rest) = panel.as_chunks::<CHAINS>();
    let rows = a.chunks_exact(CHAINS * m);
    let others = rows.remainder();
    let mut chains = [[[T::zero(); L]; M]; CHAINS];
    for (rows, panel) in rows.zip(panel) {
        unrolled!(chain, CHAINS, {
            let row: &[T; M] = rows[chain * m + i..].first_chunk().expect("as many columns");
            unrolled!(r, M, {
                for l in 0..L {
                    chains[chain][r][l] = F::mul_add(row[r], panel[chain][l], chains[chain][r][l]);
                }
            });
        });
    }
    let mut chains = std::hint::black_box(chains);
    for ((row, b), chain) in others.chunks_exact(m).zip(rest).zip(&mut chains) {
        for r in 0..M {
            for l in 0..L {
                chain[r][l] = F::mul_add(row[i + r], b[l], chain[r][l]);
            }
        }
    }
    let [even, odd] = chains;
    for r in 0..M {
        add(r, &std::array::from_fn(|l| even[r][l] + odd[r][l]));
    }
    M
}
