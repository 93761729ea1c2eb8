//! What optimisers do with parameters: numbers that change in place.

use super::math::MulAdd;
use super::simd::{self, Kernel};
use crate::scalar::Scalar;
use crate::threads;
use ndarray::{ArrayBase, Data, Dimension};

/// Elements with which a thread is worth its waking.
const TASK: usize = 32 * 1024;

/// Elements that stay in the first-level cache from the copy to the update.
const BLOCK: usize = 1024;

/// Replaces the elements of several arrays at the same place by what `f` makes of them and of the element of `g` there: one
/// pass over memory, on the widest vectors that the machine has and on several threads where there is work for them.
/// With `old`, the first array is to hold what becomes of its elements, which stay; what that array held is not read.
///
/// `f` is to be an `#[inline(always)]` closure that owns what it captures: it is compiled for each kind of vectors. Its
/// results are the same on each.
///
/// ```
/// use autodiff_core::native::update;
///
/// // Gradient descent with momentum.
/// let (mut x, mut v) = (vec![1.0, 2.0], vec![0.0, 0.5]);
/// let (rate, momentum) = (0.1, 0.9);
/// update(None, [&mut x, &mut v], &[2.0, 4.0], #[inline(always)] move |[x, v], g| {
///     let v = momentum * v + g;
///     [x - rate * v, v]
/// });
/// assert_eq!((x, v), (vec![0.8, 1.555], vec![2.0, 4.45]));
/// ```
///
/// # Panics
///
/// Where the arrays are not of one length.
pub fn update<T: Scalar, const N: usize>(
    old: Option<&[T]>,
    state: [&mut [T]; N],
    g: &[T],
    f: impl Fn([T; N], T) -> [T; N] + Copy + Send + Sync,
) {
    for len in old.iter().map(|old| old.len()).chain(state.iter().map(|part| part.len())) {
        assert_eq!(len, g.len(), "update: an array of {len} elements, expected {}", g.len());
    }
    let in_place = |state: [&mut [T]; N], g: &[T]| simd::widest(Update { state, g, f });
    let run = |old: Option<&[T]>, mut state: [&mut [T]; N], g: &[T]| {
        let Some(old) = old else { return in_place(state, g) };
        for (old, g) in old.chunks(BLOCK).zip(g.chunks(BLOCK)) {
            let state = first(&mut state, g.len());
            state[0].copy_from_slice(old);
            in_place(state, g);
        }
    };
    if g.len() <= TASK || rayon::current_num_threads() == 1 {
        return run(old, state, g);
    }
    let mut rest = state;
    let parts = g.chunks(TASK).enumerate();
    let tasks: Vec<_> = parts
        .map(|(i, g)| (old.map(|old| &old[i * TASK..][..g.len()]), first(&mut rest, g.len()), g))
        .collect();
    threads::each(tasks, |(old, state, g)| run(old, state, g));
}

/// Takes the first elements of each array off.
fn first<'a, T, const N: usize>(rest: &mut [&'a mut [T]; N], len: usize) -> [&'a mut [T]; N] {
    rest.each_mut().map(|all| all.split_off_mut(..len).expect("of one length"))
}

struct Update<'a, T, F, const N: usize> {
    state: [&'a mut [T]; N],
    g: &'a [T],
    f: F,
}

impl<T: Scalar, G: Fn([T; N], T) -> [T; N], const N: usize> Kernel for Update<'_, T, G, N> {
    type Output = ();

    #[inline(always)]
    fn run<F: MulAdd>(self) {
        let Update { state, g, f } = self;
        // With one length that is known to be all theirs, the loop is vectorised.
        let mut state = state.map(|part| &mut part[..g.len()]);
        for (i, &g) in g.iter().enumerate() {
            let next = f(state.each_ref().map(|part| part[i]), g);
            for (part, next) in state.iter_mut().zip(next) {
                part[i] = next;
            }
        }
    }
}

/// Whether no element is infinite or NaN.
///
/// ```
/// use autodiff_core::native::all_finite;
/// use ndarray::array;
/// assert!(all_finite(&array![1.0, -1e300]));
/// assert!(!all_finite(&array![1.0, f64::NAN]));
/// ```
pub fn all_finite<T: Scalar>(x: &ArrayBase<impl Data<Elem = T>, impl Dimension>) -> bool {
    match x.as_slice_memory_order() {
        // Parts of which the rest is not looked at where one is not; within one, each is.
        Some(elements) => elements.chunks(1024).all(|part| simd::widest(Finite(part))),
        None => x.iter().all(|x| x.is_finite()),
    }
}

struct Finite<'a, T>(&'a [T]);

impl<T: Scalar> Kernel for Finite<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run<F: MulAdd>(self) -> bool {
        self.0.iter().fold(true, |all, x| all & x.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_elements_change_as_few_do() {
        let n = 3 * TASK + 17;
        let x: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
        let g: Vec<f64> = (0..n).map(|i| (i as f64).cos()).collect();
        let f = |[x, v]: [f64; 2], g: f64| [x - 0.1 * (v + g), (v + g).sqrt()];
        let (mut a, mut b) = (x.clone(), g.clone());
        update(None, [&mut a, &mut b], &g, f);
        for i in 0..n {
            assert_eq!([a[i], b[i]].map(f64::to_bits), f([x[i], g[i]], g[i]).map(f64::to_bits), "{i}");
        }
        let (mut c, mut d) = (vec![f64::NAN; n], g.clone());
        update(Some(&x), [&mut c, &mut d], &g, f);
        let bits = |x: Vec<f64>| x.into_iter().map(f64::to_bits).collect::<Vec<_>>();
        assert_eq!([c, d].map(bits), [a, b].map(bits), "wherever they are left");
    }

    #[test]
    fn what_is_not_finite_is_found_anywhere() {
        for n in [1, 16, 1000, 1024, 1025, 5000] {
            let mut x = vec![1.0_f32; n];
            assert!(all_finite(&ndarray::aview1(&x)));
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                x[n - 1] = bad;
                assert!(!all_finite(&ndarray::aview1(&x)), "{bad} of {n}");
                assert!(!all_finite(&ndarray::aview1(&x).slice(ndarray::s![..;-2])), "{bad} of {n}, strided");
            }
        }
        assert!(all_finite(&ndarray::aview1::<f64>(&[])));
    }

    #[test]
    #[should_panic = "update: an array of 3 elements, expected 2"]
    fn arrays_of_several_lengths_are_an_error() {
        update(None, [&mut [0.0, 0.0, 0.0]], &[1.0, 2.0], |x, _| x);
    }
}
