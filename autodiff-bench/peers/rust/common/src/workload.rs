//! The workloads by name.

/// What a workload computes.
#[derive(Clone, Debug)]
pub enum Workload {
    /// So many times x = x a + b, then tanh.
    Chain(usize),
    /// ((a + b).tanh() (a + 2)).sum() of `rows` by `columns` and 1 by `columns`.
    Elementwise {
        rows: usize,
        columns: usize,
    },
    /// (a @ b).sum(), or with a weight for each number of the product.
    Product {
        a: Vec<usize>,
        b: Vec<usize>,
        weighted: bool,
    },
    /// A training step of a perceptron.
    Mlp,
    Attention,
    LogSumExp,
    Softmax,
    LayerNorm,
    /// The marginal likelihood of a Gaussian process.
    GaussianProcess,
    /// A Hessian-vector product of a logistic regression.
    Hvp,
    /// A logistic regression's whole Hessian.
    Hessian,
    /// A transpose, strided slices and a concatenation.
    Views,
    /// Adam on Rosenbrock's function.
    Rosenbrock,
    /// A deep perceptron, without a step.
    DeepMlp,
}

impl Workload {
    /// The shape of a product.
    pub fn product_shape(a: &[usize], b: &[usize]) -> Vec<usize> {
        let n = a.len();
        let mut shape: Vec<usize> = a.iter().zip(b).map(|(&a, &b)| if a == 1 { b } else { a }).collect();
        (shape[n - 2], shape[n - 1]) = (a[n - 2], b[n - 1]);
        shape
    }
}

/// All workloads, with their names.
pub fn workloads() -> Vec<(String, Workload)> {
    use Workload::*;
    let mut all = Vec::new();
    let mut add = |name: String, workload| all.push((name, workload));
    let elementwise = |rows, columns| Elementwise { rows, columns };
    add("W1_scalar_chain".into(), Chain(10_000));
    for (name, rows, columns) in
        [("2x3", 2, 3), ("32x16", 32, 16), ("1024", 1024, 1024), ("4096", 4096, 4096)]
    {
        add(format!("W2_elt_{name}"), elementwise(rows, columns));
    }
    for (weighted, suffix) in [(false, ""), (true, "_weighted")] {
        for n in [256, 1024, 2048] {
            add(format!("W3_matmul_{n}{suffix}"), Product { a: vec![n, n], b: vec![n, n], weighted });
        }
    }
    for (weighted, suffix) in [(false, ""), (true, "_weighted")] {
        for (batch, n) in [(4096, 8), (1024, 32), (64, 128)] {
            let shape = vec![batch, n, n];
            add(format!("W4_bmm_{batch}x{n}{suffix}"), Product { a: shape.clone(), b: shape, weighted });
        }
        let (a, b) = (vec![32, 1, 64, 64], vec![1, 32, 64, 64]);
        add(format!("W4_bmm_bcast_32x32x64{suffix}"), Product { a, b, weighted });
    }
    add("W5_mlp_step".into(), Mlp);
    add("W6_attention".into(), Attention);
    add("W7_logsumexp".into(), LogSumExp);
    add("W7_softmax".into(), Softmax);
    add("W7_layernorm".into(), LayerNorm);
    add("W8_gp_mll".into(), GaussianProcess);
    add("W9_hvp".into(), Hvp);
    add("W9_hessian".into(), Hessian);
    add("W10_views".into(), Views);
    add("W11_rosen200".into(), Rosenbrock);
    for n in [1_000, 10_000, 100_000, 1_000_000, 10_000_000] {
        add(format!("W12_chain_{n}"), Chain(n));
    }
    for n in [1, 16, 256, 4096, 16_384, 65_536] {
        add(format!("W13_elt_{n}"), elementwise(n, 1024));
    }
    for n in [1, 16, 256, 4096] {
        let shape = vec![n, 32, 32];
        add(format!("W14_bmm_{n}"), Product { a: shape.clone(), b: shape, weighted: false });
    }
    add("W15_deep_mlp".into(), DeepMlp);
    all
}
