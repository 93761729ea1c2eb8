"""Writes values.json: what the engine must compute, from independent engines.

    python3 -m venv venv && venv/bin/pip install jax torch numpy mpmath
    venv/bin/python tests/suite/reference/values.py

`cases` come from JAX: see `harness.py`.
"""

import jax
import jax.numpy as jnp
import numpy as np
from harness import case, ranged, write
from jax.nn import log_softmax, relu, sigmoid, softmax, softplus
from jax.scipy.special import logsumexp


def elementwise():
    unary = {
        "neg": (jnp.negative, -2, 2), "exp": (jnp.exp, -2, 2), "ln": (jnp.log, 0.25, 3),
        "sqrt": (jnp.sqrt, 0.25, 3), "square": (jnp.square, -2, 2), "recip": (lambda x: 1 / x, 0.5, 3),
        "sin": (jnp.sin, -4, 4), "cos": (jnp.cos, -4, 4), "tanh": (jnp.tanh, -3, 3),
        "sigmoid": (sigmoid, -5, 5), "softplus": (softplus, -5, 5), "abs": (jnp.abs, -2, 2),
        "sign": (jnp.sign, -2, 2), "relu": (relu, -2, 2),
    }
    for shape in [(), (7,), (2, 3)]:
        for op, (f, low, high) in unary.items():
            case(op, f, [shape], low, high)
        for n in [-3, -1, 0, 1, 2, 3, 4, 7]:
            case("powi", lambda x: x**n, [shape], 0.5, 2, n=n)
        for p in [-1.5, 0.0, 0.5, 1.0, 2.0, 2.5, 3.0]:
            case("powf", lambda x: x**p, [shape], 0.5, 2, p=p)
        for bounds in [(-1.03, 1.52), (0.4, 9.0)]:
            case("clamp", lambda x: jnp.clip(x, *bounds), [shape], bounds=bounds)

    binary = {
        "add": jnp.add, "sub": jnp.subtract, "mul": jnp.multiply, "div": jnp.divide, "pow": jnp.power,
        "maximum": jnp.maximum, "minimum": jnp.minimum,
    }
    pairs = [((), ()), ((4,), (4,)), ((2, 3), (3,)), ((2, 3), ()), ((), (2, 2)), ((3, 1), (1, 4)),
             ((2, 1, 3), (4, 1)), ((1,), (2, 2))]
    for op, f in binary.items():
        for a, b in pairs:
            case(op, f, [ranged(a, 0.5, 2.5), ranged(b, 0.6, 2.4)])
    for op in ["add", "sub", "mul", "div", "pow"]:
        f = binary[op]
        case(op + "_number", lambda x: f(x, 2.5), [(2, 3)], 0.5, 2, number=2.5)
        case("number_" + op, lambda x: f(2.5, x), [(2, 3)], 0.5, 2, number=2.5)
    mask = [1, 0, 0, 1, 0, 1]
    for a, b in [((2, 3), (2, 3)), ((3,), (2, 1)), ((), (2, 3)), ((2, 2, 3), (3,))]:
        case("where", lambda a, b: jnp.where(jnp.array(mask).reshape(2, 3) == 1, a, b), [a, b], mask=mask)


def reductions():
    reduce = {"sum": jnp.sum, "mean": jnp.mean, "max": jnp.max, "min": jnp.min, "logsumexp": logsumexp}
    uses = [((), []), ((5,), [0]), ((2, 3), [0, 1]), ((2, 3), [0]), ((2, 3), [-1]), ((2, 3, 2), [2, 0]),
            ((2, 3, 2), [1]), ((4, 1), [1]), ((2, 3), [])]
    for op, f in reduce.items():
        case(op + "_all", f, [(2, 3)])
        for shape, axes in uses:
            for keep in [False, True]:
                case(op, lambda x: f(x, axis=tuple(axes), keepdims=keep), [shape], axes=axes, keep=keep)
    for op, f in {"softmax": softmax, "log_softmax": log_softmax}.items():
        for shape, axes in [((4,), [0]), ((2, 3), [1]), ((2, 3), [0]), ((2, 3), [0, 1]), ((2, 3, 2), [-1, 0])]:
            case(op, lambda x: f(x, axis=tuple(axes)), [shape], axes=axes)
    for shape, labels in [((1, 2), [1]), ((3, 4), [0, 3, 3]), ((4, 2), [1, 0, 0, 1])]:
        case("cross_entropy", lambda x: cross_entropy(x, labels), [shape], labels=labels)


def cross_entropy(x, labels):
    return -jnp.mean(log_softmax(x)[np.arange(len(labels)), np.array(labels)])


