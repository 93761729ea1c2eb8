//! What layers are made of, and layers that differ in training.

use super::*;
use autodiff::nn::{self, Module, rng};
use ndarray::ArrayD;

pub fn apply<T: Real<B = DefaultBackend>>(op: &str, args: &Json, x: &[V<T>]) -> V<T> {
    let eps = || number(&args["eps"]);
    let causal = || args["causal"] == Json::Bool(true);
    match (op, x) {
        ("layer_norm", [x, rest @ ..]) => nn::layer_norm(x, rest.first(), rest.get(1), eps()),
        ("rms_norm", [x, rest @ ..]) => nn::rms_norm(x, rest.first(), eps()),
        ("attention", [q, k, v, mask @ ..]) => nn::attention(q, k, v, mask.first(), causal()),
        ("batch_norm", [x, mean, variance, rest @ ..]) if args["given"] == Json::Bool(true) => {
            nn::batch_norm(x, Some((mean, variance)), rest.first(), rest.get(1), eps())
        }
        ("batch_norm", [x, rest @ ..]) => nn::batch_norm(x, None, rest.first(), rest.get(1), eps()),
        ("BatchNorm", [x, rest @ ..]) => {
            let mut layer = nn::BatchNorm {
                gain: rest.first().cloned(),
                bias: rest.get(1).cloned(),
                momentum: number(&args["momentum"]),
                ..nn::BatchNorm::new(x.shape()[1])
            };
            layer.forward_train(&(x * T::of(2.0)));
            let (trained, evaluated) = (layer.forward_train(x), layer.forward(x));
            V::<T>::concat(
                &[trained.flatten(), evaluated.flatten(), layer.running_mean, layer.running_variance],
                0,
            )
        }
        ("dropout", [x]) => {
            let drop = |x: &V<T>| nn::dropout(x, number(&args["p"]), &mut rng(number(&args["seed"]) as u64));
            let kept: Vec<usize> =
                elements(&drop(&V::<T>::ones(x.shape()))).iter().map(|&y| usize::from(y != 0.0)).collect();
            assert_eq!(kept, lengths(&args["kept"]), "what {args} keeps");
            drop(x)
        }
        ("embedding", [table]) => {
            let ids = ArrayD::from_shape_vec(lengths(&args["of"]), lengths(&args["ids"])).expect("the shape");
            nn::embedding(table, &ids)
        }
        _ => panic!("no function {op:?} of {} inputs", x.len()),
    }
}
