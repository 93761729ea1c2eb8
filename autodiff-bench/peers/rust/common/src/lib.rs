//! What the Rust peers share: the workloads, their inputs, the timing and the protocol. `../README.md` describes
//! the workloads and the protocol.

mod protocol;
mod workload;

pub use protocol::{Peer, serve};
pub use workload::{Workload, workloads};

/// Adam's settings.
pub const BETA1: f64 = 0.9;
pub const BETA2: f64 = 0.999;
pub const EPSILON: f64 = 1e-8;
/// The learning rates of `W5_mlp_step` and `W11_rosen200`.
pub const MLP_LR: f64 = 1e-3;
pub const ROSENBROCK_LR: f64 = 1e-2;
pub const ROSENBROCK_STEPS: usize = 200;
/// The sizes of `W5_mlp_step`.
pub const MLP_BATCH: usize = 128;
pub const MLP_SIZES: [usize; 4] = [784, 512, 512, 10];
/// The number of layers of `W15_deep_mlp`, their width, and the size of its batch.
pub const DEEP_LAYERS: usize = 12;
pub const DEEP_WIDTH: usize = 512;
pub const DEEP_BATCH: usize = 512;
/// The shape of q, k and v in `W6_attention`.
pub const ATTENTION: [usize; 4] = [4, 8, 128, 64];
/// The shape of `W7_*`.
pub const ROWS: [usize; 2] = [4096, 1024];
/// The shape of `W9_*`'s design matrix.
pub const DESIGN: [usize; 2] = [2000, 100];
/// The shape of `W10_views`.
pub const VIEWS: [usize; 3] = [64, 128, 256];

/// An element type.
pub trait Float: Copy + Send + Sync + 'static {
    fn of(x: f64) -> Self;
    fn f64(self) -> f64;
}

impl Float for f64 {
    fn of(x: f64) -> Self {
        x
    }
    fn f64(self) -> f64 {
        self
    }
}

impl Float for f32 {
    fn of(x: f64) -> Self {
        x as f32
    }
    fn f64(self) -> f64 {
        self.into()
    }
}

/// Element `i` of the inputs made with `salt`: SplitMix64, of mean 0 and standard deviation 1/2.
fn number(i: u64, salt: u64) -> f64 {
    let mut z =
        (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(salt.wrapping_mul(0xD1B5_4A32_D192_ED03));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    ((z >> 11) as f64 / (1_u64 << 53) as f64 - 0.5) * 3f64.sqrt()
}

/// The elements, row by row, of an input of this shape.
pub fn arr<F: Float>(shape: &[usize], salt: u64) -> Vec<F> {
    (0..shape.iter().product::<usize>() as u64).map(|i| F::of(number(i, salt))).collect()
}

/// The weights of a layer.
pub fn layer<F: Float>(inputs: usize, outputs: usize, salt: u64) -> Vec<F> {
    let scale = (inputs as f64).sqrt();
    (0..(inputs * outputs) as u64).map(|i| F::of(number(i, salt) * 2.0 / scale)).collect()
}

/// The labels of `W5_mlp_step`.
pub fn labels() -> Vec<usize> {
    (0..MLP_BATCH).map(|i| i * 7 % 10).collect()
}

/// The labels of `W9_*`: 1 or -1.
pub fn signs<F: Float>() -> Vec<F> {
    (0..DESIGN[0] as u64).map(|i| F::of(if number(i, 1) > 0.0 { 1.0 } else { -1.0 })).collect()
}

/// Sums the squares of a call's gradients, where they are asked for.
pub struct Norm {
    wanted: bool,
    squares: f64,
}

impl Norm {
    pub fn none() -> Self {
        Self { wanted: false, squares: 0.0 }
    }

    pub fn wanted() -> Self {
        Self { wanted: true, squares: 0.0 }
    }

    pub fn is_wanted(&self) -> bool {
        self.wanted
    }

    pub fn add<F: Float, I: IntoIterator<Item = F>>(&mut self, gradient: impl FnOnce() -> I) {
        if self.wanted {
            self.squares += gradient().into_iter().map(|x| x.f64() * x.f64()).sum::<f64>();
        }
    }

    pub fn norm(&self) -> f64 {
        self.squares.sqrt()
    }
}

/// A workload with its inputs built: returns its value, and adds its gradients to the norm.
pub type Cell = Box<dyn FnMut(&mut Norm) -> f64>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs() {
        assert_eq!(arr::<f64>(&[2], 0), [0.663_913_794_916_318_6, -0.118_596_988_007_986_85]);
    }
}
