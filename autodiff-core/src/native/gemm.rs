//! One product, and those of a batch: through loops of our own, of which those for a vector or a few read the matrix once, or
//! through `matrixmultiply`, which needs no particular machine; in parts, for as many threads as there is work for.

use super::gemv::{Packed, are_few, are_short, gemv, gemv_in_chains};
use super::matmul::{Batch, next};
use super::narrow::{self, Narrow};
use super::tiles::{self, SmallTiles, Workspace};
use crate::scalar::Scalar;
use crate::threads;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, Axis};

/// Multiplications with which a thread is worth its waking: 10 to 20 microseconds.
const WORTH_A_THREAD: usize = 1 << 20;

/// The parts that so many multiplications are to be shared in.
pub(super) fn parts(multiplications: usize) -> usize {
    (multiplications / WORTH_A_THREAD).clamp(1, rayon::current_num_threads())
}

/// `alpha sum + beta c`, where `c` does not count if `beta` is 0.
#[inline(always)]
pub(super) fn scaled<T: Scalar>(alpha: T, sum: T, beta: T, c: T) -> T {
    if beta == T::zero() { alpha * sum } else { alpha * sum + beta * c }
}

/// `c = alpha a b + beta c`; see [`Backend::gemm`](crate::Backend::gemm).
pub(super) fn gemm<T: Scalar>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    c: &mut ArrayViewMut2<'_, T>,
) {
    in_parts(|loops| loops.parts(&a, &b), alpha, a, b, beta, c, &mut Workspace::default());
}

/// The products of a batch, which share what they can.
pub(super) fn products<T: Scalar>(batch: Batch<'_, T>) {
    let Some(batch) = small_products(batch) else { return };
    let mut workspace = Workspace::default();
    let operands = [batch.a, batch.b];
    let looks_ahead = Workspace::looks_ahead(&operands);
    let shared = batch.in_parts;
    batch.each(|i, a, b, beta, c| {
        if looks_ahead {
            workspace.look_ahead(next(&operands, i));
        }
        let parts = |loops: Loops| if shared { loops.parts(&a, &b) } else { 1 };
        in_parts(parts, T::one(), a, b, beta, c, &mut workspace);
    });
}

/// Those of a batch that [`SmallTiles`] suit; gives back any other.
pub(super) fn small_products<T: Scalar>(batch: Batch<'_, T>) -> Option<Batch<'_, T>> {
    // A column is a row of the transposed product.
    let is_column = batch.b.dim().2 == 1;
    let batch = if is_column { batch.transposed() } else { batch };
    let Some(tiles) = SmallTiles::of(&batch) else {
        return Some(if is_column { batch.transposed() } else { batch });
    };
    tiles.multiply(batch);
    None
}

/// The same in as many parts as suit the loops that compute it. Their number changes no bit: each element is added up in the same
/// order.
fn in_parts<T: Scalar>(
    parts: impl FnOnce(Loops) -> usize,
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    c: &mut ArrayViewMut2<'_, T>,
    workspace: &mut Workspace<T>,
) {
    // Once for all parts, which may be vectors although the whole is none.
    let loops = match c.dim() {
        _ if let Some(narrow) = Narrow::of(alpha, &a, &b, beta, c) => Some(Loops::Narrow(narrow)),
        (_, n) if are_few(n, &a) => Packed::of(a).map(Loops::Columns),
        (m, _) if are_few(m, &b) => Packed::of(b.t()).map(Loops::Rows),
        _ => None,
    };
    let of_matrices = || if tiles::suit(&a, &b) { Loops::Tiles } else { Loops::Library };
    let loops = loops.unwrap_or_else(of_matrices);
    let parts = parts(loops);
    let run = |operands, c, workspace: &mut _| loops.run(alpha, operands, beta, c, workspace);
    match loops {
        _ if parts < 2 => return run([a, b], c.view_mut(), workspace),
        Loops::Narrow(Narrow::Long) => {
            return narrow::long(true, alpha, a.reversed_axes(), b, beta, c.view_mut());
        }
        Loops::Columns(Packed::Columns) if are_short(&a, parts) => {
            return gemv_in_chains(alpha, a, b, beta, c.view_mut());
        }
        Loops::Rows(Packed::Columns) if are_short(&b.t(), parts) => {
            return gemv_in_chains(alpha, b.t(), a.t(), beta, c.view_mut().reversed_axes());
        }
        _ => {}
    }
    let mut tasks = Vec::with_capacity(parts);
    share(parts, [a, b], c.view_mut(), &mut tasks);
    threads::map_init(tasks, Workspace::default, |workspace, (operands, c)| run(operands, c, workspace));
}

/// Operands, and the part of the result that is their product.
type Task<'a, T> = ([ArrayView2<'a, T>; 2], ArrayViewMut2<'a, T>);

