//! Products of matrices in tiles: the sums of some rows and some vectors of columns stay in registers.
//!
//! Large matrices are taken in parts that stay in caches while they are used (K. Goto and R. van de Geijn, Anatomy of
//! high-performance matrix multiplication, ACM Trans. Math. Softw. 34, 2008): a panel, some columns of part of the right operand,
//! in the first level, and rows of the left one in the second. Batches of small matrices go through one loop ([`small`]); in those of
//! larger ones memory brings the next operands meanwhile ([`ahead`]).

mod ahead;
mod cut;
mod kernel;
mod pack;
mod small;

use super::gemv::Packed;
use super::simd;
use crate::copies;
use crate::memory::Buffer;
use crate::scalar::Scalar;
use ahead::Ahead;
use cut::{Cut, Part, Strip, TILES, strips};
pub(super) use kernel::unrolled;
use kernel::{ByColumn, ByRow, ByTile, Tiles};
use ndarray::{ArrayView2, ArrayView3, ArrayViewMut2};
pub(super) use pack::pack;
use pack::{Panel, Right, in_tiles, rearrange};
pub(super) use small::SmallTiles;

/// Bytes of a matrix that is read where it lies: of a larger one, neighbours down a column are on different pages.
const NEAR: usize = 1 << 20;

/// Bytes of a left operand that is rearranged for however few columns.
const AGAIN: usize = 1 << 23;

/// Bytes of a column up to which columns are read where they lie: neighbours in a row of longer ones are on different pages.
const CLOSE: usize = 1 << 10;

/// Rows up to which the transposed product is computed where that spares bringing columns together.
const FLAT: usize = 64;

/// The parts that operands are taken in.
#[derive(Clone, Copy)]
struct Reach {
    /// Elements of the inner axis that are added up at once: whatever the tiles, so that their choice changes no bit.
    depth: usize,
    /// Bytes of those rows of the left operand that stay in the second-level cache for one panel after another.
    height: usize,
}

/// Panels of so many rows, of 64 bytes each, take most of the first-level cache.
const NARROW: Reach = Reach { depth: 384, height: 1 << 18 };

/// Where vectors are as long as lines: there the second-level cache is larger, and panels can be read from it.
const WIDE: Reach = Reach { depth: 512, height: 1 << 19 };

/// Bytes of the panels that stay in a shared cache for one part of the rows after another.
const PANELS: usize = 1 << 22;

/// Whether products of such matrices are computed here: not without an instruction that multiplies and adds, and not where
/// few columns would be multiplied by a large matrix that has to be rearranged for them.
pub(super) fn suit<T>(a: &ArrayView2<'_, T>, b: &ArrayView2<'_, T>) -> bool {
    let is_read_in_place = a.len() * size_of::<T>() <= AGAIN || a.is_standard_layout();
    simd::fused_bytes() > 0 && !a.is_empty() && !b.is_empty() && (is_read_in_place || b.ncols() >= 64)
}

/// `c = alpha a b + beta c` of matrices that [`suit`]; with `beta` 0, what `c` held is not read.
///
/// Each element is added up in the order of the inner axis, whatever the tiles; of a long one, part after part, and then the sums of
/// the parts.
pub(super) fn gemm<T: Scalar>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    beta: T,
    c: ArrayViewMut2<'_, T>,
    workspace: &mut Workspace<T>,
) {
    // Of a right operand whose columns lie in one piece each, the transpose is read as it is, which is worth copying a few rows.
    let is_flat = b.t().is_standard_layout()
        && !b.is_standard_layout()
        && a.nrows() <= FLAT
        && 4 * a.nrows() <= b.ncols().min(b.nrows());
    let (a, b, c) = match is_flat || matches!(Packed::of(c.view()), Some(Packed::Columns)) {
        true => (b.reversed_axes(), a.reversed_axes(), c.reversed_axes()),
        false => (a, b, c),
    };
    Product { alpha, a, b, beta, c, workspace }.compute(simd::fused_bytes());
}

