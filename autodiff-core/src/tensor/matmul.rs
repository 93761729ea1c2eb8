//! Products of tensors.

use super::Tensor;
use crate::backend::Backend;
use crate::copies;
use crate::few::{self, Dims};
use crate::lazy::{self, Lazy};
use crate::native::all_finite;
use crate::program::MAX_AXES;
use crate::scalar::Scalar;
use crate::shape::Shape;
use ndarray::{Ix2, Slice, SliceInfoElem};
use smallvec::{SmallVec, smallvec};

/// Whether a product has so few multiplications that it is computed at once, and whole.
fn is_small<T: Scalar>(a: &Tensor<T>, b: &Tensor<T>, batch: &[usize]) -> bool {
    let [.., m, k] = *a.shape() else { unreachable!("matrices") };
    lazy::is_immediate(batch.iter().product::<usize>() * m * k * b.shape()[batch.len() + 1])
}

impl<T: Scalar> Tensor<T> {
    /// The product of matrices, under leading axes; where `batch` has length 1 and operands do not, products are summed.
    pub fn matmul<B: Backend<T>>(a: &Tensor<T>, b: &Tensor<T>, batch: &[usize]) -> Self {
        Self::product(a, b, batch, Self::matmul_of_distinct::<B>)
    }

    /// The same, computed when it is looked at, if ever: of a gradient that is differentiated, that may be never.
    pub fn matmul_later<B: Backend<T>>(a: &Tensor<T>, b: &Tensor<T>, batch: &[usize]) -> Self {
        Self::product(a, b, batch, |a, b, batch| match is_small(a, b, batch) || batch.len() + 2 > MAX_AXES {
            true => Self::matmul_of_distinct::<B>(a, b, batch),
            false => Tensor::Lazy(Lazy::product::<B>(a, b, batch)),
        })
    }

    /// The product by `matmul`. Its rows are as equal as those of its left operand, its columns as those of its right one, as in
    /// the cotangents of a sum: `matmul` is given one of them.
    fn product(
        a: &Tensor<T>,
        b: &Tensor<T>,
        batch: &[usize],
        matmul: impl Fn(&Tensor<T>, &Tensor<T>, &[usize]) -> Self,
    ) -> Self {
        if is_small(a, b, batch) {
            return matmul(a, b, batch);
        }
        let (row, column) = (batch.len(), batch.len() + 1);
        let one_along =
            |x: &Tensor<T>, axis: usize| x.is_repeated_along(axis).then(|| x.first_along(&[axis]));
        let (one_row, one_column) = (one_along(a, row), one_along(b, column));
        if one_row.is_none() && one_column.is_none() {
            return matmul(a, b, batch);
        }
        let mut shape = Shape::from_slice(batch);
        shape.extend([a.shape()[row], b.shape()[column]]);
        let (a, b) = (one_row.as_ref().unwrap_or(a), one_column.as_ref().unwrap_or(b));
        // At most one of them becomes a single matrix: the other tells how many products there are.
        let (one_left, one_right) = match a.one_matrix(b) {
            None => (None, b.one_matrix(a)),
            left => (left, None),
        };
        matmul(one_left.as_ref().unwrap_or(a), one_right.as_ref().unwrap_or(b), batch).broadcast_to(&shape)
    }

    /// What there is at the first place along axes, which keep length 1.
    fn first_along(&self, axes: &[usize]) -> Self {
        let mut info: SmallVec<[SliceInfoElem; 4]> = smallvec![Slice::from(..).into(); self.shape().len()];
        axes.iter().for_each(|&axis| info[axis] = Slice::from(..1).into());
        self.slice(&info)
    }

    /// The matrix, in one piece, that this is at all places along the leading axes, as `other` is not.
    fn one_matrix(&self, other: &Tensor<T>) -> Option<Self> {
        let leading: SmallVec<[usize; 4]> = (0..self.shape().len() - 2).collect();
        let is_same =
            |&axis: &usize| self.is_repeated_along(axis) && other.shape()[axis] == self.shape()[axis];
        let one = |&axis: &usize| self.shape()[axis] == 1;
        (leading.iter().any(is_same) && leading.iter().all(|axis| is_same(axis) || one(axis)))
            .then(|| Self::given(copies::row_major(self.first_along(&leading).view()).into_shared()))
    }

    /// The product, which has no repeated axes.
    pub fn matmul_of_distinct<B: Backend<T>>(a: &Tensor<T>, b: &Tensor<T>, batch: &[usize]) -> Self {
        if let Some(few) = Self::matmul_few(a, b, batch) {
            return few;
        }
        let leading = batch.len();
        let (k, n) = (b.shape()[leading], b.shape()[leading + 1]);
        let count: usize = batch.iter().product();
        let same = a.shape()[..leading].iter().all(|&length| length == 1);
        if n == 1 && count > 1 && same && b.shape()[..leading] == *batch {
            // One matrix times many columns: as the rows of a matrix, they are one product.
            let rows = b.reshape(&[count, k]);
            let matrix = a.reshape(&a.shape()[leading..]).permute(&[1, 0]);
            let mut shape = Shape::from_slice(batch);
            shape.extend([matrix.shape()[1], 1]);
            // The columns of the identity pick those of the matrix, which is how whole Jacobians start; but 0 times infinity
            // is NaN.
            if rows.is_identity() && !matrix.is_spread() && all_finite(&matrix.base()) {
                return matrix.reshape(&shape);
            }
            return Self::matmul_of_distinct::<B>(&rows, &matrix, &[]).reshape(&shape);
        }
        Self::new(B::matmul(a.view(), b.view(), batch).into_shared())
    }

    /// The product without the backend, where there are a few elements in each matrix.
    fn matmul_few(a: &Tensor<T>, b: &Tensor<T>, batch: &[usize]) -> Option<Self> {
        let ([m, k], &[_, n], []) = (a.shape(), b.shape(), batch) else { return None };
        let dims = [[*m, n], [*m, *k], [*k, n]].map(|shape| Dims::of(&shape));
        let [Some(dims), Some(_), Some(_)] = dims else { return None };
        let mut places = [None, None];
        let [place_a, place_b] = &mut places;
        let ((from_a, of_a), (from_b, of_b)) = (a.packed(place_a), b.packed(place_b));
        // None that has repetitions.
        (from_a == a.shape() && from_b == b.shape())
            .then(|| Self::few(dims, |y| few::matmul([*k, n], of_a, of_b, y)))
    }

    /// Whether this is a square matrix of ones on the diagonal and zeros elsewhere.
    fn is_identity(&self) -> bool {
        let is = |((i, j), &x): ((usize, usize), &T)| x == if i == j { T::one() } else { T::zero() };
        let matrix = self.view().into_dimensionality::<Ix2>();
        matrix.is_ok_and(|matrix| matrix.is_square() && matrix.indexed_iter().all(is))
    }
}