/// Cuts a product in so many parts, or fewer where it has too few rows and columns.
fn share<'a, T>(
    parts: usize,
    [a, b]: [ArrayView2<'a, T>; 2],
    c: ArrayViewMut2<'a, T>,
    tasks: &mut Vec<Task<'a, T>>,
) {
    /// Rows, or columns, of which parts have a multiple: that of all kernels' tiles.
    const TILE: usize = 16;
    let rows = c.nrows() >= c.ncols();
    let axis = Axis(usize::from(!rows));
    let at = (c.len_of(axis) * (parts / 2) / parts).next_multiple_of(TILE);
    if parts < 2 || at >= c.len_of(axis) {
        return tasks.push(([a, b], c));
    }
    let (first, second) = c.split_at(axis, at);
    let ((a, a_rest), (b, b_rest)) = match rows {
        true => (a.split_at(axis, at), (b, b)),
        false => ((a, a), b.split_at(axis, at)),
    };
    share(parts / 2, [a, b], first, tasks);
    share(parts - parts / 2, [a_rest, b_rest], second, tasks);
}

/// What computes a product.
#[derive(Clone, Copy)]
enum Loops {
    /// `matrixmultiply`'s.
    Library,
    /// That of matrices.
    Tiles,
    /// Those of narrow matrices.
    Narrow(Narrow),
    /// That of a matrix and a few columns.
    Columns(Packed),
    /// That of a few rows and a matrix.
    Rows(Packed),
}

impl Loops {
    /// The parts that a product is to be shared in.
    fn parts<T>(self, a: &ArrayView2<'_, T>, b: &ArrayView2<'_, T>) -> usize {
        /// Elements of a matrix that are worth a thread: what bounds a product with a vector is how fast they are read.
        const WORTH_A_THREAD: usize = 1 << 17;
        let by_work = parts(a.nrows().saturating_mul(a.ncols()).saturating_mul(b.ncols()));
        let by_reading = (a.len().max(b.len()) / WORTH_A_THREAD).clamp(1, rayon::current_num_threads());
        match self {
            Loops::Tiles | Loops::Library => by_work,
            Loops::Columns(_) | Loops::Rows(_) => by_reading,
            Loops::Narrow(_) => by_work.max(by_reading),
        }
    }

