//! Derivatives of functions: structs, nesting, threads, panics, and what they cost.

use autodiff::{
    Parameters, Value, checkpoint, grad, hessian, hessian_diag, hvp, jacobian, jvp, linearize, no_grad,
    value_and_grad, value_and_grad_aux, vjp,
};
use ndarray::{Array2, array, s};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

type V = Value<f64>;

/// The message of a panic.
fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    crate::common::panic_of(|| drop(f())).expect("a panic").message
}

#[test]
fn powers_to_the_fifth_order() {
    let f = |x: &V| x.powi(4);
    let x = V::new(2.0);
    let f1 = |x: &V| grad(f, x);
    let f2 = |x: &V| grad(f1, x);
    let f3 = |x: &V| grad(f2, x);
    let f4 = |x: &V| grad(f3, x);
    let all = [f1(&x), f2(&x), f3(&x), f4(&x), grad(f4, &x)];
    assert_eq!(all.map(|d| d.item()), [32.0, 48.0, 48.0, 24.0, 0.0]);
}

#[derive(Clone)]
struct Spring {
    stiffness: V,
    ends: [V; 2],
    name: &'static str,
}
autodiff::parameters!(Spring { stiffness, ends });

#[test]
fn structs_have_gradients_of_their_kind() {
    let spring = Spring { stiffness: V::new(2.0), ends: [V::new(1.0), V::new(4.0)], name: "left" };
    let energy = |s: &Spring| 0.5 * &s.stiffness * (&s.ends[1] - &s.ends[0]).square();
    let (y, g, stretched) = value_and_grad_aux(|s: &Spring| (energy(s), s.ends[1].item() > 3.0), &spring);
    assert_eq!((y.item(), stretched, g.name), (9.0, true, "left"));
    assert_eq!((g.stiffness.item(), g.ends[0].item(), g.ends[1].item()), (4.5, -6.0, 6.0));
    // Of a gradient: how the force on an end depends on the stiffness.
    let mixed = grad(|s: &Spring| grad(energy, s).ends[1].clone(), &spring);
    assert_eq!(mixed.stiffness.item(), 3.0);
    let (y, (g, nothing)) = value_and_grad(|(a, b): &(V, Vec<V>)| a * b.len() as f64, &(V::new(1.0), vec![]));
    assert_eq!((y.item(), g.item(), nothing.len()), (0.0, 0.0, 0));
}

/// What is known of vectors, for structs.
#[test]
fn structs_are_vectors_of_their_numbers() {
    let spring = Spring {
        stiffness: V::new(2.0),
        ends: [V::new(array![[1.0, 5.0], [0.5, 1.5]]), V::new(array![[4.0, 7.0], [1.0, 0.0]]).t()],
        name: "left",
    };
    let energy =
        |s: &Spring| (0.5 * &s.stiffness * (&s.ends[1] - &s.ends[0]).square()).sum() * s.ends[0].prod();
    let at = spring.to_vector();
    assert_eq!(at.data(), array![2.0, 1.0, 5.0, 0.5, 1.5, 4.0, 1.0, 7.0, 0.0].into_dyn());
    let back = spring.with_vector(&at);
    assert_eq!((back.name, back.ends[1].data()), ("left", spring.ends[1].data()));
    let f = |v: &V| energy(&spring.with_vector(v));
    assert_eq!(grad(f, &at).data(), grad(energy, &spring).to_vector().data());
    // Rows of the matrix are derivatives of the gradient in the directions of single numbers.
    let h = hessian(f, &at);
    assert_eq!(h.shape(), [9, 9]);
    for i in 0..9 {
        let mut one = ndarray::Array1::<f64>::zeros(9);
        one[i] = 1.0;
        let row = hvp(energy, &spring, &spring.with_vector(&V::constant(one))).to_vector();
        close(&row, &h.data().index_axis(ndarray::Axis(0), i));
    }
    // Gradients reach the leaves through the vector.
    (at * V::constant(ndarray::Array1::range(0.0, 9.0, 1.0))).backward();
    assert_eq!(spring.stiffness.grad().item(), 0.0);
    assert_eq!(spring.ends[0].grad().data(), array![[1.0, 2.0], [3.0, 4.0]].into_dyn());

    assert_eq!(Vec::<V>::new().to_vector().shape(), [0]);
    assert!(Vec::<V>::new().with_vector(&V::zeros([0])).is_empty());
    let single = V::new(3.0);
    assert_eq!((single.to_vector().shape(), single.with_vector(&single.to_vector()).item()), (&[1][..], 3.0));
    let message = |v: V| spring.try_with_vector(&v).err().unwrap().to_string();
    assert_eq!(message(V::zeros([8])), "with_vector: got shape [8], expected [9]");
    assert_eq!(message(V::zeros([9, 1])), "with_vector: got shape [9, 1], expected [9]");
}

