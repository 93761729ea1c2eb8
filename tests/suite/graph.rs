//! The record: repeated sweeps, shared nodes, deep and wide graphs, and what a record keeps in memory.

use crate::common::panic_of;
use autodiff::{Error, Value, checkpoint, custom_vjp, grad, jvp, no_grad, value_and_grad};
use autodiff_core::{Fusing, with_fusing};
use ndarray::{ArcArray1, Array1, array, s};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

type V = Value<f64>;

fn number(x: f64) -> V {
    V::new(x)
}

/// Runs `f` on a thread with a stack of 2 MiB, as other threads than the main one have.
fn on_a_small_stack<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    std::thread::Builder::new().stack_size(2 << 20).spawn(f).unwrap().join().unwrap()
}

#[test]
fn gradients_add_up_over_sweeps_and_nothing_else_does() {
    let x = number(3.0);
    let y = &x * &x + &x;
    y.backward();
    assert_eq!(x.grad().item(), 7.0);
    y.backward();
    assert_eq!(x.grad().item(), 14.0);
    x.zero_grad();
    assert_eq!(x.grad().item(), 0.0);
    y.backward();
    assert_eq!(x.grad().item(), 7.0);

    let x = number(3.0);
    let y = x.powi(3);
    y.backward();
    y.backward();
    assert_eq!(x.grad().item(), 54.0);
}

#[test]
fn roots_that_share_a_node_each_add_their_own_part() {
    let x = number(2.0);
    let z = &x * &x;
    let (a, b) = (1.0 * &z, 3.0 * &z);
    a.backward();
    b.backward();
    assert_eq!(x.grad().item(), 16.0);
    // Through a kept gradient of the shared node, too.
    let x = number(2.0);
    let z = &x * &x;
    z.retain_grad();
    (1.0 * &z).backward();
    (3.0 * &z).backward();
    assert_eq!((z.grad().item(), x.grad().item()), (4.0, 16.0));
    z.zero_grad();
    (3.0 * &z).backward();
    assert_eq!((z.grad().item(), x.grad().item()), (3.0, 28.0));
}

/// What an earlier sweep gave an intermediate value is lost, which is no gradient of zero.
#[test]
fn a_gradient_kept_too_late_is_an_error() {
    let x = number(3.0);
    let h = &x * &x;
    let y = 2.0 * &h;
    h.retain_grad();
    assert!(matches!(h.try_grad(), Err(Error::NotReached { op: "mul", .. })));
    h.zero_grad();
    assert!(h.try_grad().is_err());
    let late = &h + 1.0;
    (&y * &late).backward();
    late.retain_grad();
    assert!(matches!(late.try_grad(), Err(Error::NotReached { op: "add", .. })));
    assert!(h.try_grad().is_ok());
    h.zero_grad();
    assert_eq!(h.grad().item(), 0.0, "it was forgotten, not lost");
    // Leaves, which keep theirs from the start, have none, or zero.
    assert_eq!(number(1.0).grad().item(), 0.0);
    assert!(matches!(V::constant(1.0).try_retain_grad(), Err(Error::NotTracked { op: "retain_grad", .. })));
    x.retain_grad();
    assert_eq!(x.detach().grad().item(), 0.0);
}

#[test]
fn a_value_used_twice_gets_both_parts() {
    let x = number(3.0);
    (&x * &x).backward();
    assert_eq!(x.grad().item(), 6.0);
    let x = V::new(array![[1.0, 2.0], [3.0, 4.0]]);
    x.matmul(&x).sum().backward();
    assert_eq!(x.grad().data(), array![[7.0, 11.0], [9.0, 13.0]].into_dyn());
    let x = number(5.0);
    (&x - &x).backward();
    assert_eq!(x.grad().item(), 0.0);
    let x = number(5.0);
    (&x / &x).backward();
    assert_eq!(x.grad().item(), 0.0);
}

#[test]
fn powers_and_products_with_numbers_and_vectors() {
    let x = number(0.0);
    x.powi(0).backward();
    assert_eq!((x.powi(0).item(), x.grad().item()), (1.0, 0.0), "the gradient is there, and 0");
    x.powf(0.0).backward();
    assert_eq!(x.grad().item(), 0.0);
    let x = number(3.0);
    let y = V::constant(2.0).pow(&x);
    y.backward();
    assert_eq!((y.item(), x.grad().item()), (8.0, 8.0 * 2.0_f64.ln()));
    let (a, b) = (V::new(array![1.0, 2.0]), V::new(array![3.0, 4.0]));
    let y = a.matmul(&b);
    y.backward();
    assert_eq!((y.shape(), y.item()), (&[][..], 11.0));
    assert_eq!((a.grad().data(), b.grad().data()), (b.data(), a.data()));
}

