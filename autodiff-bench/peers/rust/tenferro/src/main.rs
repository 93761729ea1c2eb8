//! The workloads on tenferro, eager. Its arrays are column by column: an array of the workloads' has its axes
//! reversed here, so that the numbers lie in memory as they do elsewhere, and `a @ b` is a contraction of b and a.

use peer::{Cell, Float, Norm, Peer, Workload, arr};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use tenferro_ad::{
    AdContext, DotGeneralConfig, EagerRuntime, EagerSession, EagerTensor, Result, SliceConfig, Tensor,
};
use tenferro_cpu::{CpuEngine, Pool};
use tenferro_linalg::{EagerSessionLinalgExt, semantic_ad_rules};
use tenferro_runtime::TensorScalar;

fn main() {
    let version = "tenferro 0.9.0, faer".into();
    peer::serve(Peer { name: "tenferro", version, lacks, f64: build::<f64>, f32: build::<f32> });
}

fn lacks(workload: &Workload) -> Option<&'static str> {
    match workload {
        Workload::Mlp | Workload::Rosenbrock => Some("no optimisers"),
        Workload::Hvp | Workload::Hessian => Some("second derivatives are of traced programs only"),
        Workload::Chain(n) if *n > 1_000 => Some("memory runs out"),
        _ => None,
    }
}

/// What computes: a context, and the threads.
#[derive(Clone)]
struct Machine {
    context: Arc<EagerRuntime>,
    engine: Rc<RefCell<CpuEngine>>,
}