#[test]
fn matrices_of_derivatives_have_the_shapes_of_result_and_input() {
    let x = V::new(Array2::from_shape_fn((2, 3), |(i, j)| (1 + i + 2 * j) as f64));
    let tall = jacobian(|x| V::concat(&[x.square(), x.sin()], 0), &x);
    assert_eq!(tall.shape(), [4, 3, 2, 3]);
    let wide = jacobian(|x| x.sum_axis(1).square(), &x);
    assert_eq!(wide.shape(), [2, 2, 3]);
    assert_eq!(wide.data()[[1, 1, 2]], 2.0 * x.sum_axis(1).data()[1]);
    assert_eq!(wide.data()[[1, 0, 2]], 0.0);
    assert_eq!(jacobian(|x| x.sum(), &x).shape(), [2, 3]);
    assert_eq!(jacobian(|x| x * V::new(array![1.0, 2.0]), &V::new(3.0)).data(), array![1.0, 2.0].into_dyn());
    assert_eq!(
        jacobian(|_| V::constant(array![1.0, 2.0]), &x).data(),
        ndarray::ArrayD::<f64>::zeros(vec![2, 2, 3])
    );
    assert_eq!(jacobian(|x| x.reshape([0]), &V::new(Array2::zeros((2, 0)))).shape(), [0, 2, 0]);
    let h = hessian(|x| x.sin().sum().square(), &x);
    assert_eq!(h.shape(), [2, 3, 2, 3]);
    let diagonal = hessian_diag(|x| x.sin().sum().square(), &x);
    assert_eq!(diagonal.data()[[1, 2]], h.data()[[1, 2, 1, 2]]);
    let v = V::constant(Array2::from_shape_fn((2, 3), |(i, j)| (i as f64) - (j as f64)));
    let product = (h * &v).sum_axis([2, 3]) - hvp(|x| x.sin().sum().square(), &x, &v);
    assert!(product.abs().max().item() < 1e-13);
    // Third derivatives.
    let third = jacobian(|x| hessian(|x| x.powi(3).sum(), x), &V::new(array![1.0, 2.0]));
    assert_eq!((third.sum().item(), third.data()[[1, 1, 1]]), (12.0, 6.0));
}

#[test]
fn linear_maps_are_called_as_often_as_one_likes() {
    let x = V::new(array![1.0, 2.0]);
    let (y, push) = linearize(|x| x.square(), &x);
    let (z, pull) = vjp(|x| x.square(), &x);
    assert_eq!(y.data(), z.data());
    for i in 0..3 {
        let t = V::constant(array![f64::from(i), 1.0]);
        assert_eq!(push(&t).data(), pull(&t).data());
    }
    let (push, pull) = (panic_of(|| push(&V::new(1.0))), panic_of(|| pull(&V::new(1.0))));
    assert_eq!(
        push,
        "linearize: got a tangent of shape [] for an input of shape [2]; expected the same shape"
    );
    assert_eq!(pull, "vjp: got a cotangent of shape [] for a result of shape [2]; expected the same shape");
    // By what the function captured, too.
    let w = V::new(3.0);
    let (_, pull) = vjp(|x| x * &w, &x);
    assert_eq!(grad(|_| pull(&V::constant(array![1.0, 1.0])).sum(), &w).item(), 0.0);
    assert_eq!(pull(&V::constant(array![1.0, 1.0])).sum().grad_of(&[&w])[0].item(), 2.0);
}

