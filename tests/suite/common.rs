//! What the integration tests share: both element types on the default backend, and exact comparisons.

use autodiff::{DefaultBackend, Scalar};
use ndarray::{ArrayD, IxDyn};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// An element type on the default backend.
pub trait Real: Scalar {
    type B: autodiff::Backend<Self>;
    /// The smallest positive number, a subnormal one.
    const TINY: Self;
    const MAX: Self;
    const EPSILON: f64;
}

impl Real for f64 {
    type B = DefaultBackend;
    const TINY: f64 = 5e-324;
    const MAX: f64 = f64::MAX;
    const EPSILON: f64 = f64::EPSILON;
}

impl Real for f32 {
    type B = DefaultBackend;
    const TINY: f32 = 1e-45;
    const MAX: f32 = f32::MAX;
    const EPSILON: f64 = f32::EPSILON as f64;
}

/// `autodiff::Value<T>`.
pub type V<T> = autodiff_core::Value<T, <T as Real>::B>;

/// A function of one value.
pub type Function<T> = fn(&V<T>) -> V<T>;

/// Runs generic tests for `f64` and for `f32`.
macro_rules! both {
    ($($name:ident),* $(,)?) => {
        mod double { $(#[test] fn $name() { super::$name::<f64>() })* }
        mod single { $(#[test] fn $name() { super::$name::<f32>() })* }
    };
}

/// An array of the given shape.
pub fn array<T: Real>(shape: &[usize], data: &[f64]) -> ArrayD<T> {
    ArrayD::from_shape_vec(IxDyn(shape), data.iter().map(|&x| T::of(x)).collect()).unwrap()
}

/// A leaf of the given shape.
pub fn leaf<T: Real>(shape: &[usize], data: &[f64]) -> V<T> {
    V::<T>::new(array(shape, data))
}

/// A leaf with one axis.
pub fn vector<T: Real>(data: &[f64]) -> V<T> {
    leaf(&[data.len()], data)
}

/// A leaf whose elements are small, distinct multiples of 1/8, positive and negative.
pub fn sample<T: Real>(shape: &[usize]) -> V<T> {
    V::<T>::new(numbers(shape))
}

pub fn numbers<T: Real>(shape: &[usize]) -> ArrayD<T> {
    let n: usize = shape.iter().product();
    let data: Vec<f64> = (0..n).map(|i| ((i * 7 + 3) % 29) as f64 / 8.0 - 1.5).collect();
    array(shape, &data)
}

/// The elements in row-major order.
pub fn elements<T: Scalar, B: autodiff::Backend<T>>(x: &autodiff_core::Value<T, B>) -> Vec<f64> {
    x.data().iter().map(|x| x.as_f64()).collect()
}

/// Checks that two numbers are the same: NaN is NaN, and 0 is -0 if `sign` does not count.
pub fn same(got: f64, want: f64, sign: bool) -> bool {
    (got.is_nan() && want.is_nan())
        || (got == want && (!sign || got.is_sign_negative() == want.is_sign_negative()))
}

/// Checks shape and elements, exactly; zeros of either sign are equal.
#[track_caller]
pub fn assert_same<T: Real>(got: &V<T>, shape: &[usize], want: &[f64]) {
    assert_eq!(got.shape(), shape, "the shape");
    let got = elements(got);
    let equal =
        got.len() == want.len() && got.iter().zip(want).all(|(&g, &w)| same(g, T::of(w).as_f64(), false));
    assert!(equal, "got {got:?}, expected {want:?} ({})", T::NAME);
}

/// Checks shape and elements of two values: equal, or finite and within `ulps` steps.
#[track_caller]
pub fn assert_close<T: Real>(got: &V<T>, want: &V<T>, ulps: f64, what: &str) {
    assert_eq!(got.shape(), want.shape(), "{what}: the shape");
    for (g, w) in elements(got).into_iter().zip(elements(want)) {
        let near = w.is_finite() && (g - w).abs() <= ulps * T::EPSILON * w.abs();
        assert!(near || same(g, w, false), "{what}: got {g:e}, expected {w:e} ({})", T::NAME);
    }
}

/// Checks shape and elements of two values that differ by the order of sums alone.
#[track_caller]
pub fn assert_near<T: Real>(got: &V<T>, want: &V<T>, what: &str) {
    assert_eq!(got.shape(), want.shape(), "{what}: the shape");
    let (got, want) = (elements(got), elements(want));
    let bound = 32.0 * T::EPSILON * want.iter().fold(1.0, |m, w| larger(m, w.abs()));
    let near = got.iter().zip(&want).all(|(&g, &w)| (g - w).abs() <= bound || same(g, w, false));
    assert!(near, "{what}: got {got:?}, expected {want:?} ({})", T::NAME);
}

pub fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// The sum of the elements and its gradients.
pub fn gradients<T: Real>(y: &V<T>, inputs: &[&V<T>]) -> Vec<V<T>> {
    // A value that depends on no input has no gradient, which is 0 everywhere.
    y.try_grad_of(inputs)
        .unwrap_or_else(|_| inputs.iter().map(|x| V::<T>::constant(x.data().mapv(|_| T::zero()))).collect())
}

/// Value, first and second derivative of an elementwise function at a number; an array must give the same.
#[track_caller]
pub fn derivatives<T: Real>(f: impl Fn(&V<T>) -> V<T>, x: T) -> [f64; 3] {
    let at = |x: V<T>, i: usize| {
        let y = f(&x);
        let slope = gradients(&y, &[&x]).remove(0);
        let bend = gradients(&slope, &[&x]).remove(0);
        assert_eq!((y.shape(), slope.shape(), bend.shape()), (x.shape(), x.shape(), x.shape()), "the shapes");
        [y, slope, bend].map(|v| elements(&v)[i])
    };
    let alone = at(V::<T>::new(x), 0);
    let one = T::one();
    let among = at(V::<T>::new(ndarray::array![one, one, x, one, one]), 2);
    assert!(alone.iter().zip(&among).all(|(&a, &b)| same(a, b, true)), "number {alone:?}, array {among:?}");
    alone
}

/// A panic: its message, and where it points to.
#[derive(Debug)]
pub struct Panic {
    pub message: String,
    pub file: String,
    pub line: u32,
}

thread_local! {
    static CAUGHT: RefCell<Option<Option<Panic>>> = const { RefCell::new(None) };
}

fn text(payload: &dyn std::any::Any) -> String {
    let text =
        payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("not text").to_string()
}

/// The panic of `f`, if it panics. Other threads' panics are reported as ever.
pub fn panic_of<R>(f: impl FnOnce() -> R) -> Option<Panic> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let awaited = CAUGHT.with_borrow_mut(|caught| match caught {
                Some(slot) => {
                    let message = text(info.payload());
                    let place = info.location().expect("a location");
                    *slot = Some(Panic { message, file: place.file().to_string(), line: place.line() });
                    true
                }
                None => false,
            });
            if !awaited {
                usual(info);
            }
        }));
    });
    CAUGHT.set(Some(None));
    let outcome = catch_unwind(AssertUnwindSafe(f));
    let panic = CAUGHT.take().flatten();
    outcome.is_err().then(|| panic.expect("the hook ran"))
}