/// What products one after another have in common: memory in which operands are brought together, and what is asked for meanwhile.
#[derive(Debug, Default)]
pub(super) struct Workspace<T: Scalar> {
    rearranged: Buffer<T>,
    tiles: Buffer<T>,
    pub(super) packed: Buffer<T>,
    ahead: Ahead,
}

impl<T: Scalar> Workspace<T> {
    /// Whether to [`look_ahead`](Self::look_ahead) in a batch of such matrices.
    pub fn looks_ahead(operands: &[ArrayView3<'_, T>; 2]) -> bool {
        operands.iter().any(Ahead::suits)
    }

    /// Has memory bring these matrices while the next product is computed: the operands of the one after it that are not its own.
    pub fn look_ahead(&mut self, operands: [Option<ArrayView2<'_, T>>; 2]) {
        self.ahead = Ahead::new(operands);
    }
}

struct Product<'a, T: Scalar> {
    alpha: T,
    a: ArrayView2<'a, T>,
    b: ArrayView2<'a, T>,
    beta: T,
    c: ArrayViewMut2<'a, T>,
    workspace: &'a mut Workspace<T>,
}

impl<T: Scalar> Product<'_, T> {
    /// In tiles for vectors of so many bytes.
    fn compute(self, vector: usize) {
        if matches!(Packed::of(self.c.view()), Some(Packed::Rows)) {
            return self.into_rows(vector);
        }
        let mut memory = Buffer::new(self.c.len());
        let mut rows = ArrayViewMut2::from_shape(self.c.dim(), &mut memory).expect("as many elements");
        if self.beta != T::zero() {
            copies::assign(rows.view_mut().into_dyn(), self.c.view().into_dyn());
        }
        let Product { alpha, a, b, beta, c, workspace } = self;
        Product { alpha, a, b, beta, c: rows.view_mut(), workspace }.into_rows(vector);
        copies::assign(c.into_dyn(), rows.view().into_dyn());
    }

    /// The same, for a result whose rows lie in one piece each. Sixteen registers have sums where there are 32, else twelve.
    fn into_rows(self, vector: usize) {
        // A condition on constants, so that no tiles are compiled for elements that have others.
        if const { size_of::<T>() == 8 } {
            match vector {
                64 => self.parts::<64, 8, 16, 8>(WIDE),
                _ => self.parts::<32, 6, 8, 4>(NARROW),
            }
        } else {
            match vector {
                64 if self.b.ncols() <= 8 => self.parts::<64, 8, 16, 8>(WIDE),
                64 => self.parts::<64, 8, 32, 16>(WIDE),
                _ => self.parts::<32, 6, 16, 8>(NARROW),
            }
        }
    }

