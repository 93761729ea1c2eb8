//! The singular value decomposition: bidiagonalisation, after a QR factorisation if the matrix is tall, then implicit
//! QR steps (Golub & Van Loan, Matrix Computations, 4th ed., section 8.6), with shift 0 where a shift would spoil
//! small singular values (J. Demmel and W. Kahan, Accurate singular values of bidiagonal matrices, SIAM J. Sci.
//! Stat. Comput. 11, 1990).

use super::bidiagonal::bidiagonalise;
use super::deflation::Deflation;
use super::qr::qr;
use super::rotations::{Rotated, Rotations, givens};
use super::scale::{normalise, times_power_of_two};
use super::{Gemm, row_major};
use crate::error::LinalgError;
use crate::scalar::Scalar;
use ndarray::{Array1, Array2, ArrayView2};

type Svd<T> = (Array2<T>, Array1<T>, Array2<T>);

/// See [`Backend::svd`](crate::Backend::svd).
pub(super) fn svd<T: Scalar>(a: ArrayView2<'_, T>, gemm: Gemm<T>) -> Result<Svd<T>, LinalgError> {
    let wide = a.nrows() < a.ncols();
    let mut work = row_major(if wide { a.t() } else { a });
    let exponent = normalise(&mut work)?;
    // 64 bytes of elements.
    let (left, mut values, right) = match size_of::<T>() {
        4 => tall::<T, 16>(work, wide, gemm)?,
        _ => tall::<T, 8>(work, wide, gemm)?,
    };
    values.mapv_inplace(|s| times_power_of_two(s, exponent));
    Ok(if wide { (right, values, left) } else { (left, values, right) })
}

/// For a matrix with at least as many rows as columns: U, the singular values and V^T; if `swap`, U^T and V.
fn tall<T: Scalar, const W: usize>(
    mut a: Array2<T>,
    swap: bool,
    gemm: Gemm<T>,
) -> Result<Svd<T>, LinalgError> {
    let (m, n) = a.dim();
    // From here on it is faster to work on the triangle.
    let mut q = None;
    if 3 * m > 5 * n {
        let (orthogonal, r) = qr(a.view(), gemm);
        q = Some(orthogonal);
        a = r;
    }
    let reduced = bidiagonalise(&mut a, gemm);
    let (mut d, mut e) = (reduced.diagonal, reduced.off_diagonal);
    let mut left = Rotated::<T, W>::columns(reduced.left.product(n, gemm).view());
    let mut right = Rotated::<T, W>::columns(reduced.right.product(n, gemm).view());
    diagonalise(&mut d, &mut e, &mut left, &mut right)?;

    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| d[j].abs().partial_cmp(&d[i].abs()).unwrap_or(std::cmp::Ordering::Equal));
    let values = order.iter().map(|&i| d[i].abs()).collect();
    let unsigned: Vec<_> = order.iter().map(|&i| (i, T::one())).collect();
    let signed: Vec<_> =
        order.iter().map(|&i| (i, if d[i] < T::zero() { -T::one() } else { T::one() })).collect();
    let mut u = left.into_matrix(&unsigned, swap);
    if let Some(q) = q {
        let mut product = Array2::zeros(if swap { (n, m) } else { (m, n) });
        match swap {
            true => gemm(T::one(), u.view(), q.t(), T::zero(), &mut product.view_mut()),
            false => gemm(T::one(), q.view(), u.view(), T::zero(), &mut product.view_mut()),
        }
        u = product;
    }
    Ok((u, values, right.into_matrix(&signed, !swap)))
}

/// Sweeps for each singular value; two or three do.
const SWEEPS: usize = 60;

/// Makes an upper bidiagonal matrix diagonal, and rotates the vectors on both sides along.
fn diagonalise<T: Scalar, const W: usize>(
    d: &mut [T],
    e: &mut [T],
    left: &mut Rotated<T, W>,
    right: &mut Rotated<T, W>,
) -> Result<(), LinalgError> {
    let n = d.len();
    // Singular values are found to this relative accuracy.
    let tolerance = T::of(10.0) * T::epsilon();
    let negligible = floor(d, e, tolerance);
    let (mut from_left, mut from_right) = (Rotations::default(), Rotations::default());
    let mut rest = Deflation::new(n, SWEEPS);
    while let Some(block) = rest.next(d, e, |_, e, _| e.abs() <= negligible)? {
        from_left.clear();
        from_right.clear();
        let turned = block.in_order(d, e, |d, e| {
            let shift = shift_or_split(d, e, tolerance, n);
            match shift {
                Some(shift) if shift == T::zero() => step_unshifted(d, e, &mut from_left, &mut from_right),
                Some(shift) => step(d, e, shift, &mut from_left, &mut from_right),
                None => {}
            }
            shift.is_some()
        });
        if turned {
            // Read backwards, the transpose is upper bidiagonal too, and its left and right change places.
            let (of_left, of_right) =
                if block.downwards { (&from_left, &from_right) } else { (&from_right, &from_left) };
            left.sweep(block.start(), block.downwards, of_left);
            right.sweep(block.start(), block.downwards, of_right);
        }
    }
    Ok(())
}

