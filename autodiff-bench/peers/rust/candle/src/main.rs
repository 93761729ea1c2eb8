//! The workloads on candle.

use candle_core::{D, DType, Device, Result, Tensor, Var, WithDType};
use candle_nn::optim::{AdamW, Optimizer, ParamsAdamW};
use candle_nn::{loss::cross_entropy, ops::softmax};
use peer::{Cell, Float, Norm, Peer, Workload, arr};

const CPU: Device = Device::Cpu;

fn main() {
    let version = "candle-core 0.11.1, gemm 0.19".into();
    peer::serve(Peer { name: "candle", version, lacks, f64: build::<f64>, f32: build::<f32> });
}

fn lacks(workload: &Workload) -> Option<&'static str> {
    match workload {
        Workload::GaussianProcess => Some("no Cholesky factorisation"),
        Workload::Hvp | Workload::Hessian => Some("gradients are detached from the graph"),
        Workload::Chain(n) if *n > 1_000_000 => Some("the graph is walked recursively: the stack overflows"),
        _ => None,
    }
}

fn tensor<F: WithDType>(data: Vec<F>, shape: &[usize]) -> Tensor {
    Tensor::from_vec(data, shape, &CPU).unwrap()
}

fn constant<F: Float + WithDType>(shape: &[usize], salt: u64) -> Tensor {
    tensor(arr::<F>(shape, salt), shape)
}

fn leaf<F: Float + WithDType>(shape: &[usize], salt: u64) -> Var {
    var(constant::<F>(shape, salt))
}

fn var(x: Tensor) -> Var {
    Var::from_tensor(&x).unwrap()
}

fn value(x: &Tensor) -> Result<f64> {
    x.to_dtype(DType::F64)?.to_scalar::<f64>()
}

fn numbers(x: &Tensor) -> Vec<f64> {
    x.to_dtype(DType::F64).and_then(|x| x.flatten_all()?.to_vec1()).unwrap()
}

/// A call computes `f` and its gradients.
fn gradient(leaves: Vec<Var>, f: impl Fn(&[Var]) -> Result<Tensor> + 'static) -> Cell {
    call(move |norm| {
        let y = f(&leaves)?;
        let gradients = y.backward()?;
        for x in &leaves {
            let gradient = gradients.get(x).expect("a gradient for each leaf");
            norm.add(|| numbers(gradient));
        }
        value(&y)
    })
}

fn call(mut f: impl FnMut(&mut Norm) -> Result<f64> + 'static) -> Cell {
    Box::new(move |norm| f(norm).unwrap_or_else(|e| panic!("{e}")))
}

fn adam(leaves: Vec<Var>, lr: f64) -> Result<AdamW> {
    let (beta1, beta2, eps) = (peer::BETA1, peer::BETA2, peer::EPSILON);
    AdamW::new(leaves, ParamsAdamW { lr, beta1, beta2, eps, weight_decay: 0.0 })
}