    /// `L` columns at a time, and `H` where no more are left; `R` rows, or fewer where so many are not left. In vectors of `V` bytes, or
    /// of those that the machine has where it has no others.
    fn parts<const V: usize, const R: usize, const L: usize, const H: usize>(self, reach: Reach) {
        let Product { alpha, a, b, beta, c, workspace: Workspace { rearranged, tiles, packed, ahead } } =
            self;
        let ((m, k), n) = (a.dim(), b.ncols());
        let near = |x: &ArrayView2<'_, T>| x.len() * size_of::<T>() <= NEAR;
        let a = match Packed::of(a) {
            Some(_) => a,
            None => {
                rearranged.reserve(m * k);
                rearrange(&a, &mut rearranged[..m * k]);
                ArrayView2::from_shape((m, k), &rearranged[..m * k]).expect("as many elements")
            }
        };
        let inner = Cut::new(k, reach.depth, 1);
        let bytes = inner.length * size_of::<T>();
        let (rows, columns) = (Cut::new(m, reach.height / bytes, TILES), Cut::new(n, PANELS / bytes, L));
        let is_one = inner.is_one() && rows.is_one();
        let is_close = m * size_of::<T>() <= CLOSE;
        let left = match (Packed::of(a), a.reversed_axes().to_slice()) {
            (Some(Packed::Rows), _) if n < if is_one { 16 * L } else { 4 * L } => Left::Rows(a),
            (Some(Packed::Columns), Some(columns))
                if n < 4 * L && (near(&a) || is_close) || near(&a) && is_close && is_one =>
            {
                Left::Columns { elements: columns, stride: m }
            }
            _ => Left::Tiles(a),
        };
        let mut right = Right {
            b,
            // Columns that are read again and again are brought together.
            direct: b.to_slice().filter(|_| m <= 8 * R && near(&b) && !matches!(left, Left::Tiles(_))),
            packed,
            several: !rows.is_one(),
            len: inner.length * if rows.is_one() { L } else { columns.length },
        };
        ahead.share(m.div_ceil(R) * n.div_ceil(L));
        let mut output = Output { alpha, beta, c, ahead };
        for columns in columns {
            for inner in inner.clone() {
                for rows in rows.clone() {
                    let part = Part {
                        strips: strips::<R>(&rows),
                        rows,
                        inner: inner.clone(),
                        columns: columns.clone(),
                    };
                    if let Left::Tiles(a) = left {
                        in_tiles::<T, R>(&a, &part, tiles);
                    }
                    output.part::<V, R, L, H>(left, tiles, &mut right, &part);
                }
            }
        }
    }
}

/// What sums are added to, and how; while what comes next is asked for.
struct Output<'a, T> {
    alpha: T,
    beta: T,
    c: ArrayViewMut2<'a, T>,
    ahead: &'a mut Ahead,
}

