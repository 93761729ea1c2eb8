"""Writes elementwise.json: elementwise functions, from JAX.

    venv/bin/python tests/suite/reference/elementwise.py
"""

import jax
import jax.numpy as jnp
import jax.scipy.special as special
from harness import case, ranged, write

nn = jax.nn
unary = {
    "exp2": (jnp.exp2, -2, 2), "log2": (jnp.log2, 0.25, 3), "log10": (jnp.log10, 0.25, 3),
    "exp_m1": (jnp.expm1, -2, 2), "ln_1p": (jnp.log1p, -0.5, 2),
    "tan": (jnp.tan, -1.2, 1.2), "asin": (jnp.arcsin, -0.8, 0.8), "acos": (jnp.arccos, -0.8, 0.8),
    "atan": (jnp.arctan, -3, 3), "sinh": (jnp.sinh, -2, 2), "cosh": (jnp.cosh, -2, 2),
    "asinh": (jnp.arcsinh, -3, 3), "acosh": (jnp.arccosh, 1.2, 4), "atanh": (jnp.arctanh, -0.8, 0.8),
    "sinc": (jnp.sinc, 0.3, 3), "cbrt": (jnp.cbrt, 0.3, 3), "rsqrt": (jax.lax.rsqrt, 0.3, 3),
    "floor": (jnp.floor, -3, 3), "ceil": (jnp.ceil, -3, 3), "round": (jnp.round, -3, 3), "trunc": (jnp.trunc, -3, 3),
    "erf": (special.erf, -2, 2), "erfc": (special.erfc, -2, 2), "erfinv": (special.erfinv, -0.8, 0.8),
    "normal_cdf": (special.ndtr, -3, 3), "normal_pdf": (jax.scipy.stats.norm.pdf, -3, 3),
    "log_normal_cdf": (special.log_ndtr, -6, 3),
    "lgamma": (special.gammaln, 0.5, 4), "digamma": (special.digamma, 0.5, 4),
    "log_sigmoid": (nn.log_sigmoid, -4, 4), "silu": (nn.silu, -4, 4),
    "gelu": (lambda x: nn.gelu(x, approximate=False), -4, 4), "gelu_tanh": (lambda x: nn.gelu(x, approximate=True), -4, 4),
    "mish": (nn.mish, -4, 4), "softsign": (nn.soft_sign, -3, 3), "selu": (nn.selu, -3, 3),
    "relu6": (nn.relu6, -3, 7.5), "hardtanh": (nn.hard_tanh, -3, 3.02), "hardsigmoid": (nn.hard_sigmoid, -4.02, 4),
    "nan_to_num": (jnp.nan_to_num, -3, 3),
}
for shape in [(), (7,), (2, 3)]:
    for op, (f, low, high) in unary.items():
        case(op, f, [shape], low, high)
    for alpha in [1.0, 0.5, 1.75]:
        case("elu", lambda x: nn.elu(x, alpha), [shape], -3, 3, p=alpha)
        case("celu", lambda x: nn.celu(x, alpha), [shape], -3, 3, p=alpha)
    case("leaky_relu", lambda x: nn.leaky_relu(x, 0.125), [shape], -3, 3, p=0.125)
    for n in [0, 1, 2]:
        case("polygamma", lambda x: special.polygamma(n, x), [shape], 0.5, 4, n=n)

binary = {
    "logaddexp": (jnp.logaddexp, (-2, 2), (-2, 2)), "logaddexp2": (jnp.logaddexp2, (-2, 2), (-2, 2)),
    "xlogy": (special.xlogy, (-2, 2), (0.5, 2)), "xlog1py": (special.xlog1py, (-2, 2), (-0.5, 2)),
    "atan2": (jnp.arctan2, (-2, 2), (-2, 2)), "hypot": (jnp.hypot, (-2, 2), (-2, 2)),
    "remainder": (jnp.remainder, (-3, 3), (1.1, 2)), "copysign": (jnp.copysign, (-2, 2), (-2, 2)),
    "betaln": (special.betaln, (0.5, 3), (0.5, 3)),
}
pairs = [((), ()), ((4,), (4,)), ((2, 3), (3,)), ((3, 1), (1, 4)), ((2, 2), ())]
for op, (f, of_a, of_b) in binary.items():
    for a, b in pairs:
        case(op, f, [ranged(a, *of_a), ranged(b, *of_b)])

write(__file__)