#[test]
fn derivatives_of_derivatives_on_many_threads() {
    let x = V::new(array![0.3, -0.7, 1.1]);
    let f = |x: &V| (x.sin() * x.sum()).exp().sum();
    let expected = hessian(f, &x);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(hessian(f, &x).data(), expected.data());
                    let v = V::constant(array![1.0, 0.0, 0.0]);
                    let third = grad(|x| hvp(f, x, &v).sum(), &x);
                    assert_eq!(third.shape(), [3]);
                }
            });
        }
    });
}

#[test]
fn a_panic_in_a_closure_leaves_the_next_call_right() {
    let x = V::new(2.0);
    for _ in 0..2 {
        assert_eq!(panic_of(|| grad(|x: &V| no_grad(|| panic!("no {}", x.item())), &x)), "no 2");
        assert_eq!(panic_of(|| hessian(|_: &V| -> V { panic!("none") }, &x)), "none");
        let calls = AtomicUsize::new(0);
        let broken = checkpoint(
            move |x| if calls.fetch_add(1, Ordering::Relaxed) == 0 { x.square() } else { panic!("later") },
            &x,
        );
        assert_eq!(panic_of(|| broken.backward()), "later");
        let hooked = x.hook_grad(|_| panic!("hook")).square();
        assert_eq!(panic_of(|| hooked.backward()), "hook");
        assert_eq!(hessian(|x| x.powi(3), &x).item(), 12.0);
        assert_eq!(x.grad().item(), 0.0);
    }
}

#[test]
fn what_a_checkpoint_captured_has_its_gradient() {
    let x = V::new(array![1.0, -2.0]);
    // The input itself, and a value of another thread, which has recorded before, and works for the function.
    let (ask, asked) = channel::<V>();
    let (answer, answered) = channel();
    let worker = std::thread::spawn(move || {
        let own = V::new(3.0);
        asked.iter().for_each(|x| answer.send((x.square() * &own, own.clone())).expect("there is a reader"));
    });
    let elsewhere = move |x: &V| {
        ask.send(x.clone()).expect("the thread is there");
        answered.recv().expect("it answers")
    };
    let (_, own) = elsewhere(&x);
    let (elsewhere, captured) = (Mutex::new(elsewhere), x.clone());
    let f = move |x: &V| {
        let elsewhere = elsewhere.lock().expect("no thread has panicked");
        elsewhere(x).0 * &captured + elsewhere(&captured).0.sin()
    };
    let y = checkpoint(f, &x);
    // own x^3 + sin(own x^2)
    let (x2, own2) = (x.detach(), own.detach());
    let argument = &own2 * x2.square();
    let dx = 3.0 * &own2 * x2.square() + 2.0 * &own2 * &x2 * argument.cos();
    let down = (x2.powi(3) + x2.square() * argument.cos()).sum();
    y.backward();
    close(&x.grad(), &dx.data());
    close(&own.grad(), &down.data());
    let [first] = y.grad_of(&[&x]).try_into().expect("one");
    let [second] = first.grad_of(&[&own]).try_into().expect("one");
    let slope = 3.0 * x2.square() + 2.0 * &x2 * argument.cos() - 2.0 * &x2 * &argument * argument.sin();
    close(&second, &slope.sum().data());
    drop(y);
    worker.join().expect("it ends with its last task");
}

#[test]
fn a_checkpoint_runs_once_more_for_all_tangents() {
    let runs = AtomicUsize::new(0);
    let runs: &'static AtomicUsize = Box::leak(Box::new(runs));
    let f = |p: &[V; 3]| {
        let [x, a, b] = p.clone();
        let part = move |x: &V| {
            runs.fetch_add(1, Ordering::Relaxed);
            (&a * x).sin() * &b
        };
        checkpoint(part, &x).sum()
    };
    let x = [0.5, 2.0, 3.0].map(|c| V::new(array![c, c + 1.0]));
    let t = [1.0, -1.0, 0.5].map(|c| V::constant(array![c, 2.0]));
    let plain = |p: &[V; 3]| ((&p[1] * &p[0]).sin() * &p[2]).sum();
    close(&jvp(f, &x, &t).1, &jvp(plain, &x, &t).1.data());
    assert_eq!(runs.load(Ordering::Relaxed), 2);
}

