//! Losses.

use super::*;
use autodiff::nn::{self, CrossEntropy, Reduction};

pub fn apply<T: Real<B = DefaultBackend>>(op: &str, args: &Json, x: &[V<T>]) -> V<T> {
    let how = || match args["reduction"].as_str() {
        Some("mean") => Reduction::Mean,
        Some("sum") => Reduction::Sum,
        Some("none") => Reduction::None,
        other => panic!("no reduction {other:?}"),
    };
    let delta = || T::of(number(&args["delta"]));
    let labels = || lengths(&args["labels"]);
    match (op, x) {
        ("mse_loss", [x, t]) => nn::mse_loss(x, t, how()),
        ("l1_loss", [x, t]) => nn::l1_loss(x, t, how()),
        ("huber_loss", [x, t]) => nn::huber_loss(x, t, delta(), how()),
        ("smooth_l1_loss", [x, t]) => nn::smooth_l1_loss(x, t, delta(), how()),
        ("bce_with_logits_loss", [x, t]) => nn::bce_with_logits_loss(x, t, how()),
        ("kl_div_loss", [x, t]) => nn::kl_div_loss(x, t, how()),
        ("gaussian_nll_loss", [x, t, variance]) => nn::gaussian_nll_loss(x, t, variance, how()),
        ("nll_loss", [x]) => nn::nll_loss(x, &labels(), how()),
        ("cross_entropy_loss", [x, weights @ ..]) => {
            let options = CrossEntropy {
                weights: weights.first().cloned(),
                smoothing: number(&args["smoothing"]),
                ignore: args["ignore"].as_u64().map(|label| label as usize),
                reduction: how(),
            };
            nn::cross_entropy_loss(x, &labels(), &options)
        }
        ("soft_cross_entropy_loss", [x, t]) => nn::soft_cross_entropy_loss(x, t, how()),
        _ => panic!("no function {op:?} of {} inputs", x.len()),
    }
}