fn build<F: Float + WithDType>(workload: &Workload) -> Cell {
    match *workload {
        Workload::Chain(n) => {
            let leaves = [0.5, 0.999, 0.001].map(|x| var(tensor(vec![F::of(x)], &[])));
            gradient(leaves.into(), move |leaves| {
                let [x, a, b] = leaves else { unreachable!() };
                let mut x = x.as_tensor().clone();
                for _ in 0..n {
                    x = ((x * a.as_tensor())? + b.as_tensor())?;
                }
                x.tanh()
            })
        }
        Workload::Elementwise { rows, columns } => {
            let leaves = vec![leaf::<F>(&[rows, columns], 0), leaf::<F>(&[1, columns], 1)];
            gradient(leaves, |x| (x[0].broadcast_add(&x[1])?.tanh()? * (x[0].as_tensor() + 2.0)?)?.sum_all())
        }
        Workload::Product { ref a, ref b, weighted } => {
            let w = weighted.then(|| constant::<F>(&Workload::product_shape(a, b), 2));
            let spread = a[..a.len() - 2] != b[..b.len() - 2];
            gradient(vec![leaf::<F>(a, 0), leaf::<F>(b, 1)], move |x| {
                let y = if spread { x[0].broadcast_matmul(&x[1])? } else { x[0].matmul(&x[1])? };
                match &w {
                    Some(w) => (y * w)?.sum_all(),
                    None => y.sum_all(),
                }
            })
        }
        Workload::Mlp => mlp::<F>(),
        Workload::Attention => {
            let leaves = (0..3).map(|salt| leaf::<F>(&peer::ATTENTION, salt)).collect();
            gradient(leaves, |x| {
                let scores = (x[0].matmul(&x[1].t()?)? / 8.0)?;
                softmax(&scores, D::Minus1)?.matmul(&x[2])?.sum_all()
            })
        }
        Workload::LogSumExp => gradient(vec![leaf::<F>(&peer::ROWS, 0)], |x| x[0].log_sum_exp(1)?.sum_all()),
        Workload::Softmax => {
            let w = constant::<F>(&peer::ROWS, 1);
            gradient(vec![leaf::<F>(&peer::ROWS, 0)], move |x| (softmax(&x[0], D::Minus1)? * &w)?.sum_all())
        }
        Workload::LayerNorm => {
            let w = constant::<F>(&peer::ROWS, 1);
            gradient(vec![leaf::<F>(&peer::ROWS, 0)], move |x| {
                let c = x[0].broadcast_sub(&x[0].mean_keepdim(1)?)?;
                let scale = (c.sqr()?.mean_keepdim(1)? + 1e-5)?.sqrt()?;
                (c.broadcast_div(&scale)? * &w)?.sum_all()
            })
        }
        Workload::Views => gradient(vec![leaf::<F>(&peer::VIEWS, 0)], |x| {
            // There are no strided slices: the odd and the even rows are made an axis of their own.
            let [n, rows, columns] = peer::VIEWS;
            let pairs = x[0].reshape((n, rows / 2, 2, columns))?;
            let part = |i| pairs.narrow(2, i, 1)?.squeeze(2)?.transpose(1, 2)?.narrow(1, 10, 190);
            Tensor::cat(&[part(0)?, part(1)?], 2)?.mean(1)?.sqr()?.sum_all()
        }),
        Workload::Rosenbrock => call(|norm| {
            let x = var(tensor(vec![F::of(0.5); 1000], &[1000]));
            let mut adam = adam(vec![x.clone()], peer::ROSENBROCK_LR)?;
            let mut last = None;
            for _ in 0..peer::ROSENBROCK_STEPS {
                let (head, tail) = (x.narrow(0, 0, 999)?, x.narrow(0, 1, 999)?);
                let loss = (((tail - head.sqr()?)?.sqr()? * 100.0)? + (1.0 - head)?.sqr()?)?.sum_all()?;
                let gradients = loss.backward()?;
                adam.step(&gradients)?;
                last = Some((loss, gradients));
            }
            let (loss, gradients) = last.expect("some steps");
            norm.add(|| numbers(gradients.get(&x).expect("a gradient")));
            value(&loss)
        }),
        Workload::DeepMlp => {
            let (n, batch) = (peer::DEEP_WIDTH, peer::DEEP_BATCH);
            let x = constant::<F>(&[batch, n], 0);
            let layers = 20..20 + peer::DEEP_LAYERS as u64;
            gradient(
                layers.map(|salt| var(tensor(peer::layer::<F>(n, n, salt), &[n, n]))).collect(),
                move |w| {
                    let h = w.iter().try_fold(x.clone(), |h, w| h.matmul(w)?.tanh())?;
                    h.sqr()?.mean_all()
                },
            )
        }
        Workload::GaussianProcess | Workload::Hvp | Workload::Hessian => unreachable!("lacking"),
    }
}

fn mlp<F: Float + WithDType>() -> Cell {
    let sizes = peer::MLP_SIZES;
    let x = constant::<F>(&[peer::MLP_BATCH, sizes[0]], 0);
    let labels = peer::labels().into_iter().map(|y| y as u32).collect();
    let labels = tensor::<u32>(labels, &[peer::MLP_BATCH]);
    let mut leaves = Vec::new();
    for (n, io) in sizes.windows(2).enumerate() {
        leaves.push(var(tensor(peer::layer::<F>(io[0], io[1], 10 + n as u64), io)));
        leaves.push(var(tensor(vec![F::of(0.0); io[1]], &io[1..])));
    }
    let mut adam = adam(leaves.clone(), peer::MLP_LR).unwrap();
    call(move |norm| {
        let mut h = x.clone();
        for (n, layer) in leaves.chunks(2).enumerate() {
            h = h.matmul(&layer[0])?.broadcast_add(&layer[1])?;
            if n < 2 {
                h = h.tanh()?;
            }
        }
        let loss = cross_entropy(&h, &labels)?;
        let gradients = loss.backward()?;
        for x in &leaves {
            norm.add(|| numbers(gradients.get(x).expect("a gradient for each leaf")));
        }
        adam.step(&gradients)?;
        value(&loss)
    })
}
