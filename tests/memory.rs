//! The memory of dropped results is used again, and never that of arrays which are still held.

use autodiff::optim::Adam;
use autodiff::{Value, memory};
use ndarray::Array1;

const LEN: usize = 1 << 14;

/// The bytes of an array, with those to spare for a start at a line of the cache.
const ARRAY: usize = 8 * LEN + 56;

/// One test: what is kept is the process's.
#[test]
fn memory_is_reused_bounded_and_returned() {
    let x = Value::new(Array1::<f64>::linspace(0.0, 1.0, LEN));
    let held = x.exp().data();
    let copy = held.to_owned();
    assert_eq!(memory::kept(), 0);

    // Dropped, and written again.
    let first = x.square().data().as_ptr();
    assert_eq!(memory::kept(), ARRAY);
    let again = (&x + 1.0).data();
    assert_eq!(again.as_ptr(), first);
    assert_eq!(memory::kept(), 0);
    assert!(again.iter().zip(x.data()).all(|(&y, x)| y == x + 1.0));

    // What a user holds is theirs.
    for _ in 0..3 {
        x.sin().data();
    }
    assert_eq!(held, copy);

    // Gradients too, with the same results.
    let gradient = |f: fn(&Value) -> Value| {
        x.zero_grad();
        f(&x).backward();
        x.grad().data().to_owned()
    };
    let f: fn(&Value) -> Value = |x| (x.exp() * x.sin()).sum();
    let one = gradient(f);
    gradient(|x| x.tanh().sum());
    assert_eq!(gradient(f), one);

    // They are added up where they lie, not as expressions that keep their terms.
    x.zero_grad();
    (0..20).for_each(|_| f(&x).backward());
    assert!(x.grad().data().iter().zip(&one).all(|(&sum, &x)| (sum - 20.0 * x).abs() <= 1e-13 * sum.abs()));
    x.zero_grad();
    assert!(memory::kept() <= 4 * ARRAY, "{} arrays are kept", memory::kept() / ARRAY);

    memory::release();
    assert_eq!(memory::kept(), 0);

    // What was given is not kept: nothing would ask for it, and what is given again and again would only grow.
    drop(Value::new(Array1::<f64>::zeros(LEN)));
    drop(Value::constant(Array1::<f64>::zeros(2 * LEN)).slice(ndarray::s![..LEN]));
    assert_eq!(memory::kept(), 0);

    // Updated parameters too, while the loss holds the old ones.
    let mut w = Value::new(Array1::<f64>::zeros(LEN));
    let mut optimizer = Adam::new(0.1);
    for _ in 0..20 {
        let loss = (&w - &x).square().sum();
        loss.backward();
        optimizer.step(&mut w);
    }
    assert!(memory::kept() <= 4 * ARRAY, "{} arrays are kept", memory::kept() / ARRAY);
    memory::release();

    // At most so much, the youngest.
    assert_eq!(memory::limit(), 1 << 30);
    memory::set_limit(2 * ARRAY);
    let many: Vec<_> = (0..5).map(|i| (&x + f64::from(i)).data()).collect();
    drop(many.into_iter().map(Value::new).collect::<Vec<_>>());
    assert_eq!(memory::kept(), 2 * ARRAY);
    memory::set_limit(0);
    assert_eq!(memory::kept(), 0);
    x.square().data();
    assert_eq!(memory::kept(), 0);
}