#[test]
fn inside_no_grad_derivatives_are_constants() {
    let x = V::new(array![1.0, 2.0]);
    no_grad(|| {
        let f = |x: &V| x.powi(3).sum();
        assert_eq!(hessian(f, &x).sum().item(), 18.0);
        assert!(hessian(f, &x).id().is_none());
        let (y, pull) = vjp(|x| x.square(), &x);
        assert!(y.id().is_none() && pull(&y).id().is_none());
        assert!(jacobian(|x| x.square(), &x).id().is_none());
        assert!(checkpoint(|x| x.square(), &x).id().is_none());
    });
}

/// Of a tuple, derivatives are those by one vector that holds all, in parts.
#[test]
fn derivatives_by_tuples_are_parts_of_those_by_the_whole() {
    type Pair = (V, Vec<V>);
    let whole = V::new(array![0.5, -1.0, 2.0, 0.3]);
    let parts = |x: &V| -> Pair { (x.slice(s![..2]), vec![x.slice(s![2]), x.slice(s![3..])]) };
    let join = |(a, rest): &Pair| V::concat(&[a.clone(), rest[0].unsqueeze(0), rest[1].clone()], 0);
    let leaves = parts(&whole.detach());
    let directions = V::constant(array![1.0, -2.0, 0.5, 3.0]);
    // Fewer and more elements than there are inputs: reverse and forward mode.
    let few = |x: &V| (x.sin() * x.sum()).slice(s![..2]);
    let many = |x: &V| V::concat(&[x.exp(), x.square() * x.sum()], 0);
    let functions: [&(dyn Fn(&V) -> V + Sync); 2] = [&few, &many];
    for f in functions {
        let of_parts = |x: &Pair| f(&join(x));
        let j = jacobian(f, &whole).data();
        let (by_a, rest) = jacobian(of_parts, &leaves);
        close(&by_a, &j.slice(s![.., ..2]));
        close(&rest[0], &j.slice(s![.., 2]));
        close(&rest[1], &j.slice(s![.., 3..]));

        let (y, dy) = jvp(of_parts, &leaves, &parts(&directions));
        close(&y, &f(&whole).data());
        close(&dy, &jvp(f, &whole, &directions).1.data());
        close(&linearize(of_parts, &leaves).1(&parts(&directions)), &dy.data());

        let weights = y.detach();
        close(&join(&vjp(of_parts, &leaves).1(&weights)), &vjp(f, &whole).1(&weights).data());
        let loss = |x: &V| f(x).square().sum();
        close(
            &join(&hvp(|x| loss(&join(x)), &leaves, &parts(&directions))),
            &hvp(loss, &whole, &directions).data(),
        );
    }
    let (by_a, _) = no_grad(|| jacobian(|x| few(&join(x)), &leaves));
    assert_eq!(by_a.op(), "constant");
    // Derivatives by parts can be differentiated again, and what a function does not use has zeros.
    let second =
        grad(|x| jacobian(|(a, b): &(V, V)| a.powi(3) + b.detach(), &(x.clone(), x.clone())).0, &V::new(2.0));
    assert_eq!(second.item(), 12.0);
    let (_, unused) = jacobian(|(a, _): &(V, V)| a.square(), &(V::new(2.0), V::new(array![1.0, 2.0])));
    assert_eq!(unused.data(), array![0.0, 0.0].into_dyn());
    let (of_none, by_none) = jacobian(|(a, b): &(V, V)| a * b.sum(), &(V::new(2.0), V::zeros(0)));
    assert_eq!((of_none.item(), by_none.shape()), (0.0, &[0][..]));
}