def products():
    shapes = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((1, 1), (1, 1)), ((1, 4), (4, 1)),
              ((4, 1), (1, 4)), ((2, 2, 3), (3, 2)), ((2, 3), (2, 3, 2)), ((2, 2, 3), (2, 3, 2)), ((2, 2, 3), (3,)),
              ((3,), (2, 3, 2)), ((2, 2, 3), (1, 3, 2)), ((1, 2, 3), (2, 3, 2)), ((3, 1, 2, 2), (1, 2, 2, 3)),
              ((2, 1, 2, 3), (3, 2)), ((2, 3), (2, 1, 3, 2)), ((2, 2, 2, 3), (2, 3, 1))]
    for a, b in shapes:
        case("matmul", jnp.matmul, [a, b])


def shapes():
    for shape, to in [((2, 3), (3, 2)), ((2, 3), (6,)), ((6,), (2, 1, 3)), ((1, 1), ()), ((), (1, 1))]:
        case("reshape", lambda x: x.reshape(to), [shape], to=to)
    for shape, axes in [((2, 3), [1, 0]), ((2, 3, 2), [2, 0, 1]), ((2, 3, 2), [-1, -2, -3]), ((2, 1, 3, 2), [3, 1, 0, 2])]:
        case("permute", lambda x: jnp.transpose(x, [a % x.ndim for a in axes]), [shape], axes=axes)
    for shape in [(), (3,), (2, 3), (2, 3, 2)]:
        case("t", jnp.transpose, [shape])
    for shape, a, b in [((2, 3), 0, 1), ((2, 3, 2), 0, -1), ((2, 3), 1, 1)]:
        case("swap_axes", lambda x: jnp.swapaxes(x, a, b), [shape], axes=[a, b])
    for shape, to in [((), (2, 2)), ((3,), (2, 3)), ((2, 1), (2, 3)), ((1, 3, 1), (2, 2, 3, 2))]:
        case("broadcast_to", lambda x: jnp.broadcast_to(x, to), [shape], to=to)
    for shape, axes in [((1, 3, 1), [0]), ((1, 3, 1), [-1, 0])]:
        case("squeeze_axis", lambda x: jnp.squeeze(x, tuple(axes)), [shape], axes=axes)
    case("squeeze", jnp.squeeze, [(1, 3, 1, 2)])
    for shape, axes in [((3,), [0]), ((3,), [-1]), ((2, 3), [0, -1]), ((), [0])]:
        case("unsqueeze", lambda x: jnp.expand_dims(x, tuple(axes)), [shape], axes=axes)

    # An element is an index, "new", or [start, end, step]: every step-th of the range, from its end if negative.
    slices = [
        ((5,), [[0, 5, 2]]), ((5,), [[1, 4, -1]]), ((5,), [[0, 5, -2]]), ((5,), [3]), ((5,), [-1]),
        ((3, 4), [[0, 3, 1], [1, 3, 1]]), ((3, 4), [1, [0, 4, 3]]), ((3, 4), [[0, 2, 1], "new", 2]),
        ((3, 4), ["new", [0, 3, -1], [-3, 4, 1]]), ((2, 3, 2), [[0, 2, 1], -2, [0, 2, -1]]),
    ]
    for shape, info in slices:
        case("slice", lambda x: take(x, info), [shape], info=info)
    for shape, axis, indices in [((4,), 0, [0, 0, 1]), ((3, 4), 0, [2, 0, 2, 2]), ((3, 4), -1, [3, 1]), ((2, 3, 2), 1, [1, 1, 0])]:
        case("index_select", lambda x: jnp.take(x, np.array(indices), axis), [shape], axis=axis, indices=indices)
    for parts, axis in [([(2,), (3,)], 0), ([(2, 3), (1, 3), (2, 3)], 0), ([(2, 1), (2, 3)], -1), ([(2, 2, 2)], 1)]:
        case("concat", lambda *x: jnp.concatenate(x, axis), parts, axis=axis)
    for parts, axis in [([(), ()], 0), ([(3,), (3,)], 0), ([(3,), (3,)], 1), ([(2, 3)] * 3, -1), ([(2, 3)], 1)]:
        case("stack", lambda *x: jnp.stack(x, axis), parts, axis=axis)


def take(x, info):
    axis = 0
    for part in info:
        whole = (slice(None),) * axis
        if part == "new":
            x = x[whole + (None,)]
        elif isinstance(part, int):
            x = x[whole + (part,)]
            continue
        else:
            x = x[whole + (slice(part[0], part[1]),)][whole + (slice(None, None, part[2]),)]
        axis += 1
    return x