impl<T: Scalar> Output<'_, T> {
    fn part<const V: usize, const R: usize, const L: usize, const H: usize>(
        &mut self,
        left: Left<'_, T>,
        tiles: &[T],
        right: &mut Right<'_, T>,
        part: &Part,
    ) {
        let mut j = part.columns.start;
        while part.columns.end > j + H {
            self.columns::<V, R, L>(left, tiles, &right.panel::<L>(part, j), part);
            j += L;
        }
        if part.columns.end > j {
            self.columns::<V, R, H>(left, tiles, &right.panel::<H>(part, j), part);
        }
    }

    fn columns<const V: usize, const R: usize, const L: usize>(
        &mut self,
        left: Left<'_, T>,
        tiles: &[T],
        panel: &Panel<'_, T>,
        part: &Part,
    ) {
        for strip in part.strips.iter().filter(|strip| !strip.rows.is_empty()) {
            match strip.height {
                1 => self.tiles::<V, 1, L>(left, tiles, strip, panel),
                4 => self.tiles::<V, 4, L>(left, tiles, strip, panel),
                _ => self.tiles::<V, R, L>(left, tiles, strip, panel),
            }
        }
    }

    /// Each kind of tile is a kernel of its own: in a larger function, the compiler makes no vectors.
    fn tiles<const V: usize, const R: usize, const L: usize>(
        &mut self,
        left: Left<'_, T>,
        tiles: &[T],
        strip: &Strip,
        panel: &Panel<'_, T>,
    ) {
        match left {
            Left::Rows(a) => {
                simd::widest(Tiles::<T, _, V, R, L> { output: self, left: ByRow(a), strip, panel })
            }
            Left::Columns { elements, stride } => {
                let left = ByColumn { elements: &elements[panel.inner.start * stride..], stride };
                simd::widest(Tiles::<T, _, V, R, L> { output: self, left, strip, panel });
            }
            Left::Tiles(_) => {
                let elements = &tiles[strip.place * panel.inner.len()..];
                let left = ByTile { elements, first: strip.rows.start };
                simd::widest(Tiles::<T, _, V, R, L> { output: self, left, strip, panel });
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
    Columns { elements: &'a [T], stride: usize },
    /// Whose rows or columns lie in one piece each, to be brought together in tiles.
    Tiles(ArrayView2<'a, T>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::gemm::scaled;
    use crate::native::gemm::tests::matrix;
    use ndarray::{Array2, s};

    /// Tiles for every kind of vector that the machine has, against sums one after another.
    fn tiles_of_all_vectors_add_up_in_order<T: Scalar>((m, k, n): (usize, usize, usize)) {
        for layout in 0..8 {
            let (a, b) = (matrix::<T>((m, k), layout & 1 == 1), matrix::<T>((k, n), layout & 2 == 2));
            let (alpha, beta) =
                if layout & 4 == 4 { (T::of(-0.5), T::of(2.0)) } else { (T::one(), T::zero()) };
            let old = matrix::<T>((m, n), false);
            let want = [NARROW, WIDE].map(|reach| {
                Array2::from_shape_fn((m, n), |(i, j)| {
                    let mut c = old[(i, j)];
                    for inner in Cut::new(k, reach.depth, 1) {
                        let beta = if inner.start == 0 { beta } else { T::one() };
                        let sum = inner.fold(T::zero(), |sum, p| a[(i, p)].mul_add(b[(p, j)], sum));
                        c = scaled(alpha, sum, beta, c);
                    }
                    c
                })
            });
            for vector in [64, 32].into_iter().filter(|&bytes| simd::runs(bytes)) {
                let mut c = old.clone();
                Product {
                    alpha,
                    a: a.view(),
                    b: b.view(),
                    beta,
                    c: c.view_mut(),
                    workspace: &mut Workspace::default(),
                }
                .compute(vector);
                let want = &want[usize::from(vector == 64)];
                assert_eq!(&c, want, "{m} by {k} by {n}, layout {layout}, {vector} bytes");
            }
        }
    }

    fn tiles_of_all_sizes_add_up_in_order<T: Scalar>() {
        let sizes = [1, 3, 4, 5, 7, 8, 9, 13, 16, 17, 20, 33, 40];
        for (&m, &n) in sizes.iter().flat_map(|m| sizes.iter().map(move |n| (m, n))) {
            tiles_of_all_vectors_add_up_in_order::<T>((m, 1, n));
            tiles_of_all_vectors_add_up_in_order::<T>((m, 9, n));
        }
        // Several parts along the inner axis, in tiles that are brought together; along the rows; along the columns.
        tiles_of_all_vectors_add_up_in_order::<T>((20, 600, 130));
        tiles_of_all_vectors_add_up_in_order::<T>((170, 800, 20));
        tiles_of_all_vectors_add_up_in_order::<T>((4, 384, 1500));
    }

    #[test]
    fn tiles_add_up_in_order_in_both_types() {
        tiles_of_all_sizes_add_up_in_order::<f64>();
        tiles_of_all_sizes_add_up_in_order::<f32>();
    }

    #[test]
    fn large_matrices_and_parts_of_them() {
        // More than is read in place, than is read again, and than a panel of a whole matrix.
        for (m, k, n) in [(300, 520, 70), (9, 400, 500), (1100, 1000, 9), (120, 1200, 17)] {
            for layout in 0..8 {
                let by_column = |bit: usize| layout >> bit & 1 == 1;
                let (a, b) = (matrix::<f64>((m, k), by_column(0)), matrix::<f64>((k, n), by_column(1)));
                let c = matrix::<f64>((m + 3, n + 5), by_column(2));
                let want = a.mapv(|x| x * 1e3).dot(&b) / 1e3;
                let (mut whole, mut part) = (Array2::zeros((m, n)), c.clone());
                gemm(1.0, a.view(), b.view(), 0.0, whole.view_mut(), &mut Workspace::default());
                let place = s![2..m + 2, 3..n + 3];
                gemm(2.0, a.view(), b.view(), -1.0, part.slice_mut(place), &mut Workspace::default());
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
                    &mut Workspace::default(),
                );
                assert!(is_near(&reversed, &want), "{m} by {k} by {n}, layout {layout}, reversed");
            }
        }
    }
}