impl Machine {
    fn new() -> Result<Self> {
        let threads = std::env::var("RAYON_NUM_THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
        let engine = match threads {
            1 => CpuEngine::serial(),
            n => CpuEngine::new(Pool::builder().threads(n).build().expect("a pool")),
        };
        let rules =
            AdContext::builder().with_semantic_extension_rules(semantic_ad_rules().expect("its rules"));
        let context =
            EagerRuntime::with_ad_context(&rules.expect("one set of rules").build().expect("a context"))?;
        Ok(Self { context, engine: Rc::new(RefCell::new(engine)) })
    }

    fn leaf<F: Float + TensorScalar>(&self, data: Vec<F>, shape: &[usize]) -> Result<EagerTensor> {
        self.context.variable_from(tensor(data, shape)?)
    }

    fn constant<F: Float + TensorScalar>(&self, data: Vec<F>, shape: &[usize]) -> Result<EagerTensor> {
        self.context.constant_from(tensor(data, shape)?)
    }

    /// A call computes `f` and its gradients.
    fn gradient<F: Float + TensorScalar>(
        &self,
        leaves: Vec<EagerTensor>,
        f: impl Fn(&mut EagerSession<'_>, &[EagerTensor]) -> Result<EagerTensor> + 'static,
    ) -> Cell {
        let machine = self.clone();
        let call = move |norm: &mut Norm| -> Result<f64> {
            let engine = &mut *machine.engine.borrow_mut();
            machine.context.clear_grads()?;
            let y = machine.context.with_eager_session(engine, |s| f(s, &leaves))?;
            drop(y.backward(engine)?);
            for x in &leaves {
                let gradient = x.grad()?.expect("a gradient for each leaf");
                if norm.is_wanted() {
                    let gradient = gradient.to_tensor(engine)?;
                    norm.add(|| gradient.as_slice::<F>().expect("numbers").to_vec());
                }
            }
            Ok(y.value()?.as_slice::<F>()?[0].f64())
        };
        Box::new(move |norm| call(norm).unwrap_or_else(|e| panic!("{e}")))
    }
}

fn tensor<F: TensorScalar>(data: Vec<F>, shape: &[usize]) -> Result<Tensor> {
    Ok(Tensor::from_vec_col_major(shape.iter().rev().copied().collect::<Vec<_>>(), data)?)
}

/// `x` plus a number.
fn plus<F: Float + TensorScalar>(s: &mut EagerSession<'_>, x: &EagerTensor, n: f64) -> Result<EagerTensor> {
    let n = s.constant_from(tensor(vec![F::of(n)], &[])?)?;
    s.add(x, &n)
}

/// `a @ b`, over the axes after the first two.
fn matmul(s: &mut EagerSession<'_>, a: &EagerTensor, b: &EagerTensor) -> Result<EagerTensor> {
    contract(s, b, 1, a, 0)
}

fn contract(
    s: &mut EagerSession<'_>,
    left: &EagerTensor,
    axis: usize,
    right: &EagerTensor,
    other: usize,
) -> Result<EagerTensor> {
    let batch: Vec<usize> = (2..left.shape().len()).collect();
    let config = DotGeneralConfig {
        lhs_contracting_dims: [axis].as_slice().into(),
        rhs_contracting_dims: [other].as_slice().into(),
        lhs_batch_dims: batch.as_slice().into(),
        rhs_batch_dims: batch.as_slice().into(),
    };
    s.dot_general(left, right, config)
}

/// Spreads `x` to the batch of `shape`, which is in the workload's order.
fn spread(s: &mut EagerSession<'_>, x: &EagerTensor, shape: &[usize]) -> Result<EagerTensor> {
    let n = shape.len();
    let mut to: Vec<usize> = shape.iter().rev().copied().collect();
    to[..2].copy_from_slice(&x.shape()[..2]);
    if x.shape() == to {
        return Ok(x.clone());
    }
    let kept: Vec<usize> = (0..n).filter(|&i| x.shape()[i] == to[i]).collect();
    let squeezed = s.reshape(x, kept.iter().map(|&i| to[i]).collect::<Vec<_>>())?;
    s.broadcast_in_dim(&squeezed, &to, &kept)
}

/// Reduces the first axis, and keeps it.
fn reduce(
    s: &mut EagerSession<'_>,
    x: &EagerTensor,
    f: impl Fn(&mut EagerSession<'_>, &EagerTensor) -> Result<EagerTensor>,
) -> Result<EagerTensor> {
    let mut shape = x.shape().to_vec();
    shape[0] = 1;
    let reduced = f(s, x)?;
    s.reshape(&reduced, shape)
}

fn sum_rows(s: &mut EagerSession<'_>, x: &EagerTensor) -> Result<EagerTensor> {
    reduce(s, x, |s, x| s.reduce_sum(x, Some(&[0])))
}

fn mean_rows(s: &mut EagerSession<'_>, x: &EagerTensor) -> Result<EagerTensor> {
    let sum = sum_rows(s, x)?;
    s.scale_real(&sum, 1.0 / x.shape()[0] as f64)
}

/// The rows' greatest numbers, which no gradient passes.
fn max_rows(s: &mut EagerSession<'_>, x: &EagerTensor) -> Result<EagerTensor> {
    let x = x.detach(s.backend_session())?;
    reduce(s, &x, |s, x| s.reduce_max(x, Some(&[0])))
}

fn softmax(s: &mut EagerSession<'_>, x: &EagerTensor) -> Result<EagerTensor> {
    let max = max_rows(s, x)?;
    let shifted = s.sub(x, &max)?;
    let e = s.exp(&shifted)?;
    let sum = sum_rows(s, &e)?;
    s.div(&e, &sum)
}

fn build<F: Float + TensorScalar>(workload: &Workload) -> Cell {
    try_build::<F>(workload).unwrap_or_else(|e| panic!("{e}"))
}

fn try_build<F: Float + TensorScalar>(workload: &Workload) -> Result<Cell> {
    let machine = Machine::new()?;
    let leaf = |shape: &[usize], salt| machine.leaf(arr::<F>(shape, salt), shape);
    let constant = |shape: &[usize], salt| machine.constant(arr::<F>(shape, salt), shape);
    Ok(match *workload {
        Workload::Chain(n) => {
            let leaves = [0.5, 0.999, 0.001].map(|x| machine.leaf(vec![F::of(x)], &[]));
            machine.gradient::<F>(leaves.into_iter().collect::<Result<_>>()?, move |s, leaves| {
                let [x, a, b] = leaves else { unreachable!() };
                let mut x = x.clone();
                for _ in 0..n {
                    let product = s.mul(&x, a)?;
                    x = s.add(&product, b)?;
                }
                s.tanh(&x)
            })
        }
        Workload::Elementwise { rows, columns } => {
            let leaves = vec![leaf(&[rows, columns], 0)?, leaf(&[1, columns], 1)?];
            machine.gradient::<F>(leaves, |s, x| {
                let sum = s.add(&x[0], &x[1])?;
                let (t, two) = (s.tanh(&sum)?, plus::<F>(s, &x[0], 2.0)?);
                let product = s.mul(&t, &two)?;
                s.reduce_sum(&product, None)
            })
        }
        Workload::Product { ref a, ref b, weighted } => {
            let shape = Workload::product_shape(a, b);
            let w = if weighted { Some(constant(&shape, 2)?) } else { None };
            machine.gradient::<F>(vec![leaf(a, 0)?, leaf(b, 1)?], move |s, x| {
                let (a, b) = (spread(s, &x[0], &shape)?, spread(s, &x[1], &shape)?);
                let y = matmul(s, &a, &b)?;
                let y = match &w {
                    Some(w) => s.mul(&y, w)?,
                    None => y,
                };
                s.reduce_sum(&y, None)
            })
        }
        Workload::Attention => {
            let leaves = (0..3).map(|salt| leaf(&peer::ATTENTION, salt)).collect::<Result<_>>()?;
            machine.gradient::<F>(leaves, |s, x| {
                let scores = contract(s, &x[1], 0, &x[0], 0)?;
                let scores = s.scale_real(&scores, 0.125)?;
                let weights = softmax(s, &scores)?;
                let y = matmul(s, &weights, &x[2])?;
                s.reduce_sum(&y, None)
            })
        }
        Workload::LogSumExp => machine.gradient::<F>(vec![leaf(&peer::ROWS, 0)?], |s, x| {
            let max = max_rows(s, &x[0])?;
            let shifted = s.sub(&x[0], &max)?;
            let e = s.exp(&shifted)?;
            let sum = sum_rows(s, &e)?;
            let log = s.log(&sum)?;
            let y = s.add(&log, &max)?;
            s.reduce_sum(&y, None)
        }),
        Workload::Softmax => {
            let w = constant(&peer::ROWS, 1)?;
            machine.gradient::<F>(vec![leaf(&peer::ROWS, 0)?], move |s, x| {
                let y = softmax(s, &x[0])?;
                let y = s.mul(&y, &w)?;
                s.reduce_sum(&y, None)
            })
        }
        Workload::LayerNorm => {
            let w = constant(&peer::ROWS, 1)?;
            machine.gradient::<F>(vec![leaf(&peer::ROWS, 0)?], move |s, x| {
                let mean = mean_rows(s, &x[0])?;
                let c = s.sub(&x[0], &mean)?;
                let square = s.mul(&c, &c)?;
                let variance = mean_rows(s, &square)?;
                let variance = plus::<F>(s, &variance, 1e-5)?;
                let scale = s.rsqrt(&variance)?;
                let y = s.mul(&c, &scale)?;
                let y = s.mul(&y, &w)?;
                s.reduce_sum(&y, None)
            })
        }
        Workload::GaussianProcess => {
            let n = 500;
            let y = constant(&[1, n], 1)?;
            let eye = (0..n * n).map(|i| F::of(if i % (n + 1) == 0 { n as f64 } else { 0.0 })).collect();
            let eye = machine.constant::<F>(eye, &[n, n])?;
            machine.gradient::<F>(vec![leaf(&[n, n], 0)?], move |s, x| {
                let square = contract(s, &x[0], 0, &x[0], 0)?;
                let k = s.add(&square, &eye)?;
                let factor = s.cholesky(&k)?;
                let half = s.triangular_solve(&factor, &y, true, true, false, false)?;
                let whole = s.triangular_solve(&factor, &half, true, true, true, false)?;
                let fit = s.mul(&y, &whole)?;
                let fit = s.reduce_sum(&fit, None)?;
                let diagonal = s.extract_diag(&factor, 0, 1)?;
                let log = s.log(&diagonal)?;
                let log = s.reduce_sum(&log, None)?;
                let log = s.scale_real(&log, 2.0)?;
                s.add(&fit, &log)
            })
        }
        Workload::Views => machine.gradient::<F>(vec![leaf(&peer::VIEWS, 0)?], |s, x| {
            // The workload's axes 0, 2, 1.
            let p = s.transpose(&x[0], &[1, 0, 2])?;
            let [batch, rows, _] = peer::VIEWS;
            let part = |s: &mut EagerSession<'_>, start| {
                let config = SliceConfig {
                    starts: vec![start, 10, 0],
                    limits: vec![rows, 200, batch],
                    strides: vec![2, 1, 1],
                };
                s.slice(&p, config)
            };
            let (even, odd) = (part(s, 0)?, part(s, 1)?);
            let c = s.concatenate(&[&even, &odd], 0)?;
            let sum = s.reduce_sum(&c, Some(&[1]))?;
            let mean = s.scale_real(&sum, 1.0 / 190.0)?;
            s.reduce_sum_squares(&mean, None)
        }),
        Workload::DeepMlp => {
            let (n, batch) = (peer::DEEP_WIDTH, peer::DEEP_BATCH);
            let x = constant(&[batch, n], 0)?;
            let weights = (20..20 + peer::DEEP_LAYERS as u64)
                .map(|salt| machine.leaf(peer::layer::<F>(n, n, salt), &[n, n]))
                .collect::<Result<_>>()?;
            machine.gradient::<F>(weights, move |s, w| {
                let mut h = x.clone();
                for w in w {
                    h = matmul(s, &h, w)?;
                    h = s.tanh(&h)?;
                }
                let sum = s.reduce_sum_squares(&h, None)?;
                s.scale_real(&sum, 1.0 / (batch * n) as f64)
            })
        }
        Workload::Mlp | Workload::Hvp | Workload::Hessian | Workload::Rosenbrock => unreachable!("lacking"),
    })
}