    fn run<T: Scalar>(
        self,
        alpha: T,
        [a, b]: [ArrayView2<'_, T>; 2],
        beta: T,
        mut c: ArrayViewMut2<'_, T>,
        workspace: &mut Workspace<T>,
    ) {
        match self {
            Loops::Tiles => tiles::gemm(alpha, a, b, beta, c, workspace),
            Loops::Library => general_mat_mul(alpha, &a, &b, beta, &mut c),
            Loops::Narrow(Narrow::Tall) => narrow::tall(a, b, c, &mut workspace.packed),
            Loops::Narrow(Narrow::Long) => narrow::long(false, alpha, a.reversed_axes(), b, beta, c),
            Loops::Columns(packed) => gemv(packed, alpha, a, b, beta, c),
            Loops::Rows(packed) => gemv(packed, alpha, b.t(), a.t(), beta, c.reversed_axes()),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use ndarray::{Array2, ShapeBuilder, s};

    pub fn matrix<T: Scalar>(shape: (usize, usize), column_major: bool) -> Array2<T> {
        let mut k = 0.0;
        Array2::from_shape_simple_fn(shape.set_f(column_major), || {
            k += 1.0;
            T::of(f64::sin(k * k))
        })
    }

    /// The product, beside what the elements' sizes add up to, straight from the definition.
    fn plain(alpha: f64, a: &Array2<f64>, b: &Array2<f64>, beta: f64, c: &Array2<f64>) -> [Array2<f64>; 2] {
        let sum = |f: fn(f64) -> f64| {
            Array2::from_shape_fn(c.dim(), |(i, j)| {
                let terms = a.row(i).iter().zip(b.column(j)).map(|(x, y)| f(alpha * x * y)).sum::<f64>();
                terms + if beta == 0.0 { 0.0 } else { f(beta * c[(i, j)]) }
            })
        };
        [sum(|x| x), sum(f64::abs)]
    }

    #[test]
    fn vectors_of_all_lengths_in_every_layout() {
        let lengths = [
            (0, 3),
            (3, 0),
            (1, 1),
            (4, 8),
            (5, 9),
            (6, 15),
            (7, 33),
            (33, 7),
            (2050, 5),
            (2050, 8),
            (3, 6000),
        ];
        let kinds = [(false, 1.0, 0.0), (true, -0.5, 2.0), (true, 1.0, 0.0)];
        for ((m, k), n) in lengths.into_iter().flat_map(|lengths| (1..6).map(move |n| (lengths, n))) {
            for (column_major, alpha, beta) in kinds {
                let (a, b) = (matrix((m, k), column_major), matrix((k, n), false));
                let c = Array2::from_elem((m, n), if beta == 0.0 { f64::NAN } else { 0.25 });
                let exact = plain(alpha, &a, &b, beta, &c);
                let check = |got: &Array2<f64>, [want, size]: &[Array2<f64>; 2], how: &str| {
                    for ((got, want), size) in got.iter().zip(want).zip(size) {
                        assert!(
                            (got - want).abs() <= 1e-14 * size,
                            "{m} by {k} by {n}, {how}: {got}, not {want}"
                        );
                    }
                };
                let mut y = c.clone();
                gemm(alpha, a.view(), b.view(), beta, &mut y.view_mut());
                check(&y, &exact, "columns");
                let mut y = c.clone();
                gemm(alpha, b.t(), a.t(), beta, &mut y.view_mut().reversed_axes());
                check(&y, &exact, "rows");
                let (wide, long) = (matrix((2 * m, 2 * k), column_major), matrix((2 * k, n), false));
                let (every, other) = (wide.slice(s![..;2, ..;-2]), long.slice(s![..;2, ..]));
                let exact = plain(alpha, &every.to_owned(), &other.to_owned(), beta, &c);
                let mut y = c.clone();
                gemm(alpha, every, other, beta, &mut y.view_mut());
                check(&y, &exact, "strided");
            }
        }
    }

    #[test]
    fn columns_beside_a_vector_change_no_bit_of_its_product() {
        for (m, k) in [(7, 33), (33, 7), (2050, 12), (3, 6000)] {
            for column_major in [false, true] {
                let (a, b) = (matrix((m, k), column_major), matrix((k, 2), true));
                let [mut both, mut first] = [Array2::zeros((m, 2)), Array2::zeros((m, 1))];
                gemm(1.0, a.view(), b.view(), 0.0, &mut both.view_mut());
                gemm(1.0, a.view(), b.slice(s![.., ..1]), 0.0, &mut first.view_mut());
                assert_eq!(both.column(0), first.column(0), "{m} by {k}");
            }
        }
    }

    fn parts_change_no_bit_of<T: Scalar>() {
        for (m, k, n) in [
            (200, 300, 70),
            (70, 300, 200),
            (1, 300, 200),
            (200, 300, 1),
            (200, 300, 3),
            (2, 9, 70),
            (17, 5, 16),
            // Many short columns.
            (20, 3000, 1),
            (3, 3000, 20),
            (20, 3000, 3),
            // The transposed product is computed, of the whole and not of parts; and of a few columns, tiles are narrower.
            (8, 1200, 48),
        ] {
            for layout in 0..4 {
                let (a, b) = (matrix::<T>((m, k), layout & 1 == 1), matrix::<T>((k, n), layout & 2 == 2));
                let product = |parts| {
                    let mut c = Array2::from_elem((m, n), T::of(0.25));
                    let (a, b, c_view) = (a.view(), b.view(), &mut c.view_mut());
                    // All that `gemm` decides, but the number of parts.
                    in_parts(|_| parts, T::of(0.5), a, b, T::one(), c_view, &mut Workspace::default());
                    c
                };
                let whole = product(1);
                let is_same = (2..6).all(|parts| product(parts) == whole);
                assert!(is_same, "{m} by {k} by {n}, layout {layout}");
            }
        }
    }

    #[test]
    fn parts_change_no_bit() {
        parts_change_no_bit_of::<f64>();
        parts_change_no_bit_of::<f32>();
    }

    /// Of a matrix that is large enough to be shared among several, however it lies.
    #[test]
    fn threads_change_no_bit_of_products_with_vectors() {
        for ((m, k), column_major) in [(30, 20_000), (20_000, 30), (5, 60_000), (60_000, 5)]
            .into_iter()
            .flat_map(|dim| [(dim, false), (dim, true)])
        {
            let (a, b) = (matrix::<f64>((m, k), column_major), matrix((k, 1), false));
            let product = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                let mut c = Array2::from_elem((m, 1), 0.25);
                pool.install(|| gemm(1.5, a.view(), b.view(), 0.5, &mut c.view_mut()));
                c
            };
            let (one, [want, size]) = (product(1), plain(1.5, &a, &b, 0.5, &Array2::from_elem((m, 1), 0.25)));
            assert!(
                one.iter().zip(&want).zip(&size).all(|((y, want), size)| (y - want).abs() <= 1e-14 * size)
            );
            assert!([2, 3, 5].into_iter().all(|threads| product(threads) == one), "{m} by {k}");
        }
    }
}
