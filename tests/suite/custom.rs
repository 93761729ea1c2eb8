//! Derivatives that users state, and what they captured.

use autodiff::{
    Value, custom_jvp, custom_root, custom_vjp, grad, hessian, hvp, jacobian, jvp, linearize, no_grad, vjp,
};
use ndarray::array;

type V = Value<f64>;

/// The message of a panic.
fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    crate::common::panic_of(|| drop(f())).expect("a panic").message
}

#[test]
fn a_custom_derivative_says_where_it_ends() {
    let x = V::new(array![1.0, 2.0]);
    // Through arrays: one order, in one mode.
    let square = |x: &V| {
        custom_vjp("mine", &[x], |x| x[0].square(), |x, _, g, _| V::constant(2.0 * &x[0].data() * &g.data()))
    };
    assert_eq!(grad(|x| square(x).sum(), &x).data(), array![2.0, 4.0].into_dyn());
    let message = "mine: its derivative is asked for in a way that it does not support";
    assert!(panic_of(|| hvp(|x| square(x).sum(), &x, &x)).starts_with(message));
    assert!(panic_of(|| grad(|x| grad(|x| square(x).sum(), x).sum(), &x)).starts_with(message));
    assert!(panic_of(|| jvp(square, &x, &x)).starts_with(message));
    // Of values that are differentiated, but not of the direction: no gradient is taken for 0.
    let message = "double: its derivative is asked for in a way that it does not support";
    let double = |x: &V| custom_jvp("double", &[x], |x| x[0].square(), |x, _, t, _| 2.0 * &x[0] * t.data());
    assert_eq!(jvp(double, &x, &x).1.data(), array![2.0, 8.0].into_dyn());
    assert!(panic_of(|| double(&x).backward()).starts_with(message));
    assert!(panic_of(|| grad(|x| double(x).sum(), &x)).starts_with(message));
    let double = |x: &V| custom_vjp("double", &[x], |x| x[0].square(), |x, _, g, _| 2.0 * &x[0] * g.data());
    assert_eq!(grad(|x| double(x).sum(), &x).data(), array![2.0, 4.0].into_dyn());
    assert!(panic_of(|| jvp(double, &x, &x)).starts_with(message));
    // In one sweep with all directions all the same.
    assert_eq!(jacobian(|x| square(x).sum_keepdims(0), &x).data(), array![[2.0, 4.0]].into_dyn());

    let w = V::new(3.0);
    let captures = w.clone();
    let message = panic_of(|| custom_jvp("mine", &[&x], move |x| &x[0] * &captures, |_, _, t, _| t.clone()));
    assert!(message.starts_with("mine: the function uses a value that is differentiated"), "{message}");
    let wrong = custom_vjp("mine", &[&x], |x| x[0].square(), |_, _, g, _| g.sum());
    assert_eq!(
        panic_of(|| wrong.backward()),
        "mine: the derivative with respect to input 0 has shape [], expected [2]"
    );
}

#[test]
fn roots_have_derivatives_by_all_parameters() {
    // The intersection of x^2 + y^2 = r^2 and y = s x.
    let point = |p: &(V, V)| {
        custom_root(
            |x, p| V::stack(&[x.square().sum() - p[0].square(), at(x, 1) - &p[1] * at(x, 0)], 0),
            |p| {
                let (r, s) = (p[0].item(), p[1].item());
                V::constant(array![1.0, s] * (r / (1.0 + s * s).sqrt()))
            },
            &[&p.0, &p.1],
        )
    };
    let closed =
        |p: &(V, V)| V::stack(&[V::constant(1.0), p.1.clone()], 0) * (&p.0 / (1.0 + p.1.square()).sqrt());
    let p = (V::new(2.0), V::new(0.5));
    let weights = array![1.0, 3.0];
    let gradient = |f: &dyn Fn(&(V, V)) -> V| grad(|p: &(V, V)| (f(p) * &weights).sum(), &p);
    let (a, b) = (gradient(&point), gradient(&closed));
    assert!((a.0 - b.0).abs().item() < 1e-14 && (a.1 - b.1).abs().item() < 1e-14);
    let second =
        |f: &dyn Fn(&(V, V)) -> V| grad(|p: &(V, V)| grad(|p: &(V, V)| (f(p) * &weights).sum(), p).1, &p);
    let (a, b) = (second(&point), second(&closed));
    assert!((a.0 - b.0).abs().item() < 1e-13 && (a.1 - b.1).abs().item() < 1e-13);
}

fn at(x: &V, i: usize) -> V {
    x.index_select(0, [i]).squeeze()
}

/// What is asked for at constants can be differentiated no further, and keeps nothing: loops of steps do not grow.
#[test]
fn custom_derivatives_at_constants_are_constants() {
    let by_vjp = |x: &V| custom_vjp("mine", &[x], |x| x[0].square(), |x, _, g, _| 2.0 * g * &x[0]);
    let by_jvp = |x: &V| custom_jvp("mine", &[x], |x| x[0].square(), |x, _, t, _| 2.0 * t * &x[0]);
    let plain = |x: &V| custom_vjp("double", &[x], |x| 2.0 * &x[0], |_, _, g, _| 2.0 * g);
    let (x, one) = (V::constant(array![1.0, 3.0]), V::constant(array![1.0, 1.0]));
    let functions: [&(dyn Fn(&V) -> V + Sync); 3] = [&by_vjp, &by_jvp, &plain];
    for f in functions {
        let g = grad(|x| f(x).sum(), &x);
        let all = [
            jvp(f, &x, &one).1,
            vjp(f, &x).1(&one),
            linearize(f, &x).1(&one),
            jacobian(f, &x),
            hessian(|x| (f(x) * x).sum(), &x),
            hvp(|x| (f(x) * x).sum(), &x, &one),
            g.clone(),
        ];
        assert!(all.iter().all(|d| d.id().is_none()), "{:?}", all.map(|d| d.op()));
        // At a leaf they can.
        assert!(grad(|x| (f(x) * x).sum(), &V::new(x.data())).id().is_some());
    }
    let step = |x: V| &x - 0.1 * grad(|x| by_vjp(x).sum(), &x);
    let end = (0..50).fold(x, |x, _| step(x));
    assert_eq!(end.op(), "constant");
}