/// What is made from constants alone is a constant; steps from one to the next do not keep those before.
#[test]
fn derivatives_at_constants_are_constants() {
    let f = |x: &V| (x.sin() * x).sum();
    let (x, t) = (V::constant(array![0.5, 1.0]), V::constant(array![1.0, 2.0]));
    let (w, leaf) = (V::new(2.0), V::new(array![1.0, 1.0]));
    let by_captured = |x: &V| (x.sin() * &w).sum();
    let all = |f: &dyn Fn(&V) -> V, t: &V| {
        let ((y, g), (z, dz)) = (value_and_grad(f, &x), jvp(f, &x, t));
        let ((_, push), (_, pull)) = (linearize(|x| grad(f, x), &x), vjp(|x| grad(f, x), &x));
        vec![y, g, z, dz, hvp(f, &x, t), push(t), pull(t), jacobian(f, &x), hessian(f, &x)]
    };
    assert!(all(&f, &t).iter().all(|d| d.op() == "constant" && d.id().is_none()));
    // Of what it captured, or of the direction, it is still to be differentiated.
    assert!(all(&by_captured, &t).iter().all(|d| d.id().is_some()));
    let along = [3, 4, 5, 6].map(|i| all(&f, &leaf)[i].id().is_some());
    assert_eq!(along, [true; 4]);
    let second = grad(|x| grad(f, x).sum(), &x);
    assert_eq!((second.op(), second.data()), ("constant", hvp(f, &x, &V::constant(array![1.0, 1.0])).data()));
    grad(by_captured, &x).backward();
    assert_eq!(w.grad().item(), 0.5_f64.cos() + 1.0_f64.cos());
    // Beside a leaf.
    let (da, db) = grad(|(a, b): &(V, V)| a * b.square(), &(V::new(3.0), V::constant(5.0)));
    assert!(da.op() == "constant" && db.id().is_some());
    // A leaf that the function makes.
    let made = Mutex::new(None);
    let g = grad(
        |x| {
            let own = V::new(4.0);
            *made.lock().unwrap() = Some(own.clone());
            (x * own).sum()
        },
        &x,
    );
    assert_eq!(g.grad_of(&[&made.lock().unwrap().take().unwrap()])[0].item(), 2.0);
}

/// What other threads have recorded before, under larger numbers, is not gone through.
#[test]
fn a_sweep_ends_at_what_was_captured() {
    let called = std::sync::Arc::new(AtomicUsize::new(0));
    let count = called.clone();
    let c = std::thread::spawn(move || {
        let c = V::new(2.0).hook_grad(move |g| {
            count.fetch_add(1, Ordering::Relaxed);
            g.clone()
        });
        (0..5000).fold(c, |c, _| c * 1.0)
    });
    let c = c.join().unwrap();
    let x = V::new(3.0);
    assert_eq!(grad(|x| x * &c, &x).item(), 2.0);
    assert_eq!(called.load(Ordering::Relaxed), 0);
}

#[track_caller]
fn close<S: ndarray::Data<Elem = f64>, D: ndarray::Dimension>(got: &V, want: &ndarray::ArrayBase<S, D>) {
    assert_eq!(got.shape(), want.shape());
    let apart = got.data().iter().zip(want).any(|(a, b)| (a - b).abs() > 1e-13 * (1.0 + b.abs()));
    assert!(!apart, "got {:?}, expected {want:?}", got.data());
}

#[test]
fn directions_of_another_number_are_mistakes() {
    let x = vec![V::new(1.0), V::new(2.0)];
    let one = vec![V::constant(1.0)];
    let message = |e: autodiff::Error| e.to_string();
    let f = |x: &Vec<V>| &x[0] * &x[1];
    assert_eq!(message(autodiff::try_jvp(f, &x, &one).unwrap_err()), "jvp: got 1 tangents, expected 2");
    assert_eq!(message(autodiff::try_hvp(f, &x, &one).unwrap_err()), "hvp: got 1 directions, expected 2");
}
