//! Random expressions, computed fused and one operation at a time.

use autodiff::{Value, jvp, linearize, where_};
use autodiff_core::{Fusing, with_fusing};
use ndarray::{ArrayD, IxDyn};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Shapes that broadcast together, whatever is picked: whole, with missing axes, rows and columns.
const SPACES: [[usize; 3]; 6] = [[2, 3, 4], [1, 5, 7], [3, 1, 1], [2, 40, 33], [1, 1, 3000], [130, 2, 9]];

fn array(shape: &[usize], rng: &mut ChaCha8Rng) -> ArrayD<f64> {
    ArrayD::from_shape_simple_fn(IxDyn(shape), || rng.random_range(-1.5..1.5))
}

/// A leaf of the space's shape, or with some axes of length 1 or missing, in one of several layouts.
fn leaf(space: &[usize; 3], rng: &mut ChaCha8Rng) -> ArrayD<f64> {
    let shape: Vec<usize> = space.iter().map(|&n| if rng.random_range(0..4) == 0 { 1 } else { n }).collect();
    match rng.random_range(0..5) {
        0 => array(&shape[rng.random_range(0..3)..], rng),
        1 => array(&shape.iter().rev().copied().collect::<Vec<_>>(), rng).reversed_axes(),
        2 => {
            let wide: Vec<usize> = shape.iter().map(|&n| 2 * n).collect();
            array(&wide, rng).slice_move(ndarray::s![..;2, ..;-2, 1..;2]).into_dyn()
        }
        _ => array(&shape, rng),
    }
}

/// Values made from the leaves by random operations, of which some are looked at on the way.
fn expression(leaves: &[Value], seed: u64) -> Vec<Value> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values = leaves.to_vec();
    for _ in 0..rng.random_range(3..25) {
        let pick = |rng: &mut ChaCha8Rng| values[rng.random_range(0..values.len())].clone();
        let (a, b) = (pick(&mut rng), pick(&mut rng));
        let axis = if a.ndim() == 0 { 0 } else { rng.random_range(0..a.ndim()) };
        let has_axes = a.ndim() > 0;
        let next = match rng.random_range(0..18) {
            0 | 1 => &a + &b,
            2 | 3 => &a * &b,
            4 => &a - &b,
            5 => a.tanh(),
            6 => a.sigmoid() / (b.square() + 1.0),
            7 => a.maximum(&b),
            8 => where_(&a.gt(0.1), &a, 0.5 * &b),
            9 if has_axes => a.sum_keepdims(axis) * 0.1,
            10 if has_axes => a.mean_axis(axis),
            11 if has_axes => a.max_keepdims(axis),
            12 if has_axes => a.softmax(axis),
            13 if has_axes => a.logsumexp_keepdims(-1),
            14 => a.mean(),
            15 if has_axes => a.mean_keepdims([0, -1].as_slice().get(..a.ndim().min(2)).unwrap()),
            16 => {
                // Looked at: what follows starts from an array.
                let _ = a.data();
                a.sin()
            }
            _ => (&a * 0.5).exp() * 0.3,
        };
        // Shapes of reduced values may not broadcast with all others any more; those are used no further.
        if values.iter().all(|v| v.try_add(&next).is_ok()) {
            values.push(next);
        }
    }
    values
}

/// What is seen of an expression: values, gradients, gradients of a sum of gradients, and first and second tangents of some values.
fn outcome(inputs: &[ArrayD<f64>], seed: u64, fusing: Fusing) -> Vec<ArrayD<f64>> {
    with_fusing(fusing, || {
        let leaves: Vec<Value> = inputs.iter().cloned().map(Value::new).collect();
        let values = expression(&leaves, seed);
        let loss = values.iter().fold(Value::constant(0.0), |sum, v| sum + v.square().mean());
        loss.backward();
        let mut all: Vec<ArrayD<f64>> = values.iter().map(|v| v.data().to_owned()).collect();
        all.push(loss.data().to_owned());
        all.extend(leaves.iter().map(|x| x.grad().data().to_owned()));
        let wrt: Vec<&Value> = leaves.iter().collect();
        let slope = loss.grad_of(&wrt).iter().fold(Value::constant(0.0), |sum, g| sum + g.square().sum());
        if let Ok(second) = slope.try_grad_of(&wrt) {
            all.extend(second.iter().map(|g| g.data().to_owned()));
        }
        let tangents: Vec<Value> = leaves.iter().map(|x| Value::constant((x * 0.7).cos().data())).collect();
        for place in [leaves.len(), values.len() / 2, values.len() - 1].map(|i| i.min(values.len() - 1)) {
            let value = |x: &Vec<Value>| expression(x, seed).swap_remove(place);
            let tangent = |x: &Vec<Value>| jvp(value, x, &tangents).1;
            let (y, first) = jvp(value, &leaves, &tangents);
            let (_, second) = jvp(tangent, &leaves, &tangents);
            all.extend([y, first, second].map(|x| x.data().to_owned()));
        }
        all
    })
}

