//! Reductions, scans and orders, and what carries no gradient.

use super::*;
use autodiff::{Indices, Mask, logical_and, logical_not, logical_or, logical_xor};

pub fn apply<T: Real>(op: &str, args: &Json, x: &[V<T>]) -> V<T> {
    let keep = args["keep"] == Json::Bool(true);
    let along = || axes(&args["axes"]);
    let axis = || number(&args["axis"]) as isize;
    let to = || lengths(&args["to"]);
    let n = || number(&args["n"]) as usize;
    let bound = |name: &str| T::of(number(&args[name]));
    // Data without a gradient, of the first input.
    let mask = |mask: Mask| constant(&x[0], mask.mapv(|m| T::of(m as u8 as f64)).into_owned());
    let indices = |indices: Indices| constant(&x[0], indices.mapv(|i| T::of(i as f64)).into_owned());
    let made = |made: V<T>| constant(&x[0], made.data().into_owned());
    macro_rules! axes_or_kept {
        ($x:expr, $name:ident, $kept:ident) => {
            if keep { $x.$kept(&along()[..]) } else { $x.$name(&along()[..]) }
        };
    }
    let positive = |x: &V<T>| x.gt(T::zero());
    // Negative numbers become NaN, those above 1 infinite.
    let special = |x: &V<T>| {
        where_(
            &x.gt(T::zero()),
            where_(&x.gt(T::one()), V::<T>::constant(T::infinity()), x),
            V::<T>::constant(T::nan()),
        )
    };
    match (op, x) {
        ("argmax", [x]) => indices(axes_or_kept!(x, argmax_axis, argmax_keepdims)),
        ("argmin", [x]) => indices(axes_or_kept!(x, argmin_axis, argmin_keepdims)),
        ("any", [x]) => mask(axes_or_kept!(x.relu(), any_axis, any_keepdims)),
        ("all", [x]) => mask(axes_or_kept!(x.relu(), all_axis, all_keepdims)),
        ("count_nonzero", [x]) => {
            indices(axes_or_kept!(x.relu(), count_nonzero_axis, count_nonzero_keepdims))
        }
        ("diff", [x]) => x.diff(n(), axis()),
        ("trapezoid", [y]) => y.trapezoid(bound("dx"), axis()),
        ("trapezoid", [y, x]) => y.trapezoid(x, axis()),
        ("argsort", [x]) => indices(x.argsort(axis())),
        ("split", [x]) => {
            let parts = x.split(number(&args["sections"]) as usize, axis());
            parts.iter().enumerate().map(|(i, part)| (i + 1) as f64 * part.sum().square()).sum()
        }
        ("lt", [a, b]) => mask(a.round().lt(b.round())),
        ("le", [a, b]) => mask(a.round().le(b.round())),
        ("gt", [a, b]) => mask(a.round().gt(b.round())),
        ("ge", [a, b]) => mask(a.round().ge(b.round())),
        ("eq", [a, b]) => mask(a.round().eq(b.round())),
        ("ne", [a, b]) => mask(a.round().ne(b.round())),
        ("logical_and", [a, b]) => mask(logical_and(&positive(a), &positive(b))),
        ("logical_or", [a, b]) => mask(logical_or(&positive(a), &positive(b))),
        ("logical_xor", [a, b]) => mask(logical_xor(&positive(a), &positive(b))),
        ("logical_not", [a, b]) => mask(logical_not(&a.gt(b))),
        ("where_", [a, b]) => where_(&a.lt(b), a * a, b),
        ("is_nan", [x]) => mask(special(x).is_nan()),
        ("is_infinite", [x]) => mask(special(x).is_infinite()),
        ("is_finite", [x]) => mask(special(x).is_finite()),
        ("fract", [x]) => x.fract(),
        ("unique", [x]) => constant(x, x.round().unique().into_dyn()),
        ("zeros_like", [x]) => made(x.zeros_like()),
        ("ones_like", [x]) => made(x.ones_like()),
        ("full_like", [x]) => made(x.full_like(T::of(1.75))),
        ("searchsorted", [edges, values]) => indices(edges.sort(0).searchsorted(values)),
        ("zeros", [_]) => made(V::<T>::zeros(to())),
        ("ones", [_]) => made(V::<T>::ones(to())),
        ("full", [_]) => made(V::<T>::full(to(), T::of(-0.375))),
        ("eye", [_]) => made(V::<T>::eye(n())),
        ("arange", [_]) => made(V::<T>::arange(bound("start"), bound("stop"), bound("step"))),
        ("linspace", [_]) => made(V::<T>::linspace(bound("start"), bound("stop"), n())),
        ("one_hot", [_]) => made(V::<T>::one_hot(&ndarray::Array1::from(lengths(&args["labels"])), n())),
        // The rest are as in the other files.
        ("sum" | "mean" | "max" | "min" | "logsumexp" | "softmax" | "log_softmax", x) => {
            super::apply(op, args, x)
        }
        (_, x) => shapes::apply(op, args, x),
    }
}