/// A part that is zero is stated as zeros, which leave no record.
#[test]
fn parts_of_custom_derivatives_may_be_zero() {
    let round = |x: &V| custom_vjp("rnd", &[x], |x| x[0].round(), |x, _, _, _| V::zeros(x[0].shape()));
    let x = V::new(array![1.4, 2.6]);
    assert_eq!(grad(|x| round(x).sum(), &x).data(), array![0.0, 0.0].into_dyn());
    assert_eq!(jvp(round, &x, &V::constant(array![1.0, 1.0])).1.data(), array![0.0, 0.0].into_dyn());
    let h = hessian(|x| (round(x) * x.square()).sum(), &x);
    assert_eq!(h.data(), array![[2.0, 0.0], [0.0, 6.0]].into_dyn());
    // One input counts, the other does not; as zeros, and as zero times something.
    for zero in [|x: &V| V::zeros(x.shape()), |x: &V| x * 0.0] {
        let first = move |a: &V, b: &V| {
            let vjp =
                move |x: &[V], _: &V, g: &V, i: usize| if i == 0 { g * x[0].cos() } else { zero(&x[1]) };
            custom_vjp("first", &[a, b], |x| x[0].sin(), vjp)
        };
        let (a, b) = (V::new(0.5), V::new(2.0));
        let (y, dy) =
            jvp(|(a, b): &(V, V)| first(a, b), &(a.clone(), b.clone()), &(V::new(3.0), V::new(5.0)));
        assert_eq!((y.item(), dy.item()), (0.5_f64.sin(), 3.0 * 0.5_f64.cos()));
        let second = grad(|(a, b): &(V, V)| grad(|a| first(a, b), a) * b, &(a, b));
        assert_eq!((second.0.item(), second.1.item()), (-2.0 * 0.5_f64.sin(), 0.5_f64.cos()));
        let first = move |a: &V, b: &V| {
            let jvp =
                move |x: &[V], _: &V, t: &V, i: usize| if i == 0 { t * x[0].cos() } else { zero(&x[1]) };
            custom_jvp("first", &[a, b], |x| x[0].sin(), jvp)
        };
        let (da, db) = grad(|(a, b): &(V, V)| first(a, b), &(V::new(0.5), V::new(2.0)));
        assert_eq!((da.item(), db.item()), (0.5_f64.cos(), 0.0));
    }
    // What is not zero, and came out as an array, is still told.
    let hidden = |x: &V| {
        custom_vjp("hidden", &[x], |x| x[0].square(), |x, _, g, _| V::constant(x[0].data()) * g.data())
    };
    let message = panic_of(|| jvp(hidden, &x, &V::constant(array![0.0, 1.0])));
    assert!(message.starts_with("hidden: its derivative is asked for in a way"), "{message}");
}

/// Functions that an operation calls on the way back are not among its inputs: what they captured has its gradient all the same.
#[test]
fn what_custom_derivatives_captured_has_its_gradient() {
    let (x, c) = (V::constant(3.0), V::new(2.0));
    let scaled = c.clone();
    let hooked = move |x: &V| {
        let scaled = scaled.clone();
        x.hook_grad(move |g| g * &scaled).square()
    };
    let (forward, backward) = (c.clone(), c.clone());
    let by_jvp = move |x: &V| {
        let c = forward.clone();
        custom_jvp("scaled", &[x], |x| x[0].square(), move |x, _, t, _| t * &x[0] * &c)
    };
    let by_vjp = move |x: &V| {
        let c = backward.clone();
        custom_vjp("scaled", &[x], |x| x[0].square(), move |x, _, g, _| g * &x[0] * &c)
    };
    // The derivatives are 2 c x, c x and c x.
    let one = V::constant(1.0);
    let by_c = |derivative: V| derivative.grad_of(&[&c])[0].item();
    assert_eq!(by_c(grad(&hooked, &x)), 6.0);
    assert_eq!(by_c(vjp(&hooked, &x).1(&one)), 6.0);
    for f in [&by_jvp as &dyn Fn(&V) -> V, &by_vjp] {
        for derivative in [
            grad(f, &x),
            jvp(f, &x, &one).1,
            linearize(f, &x).1(&one),
            jacobian(f, &x),
            hvp(f, &x, &one) * &x,
        ] {
            assert_eq!((derivative.item(), by_c(derivative)), (6.0, 3.0));
        }
    }
    // Within what is followed, and beside an operation that holds none.
    let product = |x: &V| by_jvp(&x.sin()) * x;
    let along = by_c(jvp(product, &x, &one).1);
    assert!((along - 3.0 * 3.0_f64.sin() * 3.0_f64.cos()).abs() < 1e-15, "{along}");
    let inside = no_grad(|| grad(&hooked, &x));
    assert_eq!((inside.op(), inside.item()), ("constant", 12.0));
}
