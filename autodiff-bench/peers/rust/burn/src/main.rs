//! The workloads on burn's Flex backend.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig, loss::CrossEntropyLossConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{DType, Device, FloatDType, Int, Tensor, TensorData, activation, s};
use peer::{Cell, Float, Norm, Peer, Workload, arr};

fn main() {
    let version = "burn 0.22.1, flex (x86-v4), gemm 0.19".into();
    peer::serve(Peer { name: "burn", version, lacks, f64: build::<f64>, f32: build::<f32> });
}

fn lacks(workload: &Workload) -> Option<&'static str> {
    match workload {
        Workload::GaussianProcess => Some("no Cholesky factorisation"),
        Workload::Hvp | Workload::Hessian => Some("gradients are not differentiable"),
        Workload::Chain(n) if *n > 100_000 => Some("a call takes over 20 s"),
        _ => None,
    }
}

/// An element type, with a device that computes in it.
trait Element: Float + burn::tensor::Element {
    const FLOAT: FloatDType;
    const DTYPE: DType;

    fn device() -> Device {
        let mut device = Device::flex();
        // The second thread finds it done already.
        let _ = device.configure(Self::FLOAT);
        device.autodiff()
    }
}

impl Element for f64 {
    const FLOAT: FloatDType = FloatDType::F64;
    const DTYPE: DType = DType::F64;
}

impl Element for f32 {
    const FLOAT: FloatDType = FloatDType::F32;
    const DTYPE: DType = DType::F32;
}

fn tensor<F: Element, const D: usize>(data: Vec<F>, shape: &[usize]) -> Tensor<D> {
    let shape: [usize; D] = shape.try_into().expect("as many sizes as the type says");
    let x = Tensor::from_data(TensorData::new(data, shape), (&F::device(), F::DTYPE));
    assert_eq!(x.dtype(), F::DTYPE);
    x
}

fn constant<F: Element, const D: usize>(shape: &[usize], salt: u64) -> Tensor<D> {
    tensor(arr::<F>(shape, salt), shape)
}

fn leaf<F: Element, const D: usize>(shape: &[usize], salt: u64) -> Tensor<D> {
    constant::<F, D>(shape, salt).require_grad()
}

fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f64> {
    x.into_data_as::<f64>().try_to_vec::<f64>().expect("numbers of the type asked for")
}

/// A call computes `f` and its gradients.
fn gradient<const D: usize>(leaves: Vec<Tensor<D>>, f: impl Fn(&[Tensor<D>]) -> Tensor<1> + 'static) -> Cell {
    Box::new(move |norm| {
        let y = f(&leaves);
        let gradients = y.backward();
        for x in &leaves {
            let gradient = x.grad(&gradients).expect("a gradient for each leaf");
            norm.add(|| numbers(gradient));
        }
        y.into_scalar::<f64>()
    })
}

fn product<F: Element, const D: usize>(a: &[usize], b: &[usize], weighted: bool) -> Cell {
    let w = weighted.then(|| constant::<F, D>(&Workload::product_shape(a, b), 2));
    gradient(vec![leaf::<F, D>(a, 0), leaf::<F, D>(b, 1)], move |x| {
        let y = x[0].clone().matmul(x[1].clone());
        match &w {
            Some(w) => (y * w.clone()).sum(),
            None => y.sum(),
        }
    })
}

