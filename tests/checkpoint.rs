//! The memory of a chain of steps, with and without checkpoints.

use autodiff::{Value, checkpoint, memory};
use ndarray::{Array2, array};

/// Large enough for its memory to be kept.
const N: usize = 1 << 14;
const BYTES: usize = 8 * N;

/// The number of arrays alive at once: those whose memory is kept when all have been dropped.
fn most_alive(f: impl FnOnce()) -> usize {
    memory::release();
    f();
    memory::kept() / BYTES
}

/// One test: what is kept is the process's.
#[test]
fn memory_of_a_chain_grows_as_the_root_of_its_length() {
    let w = Value::new(array![[0.99]]);
    let x = Value::new(Array2::<f64>::ones((N, 1)));
    let plain = |n: usize| (0..n).fold(x.clone(), |y, _| y.matmul(&w)).sum().backward();
    let in_parts = |n: usize| {
        let side = n.isqrt();
        assert_eq!(side * side, n);
        let parts = (0..side).fold(x.clone(), |y, _| {
            let w = w.clone();
            checkpoint(move |y| (0..side).fold(y.clone(), |y, _| y.matmul(&w)), &y)
        });
        parts.sum().backward();
    };

    // The same gradients.
    plain(16);
    let expected = (x.grad(), w.grad());
    x.zero_grad();
    w.zero_grad();
    in_parts(16);
    assert!((x.grad() - expected.0).abs().max().item() < 1e-13);
    assert!((w.grad() - expected.1).abs().max().item() < 1e-8);

    let plain = [36, 144].map(|n| most_alive(|| plain(n)));
    let parts = [36, 144].map(|n| most_alive(|| in_parts(n)));
    println!("arrays alive at once, for 36 and 144 steps: {plain:?}, with checkpoints {parts:?}");
    assert!(plain[0] >= 36 && plain[1] >= 144, "{plain:?}");
    // Twice the root, and a few that the sweep itself holds.
    assert!(parts[0] <= 2 * 6 + 8 && parts[1] <= 2 * 12 + 8, "{parts:?}");
}
