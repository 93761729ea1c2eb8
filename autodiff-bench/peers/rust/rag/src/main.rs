//! The workloads on rust-autograd. Its graphs are built and evaluated in each call, as its documentation does.

use autograd as ag;
use autograd::ndarray::{ArrayD, IxDyn};
use autograd::optimizers::adam::{Adam, AdamState, StaticParams};
use autograd::tensor::Variable;
use autograd::{Graph, Tensor};
use peer::{Cell, Float, Norm, Peer, Workload, arr};
use std::sync::{Arc, RwLock};

type Shared<F> = Arc<RwLock<ArrayD<F>>>;

fn main() {
    let version = "autograd 1.1.1, ndarray 0.12".into();
    peer::serve(Peer { name: "rag", version, lacks, f64: build::<f64>, f32: build::<f32> });
}

fn lacks(workload: &Workload) -> Option<&'static str> {
    match workload {
        Workload::Product { a, b, .. } if a[..a.len() - 2] != b[..b.len() - 2] => {
            Some("batched products do not broadcast")
        }
        Workload::GaussianProcess => Some("no Cholesky factorisation"),
        Workload::Hvp | Workload::Hessian => Some("the second derivative of a product fails"),
        Workload::Views => Some("no strided slices"),
        Workload::Chain(n) if *n > 1_000_000 => Some("a call takes over 20 s"),
        _ => None,
    }
}

trait Element: Float + ag::Float {}
impl Element for f64 {}
impl Element for f32 {}

fn array<F: Element>(data: Vec<F>, shape: &[usize]) -> ArrayD<F> {
    ArrayD::from_shape_vec(IxDyn(shape), data).expect("as many numbers as the shape says")
}

fn shared<F: Element>(shape: &[usize], salt: u64) -> Shared<F> {
    share(array(arr(shape, salt), shape))
}

fn share<F: Element>(x: ArrayD<F>) -> Shared<F> {
    ag::ndarray_ext::into_shared(x)
}

fn one<F: Element>(x: &ArrayD<F>) -> f64 {
    x.iter().next().expect("a number").f64()
}

/// What `f` returns of a new graph.
fn in_graph<F: Element>(f: impl FnOnce(&Graph<F>) -> f64) -> f64 {
    let mut y = 0.0;
    ag::with(|g: &mut Graph<F>| y = f(g));
    y
}

