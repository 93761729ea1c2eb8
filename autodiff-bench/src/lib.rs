//! What is measured: workloads defined once, for every element type and backend.
//!
//! A workload makes its inputs when it is built. Each call then computes a number from them and differentiates
//! it with respect to all of them, as a user's program would.
#![forbid(unsafe_code)]

use autodiff_core::{Backend, Scalar, Value};
use ndarray::{ArrayD, Dimension, IntoDimension};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A computation to time.
pub struct Workload<T: Scalar, B: Backend<T>> {
    /// The kind of work, by which results are grouped.
    pub family: &'static str,
    /// The workload's name within its family: its size.
    pub name: &'static str,
    inputs: fn() -> Vec<Value<T, B>>,
    f: fn(&[Value<T, B>]) -> Value<T, B>,
}

impl<T: Scalar, B: Backend<T>> Workload<T, B> {
    /// Makes the inputs, and returns what is to be timed: one evaluation and its gradients.
    pub fn build(&self) -> impl FnMut() -> T + use<T, B> {
        let (inputs, f) = ((self.inputs)(), self.f);
        move || {
            inputs.iter().for_each(Value::zero_grad);
            let y = f(&inputs);
            y.backward();
            y.item()
        }
    }
}

/// A leaf of uniform numbers within half a unit of 0; `salt` tells equal shapes apart.
fn leaf<T: Scalar, B: Backend<T>>(shape: impl IntoDimension, salt: u64) -> Value<T, B> {
    scaled(shape, 1.0, salt)
}

fn scaled<T: Scalar, B: Backend<T>>(shape: impl IntoDimension, scale: f64, salt: u64) -> Value<T, B> {
    let mut rng = ChaCha8Rng::seed_from_u64(salt);
    let shape = shape.into_dimension().into_dyn();
    Value::new(ArrayD::from_shape_simple_fn(shape, || T::of(scale * rng.random_range(-0.5..0.5))))
}

/// All workloads.
pub fn workloads<T: Scalar, B: Backend<T>>() -> Vec<Workload<T, B>> {
    let elementwise = |x: &[Value<T, B>]| ((&x[0] + &x[1]).tanh() * (&x[0] + T::of(2.0))).sum();
    let product = |x: &[Value<T, B>]| x[0].matmul(&x[1]).square().sum();
    vec![
        Workload {
            family: "scalar_chain",
            name: "20001_nodes",
            inputs: || [0.5, 0.999, 0.001].map(|x| Value::new(T::of(x))).into(),
            f: |x| (0..10_000).fold(x[0].clone(), |y, _| y * &x[1] + &x[2]).tanh(),
        },
        Workload {
            family: "elementwise",
            name: "2x3",
            inputs: || vec![leaf((2, 3), 0), leaf((1, 3), 1)],
            f: elementwise,
        },
        Workload {
            family: "elementwise",
            name: "1024x1024",
            inputs: || vec![leaf((1024, 1024), 0), leaf((1, 1024), 1)],
            f: elementwise,
        },
        Workload { family: "matmul", name: "8", inputs: || squares(8), f: product },
        Workload { family: "matmul", name: "256", inputs: || squares(256), f: product },
        Workload { family: "matmul", name: "1024", inputs: || squares(1024), f: product },
        Workload {
            family: "batched_matmul",
            name: "4096x8x8",
            inputs: || vec![leaf((4096, 8, 8), 0), leaf((4096, 8, 8), 1)],
            f: product,
        },
        Workload {
            family: "batched_matmul",
            name: "64x128x128",
            inputs: || vec![leaf((64, 128, 128), 0), leaf((64, 128, 128), 1)],
            f: product,
        },
        Workload {
            family: "batched_matmul",
            name: "broadcast_32x32x64x64",
            inputs: || vec![leaf((32, 1, 64, 64), 0), leaf((1, 32, 64, 64), 1)],
            f: product,
        },
        Workload {
            family: "reductions",
            name: "logsumexp_4096x1024",
            inputs: || vec![leaf((4096, 1024), 0)],
            f: |x| x[0].logsumexp_axis(-1).sum(),
        },
        Workload {
            family: "reductions",
            name: "softmax_4096x1024",
            inputs: || vec![leaf((4096, 1024), 0), leaf((4096, 1024), 1)],
            f: |x| (x[0].softmax(-1) * &x[1]).sum(),
        },
        Workload {
            family: "network",
            name: "mlp_128x784x512x512x10",
            inputs: || {
                // Weights as large as keeps the size of what they multiply.
                let layer = |n: usize, m: usize, salt| {
                    [scaled((n, m), 2.0 / (n as f64).sqrt(), salt), leaf([m], 10 + salt)]
                };
                let layers = [layer(784, 512, 1), layer(512, 512, 2), layer(512, 10, 3)];
                std::iter::once(leaf((128, 784), 0)).chain(layers.into_iter().flatten()).collect()
            },
            f: |x| {
                let hidden = (x[0].matmul(&x[1]) + &x[2]).tanh();
                let hidden = (hidden.matmul(&x[3]) + &x[4]).tanh();
                (hidden.matmul(&x[5]) + &x[6]).cross_entropy((0..128).map(|i| i % 10))
            },
        },
    ]
}

fn squares<T: Scalar, B: Backend<T>>(n: usize) -> Vec<Value<T, B>> {
    vec![leaf((n, n), 0), leaf((n, n), 1)]
}
