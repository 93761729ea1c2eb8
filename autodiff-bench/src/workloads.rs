//! The workloads: what is computed and differentiated, defined once for every element type and backend.

use crate::floors::Work;
use crate::inputs::array;
use autodiff::optim::Adam;
use autodiff_core::{Backend, Scalar, Triangle, Value, hessian, hvp};
use ndarray::{Array2, ArrayD, s};

/// A computation to time, with its inputs made.
pub trait Cell {
    /// Computes the workload's number and its gradients once.
    fn call(&mut self) -> f64;

    /// The Euclidean norm of all gradients of the last call.
    fn gradient_norm(&self) -> f64;
}

type Build = Box<dyn Fn() -> Box<dyn Cell>>;

/// A workload by name.
pub struct Workload {
    /// The name, as in `"W2_elt_1024"`: the same for every peer.
    pub name: String,
    /// The least that its value and gradients take.
    pub work: Work,
    build: Build,
}

impl Workload {
    fn new(name: impl Into<String>, work: Work, build: impl Fn() -> Box<dyn Cell> + 'static) -> Self {
        Workload { name: name.into(), work, build: Box::new(build) }
    }

    /// Makes the inputs.
    pub fn build(&self) -> Box<dyn Cell> {
        (self.build)()
    }

    /// The kind of work, by which results are grouped: `"W2_elt"`.
    pub fn family(&self) -> &str {
        let end = self.name.match_indices('_').nth(1).map_or(self.name.len(), |(at, _)| at);
        &self.name[..end]
    }
}

/// A function of leaves with a number as its result, differentiated with respect to all of them.
struct Gradient<T: Scalar, B: Backend<T>, F> {
    leaves: Vec<Value<T, B>>,
    f: F,
}

impl<T: Scalar, B: Backend<T>, F: Fn(&[Value<T, B>]) -> Value<T, B>> Cell for Gradient<T, B, F> {
    fn call(&mut self) -> f64 {
        self.leaves.iter().for_each(Value::zero_grad);
        let y = (self.f)(&self.leaves);
        y.backward();
        y.item().as_f64()
    }

    fn gradient_norm(&self) -> f64 {
        norm(self.leaves.iter().map(Value::grad))
    }
}

/// A function whose result is itself a derivative; its number is the sum of the elements.
struct Derivative<T: Scalar, B: Backend<T>, F> {
    f: F,
    last: Option<Value<T, B>>,
}

impl<T: Scalar, B: Backend<T>, F: Fn() -> Value<T, B>> Cell for Derivative<T, B, F> {
    fn call(&mut self) -> f64 {
        let y = (self.f)();
        let sum = y.sum().item().as_f64();
        self.last = Some(y);
        sum
    }

    fn gradient_norm(&self) -> f64 {
        norm(self.last.iter().cloned())
    }
}

fn norm<T: Scalar, B: Backend<T>>(values: impl Iterator<Item = Value<T, B>>) -> f64 {
    values.map(|v| v.data().iter().map(|x| x.as_f64().powi(2)).sum::<f64>()).sum::<f64>().sqrt()
}

/// A workload of leaves alone.
fn gradient<T: Scalar, B: Backend<T>>(
    name: impl Into<String>,
    work: Work,
    inputs: impl Fn() -> Vec<ArrayD<T>> + 'static,
    f: impl Fn(&[Value<T, B>]) -> Value<T, B> + Copy + 'static,
) -> Workload {
    Workload::new(name, work, move || {
        Box::new(Gradient { leaves: inputs().into_iter().map(Value::new).collect(), f })
    })
}

fn constant<T: Scalar, B: Backend<T>>(shape: &[usize], salt: u64) -> Value<T, B> {
    Value::constant(array::<T>(shape, salt))
}

