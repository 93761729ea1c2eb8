//! Products with vectors, over contiguous rows. Sums run in several lanes at a time, or they could not be vectorised.

use crate::scalar::Scalar;
use ndarray::{ArrayView2, Axis};

const LANES: usize = 8;

/// The rows of a matrix whose columns have unit stride.
pub(super) fn rows<'a, T>(a: &'a ArrayView2<'_, T>) -> impl Iterator<Item = &'a [T]> {
    a.axis_iter(Axis(0)).map(|row| row.to_slice().expect("rows are contiguous"))
}

fn total<T: Scalar>(lanes: [T; LANES]) -> T {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// The scalar product.
pub(super) fn dot<T: Scalar>(x: &[T], y: &[T]) -> T {
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let mut lanes = [T::zero(); LANES];
    for (x, y) in x.iter().zip(y) {
        for l in 0..LANES {
            lanes[l] += x[l] * y[l];
        }
    }
    x_rest.iter().zip(y_rest).fold(total(lanes), |s, (&x, &y)| s + x * y)
}

/// `y += alpha x`.
pub(super) fn axpy<T: Scalar>(alpha: T, x: &[T], y: &mut [T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += alpha * x;
    }
}

/// The Euclidean norm, without overflow and with the full number of digits at any scale.
pub(super) fn norm<T: Scalar>(x: &[T]) -> T {
    let square = dot(x, x);
    // Where the sum of squares is not small, terms that underflowed are beyond its last digit.
    let small = T::min_positive_value() / (T::epsilon() * T::epsilon());
    if square.is_nan() || (square > small && square.is_finite()) {
        return square.sqrt();
    }
    let largest = x.iter().fold(T::zero(), |m, x| if x.abs() > m { x.abs() } else { m });
    if largest == T::zero() || largest.is_infinite() {
        return largest;
    }
    let sum = x.iter().fold(T::zero(), |s, &x| s + (x / largest) * (x / largest));
    largest * sum.sqrt()
}

/// `y = A x`.
pub(super) fn gemv<T: Scalar>(a: &ArrayView2<'_, T>, x: &[T], y: &mut [T]) {
    let mut rows = rows(a);
    let (fours, rest) = y.as_chunks_mut::<4>();
    for y in fours {
        let [a, b, c, d] = std::array::from_fn(|_| rows.next().expect("as many rows as elements of y"));
        *y = dot4([a, b, c, d], x);
    }
    for (y, row) in rest.iter_mut().zip(rows) {
        *y = dot(row, x);
    }
}

/// `y += A^T x`.
pub(super) fn gemv_transposed<T: Scalar>(a: &ArrayView2<'_, T>, x: &[T], y: &mut [T]) {
    let mut rows = rows(a);
    let (fours, rest) = x.as_chunks::<4>();
    for &[p, q, r, s] in fours {
        let [a, b, c, d] = std::array::from_fn(|_| rows.next().expect("as many rows as elements of x"));
        for ((((y, &a), &b), &c), &d) in y.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *y += (p * a + q * b) + (r * c + s * d);
        }
    }
    for (&x, row) in rest.iter().zip(rows) {
        axpy(x, row, y);
    }
}

/// Four scalar products with one vector, which is loaded once.
fn dot4<T: Scalar>(rows: [&[T]; 4], x: &[T]) -> [T; 4] {
    const WIDTH: usize = 4;
    let (x, x_rest) = x.as_chunks::<WIDTH>();
    let chunks = rows.map(|row| &row.as_chunks::<WIDTH>().0[..x.len()]);
    let mut lanes = [[T::zero(); WIDTH]; 4];
    for (i, x) in x.iter().enumerate() {
        for (lanes, row) in lanes.iter_mut().zip(chunks) {
            for l in 0..WIDTH {
                lanes[l] += row[i][l] * x[l];
            }
        }
    }
    let done = x.len() * WIDTH;
    std::array::from_fn(|r| {
        let sum = (lanes[r][0] + lanes[r][2]) + (lanes[r][1] + lanes[r][3]);
        x_rest.iter().zip(&rows[r][done..]).fold(sum, |s, (&x, &a)| s + x * a)
    })
}

/// `y = A x` for a symmetric matrix of which the upper triangle is read: once, each element serving twice.
pub(super) fn symv_upper<T: Scalar>(a: &ArrayView2<'_, T>, x: &[T], y: &mut [T]) {
    let n = x.len();
    y.fill(T::zero());
    let mut rows = rows(a);
    let mut i = 0;
    while i + 4 <= n {
        let four: [&[T]; 4] = std::array::from_fn(|_| rows.next().expect("as many rows as columns"));
        for (r, row) in four.iter().enumerate() {
            y[i + r] += row[i + r] * x[i + r];
            for c in r + 1..4 {
                y[i + r] += row[i + c] * x[i + c];
                y[i + c] += row[i + c] * x[i + r];
            }
        }
        let factors = std::array::from_fn(|r| x[i + r]);
        let (head, tail) = y[i..].split_at_mut(4);
        let sums = dot4_axpy4(four.map(|row| &row[i + 4..]), &x[i + 4..], factors, tail);
        head.iter_mut().zip(sums).for_each(|(y, s)| *y += s);
        i += 4;
    }
    for (i, row) in (i..n).zip(rows) {
        y[i] += row[i] * x[i] + dot(&row[i + 1..], &x[i + 1..]);
        axpy(x[i], &row[i + 1..], &mut y[i + 1..]);
    }
}

/// Four scalar products with `x`, while the rows, times four factors, are added to `y`.
fn dot4_axpy4<T: Scalar>(rows: [&[T]; 4], x: &[T], factors: [T; 4], y: &mut [T]) -> [T; 4] {
    const WIDTH: usize = 4;
    let (xs, x_rest) = x.as_chunks::<WIDTH>();
    let (ys, y_rest) = y.as_chunks_mut::<WIDTH>();
    let chunks = rows.map(|row| &row.as_chunks::<WIDTH>().0[..xs.len()]);
    let mut lanes = [[T::zero(); WIDTH]; 4];
    for (i, (x, y)) in xs.iter().zip(ys).enumerate() {
        for r in 0..4 {
            let a = &chunks[r][i];
            for l in 0..WIDTH {
                lanes[r][l] += a[l] * x[l];
                y[l] += a[l] * factors[r];
            }
        }
    }
    let done = xs.len() * WIDTH;
    std::array::from_fn(|r| {
        let mut sum = (lanes[r][0] + lanes[r][2]) + (lanes[r][1] + lanes[r][3]);
        for ((&a, &x), y) in rows[r][done..].iter().zip(x_rest).zip(y_rest.iter_mut()) {
            sum += a * x;
            *y += a * factors[r];
        }
        sum
    })
}