/// Off-diagonal elements of at most this size change no singular value by more than the tolerance: it follows from a
/// lower bound for the smallest one.
fn floor<T: Scalar>(d: &[T], e: &[T], tolerance: T) -> T {
    let n = T::of(d.len() as f64);
    let mut bound = d.first().map_or(T::zero(), |d| d.abs());
    let mut least = bound;
    for (d, e) in d.iter().skip(1).zip(e) {
        if bound == T::zero() {
            break;
        }
        bound = d.abs() * (bound / (bound + e.abs()));
        if bound < least {
            least = bound;
        }
    }
    let relative = tolerance * least / n.sqrt();
    let absolute = T::of(6.0) * n * n * T::min_positive_value();
    if relative > absolute { relative } else { absolute }
}

/// The shift for the next sweep, or `None` if an off-diagonal element proved negligible and is now zero.
fn shift_or_split<T: Scalar>(d: &[T], e: &mut [T], tolerance: T, n: usize) -> Option<T> {
    let last = e.len();
    if e[last - 1].abs() <= tolerance * d[last].abs() {
        e[last - 1] = T::zero();
        return None;
    }
    let mut bound = d[0].abs();
    let mut least = bound;
    let mut largest = bound;
    for i in 0..last {
        if e[i].abs() <= tolerance * bound {
            e[i] = T::zero();
            return None;
        }
        bound = d[i + 1].abs() * (bound / (bound + e[i].abs()));
        if bound < least {
            least = bound;
        }
        for x in [d[i + 1].abs(), e[i].abs()] {
            if x > largest {
                largest = x;
            }
        }
    }
    // With a condition as bad as this, a shift would cost relative accuracy.
    if T::of(n as f64) * tolerance * (least / largest) <= T::epsilon() {
        return Some(T::zero());
    }
    let shift = smaller_singular_value(d[last - 1], e[last - 1], d[last]);
    let ratio = shift / d[0];
    Some(if ratio * ratio < T::epsilon() { T::zero() } else { shift })
}

/// The smaller singular value of [[f, g], [0, h]], to nearly full relative accuracy.
fn smaller_singular_value<T: Scalar>(f: T, g: T, h: T) -> T {
    let (f, g, h) = (f.abs(), g.abs(), h.abs());
    let (low, high) = if f < h { (f, h) } else { (h, f) };
    if low == T::zero() {
        return T::zero();
    }
    // low * high / (the larger singular value), which is (|(f + h, g)| + |(f - h, g)|) / 2.
    let larger = ((f + h).hypot(g) + (high - low).hypot(g)) / T::of(2.0);
    low * (high / larger)
}

/// One implicit QR step with a shift.
fn step<T: Scalar>(d: &mut [T], e: &mut [T], shift: T, left: &mut Rotations<T>, right: &mut Rotations<T>) {
    let last = e.len();
    let sign = if d[0] < T::zero() { -T::one() } else { T::one() };
    let mut f = (d[0].abs() - shift) * (sign + shift / d[0]);
    let mut g = e[0];
    for i in 0..last {
        let (c, s, r) = givens(f, g);
        if i > 0 {
            e[i - 1] = r;
        }
        f = c * d[i] + s * e[i];
        e[i] = c * e[i] - s * d[i];
        g = s * d[i + 1];
        d[i + 1] = c * d[i + 1];
        right.push(c, s);
        let (c, s, r) = givens(f, g);
        d[i] = r;
        f = c * e[i] + s * d[i + 1];
        d[i + 1] = c * d[i + 1] - s * e[i];
        if i + 1 < last {
            g = s * e[i + 1];
            e[i + 1] = c * e[i + 1];
        }
        left.push(c, s);
    }
    e[last - 1] = f;
}

/// One implicit QR step without a shift, in which nothing is subtracted: small elements keep their digits.
fn step_unshifted<T: Scalar>(d: &mut [T], e: &mut [T], left: &mut Rotations<T>, right: &mut Rotations<T>) {
    let last = e.len();
    let (mut c, mut old_c, mut old_s) = (T::one(), T::one(), T::zero());
    for i in 0..last {
        let (s, r);
        (c, s, r) = givens(d[i] * c, e[i]);
        if i > 0 {
            e[i - 1] = old_s * r;
        }
        right.push(c, s);
        (old_c, old_s, d[i]) = givens(old_c * r, d[i + 1] * s);
        left.push(old_c, old_s);
    }
    let h = d[last] * c;
    d[last] = h * old_c;
    e[last - 1] = h * old_s;
}
