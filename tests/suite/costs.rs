//! What derivatives cost, in the work that they give a backend.

use autodiff_core::backend::{Elementwise, Program, Reduction};
use autodiff_core::{Backend, Fusing, Value, grad, hessian, hvp, jvp, linearize, with_fusing};
use ndarray::{Array, ArrayD, ArrayView2, ArrayViewD, ArrayViewMut2, Dimension};
use std::cell::Cell;

/// The pure-Rust kernels, with the work counted: multiplications and additions of products, and elements of the rest.
#[derive(Clone, Copy, Debug, Default)]
struct Counting;

thread_local! {
    static WORK: Cell<usize> = const { Cell::new(0) };
    static PRODUCTS: Cell<usize> = const { Cell::new(0) };
}

fn count(work: usize) {
    WORK.set(WORK.get() + work);
}

impl Backend<f64> for Counting {
    const NAME: &'static str = "counting";

    fn elementwise(op: Elementwise<f64>, operands: &[ArrayViewD<'_, f64>]) -> ArrayD<f64> {
        let y = autodiff_core::Native::elementwise(op, operands);
        count(y.len());
        y
    }
    fn evaluate(program: &Program<f64>, operands: &[ArrayViewD<'_, f64>]) -> Vec<ArrayD<f64>> {
        // Not what is only read.
        let computed = program.steps().iter().filter(|step| !step.args().is_empty()).count();
        count(computed * program.shape().iter().product::<usize>());
        autodiff_core::Native::evaluate(program, operands)
    }
    fn reduce(op: Reduction, x: ArrayViewD<'_, f64>, axes: &[usize]) -> ArrayD<f64> {
        count(x.len());
        autodiff_core::Native::reduce(op, x, axes)
    }
    fn gemm(alpha: f64, a: ArrayView2<f64>, b: ArrayView2<f64>, beta: f64, c: &mut ArrayViewMut2<f64>) {
        count(2 * c.len() * a.ncols());
        PRODUCTS.set(PRODUCTS.get() + 1);
        <autodiff_core::Native as Backend<f64>>::gemm(alpha, a, b, beta, c);
    }
}

type V = Value<f64, Counting>;

/// Runs `f` with what is fused by default, whatever the other tests are run with.
fn as_by_default<R>(f: impl FnOnce() -> R) -> R {
    with_fusing(Fusing::WhereItPays, f)
}

/// The work that finding the elements of a value takes.
fn work(f: impl FnOnce() -> V) -> f64 {
    WORK.set(0);
    as_by_default(|| f().data());
    WORK.get() as f64
}

/// Numbers that are neither equal nor in order.
fn numbers<D: Dimension>(shape: impl ndarray::IntoDimension<Dim = D>, scale: f64) -> V {
    let mut k = 0.0;
    V::constant(Array::from_shape_simple_fn(shape.into_dimension(), || {
        k += 1.0;
        scale * f64::sin(k * k)
    }))
}

/// A function with one number as its result, and a point.
fn check(name: &str, f: impl Fn(&V) -> V + Copy, x: &V) {
    let v = numbers(x.shape(), 1.0);
    let evaluation = work(|| f(x));
    let gradient = work(|| grad(f, x));
    let along = work(|| {
        let (y, dy) = jvp(f, x, &v);
        V::stack(&[y, dy], 0)
    });
    let product = work(|| hvp(f, x, &v));
    println!(
        "{name}: gradient {:.2} evaluations, jvp {:.2}, hvp {:.2} gradients",
        gradient / evaluation,
        along / evaluation,
        product / gradient
    );
    // Twice the products exactly, and a little more than twice the elements: the slope of tanh takes another pass.
    assert!(gradient <= 4.0 * evaluation, "{name}: a gradient is {} evaluations", gradient / evaluation);
    assert!(along <= 2.05 * evaluation, "{name}: a jvp is {} evaluations", along / evaluation);
    assert!(product <= 3.5 * gradient, "{name}: an hvp is {} gradients", product / gradient);
    // Once it is linearized, a direction costs a tangent alone.
    let (_, push) = linearize(f, x);
    push(&v).data();
    let again = work(|| push(&v));
    assert!(again <= 1.5 * evaluation, "{name}: a direction is {} evaluations", again / evaluation);
}

#[test]
fn logistic_regression() {
    // More than what is worked on without the backend.
    const ROWS: usize = 600;
    let x = numbers([ROWS, 50], 1.0);
    let signs = numbers([ROWS], 1.0).sign();
    let f = |w: &V| (-(&signs * x.matmul(w))).softplus().mean();
    let w = V::new(numbers([50], 0.1).data());
    check("logistic regression", f, &w);
    let product = 2.0 * ROWS as f64 * 50.0;
    // Of the gradient nothing but the derivative is asked, and so its last product is never computed: there are three.
    let along = work(|| hvp(f, &w, &numbers([50], 1.0)));
    assert!(along <= 3.3 * product, "{} products' work", along / product);
    // All columns of the Hessian, as products of whole matrices: two of them beside the gradient.
    let whole = work(|| hessian(f, &w));
    let products = 2.0 * 50.0 * product;
    assert!(whole <= 1.3 * products, "{} of the products' work", whole / products);
}

#[test]
fn network() {
    let input = numbers([64, 32], 1.0);
    let rest: Vec<V> = [[24, 24], [24, 24], [24, 10]].iter().map(|&shape| numbers(shape, 0.2)).collect();
    let f = |w: &V| rest.iter().fold(input.matmul(w).tanh(), |h, w| h.matmul(w).tanh()).square().mean();
    check("network", f, &V::new(numbers([32, 24], 0.2).data()));
}

/// How many products of matrices finding the elements of values takes.
fn products(f: impl FnOnce() -> Vec<V>) -> usize {
    PRODUCTS.set(0);
    as_by_default(|| f().iter().for_each(|y| drop(y.data())));
    PRODUCTS.get()
}

#[test]
fn a_matrix_is_read_once_for_a_value_and_its_derivative() {
    let x = numbers([200, 50], 1.0);
    let both = |f: &dyn Fn(&V) -> V, w: &V| {
        products(|| {
            let (y, dy) = jvp(f, w, &numbers(w.shape(), 1.0));
            vec![y, dy]
        })
    };
    let column = V::new(numbers([50], 0.1).data());
    assert_eq!(both(&|w| x.matmul(w).exp(), &column), 1);
    assert_eq!(both(&|w| w.matmul(x.t()).exp(), &column), 1);
    // A few rows, but not many, and not where both operands vary.
    assert_eq!(both(&|w| w.matmul(x.t()).exp(), &V::new(numbers([20, 50], 0.1).data())), 1);
    assert_eq!(both(&|w| w.matmul(x.t()).exp(), &V::new(numbers([90, 50], 0.1).data())), 2);
    assert_eq!(both(&|w| (&x * w).matmul(w).exp(), &column), 3);
    // With the gradient that nobody looks at, its product is gone.
    let f = |w: &V| x.matmul(w).softplus().mean();
    assert_eq!(products(|| vec![hvp(f, &column, &numbers([50], 1.0))]), 2);
}