/// All workloads, on one element type and backend.
pub fn workloads<T: Scalar, B: Backend<T>>() -> Vec<Workload> {
    let mut all = vec![chain::<T, B>("W1_scalar_chain", 10_000)];
    for (rows, columns, size) in
        [(2, 3, "2x3"), (32, 16, "32x16"), (1024, 1024, "1024"), (4096, 4096, "4096")]
    {
        all.push(elementwise::<T, B>(&format!("W2_elt_{size}"), rows, columns));
    }
    for n in [256, 1024, 2048] {
        all.extend(product::<T, B>(&format!("W3_matmul_{n}"), &[n, n], &[n, n], &[n, n]));
    }
    for (n, m) in [(4096, 8), (1024, 32), (64, 128)] {
        all.extend(product::<T, B>(&format!("W4_bmm_{n}x{m}"), &[n, m, m], &[n, m, m], &[n, m, m]));
    }
    let (a, b, c) = ([32, 1, 64, 64], [1, 32, 64, 64], [32, 32, 64, 64]);
    all.extend(product::<T, B>("W4_bmm_bcast_32x32x64", &a, &b, &c));
    all.push(network_step::<T, B>());
    all.push(attention::<T, B>());
    all.extend(rows::<T, B>());
    all.push(gaussian_process::<T, B>());
    all.extend(hessians::<T, B>());
    all.push(views::<T, B>());
    all.push(rosenbrock::<T, B>());
    all.extend(
        [1_000, 10_000, 100_000, 1_000_000, 10_000_000].map(|n| chain::<T, B>(&format!("W12_chain_{n}"), n)),
    );
    all.extend(
        [1, 16, 256, 4096, 16_384, 65_536].map(|n| elementwise::<T, B>(&format!("W13_elt_{n}"), n, 1024)),
    );
    all.extend([1, 16, 256, 4096].map(|n| {
        let shape = [n, 32, 32];
        plain_product::<T, B>(&format!("W14_bmm_{n}"), product_work(&shape, &shape, &shape), &shape, &shape)
    }));
    all.push(deep_network::<T, B>());
    all
}

/// Workloads so small that they show what the engine itself costs.
pub fn tiny<T: Scalar, B: Backend<T>>() -> Vec<Workload> {
    let square = [8, 8];
    vec![
        chain::<T, B>("chain_1000", 1000),
        elementwise::<T, B>("elementwise_2x3", 2, 3),
        plain_product::<T, B>("matmul_8", product_work(&square, &square, &square), &square, &square),
    ]
}

/// A chain of `2 n + 1` operations on numbers.
fn chain<T: Scalar, B: Backend<T>>(name: &str, n: usize) -> Workload {
    Workload::new(name, Work::default(), move || {
        let leaves = [0.5, 0.999, 0.001].map(|x| Value::<T, B>::new(T::of(x))).into();
        let f = move |x: &[Value<T, B>]| (0..n).fold(x[0].clone(), |y, _| y * &x[1] + &x[2]).tanh();
        Box::new(Gradient { leaves, f })
    })
}

/// A sum of elementwise functions of a matrix and a row.
fn elementwise<T: Scalar, B: Backend<T>>(name: &str, rows: usize, columns: usize) -> Workload {
    let size = (rows * columns) as f64;
    gradient::<T, B>(
        name,
        Work { elements_moved: 2.0 * size, elements: size, ..Work::default() },
        move || vec![array(&[rows, columns], 0), array(&[1, columns], 1)],
        |x| ((&x[0] + &x[1]).tanh() * (&x[0] + T::of(2.0))).sum(),
    )
}

/// Three products, and each array once: of an operand, its gradient, or the result.
fn product_work(a: &[usize], b: &[usize], c: &[usize]) -> Work {
    let size = |shape: &[usize]| shape.iter().product::<usize>() as f64;
    Work {
        product_flops: 3.0 * 2.0 * size(c) * a[a.len() - 1] as f64,
        elements_moved: 2.0 * (size(a) + size(b)) + size(c),
        ..Work::default()
    }
}

fn plain_product<T: Scalar, B: Backend<T>>(name: &str, work: Work, a: &[usize], b: &[usize]) -> Workload {
    let (a, b) = (a.to_vec(), b.to_vec());
    // The cotangent of a sum is the same everywhere, and so is each row or column of the operands' gradients: sums.
    let work = Work { product_flops: work.product_flops / 3.0, ..work };
    gradient::<T, B>(name, work, move || vec![array(&a, 0), array(&b, 1)], |x| x[0].matmul(&x[1]).sum())
}

/// A matrix product, summed; and summed with weights, where no engine can do with less than the products.
fn product<T: Scalar, B: Backend<T>>(name: &str, a: &[usize], b: &[usize], c: &[usize]) -> [Workload; 2] {
    let work = product_work(a, b, c);
    let shapes = [a.to_vec(), b.to_vec(), c.to_vec()];
    let weighted = Workload::new(format!("{name}_weighted"), work, move || {
        let leaves = vec![Value::<T, B>::new(array(&shapes[0], 0)), Value::new(array(&shapes[1], 1))];
        let weights = constant(&shapes[2], 2);
        Box::new(Gradient { leaves, f: move |x: &[Value<T, B>]| (x[0].matmul(&x[1]) * &weights).sum() })
    });
    [plain_product::<T, B>(name, work, a, b), weighted]
}

/// One training step of a network, from the forward pass to the updated weights; steps follow one another.
struct Training<T: Scalar, B: Backend<T>> {
    input: Value<T, B>,
    weights: Vec<Value<T, B>>,
    optimizer: Adam<T>,
    gradient_norm: f64,
}