#[test]
fn seeds_weight_the_elements() {
    let x = V::new(array![1.0, 2.0, 3.0]);
    x.square().backward();
    assert_eq!(x.grad().data(), array![2.0, 4.0, 6.0].into_dyn(), "ones by default");
    x.zero_grad();
    let seed = array![1.0, 0.0, 10.0];
    x.square().backward_with(&seed);
    x.square().backward_with(V::new(seed));
    assert_eq!(x.grad().data(), array![4.0, 0.0, 120.0].into_dyn());
    // A leaf is a root, too.
    let x = number(2.0);
    x.backward();
    assert_eq!(x.grad().item(), 1.0);
}

#[test]
fn a_seed_array_is_not_changed_by_later_sweeps() {
    let x = V::new(array![1.0, 2.0]);
    let seed = ArcArray1::from_vec(vec![1.0, 1.0]);
    x.backward_with(seed.clone());
    let before = x.grad();
    x.backward_with(seed.clone());
    assert_eq!(seed, array![1.0, 1.0]);
    assert_eq!(before.data(), array![1.0, 1.0].into_dyn(), "a gradient that was read stays as it was");
    assert_eq!(x.grad().data(), array![2.0, 2.0].into_dyn());
    // One cotangent that reaches two leaves is not shared between them.
    let (a, b) = (V::new(array![1.0, 2.0]), V::new(array![3.0, 4.0]));
    (&a + &b).backward();
    (&a + 0.0).backward();
    assert_eq!(a.grad().data(), array![2.0, 2.0].into_dyn());
    assert_eq!(b.grad().data(), array![1.0, 1.0].into_dyn());
}

#[test]
fn values_off_the_path_have_zero_gradients() {
    let (x, other) = (number(2.0), V::new(array![1.0, 2.0]));
    let y = x.square();
    y.backward();
    assert_eq!(other.grad().data(), array![0.0, 0.0].into_dyn());
    assert_eq!(V::constant(array![1.0]).grad().data(), array![0.0].into_dyn());
    let found = y.grad_of(&[&other, &x, &x]);
    assert_eq!(found[0].data(), array![0.0, 0.0].into_dyn());
    assert_eq!((found[1].item(), found[2].item()), (4.0, 4.0));
    assert_eq!(grad(|_| V::constant(5.0), &x).item(), 0.0);
    assert_eq!(grad(|_| other.sum(), &x).item(), 0.0, "a function of something else");
    assert_eq!(x.grad().item(), 4.0, "grad_of adds nothing");
}

#[test]
fn gradients_with_respect_to_intermediates() {
    let x = number(3.0);
    let z = x.square();
    let y = z.powi(2) + &x;
    let found = y.grad_of(&[&z, &x, &y]);
    assert_eq!([found[0].item(), found[1].item(), found[2].item()], [18.0, 109.0, 1.0]);
}

#[test]
fn mixed_derivatives_of_several_inputs() {
    let (a, b) = (number(3.0), number(2.0));
    let y = &a * &a * &b + b.powi(3);
    let [da, db] = y.grad_of(&[&a, &b]).try_into().unwrap();
    assert_eq!((da.item(), db.item()), (12.0, 21.0));
    let second = [da.grad_of(&[&a]), da.grad_of(&[&b]), db.grad_of(&[&a]), db.grad_of(&[&b])];
    assert_eq!(second.map(|d| d[0].item()), [4.0, 6.0, 6.0, 12.0]);
    // A gradient can be part of what is differentiated: a penalty on it.
    let penalty = (&da * &da + &db * &db).grad_of(&[&a]).remove(0);
    assert_eq!(penalty.item(), 2.0 * 12.0 * 4.0 + 2.0 * 21.0 * 6.0);
    da.backward();
    assert_eq!((a.grad().item(), b.grad().item()), (4.0, 6.0));
}