/// A call builds the graph of `f` and its gradients, and evaluates both.
fn gradient<F: Element>(
    leaves: Vec<Shared<F>>,
    f: impl for<'g> Fn(&'g Graph<F>, &[Tensor<'g, F>]) -> Tensor<'g, F> + 'static,
) -> Cell {
    Box::new(move |norm| {
        in_graph(|g: &Graph<F>| {
            let x: Vec<_> = leaves.iter().map(|x| g.variable(x.clone())).collect();
            let y = f(g, &x);
            let mut wanted = g.grad(&[y], &x);
            wanted.push(y);
            value(norm, g, &wanted)
        })
    })
}

/// Evaluates gradients and, after them, a value.
fn value<'g, F: Element>(norm: &mut Norm, g: &'g Graph<F>, wanted: &[Tensor<'g, F>]) -> f64 {
    let results = g.eval(wanted, &[]);
    let results: Vec<_> = results.into_iter().map(|x| x.expect("a result for each tensor")).collect();
    let (y, gradients) = results.split_last().expect("the value at least");
    for gradient in gradients {
        norm.add(|| gradient.iter().copied());
    }
    one(y)
}

fn build<F: Element>(workload: &Workload) -> Cell {
    match *workload {
        Workload::Chain(n) => {
            let leaves = [0.5, 0.999, 0.001].map(|x| share(array(vec![F::of(x)], &[])));
            gradient(leaves.into(), move |g, x| {
                let (mut y, a, b) = (x[0], x[1], x[2]);
                for _ in 0..n {
                    y = y * a + b;
                }
                g.tanh(y)
            })
        }
        Workload::Elementwise { rows, columns } => {
            let leaves = vec![shared::<F>(&[rows, columns], 0), shared(&[1, columns], 1)];
            gradient(leaves, |g, x| {
                g.reduce_sum_to_scalar(g.tanh(x[0] + x[1]) * (x[0] + g.scalar(F::of(2.0))))
            })
        }
        Workload::Product { ref a, ref b, weighted } => {
            let w = weighted.then(|| shared::<F>(&Workload::product_shape(a, b), 2));
            let batched = a.len() > 2;
            gradient(vec![shared::<F>(a, 0), shared(b, 1)], move |g, x| {
                let y = if batched { g.batch_matmul(x[0], x[1]) } else { g.matmul(x[0], x[1]) };
                let y = w.iter().fold(y, |y, w| y * g.variable(w.clone()));
                g.reduce_sum_to_scalar(y)
            })
        }
        Workload::Mlp => mlp::<F>(),
        Workload::Attention => {
            let leaves = (0..3).map(|salt| shared::<F>(&peer::ATTENTION, salt)).collect();
            gradient(leaves, |g, x| {
                // The gradient of `batch_matmul_t` forgets which factor was transposed.
                let scores = g.batch_matmul(x[0], g.transpose(x[1], &[0, 1, 3, 2])) * g.scalar(F::of(0.125));
                g.reduce_sum_to_scalar(g.batch_matmul(g.softmax(scores, 3), x[2]))
            })
        }
        Workload::LogSumExp => gradient(vec![shared::<F>(&peer::ROWS, 0)], |g, x| {
            g.reduce_sum_to_scalar(g.reduce_logsumexp(x[0], 1, true))
        }),
        Workload::Softmax => {
            let w = shared::<F>(&peer::ROWS, 1);
            gradient(vec![shared::<F>(&peer::ROWS, 0)], move |g, x| {
                g.reduce_sum_to_scalar(g.softmax(x[0], 1) * g.variable(w.clone()))
            })
        }
        Workload::LayerNorm => {
            let w = shared::<F>(&peer::ROWS, 1);
            gradient(vec![shared::<F>(&peer::ROWS, 0)], move |g, x| {
                let c = x[0] - g.reduce_mean(x[0], &[1], true);
                let scale = g.sqrt(g.reduce_mean(g.square(c), &[1], true) + g.scalar(F::of(1e-5)));
                g.reduce_sum_to_scalar(c / scale * g.variable(w.clone()))
            })
        }
        Workload::Rosenbrock => Box::new(|norm| rosenbrock::<F>(norm)),
        Workload::DeepMlp => {
            let (n, batch) = (peer::DEEP_WIDTH, peer::DEEP_BATCH);
            let x = shared::<F>(&[batch, n], 0);
            let layers = 20..20 + peer::DEEP_LAYERS as u64;
            let weights = layers.map(|salt| share(array(peer::layer(n, n, salt), &[n, n])));
            gradient(weights.collect(), move |g, w| {
                let h = w.iter().fold(g.variable(x.clone()), |h, &w| g.tanh(g.matmul(h, w)));
                g.reduce_mean(g.square(h), &[0, 1], false)
            })
        }
        Workload::GaussianProcess | Workload::Hvp | Workload::Hessian | Workload::Views => {
            unreachable!("lacking")
        }
    }
}

fn adam<F: Element>(lr: f64) -> Adam<F> {
    let of = F::of;
    Adam::new(StaticParams {
        alpha: of(lr),
        eps: of(peer::EPSILON),
        b1: of(peer::BETA1),
        b2: of(peer::BETA2),
    })
}

fn mlp<F: Element>() -> Cell {
    let sizes = peer::MLP_SIZES;
    let x = shared::<F>(&[peer::MLP_BATCH, sizes[0]], 0);
    let labels = peer::labels().into_iter().map(|y| F::of(y as f64)).collect();
    let labels = share(array::<F>(labels, &[peer::MLP_BATCH, 1]));
    let mut leaves = Vec::new();
    for (n, io) in sizes.windows(2).enumerate() {
        leaves.push(share(array(peer::layer::<F>(io[0], io[1], 10 + n as u64), io)));
        leaves.push(share(array(vec![F::of(0.0); io[1]], &[1, io[1]])));
    }
    let (state, adam) = (AdamState::new(&leaves.iter().collect::<Vec<_>>()), adam(peer::MLP_LR));
    Box::new(move |norm| {
        in_graph(|g: &Graph<F>| {
            let w: Vec<_> = leaves.iter().map(|x| g.variable(x.clone())).collect();
            let mut h = g.variable(x.clone());
            for (n, layer) in w.chunks(2).enumerate() {
                h = g.matmul(h, layer[0]) + layer[1];
                if n < 2 {
                    h = g.tanh(h);
                }
            }
            let losses = g.sparse_softmax_cross_entropy(h, g.variable(labels.clone()));
            let loss = g.reduce_mean(losses, &[0, 1], false);
            step(norm, g, &adam, &state, loss, &w)
        })
    })
}

/// Evaluates the loss and its gradients, and then the update. In one evaluation, a variable might be updated
/// before the gradients that need it are computed.
fn step<'g, F: Element>(
    norm: &mut Norm,
    g: &'g Graph<F>,
    adam: &Adam<F>,
    state: &AdamState<F>,
    loss: Tensor<'g, F>,
    leaves: &[Tensor<'g, F>],
) -> f64 {
    let mut wanted = g.grad(&[loss], leaves);
    wanted.push(loss);
    let mut results: Vec<_> = g.eval(&wanted, &[]).into_iter().flatten().collect();
    let loss = one(&results.pop().expect("the loss"));
    for gradient in &results {
        norm.add(|| gradient.iter().copied());
    }
    let gradients: Vec<_> = results.into_iter().map(|x| g.convert_to_tensor(x)).collect();
    g.eval(&adam.compute_updates(leaves, &gradients, state, g), &[]);
    loss
}

fn rosenbrock<F: Element>(norm: &mut Norm) -> f64 {
    let point = share(array(vec![F::of(0.5); 1000], &[1000]));
    let (state, adam) = (AdamState::new(&[&point]), adam(peer::ROSENBROCK_LR));
    let mut last = 0.0;
    for n in 1..=peer::ROSENBROCK_STEPS {
        let mut none = Norm::none();
        let norm = if n == peer::ROSENBROCK_STEPS { &mut *norm } else { &mut none };
        last = in_graph(|g: &Graph<F>| {
            let x = g.variable(point.clone());
            let (head, tail) = (g.slice(x, &[0], &[999]), g.slice(x, &[1], &[1000]));
            let curve = g.square(tail - g.square(head)) * g.scalar(F::of(100.0));
            let loss = g.reduce_sum_to_scalar(curve + g.square(g.scalar(F::of(1.0)) - head));
            step(norm, g, &adam, &state, loss, &[x])
        });
    }
    last
}