impl<T: Scalar, B: Backend<T>> Cell for Training<T, B> {
    fn call(&mut self) -> f64 {
        let w = &self.weights;
        let hidden = (self.input.matmul(&w[0]) + &w[1]).tanh();
        let hidden = (hidden.matmul(&w[2]) + &w[3]).tanh();
        let loss = (hidden.matmul(&w[4]) + &w[5]).cross_entropy((0..128).map(|i| i * 7 % 10));
        loss.backward();
        if self.gradient_norm.is_nan() {
            self.gradient_norm = norm(w.iter().map(Value::grad));
        }
        self.optimizer.step(&mut self.weights);
        loss.item().as_f64()
    }

    fn gradient_norm(&self) -> f64 {
        self.gradient_norm
    }
}

fn network_step<T: Scalar, B: Backend<T>>() -> Workload {
    let widths = [784, 512, 512, 10];
    let products: f64 = widths.windows(2).map(|w| (w[0] * w[1]) as f64).sum();
    // The input has no gradient; an update reads gradient, weight and two moments, and writes the last three.
    let flops = 128.0 * 2.0 * (3.0 * products - (784 * 512) as f64);
    let exponentials = 128.0 * 1024.0;
    let work = Work { product_flops: flops, elements_moved: 7.0 * products, exponentials, ..Work::default() };
    Workload::new("W5_mlp_step", work, move || {
        let layer = |(i, w): (usize, &[usize])| {
            let weight = Value::new(array::<T>(w, 10 + i as u64) * T::of(2.0 / (w[0] as f64).sqrt()));
            [weight, Value::new(ArrayD::<T>::zeros(&w[1..]))]
        };
        Box::new(Training::<T, B> {
            input: constant(&[128, widths[0]], 0),
            weights: widths.windows(2).enumerate().flat_map(layer).collect(),
            optimizer: Adam::new(1e-3),
            gradient_norm: f64::NAN,
        })
    })
}

/// Two hundred steps of an optimiser on Rosenbrock's function.
struct Descent<T: Scalar, B: Backend<T>> {
    gradient: Option<Value<T, B>>,
}

impl<T: Scalar, B: Backend<T>> Cell for Descent<T, B> {
    fn call(&mut self) -> f64 {
        let mut x = Value::<T, B>::new(ArrayD::from_elem(vec![1000], T::of(0.5)));
        let mut optimizer = Adam::new(1e-2);
        let mut last = f64::NAN;
        for step in 0..200 {
            let (here, next) = (x.slice(s![..-1]), x.slice(s![1..]));
            let loss = ((next - here.square()).square() * T::of(100.0) + (1.0 - here).square()).sum();
            loss.backward();
            if step == 199 {
                last = loss.item().as_f64();
                self.gradient = Some(x.grad());
            }
            optimizer.step(&mut x);
        }
        last
    }

    fn gradient_norm(&self) -> f64 {
        norm(self.gradient.iter().cloned())
    }
}

fn rosenbrock<T: Scalar, B: Backend<T>>() -> Workload {
    Workload::new("W11_rosen200", Work::default(), || Box::new(Descent::<T, B> { gradient: None }))
}

/// Scaled dot-product attention.
fn attention<T: Scalar, B: Backend<T>>() -> Workload {
    let shape = [4, 8, 128, 64];
    let scores = (4 * 8 * 128 * 128) as f64;
    gradient::<T, B>(
        "W6_attention",
        // The cotangent of a sum makes sums of two of six products.
        Work { product_flops: 4.0 * 2.0 * scores * 64.0, exponentials: scores, ..Work::default() },
        move || (0..3).map(|salt| array(&shape, salt)).collect(),
        |x| ((x[0].matmul(x[1].swap_axes(-1, -2)) / T::of(8.0)).softmax(-1).matmul(&x[2])).sum(),
    )
}

/// Normalisations of the rows of a matrix.
fn rows<T: Scalar, B: Backend<T>>() -> [Workload; 3] {
    const SHAPE: [usize; 2] = [4096, 1024];
    type Normalise<T, B> = fn(&Value<T, B>) -> Value<T, B>;
    let size = (SHAPE[0] * SHAPE[1]) as f64;
    let moved = |arrays: f64| Work { elements_moved: arrays * size, ..Work::default() };
    let weighted = |name: &str, work: Work, f: Normalise<T, B>| {
        Workload::new(name, work, move || {
            let weights = constant::<T, B>(&SHAPE, 1);
            let leaves = vec![Value::new(array(&SHAPE, 0))];
            Box::new(Gradient { leaves, f: move |x: &[Value<T, B>]| (f(&x[0]) * &weights).sum() })
        })
    };
    [
        gradient::<T, B>(
            "W7_logsumexp",
            Work { exponentials: size, ..moved(2.0) },
            || vec![array(&SHAPE, 0)],
            |x| x[0].logsumexp_axis(-1).sum(),
        ),
        weighted("W7_softmax", Work { exponentials: size, ..moved(3.0) }, |x| x.softmax(-1)),
        weighted("W7_layernorm", moved(3.0), |x| {
            let centred = x - x.mean_keepdims(-1);
            &centred / (centred.square().mean_keepdims(-1) + T::of(1e-5)).sqrt()
        }),
    ]
}