#[test]
fn nested_derivatives_are_not_confused() {
    // d/dx [x * d/dy (x + y)] = 1, which an engine that mixes up the two levels gives as 2.
    let x = number(1.0);
    assert_eq!(grad(|x| x * grad(|y| x + y, &number(1.0)), &x).item(), 1.0);
    assert_eq!(grad(|x| x * grad(|y| x * y, x), &x).item(), 2.0);
    // The inner function captures the outer variable itself.
    let f = |x: &V| grad(|y| y * y * x, x);
    assert_eq!((f(&number(3.0)).item(), grad(f, &number(3.0)).item()), (18.0, 12.0));
    let forward = jvp(|x| grad(|y| y.powi(3) * x, x), &number(2.0), &V::constant(1.0)).1;
    assert_eq!(forward.item(), 36.0, "d/dx of 3 x^3");
    assert_eq!(x.grad().item(), 0.0);
}

#[test]
fn a_doubling_chain_takes_linear_time() {
    let start = Instant::now();
    let x = number(1.0);
    let mut y = x.clone();
    for _ in 0..60 {
        y = &y + &y;
    }
    y.backward();
    assert_eq!(x.grad().item(), 1152921504606846976.0);
    assert_eq!(y.grad_of(&[&x])[0].item(), 1152921504606846976.0);
    let (_, tangent) = jvp(|x| (0..60).fold(x.clone(), |y, _| &y + &y), &x, &V::constant(1.0));
    assert_eq!(tangent.item(), 1152921504606846976.0);
    let mut y = number(1.0);
    for _ in 0..60 {
        y = &y + &y;
    }
    drop(y);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn a_chain_of_a_million_fits_a_small_stack() {
    let (value, gradient) = on_a_small_stack(|| {
        let x = number(1.0);
        let mut y = x.clone();
        for _ in 0..1_000_000 {
            y *= 1.0000001;
        }
        y.backward();
        assert!(format!("{y} {y:?} {y:#?} {y:e}").contains("mul"));
        let z = y.clone();
        drop(y);
        let value = z.item();
        drop(z);
        (value, x.grad().item())
    });
    // The 60-digit value of 1.0000001^1000000, for the f64 nearest to 1.0000001; a million roundings apart.
    assert!((value - 1.1051709126143134).abs() < 1e-12, "{value}");
    assert!((gradient - 1.1051709126143134).abs() < 1e-12, "{gradient}");
}

#[test]
fn deep_chains_of_other_kinds_fit_a_small_stack() {
    on_a_small_stack(|| {
        let n = 200_000;
        // Two inputs at every step, one of them old.
        let x = number(1.0);
        let y = (0..n).fold(x.clone(), |y, _| &y + &x);
        y.backward();
        assert_eq!(x.grad().item(), f64::from(n) + 1.0);
        // Gradients as expressions, which have deep records themselves, dropped before and after what they came from.
        let slope = (0..n).fold(x.clone(), |y, _| y * 1.0).square().grad_of(&[&x]).remove(0);
        assert_eq!(slope.grad_of(&[&x])[0].item(), 2.0);
        drop(slope);
        let (_, tangent) = jvp(|x| (0..n).fold(x.clone(), |y, _| y * 1.0), &x, &V::constant(1.0));
        assert_eq!(tangent.item(), 1.0);
        // Arrays, and a panic that unwinds through a deep record.
        let v = V::new(array![1.0, 2.0]);
        let deep = (0..n).fold(v.clone(), |y, _| y + 1.0);
        let outcome = catch_unwind(AssertUnwindSafe(move || {
            let _deep = deep;
            std::panic::resume_unwind(Box::new("a user's error"));
        }));
        assert!(outcome.is_err());
    });
}

/// Each function holds a value that was made by the function before.
#[test]
fn deep_chains_of_functions_that_captured_values_fit_a_small_stack() {
    on_a_small_stack(|| {
        let n = 20_000;
        let x = number(1.0);
        let (mut p, mut v) = (x.clone(), number(1.0));
        for _ in 0..n {
            let at = p.clone();
            let w = checkpoint(move |v| v - 1e-6 * &at, &v);
            p = &p + 1e-6 * &w;
            v = w;
        }
        (&p + &v).backward();
        assert!((x.grad().item() - 1.0).abs() < 0.1);
        drop((p, v));
        let hooked = (0..n).fold(x.clone(), |y, _| {
            let captured = y.clone();
            x.hook_grad(move |g| g * captured.detach())
        });
        drop(hooked);
        let custom = (0..n).fold(x.clone(), |y, _| {
            let captured = y.clone();
            custom_vjp("own", &[&x], |x| x[0].sin(), move |_, _, g, _| g * captured.detach())
        });
        custom.backward();
        drop(custom);
    });
}

#[test]
fn gradients_by_many_values_take_linear_time() {
    let start = Instant::now();
    let x: Vec<V> = (0..200_000).map(|i| number(f64::from(i))).collect();
    let g = grad(|x: &Vec<V>| x.iter().map(|x| x * x).sum::<V>(), &x);
    assert!(g.iter().enumerate().all(|(i, g)| g.item() == 2.0 * i as f64));
    assert_eq!(x[..4].iter().sum::<V>().item(), 6.0);
    let y = &x[1] * &x[2];
    let of: Vec<f64> = y.grad_of(&[&x[2], &x[1], &x[2], &x[3]]).iter().map(V::item).collect();
    assert_eq!(of, [1.0, 2.0, 1.0, 0.0]);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_node_with_a_million_consumers() {
    on_a_small_stack(|| {
        let x = number(1.5);
        let consumers: Vec<V> = (0..1_000_000).map(|_| 2.0 * &x).collect();
        let total: V = consumers.into_iter().sum();
        assert_eq!(total.item(), 3_000_000.0);
        total.backward();
        assert_eq!(x.grad().item(), 2_000_000.0);
    });
}

/// Whether a test is the only holder of an array.
fn is_let_go(array: ArcArray1<f64>) -> bool {
    array.try_into_owned_nocopy().is_ok()
}

fn shared(n: usize) -> ArcArray1<f64> {
    Array1::from_elem(n, 0.5).into_shared()
}

#[test]
fn leaves_take_arrays_without_copying() {
    let data = Array1::from_elem(5, 0.5);
    let place = data.as_ptr();
    let x = V::new(data);
    assert_eq!(x.data().as_ptr(), place);
    let array = shared(5);
    let x = V::new(array.clone());
    assert_eq!(x.data().as_ptr(), array.as_ptr());
    assert!(!is_let_go(array), "the leaf holds it");
    drop(x);
    let array = shared(5);
    drop(V::new(array.clone()));
    assert!(is_let_go(array));
}

#[test]
fn detached_and_unrecorded_values_hold_no_arrays() {
    let array = shared(5);
    let x = V::new(array.clone());
    // Of arrays so small, all is computed at once.
    let results = with_fusing(Fusing::WhereItPays, || {
        [
            x.square().detach(),
            no_grad(|| x.square()),
            no_grad(|| &x * &x + x.exp()),
            no_grad(|| x.softmax(0)),
            (&x * &x).sum().detach(),
            x.square().grad_of(&[&x]).remove(0).detach(),
        ]
    });
    assert!(results.iter().all(|y| y.op() == "constant"));
    drop(x);
    assert!(is_let_go(array), "a result holds the input");
}

#[test]
fn records_hold_what_derivatives_read_and_no_more() {
    let functions: [(&str, fn(&V) -> V, bool); 11] = [
        ("square", |x| x.square(), true),
        ("ln", |x| x.ln(), true),
        ("x * x", |x| x * x, true),
        ("exp", |x| x.exp(), false),
        ("tanh of sum", |x| x.sum().tanh(), false),
        ("x + 1", |x| x + 1.0, false),
        ("sum", |x| x.sum(), false),
        ("mean", |x| x.mean(), false),
        ("times a constant", |x| x * 3.0, false),
        ("index_select", |x| x.index_select(0, [0, 1]), false),
        ("matmul with a constant", |x| x.matmul(Array1::from_elem(5, 1.0)), false),
    ];
    for (name, f, held) in functions {
        let let_go = |keep: bool| {
            let array = shared(5);
            let x = V::new(array.clone());
            let y = Some(with_fusing(Fusing::WhereItPays, || f(&x))).filter(|_| keep);
            drop(x);
            let answer = is_let_go(array);
            drop(y);
            answer
        };
        assert_eq!(let_go(true), !held, "{name}");
        assert!(let_go(false), "{name} after its drop");
    }
}

#[test]
fn sweeps_leave_nothing_behind() {
    let array = shared(5);
    let x = V::new(array.clone());
    let y = (&x * &x).sum();
    y.backward();
    let slope = y.grad_of(&[&x]).remove(0);
    let (z, g) = value_and_grad(|x| x.powi(3).sum(), &x);
    drop((x, y, slope, z, g));
    assert!(is_let_go(array), "a cycle keeps the input alive");
}

#[test]
fn no_grad_ends_with_its_closure() {
    let x = number(3.0);
    assert_eq!(no_grad(|| x.square()).op(), "constant");
    assert_eq!(no_grad(|| no_grad(|| x.square()) + x.square()).op(), "constant");
    assert_eq!(x.square().op(), "square");
    // Leaves made inside are leaves.
    let y = no_grad(|| V::new(2.0));
    y.square().backward();
    assert_eq!(y.grad().item(), 4.0);
    // A sweep inside works on what was recorded outside.
    let y = x.square();
    no_grad(|| y.backward());
    assert_eq!(x.grad().item(), 6.0);
}

#[test]
fn derivatives_inside_no_grad_are_right() {
    let x = number(3.0);
    let (slope, (y, again), (_, tangent)) = no_grad(|| {
        let f = |x: &V| x.powi(3);
        (grad(f, &x), value_and_grad(|x| grad(f, x), &x), jvp(f, &x, &V::constant(2.0)))
    });
    assert_eq!((slope.item(), y.item(), again.item(), tangent.item()), (27.0, 27.0, 18.0, 54.0));
    assert_eq!(slope.op(), "constant");
    assert_eq!(x.square().op(), "square");
}

#[test]
fn a_panic_inside_a_closure_leaves_the_engine_usable() {
    let x = number(3.0);
    let fits = |x: &V| V::new(array![1.0, 2.0]) + V::new(array![1.0, 2.0, 3.0]) + x;
    assert!(panic_of(|| no_grad(|| fits(&x))).is_some());
    assert_eq!(x.square().op(), "square", "recording is on again");
    assert!(panic_of(|| no_grad(|| grad(fits, &x))).is_some());
    assert_eq!(x.square().op(), "square");
    assert!(panic_of(|| grad(fits, &x)).is_some());
    assert!(panic_of(|| grad(|x| no_grad(|| fits(x)), &x)).is_some());
    assert!(panic_of(|| jvp(fits, &x, &V::constant(1.0))).is_some());
    assert_eq!(grad(|x| grad(|x| x.powi(3), x), &x).item(), 18.0);
    let inside = no_grad(|| {
        assert!(panic_of(|| grad(fits, &x)).is_some());
        x.square()
    });
    assert_eq!(inside.op(), "constant", "and still off where it was off");
    x.square().backward();
    assert_eq!(x.grad().item(), 6.0);
}

#[test]
fn detached_values_cut_the_gradient() {
    let x = number(3.0);
    (&x * x.detach()).backward();
    assert_eq!(x.grad().item(), 3.0);
    assert!(x.detach().try_backward().is_err());
    assert_eq!(grad(|x| x * x.square().detach(), &x).item(), 9.0);
}

#[test]
fn names_and_labels_show() {
    let w = number(2.0).with_label("w");
    let y = (&w * &w).with_label("loss");
    assert_eq!((w.op(), y.op(), (&y + 1.0).op(), V::constant(1.0).op()), ("leaf", "mul", "add", "constant"));
    assert_eq!(
        (w.label().as_deref(), w.clone().label().as_deref(), y.label().as_deref()),
        (Some("w"), Some("w"), Some("loss"))
    );
    assert!(
        format!("{y:.1e}").contains("4.0e0")
            && format!("{y}").contains("4")
            && format!("{y}").contains("loss")
            && format!("{y:?}").contains("mul")
    );
    y.backward();
    assert_eq!(w.grad().item(), 4.0, "a label does not change the record");
    let c = V::constant(1.0).with_label("c");
    assert_eq!((c.label().as_deref(), c.op()), (Some("c"), "constant"));
    assert!(c.try_backward().is_err(), "nor makes a constant a leaf");
}

/// Cotangents of parts are added in place to that of the whole, unless something else holds it.
#[test]
fn parts_that_overlap_add_up() {
    let x = Value::new(Array1::from_iter((0..6).map(f64::from)));
    let whole = &x + &x; // both inputs are given the same cotangent
    whole.retain_grad();
    let parts = [whole.slice(s![..4]), whole.slice(s![2..;2]), whole.slice(s![5])];
    let chosen = whole.index_select(0, [5, 0, 5]);
    let sum = whole.sum() + parts[0].sum() + 10.0 * parts[1].sum() + 100.0 * &parts[2] + chosen.sum();
    sum.backward();
    let want = array![3.0, 2.0, 12.0, 2.0, 11.0, 103.0].into_dyn();
    assert_eq!(whole.grad().data(), want);
    assert_eq!(x.grad().data(), &want * 2.0);
    assert_eq!(sum.grad_of(&[&whole])[0].data(), want);
}