fn build<F: Element>(workload: &Workload) -> Cell {
    match *workload {
        Workload::Chain(n) => {
            let leaves = [0.5, 0.999, 0.001].map(|x| tensor::<F, 1>(vec![F::of(x)], &[1]).require_grad());
            gradient(leaves.into(), move |leaves| {
                let [x, a, b] = leaves else { unreachable!() };
                let mut x = x.clone();
                for _ in 0..n {
                    x = x * a.clone() + b.clone();
                }
                x.tanh()
            })
        }
        Workload::Elementwise { rows, columns } => {
            let leaves = vec![leaf::<F, 2>(&[rows, columns], 0), leaf::<F, 2>(&[1, columns], 1)];
            gradient(leaves, |x| ((x[0].clone() + x[1].clone()).tanh() * (x[0].clone() + 2.0)).sum())
        }
        Workload::Product { ref a, ref b, weighted } => match a.len() {
            2 => product::<F, 2>(a, b, weighted),
            3 => product::<F, 3>(a, b, weighted),
            _ => product::<F, 4>(a, b, weighted),
        },
        Workload::Mlp => mlp::<F>(),
        Workload::Attention => {
            let leaves = (0..3).map(|salt| leaf::<F, 4>(&peer::ATTENTION, salt)).collect();
            gradient(leaves, |x| {
                let scores = x[0].clone().matmul(x[1].clone().swap_dims(2, 3)) / 8.0;
                activation::softmax(scores, 3).matmul(x[2].clone()).sum()
            })
        }
        Workload::LogSumExp => gradient(vec![leaf::<F, 2>(&peer::ROWS, 0)], |x| {
            let max = x[0].clone().detach().max_dim(1);
            ((x[0].clone() - max.clone()).exp().sum_dim(1).log() + max).sum()
        }),
        Workload::Softmax => {
            let w = constant::<F, 2>(&peer::ROWS, 1);
            gradient(vec![leaf::<F, 2>(&peer::ROWS, 0)], move |x| {
                (activation::softmax(x[0].clone(), 1) * w.clone()).sum()
            })
        }
        Workload::LayerNorm => {
            let w = constant::<F, 2>(&peer::ROWS, 1);
            gradient(vec![leaf::<F, 2>(&peer::ROWS, 0)], move |x| {
                let c = x[0].clone() - x[0].clone().mean_dim(1);
                let scale = (c.clone().powi_scalar(2).mean_dim(1) + 1e-5).sqrt();
                (c / scale * w.clone()).sum()
            })
        }
        Workload::Views => gradient(vec![leaf::<F, 3>(&peer::VIEWS, 0)], |x| {
            let p = x[0].clone().permute([0, 2, 1]);
            let c = vec![p.clone().slice(s![.., 10..200, ..;2]), p.slice(s![.., 10..200, 1..;2])];
            Tensor::cat(c, 2).mean_dim(1).powi_scalar(2).sum()
        }),
        Workload::Rosenbrock => Box::new(|norm| rosenbrock::<F>(norm)),
        Workload::DeepMlp => {
            let (n, batch) = (peer::DEEP_WIDTH, peer::DEEP_BATCH);
            let x = constant::<F, 2>(&[batch, n], 0);
            let layers = 20..20 + peer::DEEP_LAYERS as u64;
            let weights = layers.map(|salt| tensor(peer::layer::<F>(n, n, salt), &[n, n]).require_grad());
            gradient(weights.collect(), move |w| {
                let h = w.iter().fold(x.clone(), |h, w: &Tensor<2>| h.matmul(w.clone()).tanh());
                h.powi_scalar(2).mean()
            })
        }
        Workload::GaussianProcess | Workload::Hvp | Workload::Hessian => unreachable!("lacking"),
    }
}

fn adam() -> AdamConfig {
    AdamConfig::new()
        .with_beta_1(peer::BETA1 as f32)
        .with_beta_2(peer::BETA2 as f32)
        .with_epsilon(peer::EPSILON as f32)
}

#[derive(Module, Debug)]
struct Mlp {
    layers: Vec<Linear>,
}

fn mlp<F: Element>() -> Cell {
    let sizes = peer::MLP_SIZES;
    let x = constant::<F, 2>(&[peer::MLP_BATCH, sizes[0]], 0);
    let labels: Vec<i32> = peer::labels().into_iter().map(|y| y as i32).collect();
    let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &F::device());
    let layers = sizes.windows(2).enumerate().map(|(n, io)| {
        let mut layer = LinearConfig::new(io[0], io[1]).init(&F::device());
        layer.weight = Param::from_tensor(tensor(peer::layer::<F>(io[0], io[1], 10 + n as u64), io));
        layer.bias = Some(Param::from_tensor(tensor(vec![F::of(0.0); io[1]], &io[1..])));
        layer
    });
    let mut model = Some(Mlp { layers: layers.collect() });
    let cross_entropy = CrossEntropyLossConfig::new().init(&F::device());
    let mut adam = adam().init();
    Box::new(move |norm| {
        let mlp = model.take().expect("the last call's");
        let mut h = x.clone();
        for (n, layer) in mlp.layers.iter().enumerate() {
            h = layer.forward(h);
            if n < 2 {
                h = h.tanh();
            }
        }
        let loss = cross_entropy.forward(h, labels.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &mlp);
        for layer in &mlp.layers {
            norm.add(|| numbers(gradients.get::<2>(layer.weight.id).expect("a weight's gradient")));
            let bias = layer.bias.as_ref().expect("a bias");
            norm.add(|| numbers(gradients.get::<1>(bias.id).expect("a bias's gradient")));
        }
        model = Some(adam.step(peer::MLP_LR, mlp, gradients));
        loss.into_scalar::<f64>()
    })
}

#[derive(Module, Debug)]
struct Point {
    x: Param<Tensor<1>>,
}

fn rosenbrock<F: Element>(norm: &mut Norm) -> f64 {
    let mut point = Point { x: Param::from_tensor(tensor(vec![F::of(0.5); 1000], &[1000])) };
    let mut adam = adam().init();
    let mut last = None;
    for _ in 0..peer::ROSENBROCK_STEPS {
        let x = point.x.val();
        let (head, tail) = (x.clone().slice(s![..999]), x.slice(s![1..]));
        let curve = (tail - head.clone().powi_scalar(2)).powi_scalar(2) * 100.0;
        let loss = (curve + (-head + 1.0).powi_scalar(2)).sum();
        let gradients = GradientsParams::from_grads(loss.backward(), &point);
        let gradient = gradients.get::<1>(point.x.id).expect("a gradient");
        point = adam.step(peer::ROSENBROCK_LR, point, gradients);
        last = Some((loss, gradient));
    }
    let (loss, gradient) = last.expect("some steps");
    norm.add(|| numbers(gradient));
    loss.into_scalar::<f64>()
}