def composites():
    labels = [0, 1, 1, 0]

    def mlp(x, w1, b1, w2, b2):
        return cross_entropy(jnp.tanh(x @ w1 + b1) @ w2 + b2, labels)

    def attention(q, k, v):
        return softmax(q @ jnp.swapaxes(k, -1, -2) / 2.0, axis=-1) @ v

    def layer_norm(x, gain, bias):
        centred = x - x.mean(-1, keepdims=True)
        return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * gain + bias

    def rosenbrock(x):
        return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    def logistic(x, w, b, target):
        z = x @ w + b
        return jnp.mean(softplus(z) - target * z)

    def gaussian(mean, log_scale, x):
        return jnp.sum(0.5 * ((x - mean) / jnp.exp(log_scale)) ** 2 + log_scale)

    def divergence(a, b):
        return jnp.sum(softmax(a) * (log_softmax(a) - log_softmax(b)))

    def huber(x, w, target):
        r = x @ w - target
        return jnp.sum(jnp.where(jnp.abs(r) <= 1, 0.5 * r * r, jnp.abs(r) - 0.5))

    def quadratic(x, a):
        return x @ a @ x

    def convolution(x, kernel):
        n = x.shape[0] - 2
        return kernel[0] * x[:n] + kernel[1] * x[1:n + 1] + kernel[2] * x[2:]

    def recurrent(x, wx, wh):
        h = jnp.zeros(wh.shape[0])
        for step in range(x.shape[0]):
            h = jnp.tanh(x[step] @ wx + h @ wh)
        return h

    def swish(x, w):
        z = x @ w
        return z * sigmoid(z)

    def distances(a, b):
        return jnp.sqrt(jnp.sum((a[:, None] - b[None]) ** 2, -1))

    def cosine(a, b):
        return a @ b / jnp.sqrt((a @ a) * (b @ b))

    def mixture(logits, means, x):
        return logsumexp(log_softmax(logits) - 0.5 * (x[:, None] - means) ** 2, axis=1)

    def embedding(table, w):
        return jnp.take(table, np.array([2, 0, 2]), 0).mean(0) @ w

    def box_cox(x, p):
        return (x**p - 1) / p

    def gated(x, w, u):
        return sigmoid(x @ w) * jnp.tanh(x @ u)

    case("mlp", mlp, [(4, 3), (3, 5), (5,), (5, 2), (2,)], labels=labels)
    case("attention", attention, [(2, 3, 4)] * 3)
    case("layer_norm", layer_norm, [(3, 5), (5,), (5,)])
    case("rosenbrock", rosenbrock, [(6,)])
    case("logistic", logistic, [(4, 3), (3,), (), (4,)])
    case("gaussian", gaussian, [(3,), (), (2, 3)])
    case("divergence", divergence, [(4,), (4,)])
    case("huber", huber, [(5, 3), (3,), (5,)])
    case("quadratic", quadratic, [(4,), (4, 4)])
    case("convolution", convolution, [(7,), (3,)])
    case("recurrent", recurrent, [(4, 2), (2, 3), (3, 3)])
    case("swish", swish, [(2, 3), (3, 2)])
    case("distances", distances, [ranged((3, 2), 0.5, 2), ranged((2, 2), -2, -0.5)])
    case("cosine", cosine, [(4,), (4,)])
    case("mixture", mixture, [(3,), (3,), (4,)])
    case("embedding", embedding, [(3, 4), (4,)])
    case("box_cox", box_cox, [ranged((4,), 0.5, 2), ranged((), 0.5, 2)])
    case("gated", gated, [(2, 3), (3, 2), (3, 2)])


def triangle(a, unit=False):
    """A well-conditioned lower triangular matrix."""
    return jnp.tril(a, -1) / 2 + (jnp.eye(a.shape[-1]) if unit else spread_diagonal(a))


def spread_diagonal(a):
    return jnp.eye(a.shape[-1]) * (2 + jnp.arange(a.shape[-1]))


def stairs(a):
    """a / 2 with 2, 4, 6, ... added on the diagonal: its spectrum is well apart."""
    m, n = a.shape[-2:]
    return a / 2 + jnp.eye(m, n) * (2.0 * (1 + jnp.arange(n)))


def even(a):
    return (a + jnp.swapaxes(a, -1, -2)) / 2


def positive(a):
    return a @ jnp.swapaxes(a, -1, -2) + jnp.eye(a.shape[-1])