/// The logarithm of the marginal likelihood of a Gaussian process, by Cholesky's factorisation.
fn gaussian_process<T: Scalar, B: Backend<T>>() -> Workload {
    const N: usize = 500;
    let cube = (N * N * N) as f64;
    // In products of matrices: half of one for a symmetric result, one for its cotangent; a sixth for the factorisation,
    // and twice that for its reverse.
    let work = Work { product_flops: 2.0 * cube * (0.5 + 1.0 + 0.5), ..Work::default() };
    Workload::new("W8_gp_mll", work, || {
        let y = constant::<T, B>(&[N], 1);
        let noise = Array2::<T>::eye(N) * T::of(N as f64);
        let f = move |x: &[Value<T, B>]| {
            let l = (x[0].matmul(x[0].t()) + &noise).cholesky().expect("positive definite");
            let regular = "a Cholesky factor has no zero on its diagonal";
            let z = l.solve_triangular(&y, Triangle::LOWER).expect(regular);
            let s = l.solve_triangular(z, Triangle::LOWER.transposed()).expect(regular);
            y.matmul(s) + l.diagonal(0).ln().sum() * T::of(2.0)
        };
        Box::new(Gradient { leaves: vec![Value::new(array(&[N, N], 0))], f })
    })
}

/// Second derivatives of a logistic regression: a Hessian-vector product, forward over reverse, and the whole Hessian.
fn hessians<T: Scalar, B: Backend<T>>() -> [Workload; 2] {
    const SHAPE: [usize; 2] = [2000, 100];
    let products = |count: f64| count * 2.0 * (SHAPE[0] * SHAPE[1]) as f64;
    let second = |name: &str, flops: f64, derivative: fn(Loss<T, B>, &Value<T, B>) -> Value<T, B>| {
        let work = Work { product_flops: flops, exponentials: SHAPE[0] as f64, ..Work::default() };
        Workload::new(name, work, move || {
            let (x, w) = (constant::<T, B>(&SHAPE, 0), constant(&[SHAPE[1]], 2));
            let signs = constant(&[SHAPE[0]], 1).sign();
            let f = move || derivative(&|w| (-(&signs * x.matmul(w))).softplus().mean(), &w);
            Box::new(Derivative { f, last: None })
        })
    };
    [
        second("W9_hvp", products(4.0), |loss, w| hvp(loss, w, &constant(&[SHAPE[1]], 3))),
        // The gradient, and one product of the matrix with itself, weighted.
        second("W9_hessian", products(2.0 + SHAPE[1] as f64), |loss, w| hessian(loss, w)),
    ]
}

type Loss<'a, T, B> = &'a dyn Fn(&Value<T, B>) -> Value<T, B>;

/// Transposed, strided and joined views.
fn views<T: Scalar, B: Backend<T>>() -> Workload {
    gradient::<T, B>(
        "W10_views",
        Work { elements_moved: 2.0 * (64 * 128 * 256) as f64, ..Work::default() },
        || vec![array(&[64, 128, 256], 0)],
        |x| {
            let p = x[0].permute([0, 2, 1]);
            let parts = [p.slice(s![.., 10..200, ..;2]), p.slice(s![.., 10..200, 1..;2])];
            Value::concat(&parts, 2).mean_axis(1).square().sum()
        },
    )
}

/// Twelve layers, for the memory that a training step needs.
fn deep_network<T: Scalar, B: Backend<T>>() -> Workload {
    const WIDTH: usize = 512;
    let layers = 12.0 * (WIDTH * WIDTH) as f64;
    let work =
        Work { product_flops: 3.0 * 2.0 * layers * WIDTH as f64, exponentials: layers, ..Work::default() };
    Workload::new("W15_deep_mlp", work, || {
        let scale = T::of(2.0 / (WIDTH as f64).sqrt());
        let leaves = (0..12)
            .map(|layer| Value::<T, B>::new(array::<T>(&[WIDTH, WIDTH], 20 + layer) * scale))
            .collect();
        let input = constant(&[WIDTH, WIDTH], 0);
        let f = move |weights: &[Value<T, B>]| {
            weights.iter().fold(input.clone(), |x, w| x.matmul(w).tanh()).square().mean()
        };
        Box::new(Gradient { leaves, f })
    })
}