/// Elementwise operations give the same bits; sums differ in their order, and so in their rounding.
fn assert_close(got: &[ArrayD<f64>], want: &[ArrayD<f64>], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert_eq!(got.shape(), want.shape(), "{what}, array {i}");
        let scale = want.iter().fold(1.0_f64, |m, x| if x.abs() > m { x.abs() } else { m });
        for (&x, &y) in got.iter().zip(want) {
            let same = (x.is_nan() && y.is_nan()) || x == y || (x - y).abs() <= 1e-11 * scale;
            assert!(same, "{what}, array {i}: {x:e} fused, {y:e} one by one");
        }
    }
}

#[test]
fn random_expressions_are_the_same_fused_and_one_by_one() {
    // The last: a reduction that was an output before another step came to read it; one whose operand lies along an axis that is as
    // long as another; a maximum of elements that are computed again, with a sum in them.
    for seed in (0..100).chain([1953, 2021, 7121]) {
        let mut rng = ChaCha8Rng::seed_from_u64(1000 + seed);
        let space = SPACES[rng.random_range(0..SPACES.len())];
        let inputs: Vec<ArrayD<f64>> = (0..rng.random_range(1..4)).map(|_| leaf(&space, &mut rng)).collect();
        let want = outcome(&inputs, seed, Fusing::Never);
        for fusing in [Fusing::Always, Fusing::WhereItPays] {
            assert_close(&outcome(&inputs, seed, fusing), &want, &format!("seed {seed}, {fusing:?}"));
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (a, b) = (array(&[700, 300], &mut rng), array(&[1, 300], &mut rng));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (a, b) = (Value::new(a.clone()), Value::new(b.clone()));
            let loss = ((&a + &b).tanh().softmax(-1) * (&a + 2.0)).sum();
            loss.backward();
            (loss.item().to_bits(), a.grad().data(), b.grad().data())
        })
    };
    let one = run(1);
    for threads in [2, 3, 5] {
        assert!(run(threads) == one, "{threads} threads");
    }
}

/// A maximum and its tangent, which reads the maximum and all that it is of, are wanted together; and a pass has the maximum of a
/// column, or of very long rows, at its end.
#[test]
fn a_reduction_and_its_tangent_which_reads_it() {
    let numbers = |n: &[usize], scale: f64| {
        let mut k = 0.0;
        ArrayD::from_shape_simple_fn(IxDyn(n), || {
            k += 1.0;
            scale * (k * k * 0.01_f64).sin()
        })
    };
    let functions: [fn(&Value) -> Value; 6] = [
        |x| x.tanh().max_axis(0),
        |x| x.tanh().max(),
        |x| x.exp().min_axis(0),
        |x| x.tanh().norm_axis(0, f64::INFINITY),
        |x| x.max_axis(0),
        |x| x.square().logsumexp_axis(0),
    ];
    for shape in [[3000, 2], [9000, 1], [5, 600], [300, 300], [3, 1]] {
        for (i, f) in functions.into_iter().enumerate() {
            let outcome = |fusing: Fusing| {
                with_fusing(fusing, || {
                    let (x, t) = (Value::new(numbers(&shape, 1.0)), Value::constant(numbers(&shape, 0.5)));
                    let (y, dy) = jvp(f, &x, &t);
                    let (_, d2y) = jvp(|x| jvp(f, x, &t).1, &x, &t);
                    let (_, map) = linearize(f, &x);
                    [y, dy, d2y, map(&t)].map(|x| x.data().to_owned())
                })
            };
            let want = outcome(Fusing::Never);
            for fusing in [Fusing::Always, Fusing::WhereItPays] {
                assert_close(&outcome(fusing), &want, &format!("function {i} of {shape:?}, {fusing:?}"));
            }
        }
    }
}