def linear_algebra():
    """Functions that do not depend on the signs of vectors, of matrices made to be well-conditioned."""
    linalg = jnp.linalg
    solve_triangular = jax.scipy.linalg.solve_triangular
    swapped = lambda a: jnp.swapaxes(a, -1, -2)
    square = [(1, 1), (2, 2), (3, 3), (4, 4), (2, 3, 3), (2, 1, 2, 2)]
    oblong = [(3, 2), (2, 3), (5, 3), (1, 3), (3, 1), (2, 3, 2), (2, 2, 4)]

    systems = [((2, 2), (2,)), ((3, 3), (3, 2)), ((4, 4), (4,)), ((2, 3, 3), (2, 3, 2)), ((2, 3, 3), (3,)), ((3, 3), (2, 3, 1)),
               ((2, 1, 2, 2), (3, 2, 2))]
    for a, b in systems:
        # A vector is a vector beside a batch too.
        column = lambda b: b[:, None] if b.ndim == 1 else b
        cut = lambda b, x: x[..., 0] if b.ndim == 1 else x
        case("solve", lambda a, b: cut(b, linalg.solve(stairs(a), column(b))), [a, b], -1, 1)
        for lower, trans, unit in [(True, 0, False), (False, 0, False), (True, 1, False), (False, 1, True), (True, 0, True)]:
            def f(a, b):
                t = triangle(a, unit)
                b_, t = column(b), t if lower else swapped(t)
                batch = jnp.broadcast_shapes(t.shape[:-2], b_.shape[:-2])
                t = jnp.broadcast_to(t, batch + t.shape[-2:])
                b_ = jnp.broadcast_to(b_, batch + b_.shape[-2:])
                g = lambda t, b: solve_triangular(t, b, trans=trans, lower=lower, unit_diagonal=unit)
                for _ in batch:
                    g = jax.vmap(g)
                return cut(b, g(t, b_))
            case("solve_triangular", f, [a, b], -1, 1, lower=lower, trans=trans, unit=unit)

    for shape in square:
        case("inv", lambda a: linalg.inv(stairs(a)), [shape], -1, 1)
        case("det", lambda a: linalg.det(stairs(a)), [shape], -1, 1)
        case("slogdet", lambda a: linalg.slogdet(stairs(a))[1], [shape], -1, 1)
        case("cholesky", lambda a: linalg.cholesky(positive(a)), [shape], -1, 1)
        case("eigvalsh", lambda a: linalg.eigvalsh(even(stairs(a))), [shape], -1, 1)
        for k in [-1, 2, 3]:
            case("matrix_power", lambda a: linalg.matrix_power(stairs(a), k), [shape], -1, 1, n=k)

        def projections(a):
            w, v = linalg.eigh(even(stairs(a)))
            return v * v * w[..., None, :]

        def exponential(a):
            w, v = linalg.eigh(even(stairs(a)) / 4)
            return (v * jnp.exp(w)[..., None, :]) @ swapped(v)

        case("eigh_squares", projections, [shape], -1, 1)
        case("eigh_exp", exponential, [shape], -1, 1)

    for shape in square + oblong:
        def squares(a):
            u, s, vt = linalg.svd(stairs(a), full_matrices=False)
            return (u * u) @ (s[..., None] * vt)**2

        def factors(a):
            q, r = linalg.qr(stairs(a))
            return (q * q) @ (r * r)

        case("svdvals", lambda a: linalg.svd(stairs(a), compute_uv=False), [shape], -1, 1)
        # JAX has no derivative of the factors of a wide matrix.
        wide = shape[-2] < shape[-1]
        if not wide:
            case("svd_squares", squares, [shape], -1, 1)
            case("qr_squares", factors, [shape], -1, 1)
        case("pinv", lambda a: linalg.pinv(stairs(a)), [shape], -1, 1)
        case("trace", lambda a: jnp.trace(a, axis1=-2, axis2=-1), [shape])
        for k in [-1, 0, 2]:
            case("tril", lambda a: jnp.tril(a, k), [shape], k=k)
            case("triu", lambda a: jnp.triu(a, k), [shape], k=k)
            if -shape[-2] < k < shape[-1]:
                case("diagonal", lambda a: jnp.diagonal(a, k, -2, -1), [shape], k=k)
    for shape in [(1,), (4,)]:
        case("diag", jnp.diag, [shape])
    for a, b in [((4, 2), (4,)), ((3, 3), (3, 2)), ((2, 4), (2,)), ((5, 3), (5, 2))]:
        case("lstsq", lambda a, b: linalg.pinv(stairs(a)) @ b, [a, b], -1, 1)

    def likelihood(x, y, scale):
        """Of a Gaussian process."""
        k = jnp.exp(-((x[:, None] - x[None]) / scale) ** 2) + 0.25 * jnp.eye(x.shape[0])
        l = linalg.cholesky(k)
        s = jax.scipy.linalg.cho_solve((l, True), y)
        return y @ s + 2 * jnp.log(jnp.diagonal(l)).sum()

    case("likelihood", likelihood, [(6,), (6,), ranged((), 0.5, 1.5)])


elementwise()
reductions()
products()
shapes()
composites()
linear_algebra()
write(__file__)
