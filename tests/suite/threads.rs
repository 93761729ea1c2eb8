//! Threads that share leaves, each with records of its own.

use autodiff::{Value, grad, no_grad};
use ndarray::array;
use std::sync::{Arc, Barrier};
use std::thread;

type V = Value<f64>;

#[test]
fn values_can_be_sent_and_shared() {
    fn check<X: Send + Sync + Clone + 'static>() {}
    check::<V>();
    check::<Value<f32>>();
    check::<autodiff::Mask>();
    check::<autodiff::Error>();
}

#[test]
fn sweeps_on_many_threads_lose_no_gradient() {
    let (threads, rounds) = (8, 500);
    let number = V::new(3.0);
    let vector = V::new(array![1.0, 2.0, 3.0]);
    let start = Barrier::new(threads);
    thread::scope(|scope| {
        for i in 0..threads {
            let (number, vector, start) = (&number, &vector, &start);
            scope.spawn(move || {
                start.wait();
                for _ in 0..rounds {
                    (number * number * i as f64 + vector.sum()).backward();
                }
            });
        }
    });
    let weights: usize = (0..threads).sum();
    assert_eq!(number.grad().item(), (6 * weights * rounds) as f64);
    assert_eq!(vector.grad().data(), array![1.0, 1.0, 1.0].into_dyn() * (threads * rounds) as f64);
}

#[test]
fn one_record_can_be_swept_on_many_threads() {
    let x = V::new(array![1.0, 2.0]);
    let h = x.square();
    h.retain_grad();
    let y = Arc::new((&h * &h).sum());
    let sweeps: Vec<_> = (0..8)
        .map(|_| {
            let (x, y) = (x.clone(), y.clone());
            thread::spawn(move || {
                for _ in 0..100 {
                    y.backward();
                    assert_eq!(y.grad_of(&[&x])[0].data(), array![4.0, 32.0].into_dyn());
                }
            })
        })
        .collect();
    sweeps.into_iter().for_each(|sweep| sweep.join().unwrap());
    assert_eq!(x.grad().data(), array![3200.0, 25600.0].into_dyn());
    assert_eq!(h.grad().data(), array![1600.0, 6400.0].into_dyn());
}

#[test]
fn two_leaves_in_either_order_do_not_deadlock() {
    let (a, b) = (V::new(2.0), V::new(3.0));
    thread::scope(|scope| {
        let (a, b) = (&a, &b);
        scope.spawn(move || (0..2000).for_each(|_| (a * b).backward()));
        scope.spawn(move || (0..2000).for_each(|_| (b * a).backward()));
        scope.spawn(move || (0..2000).for_each(|_| drop((a.grad(), b.grad()))));
        scope.spawn(move || (0..2000).for_each(|_| drop(format!("{a} {b:?}"))));
    });
    assert_eq!((a.grad().item(), b.grad().item()), (12000.0, 8000.0));
}

#[test]
fn records_cross_threads() {
    let x = V::new(2.0);
    // Built on one thread, continued on another, swept on a third, dropped on a fourth.
    let y = thread::scope(|scope| scope.spawn(|| x.square()).join().unwrap());
    let z = thread::spawn(move || y.powi(3)).join().unwrap();
    let swept = z.clone();
    thread::spawn(move || swept.backward()).join().unwrap();
    thread::spawn(move || drop(z)).join().unwrap();
    assert_eq!(x.grad().item(), 192.0);
}

#[test]
fn recording_is_switched_for_one_thread_alone() {
    let x = V::new(3.0);
    let (off, done) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            no_grad(|| {
                off.wait();
                done.wait();
                assert_eq!(x.square().op(), "constant");
            })
        });
        off.wait();
        assert_eq!(x.square().op(), "square");
        no_grad(|| {
            thread::scope(|inner| {
                inner.spawn(|| assert_eq!(x.square().op(), "square", "a new thread records"));
            });
        });
        done.wait();
    });
}

#[test]
fn nested_gradients_on_many_threads() {
    let x = V::new(2.0);
    let f = |x: &V| x.powi(4);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let second = |x: &V| grad(f, x);
                    let third = |x: &V| grad(second, x);
                    assert_eq!(
                        [grad(f, &x), grad(second, &x), grad(third, &x)].map(|d| d.item()),
                        [32.0, 48.0, 48.0]
                    );
                }
            });
        }
    });
    assert_eq!(x.grad().item(), 0.0);
}

#[test]
fn a_thread_that_panics_harms_no_other() {
    let x = V::new(array![1.0, 2.0]);
    thread::scope(|scope| {
        for i in 0..8 {
            let x = &x;
            scope.spawn(move || {
                for _ in 0..100 {
                    let panic = crate::common::panic_of(|| match i % 4 {
                        0 => grad(|x| x + V::new(array![1.0, 2.0, 3.0]), x),
                        1 => no_grad(|| grad(|_| panic!("a user's error"), x)),
                        2 => {
                            x.square().backward_with(1.0);
                            unreachable!("the seed's shape is wrong")
                        }
                        _ => {
                            x.square().backward();
                            panic!("after a sweep")
                        }
                    });
                    assert!(panic.is_some());
                }
            });
        }
    });
    assert_eq!(x.grad().data(), array![400.0, 800.0].into_dyn(), "of the sweeps that were made");
}

#[test]
fn labels_and_kept_gradients_can_be_set_at_any_time() {
    let x = V::new(1.0);
    let y = x.square();
    thread::scope(|scope| {
        for i in 0..8 {
            let (x, y) = (&x, &y);
            scope.spawn(move || {
                for _ in 0..200 {
                    let named = x.clone().with_label(format!("x{i}"));
                    assert!(named.label().is_some_and(|label| label.starts_with('x')));
                    y.retain_grad();
                    y.backward();
                }
            });
        }
    });
    assert_eq!((x.grad().item(), y.grad().item()), (3200.0, 1600.0));
}

/// Large gradients of one leaf, which are added on several threads, from tasks that a waiting thread runs too.
#[test]
fn sweeps_in_tasks_add_to_one_leaf() {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(6).build().unwrap();
    let (n, tasks) = (300_000, 200);
    let (w, x) = (V::new(ndarray::Array1::<f64>::ones(n)), V::constant(ndarray::Array1::from_elem(n, 0.5)));
    threads.scope(|scope| {
        for _ in 0..tasks {
            scope.spawn(|_| (&w * &x).square().sum().backward());
        }
    });
    assert!(w.grad().data().iter().all(|&g| g == 0.5 * f64::from(tasks)));
}

/// A reader sees the sum before or after what is being added; one that has swept sees what it has brought.
#[test]
fn a_gradient_can_be_read_and_forgotten_while_others_add_to_it() {
    let w = V::new(ndarray::Array1::<f64>::ones(100_000));
    let (rounds, start) = (100, Barrier::new(4));
    let sweep = || (&w * 2.0).sum().backward();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                start.wait();
                for i in 1..=rounds {
                    sweep();
                    let g = w.grad().data();
                    assert!(g[0] >= 2.0 * f64::from(i) && g.iter().all(|&x| x == g[0]), "{}", g[0]);
                }
            });
        }
        start.wait();
    });
    assert_eq!(w.grad().data()[99_999], 600.0);
    thread::scope(|scope| {
        scope.spawn(|| (0..rounds).for_each(|_| sweep()));
        scope.spawn(|| (0..rounds).for_each(|_| w.zero_grad()));
    });
    w.zero_grad();
    sweep();
    assert_eq!(w.grad().data()[7], 2.0);
}
