//! Elementwise functions.

use super::*;

pub fn apply<T: Real>(op: &str, args: &Json, x: &[V<T>]) -> Option<V<T>> {
    let p = || T::of(number(&args["p"]));
    macro_rules! named {
        ($($one:ident)*; $($two:ident)*) => {
            Some(match (op, x) {
                $( (stringify!($one), [x]) => x.$one(), )*
                $( (stringify!($two), [a, b]) => a.$two(b), )*
                ("elu", [x]) => x.elu(p()),
                ("celu", [x]) => x.celu(p()),
                ("leaky_relu", [x]) => x.leaky_relu(p()),
                ("polygamma", [x]) => x.polygamma(number(&args["n"]) as u32),
                _ => return None,
            })
        };
    }
    named![
        exp2 log2 log10 exp_m1 ln_1p tan asin acos atan sinh cosh asinh acosh atanh sinc cbrt rsqrt floor ceil round trunc
        erf erfc erfinv normal_cdf log_normal_cdf normal_pdf lgamma digamma log_sigmoid silu gelu gelu_tanh mish softsign selu relu6
        hardtanh hardsigmoid nan_to_num;
        logaddexp logaddexp2 xlogy xlog1py atan2 hypot remainder copysign betaln
    ]
}