/// What is the same to `==` is not the same work: a zero's sign decides what is divided by it.
#[test]
fn zeros_of_either_sign_are_two_numbers() {
    for fusing in [Fusing::Always, Fusing::WhereItPays, Fusing::Never] {
        with_fusing(fusing, || {
            let x = Value::new(ArrayD::from_elem(IxDyn(&[3000]), 1.0));
            let [plus, minus] = [0.0, -0.0].map(|zero| Value::new(ArrayD::from_elem(IxDyn(&[1]), zero)));
            assert!((&x / &plus).data().iter().all(|&y| y == f64::INFINITY), "{fusing:?}");
            assert!((&x / &plus + &x / &minus).data().iter().all(|y| y.is_nan()), "{fusing:?}, numbers");
            let [plus, minus] = [0.0, -0.0].map(|zero| (-&x).clamp(zero, 2.0).recip());
            assert!((plus + minus).data().iter().all(|y| y.is_nan()), "{fusing:?}, bounds");
        });
    }
}

/// There are 2^60 ways from the result to the input.
#[test]
fn what_is_shared_many_times_is_looked_at_once() {
    with_fusing(Fusing::Always, || {
        let x = Value::new(ArrayD::from_elem(IxDyn(&[3000]), 1.0));
        let y = (0..60).fold(x.clone(), |y, _| &y + &y);
        let mean = &y - y.mean();
        let loss = (y.sum() + mean.square().sum()) / 3000.0;
        loss.backward();
        assert_eq!(loss.item(), 2f64.powi(60));
        assert!(x.grad().data().iter().all(|&g| (g / (2f64.powi(60) / 3000.0) - 1.0).abs() < 1e-14));
    });
}

/// `ln(1 + e^-60)` beside a largest element of 0, in rows long and short; nothing where all are -inf.
#[test]
fn logsumexp_keeps_what_is_small_beside_its_largest() {
    for n in [2, 3000] {
        for fusing in [Fusing::Always, Fusing::Never] {
            with_fusing(fusing, || {
                let mut rows = ArrayD::from_elem(IxDyn(&[3, n]), f64::NEG_INFINITY);
                (rows[[0, 0]], rows[[0, 1]]) = (0.0, -60.0);
                (rows[[1, 0]], rows[[1, 1]]) = (0.0, 0.0);
                let x = Value::new(rows);
                let y = x.logsumexp_axis(-1);
                let loss = where_(&y.gt(f64::NEG_INFINITY), &y, 0.0).sum();
                loss.backward();
                assert_eq!(y.data().as_slice(), Some(&[(-60f64).exp(), 2f64.ln(), f64::NEG_INFINITY][..]));
                let g = x.grad().data();
                assert_eq!((g[[0, 0]], g[[1, 0]], g[[1, 1]], g[[2, 0]]), (1.0, 0.5, 0.5, 0.0));
            });
        }
    }
}

/// As many axes as a pass has, and one more that a sum has lost.
#[test]
fn the_most_axes_and_one_that_is_summed() {
    let shape = |at: &[(usize, usize)]| {
        let mut shape = vec![1; 64];
        at.iter().for_each(|&(axis, n)| shape[axis] = n);
        ndarray::IxDyn(&shape)
    };
    let x = Value::<f64>::new(ndarray::ArrayD::from_elem(shape(&[(0, 3000), (63, 4)]), 1.5));
    let b = Value::new(ndarray::ArrayD::from_elem(shape(&[(0, 2), (1, 3000)]), 0.5));
    let y = (x.exp().sum_axis(-1).unsqueeze(0) * 0.01 + b).tanh().sum();
    let want = 6000.0 * (0.04 * 1.5_f64.exp() + 0.5).tanh();
    assert!((y.item() / want - 1.0).abs() < 1e-12, "{y}");
    y.backward();
    assert_eq!(x.grad().shape(), x.shape());
}
