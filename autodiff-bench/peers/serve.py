#!/usr/bin/env python3
"""Measures one Python peer, a workload at a time, on command: README.md describes the protocol and the workloads.

    python serve.py torch|jax|hips --dtype f64|f32 --threads N
"""

import argparse
import gc
import json
import math
import os
import re
import resource
import statistics
import sys
import time
from importlib.metadata import version

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("peer", choices=["torch", "jax", "hips"])
parser.add_argument("--dtype", choices=["f64", "f32"], default="f64")
parser.add_argument("--threads", type=int, default=1)
ARGS = parser.parse_args()
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np  # noqa: E402  (the environment comes first)

DTYPE = np.float64 if ARGS.dtype == "f64" else np.float32

# ------------------------------------------------------------------------------------------------ workloads

BATCHED = {
    "4096x8": [(4096, 8, 8)] * 2,
    "1024x32": [(1024, 32, 32)] * 2,
    "64x128": [(64, 128, 128)] * 2,
    "bcast_32x32x64": [(32, 1, 64, 64), (1, 32, 64, 64)],
}
# A workload's name, the method of a peer that builds it, and that method's arguments.
WORKLOADS = {"W1_scalar_chain": ("chain", 10_000)}
for n, rows, columns in ("2x3", 2, 3), ("32x16", 32, 16), ("1024", 1024, 1024), ("4096", 4096, 4096):
    WORKLOADS[f"W2_elt_{n}"] = ("elementwise", rows, columns)
for n in 256, 1024, 2048:
    for weighted in False, True:
        WORKLOADS[f"W3_matmul_{n}" + "_weighted" * weighted] = ("product", (n, n), (n, n), weighted)
for n, shapes in BATCHED.items():
    for weighted in False, True:
        WORKLOADS[f"W4_bmm_{n}" + "_weighted" * weighted] = ("product", *shapes, weighted)
for name, build in [
    ("W5_mlp_step", "mlp"),
    ("W6_attention", "attention"),
    ("W7_logsumexp", "logsumexp"),
    ("W7_softmax", "softmax"),
    ("W7_layernorm", "layernorm"),
    ("W8_gp_mll", "gaussian_process"),
    ("W9_hvp", "hvp"),
    ("W9_hessian", "hessian"),
    ("W10_views", "views"),
    ("W11_rosen200", "rosenbrock"),
]:
    WORKLOADS[name] = (build,)
for n in 1000, 10_000, 100_000, 1_000_000, 10_000_000:
    WORKLOADS[f"W12_chain_{n}"] = ("chain", n)
for n in 1, 16, 256, 4096, 16_384, 65_536:
    WORKLOADS[f"W13_elt_{n}"] = ("elementwise", n, 1024)
for n in 1, 16, 256, 4096:
    WORKLOADS[f"W14_bmm_{n}"] = ("product", (n, 32, 32), (n, 32, 32), False)
WORKLOADS["W15_deep_mlp"] = ("deep_mlp",)

LR, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
ROSENBROCK_STEPS, ROSENBROCK_LR = 200, 1e-2


def arr(shape, salt, scale=lambda x: x):
    """The numbers of an input: SplitMix64 of the index and the salt, of mean 0 and standard deviation 1/2."""
    size = math.prod(shape)
    out = np.empty(size, DTYPE)
    for start in range(0, size, 1 << 20):
        z = np.arange(start + 1, min(start + (1 << 20), size) + 1, dtype=np.uint64)
        z *= np.uint64(0x9E3779B97F4A7C15)
        z += np.uint64(salt * 0xD1B54A32D192ED03 & (1 << 64) - 1)
        for shift, factor in (30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB):
            z ^= z >> np.uint64(shift)
            z *= np.uint64(factor)
        z ^= z >> np.uint64(31)
        u = (z >> np.uint64(11)) * 2.0**-53
        out[start : start + len(u)] = scale((u - 0.5) * math.sqrt(3.0))
    return out.reshape(shape)


def layer(i, o, salt):
    return arr((i, o), salt, lambda x: x * 2.0 / math.sqrt(i))


def pair(a, b):
    return arr(a, 0), arr(b, 1)


def product_weight(a, b):
    return arr((*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1]), 2)


def mlp_inputs():
    """The batch, its labels, and the parameters: weights and biases by turns."""
    sizes = [784, 512, 512, 10]
    parameters = []
    for n, (i, o) in enumerate(zip(sizes, sizes[1:])):
        parameters += [layer(i, o, 10 + n), np.zeros(o, DTYPE)]
    return arr((128, 784), 0), np.arange(128) * 7 % 10, parameters


def qkv():
    return [arr((4, 8, 128, 64), salt) for salt in range(3)]


def gp_inputs():
    return arr((500, 500), 0), arr((500,), 1), 500 * np.eye(500, dtype=DTYPE)


def logistic_inputs():
    """X, Y, w, and v, the direction of the Hessian-vector product."""
    return arr((2000, 100), 0), np.sign(arr((2000,), 1)), arr((100,), 2), arr((100,), 3)


def deep_inputs():
    return arr((512, 512), 0), [layer(512, 512, 20 + n) for n in range(12)]


class NotSupported(Exception):
    pass


def norm(arrays):
    return math.sqrt(sum(float(np.sum(np.square(np.asarray(x, np.float64)))) for x in arrays))


# ---------------------------------------------------------------------------------------------------- peers
#
# A peer's method `W(...)` returns the call to time, which returns the workload's value, and a function that
# returns the latest call's gradients.


class Torch:
    longest_chain = 1_000_000

    def __init__(self):
        import torch

        self.torch = torch
        torch.set_num_threads(ARGS.threads)
        torch.set_default_dtype(torch.float64 if ARGS.dtype == "f64" else torch.float32)
        mkl = re.search(r"Math Kernel Library Version (\S+)", torch.__config__.show())
        self.version = f"torch {torch.__version__}, MKL {mkl[1] if mkl else 'none'}"

    def leaf(self, x):
        return self.torch.tensor(x, requires_grad=True)

    def gradient(self, f, *leaves):
        leaves = [self.leaf(x) for x in leaves]

        def call():
            for x in leaves:
                x.grad = None
            y = f(*leaves)
            y.backward()
            return y.item()

        return call, lambda: [x.grad for x in leaves]

    def chain(self, n):
        def f(x, a, b):
            for _ in range(n):
                x = x * a + b
            return x.tanh()

        return self.gradient(f, *map(DTYPE, (0.5, 0.999, 0.001)))

    def elementwise(self, rows, columns):
        f = lambda a, b: ((a + b).tanh() * (a + 2)).sum()
        return self.gradient(f, *pair((rows, columns), (1, columns)))

    def product(self, a, b, weighted):
        if weighted:
            w = self.torch.tensor(product_weight(a, b))
            return self.gradient(lambda a, b: ((a @ b) * w).sum(), *pair(a, b))
        return self.gradient(lambda a, b: (a @ b).sum(), *pair(a, b))

    def mlp(self):
        torch = self.torch
        x, labels, parameters = mlp_inputs()
        x, labels = torch.tensor(x), torch.tensor(labels)
        parameters = [self.leaf(p) for p in parameters]
        adam = torch.optim.Adam(parameters, lr=LR, betas=(BETA1, BETA2), eps=EPSILON, fused=True)

        def call():
            adam.zero_grad()
            h = x
            for i in 0, 2, 4:
                h = torch.addmm(parameters[i + 1], h, parameters[i])
                if i < 4:
                    h = h.tanh()
            loss = torch.nn.functional.cross_entropy(h, labels)
            loss.backward()
            adam.step()
            return loss.item()

        return call, lambda: [p.grad for p in parameters]

    def attention(self):
        softmax = self.torch.softmax
        return self.gradient(lambda q, k, v: (softmax(q @ k.transpose(-1, -2) / 8, -1) @ v).sum(), *qkv())

    def logsumexp(self):
        return self.gradient(lambda x: x.logsumexp(-1).sum(), arr((4096, 1024), 0))

    def softmax(self):
        x, w = pair((4096, 1024), (4096, 1024))
        w = self.torch.tensor(w)
        return self.gradient(lambda x: (x.softmax(-1) * w).sum(), x)

    def layernorm(self):
        x, w = pair((4096, 1024), (4096, 1024))
        w = self.torch.tensor(w)
        normal = self.torch.nn.functional.layer_norm
        return self.gradient(lambda x: (normal(x, (1024,)) * w).sum(), x)

    def gaussian_process(self):
        torch = self.torch
        a, y, eye = gp_inputs()
        y, eye = torch.tensor(y), torch.tensor(eye)

        def f(a):
            factor = torch.linalg.cholesky(a @ a.T + eye)
            s = torch.cholesky_solve(y[:, None], factor)[:, 0]
            return y @ s + 2 * factor.diagonal().log().sum()

        return self.gradient(f, a)

    def logistic(self):
        x, y, w, v = map(self.torch.tensor, logistic_inputs())
        return (lambda w: (-y * (x @ w)).exp().log1p().mean()), w, v

    def hvp(self):
        grad = self.torch.autograd.grad
        f, w, v = self.logistic()
        out = []

        def call():
            leaf = w.requires_grad_()
            (g,) = grad(f(leaf), leaf, create_graph=True)
            out[:] = grad(g, leaf, v)
            return out[0].sum().item()

        return call, lambda: out

    def hessian(self):
        f, w, _ = self.logistic()
        out = []

        def call():
            out[:] = [self.torch.autograd.functional.hessian(f, w, vectorize=True)]
            return out[0].sum().item()

        return call, lambda: out

    def views(self):
        def f(x):
            p = x.permute(0, 2, 1)
            c = self.torch.cat([p[:, 10:200, ::2], p[:, 10:200, 1::2]], 2)
            return (c.mean(1) ** 2).sum()

        return self.gradient(f, arr((64, 128, 256), 0))

    def rosenbrock(self):
        torch = self.torch
        start = torch.full((1000,), 0.5)
        out = []

        def call():
            x = start.clone().requires_grad_()
            adam = torch.optim.Adam([x], lr=ROSENBROCK_LR, betas=(BETA1, BETA2), eps=EPSILON, fused=True)
            for _ in range(ROSENBROCK_STEPS):
                adam.zero_grad()
                loss = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
                loss.backward()
                adam.step()
            out[:] = [x.grad]
            return loss.item()

        return call, lambda: out

    def deep_mlp(self):
        x, weights = deep_inputs()
        x = self.torch.tensor(x)

        def f(*weights):
            h = x
            for w in weights:
                h = (h @ w).tanh()
            return (h**2).mean()

        return self.gradient(f, *weights)


class Jax:
    """Everything is compiled, and constants are arguments, so that none is folded into the program."""

    longest_chain = 10_000
    notes = {"W1_scalar_chain": "lax.scan"}

    def __init__(self):
        import jax

        if ARGS.dtype == "f64":
            jax.config.update("jax_enable_x64", True)
        self.jax, self.np = jax, jax.numpy
        self.version = f"jax {jax.__version__}, jaxlib {version('jaxlib')}"

    def compiled(self, f, *arguments):
        """`f` gives a value and gradients."""
        f, arguments, out = self.jax.jit(f), self.jax.device_put(arguments), []

        def call():
            value, out[:] = self.jax.block_until_ready(f(*arguments))
            return float(value)

        return call, lambda: out

    def gradient(self, f, leaves, *constants):
        grad = self.jax.value_and_grad(f, tuple(range(len(leaves))))
        return self.compiled(grad, *leaves, *constants)

    def chain(self, n):
        def f(x, a, b):
            return self.np.tanh(self.jax.lax.scan(lambda x, _: (x * a + b, None), x, length=n)[0])

        return self.gradient(f, [*map(DTYPE, (0.5, 0.999, 0.001))])

    def elementwise(self, rows, columns):
        f = lambda a, b: (self.np.tanh(a + b) * (a + 2)).sum()
        return self.gradient(f, pair((rows, columns), (1, columns)))

    def product(self, a, b, weighted):
        if weighted:
            return self.gradient(lambda a, b, w: ((a @ b) * w).sum(), pair(a, b), product_weight(a, b))
        return self.gradient(lambda a, b: (a @ b).sum(), pair(a, b))

    def adam(self, parameters, gradients, means, squares, t, lr):
        t = t + 1
        means = [BETA1 * m + (1 - BETA1) * g for m, g in zip(means, gradients)]
        squares = [BETA2 * s + (1 - BETA2) * g * g for s, g in zip(squares, gradients)]
        step = lambda m, s: lr * (m / (1 - BETA1**t)) / (self.np.sqrt(s / (1 - BETA2**t)) + EPSILON)
        return [p - step(m, s) for p, m, s in zip(parameters, means, squares)], means, squares, t

    def start(self, parameters):
        zeros = [np.zeros_like(p) for p in parameters]
        return self.jax.device_put((list(parameters), zeros, zeros, DTYPE(0)))

    def mlp(self):
        jax = self.jax
        x, labels, parameters = mlp_inputs()
        x, labels = jax.device_put((x, labels))

        def loss(parameters, x, labels):
            h = x
            for i in 0, 2, 4:
                h = h @ parameters[i] + parameters[i + 1]
                if i < 4:
                    h = self.np.tanh(h)
            return -self.np.take_along_axis(jax.nn.log_softmax(h), labels[:, None], 1).mean()

        @jax.jit
        def step(state, x, labels):
            value, gradients = jax.value_and_grad(loss)(state[0], x, labels)
            state = self.adam(state[0], gradients, *state[1:], LR)
            return value, gradients, state

        state, out = [self.start(parameters)], []

        def call():
            value, out[:], state[0] = jax.block_until_ready(step(state[0], x, labels))
            return float(value)

        return call, lambda: out

    def attention(self):
        softmax = self.jax.nn.softmax
        f = lambda q, k, v: (softmax(q @ self.np.swapaxes(k, -1, -2) / 8, -1) @ v).sum()
        return self.gradient(f, qkv())

    def logsumexp(self):
        return self.gradient(lambda x: self.jax.nn.logsumexp(x, -1).sum(), [arr((4096, 1024), 0)])

    def softmax(self):
        x, w = pair((4096, 1024), (4096, 1024))
        return self.gradient(lambda x, w: (self.jax.nn.softmax(x, -1) * w).sum(), [x], w)

    def layernorm(self):
        def f(x, w):
            c = x - x.mean(-1, keepdims=True)
            return (c * self.jax.lax.rsqrt((c * c).mean(-1, keepdims=True) + 1e-5) * w).sum()

        x, w = pair((4096, 1024), (4096, 1024))
        return self.gradient(f, [x], w)

    def gaussian_process(self):
        def f(a, y, eye):
            factor = self.np.linalg.cholesky(a @ a.T + eye)
            s = self.jax.scipy.linalg.cho_solve((factor, True), y)
            return y @ s + 2 * self.np.log(self.np.diagonal(factor)).sum()

        a, y, eye = gp_inputs()
        return self.gradient(f, [a], y, eye)

    def logistic(self, w, x, y):
        return self.np.log1p(self.np.exp(-y * (x @ w))).mean()

    def hvp(self):
        def f(w, v, x, y):
            product = self.jax.jvp(lambda w: self.jax.grad(self.logistic)(w, x, y), (w,), (v,))[1]
            return product.sum(), [product]

        x, y, w, v = logistic_inputs()
        return self.compiled(f, w, v, x, y)

    def hessian(self):
        def f(w, x, y):
            hessian = self.jax.hessian(self.logistic)(w, x, y)
            return hessian.sum(), [hessian]

        x, y, w, _ = logistic_inputs()
        return self.compiled(f, w, x, y)

    def views(self):
        def f(x):
            p = self.np.transpose(x, (0, 2, 1))
            c = self.np.concatenate([p[:, 10:200, ::2], p[:, 10:200, 1::2]], 2)
            return (c.mean(1) ** 2).sum()

        return self.gradient(f, [arr((64, 128, 256), 0)])

    def rosenbrock(self):
        jax = self.jax
        f = lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

        @jax.jit
        def step(state):
            value, gradient = jax.value_and_grad(f)(state[0][0])
            return value, gradient, self.adam(state[0], [gradient], *state[1:], ROSENBROCK_LR)

        out = []

        def call():
            state = self.start([np.full(1000, 0.5, DTYPE)])
            for _ in range(ROSENBROCK_STEPS):
                value, gradient, state = step(state)
            out[:] = [jax.block_until_ready(gradient)]
            return float(value)

        return call, lambda: out

    def deep_mlp(self):
        def f(*arguments):
            *weights, h = arguments
            for w in weights:
                h = self.np.tanh(h @ w)
            return (h**2).mean()

        x, weights = deep_inputs()
        return self.gradient(f, weights, x)


class Hips:
    longest_chain = 100_000

    def __init__(self):
        import autograd
        import autograd.numpy
        import autograd.scipy.linalg
        import autograd.scipy.special
        import threadpoolctl

        self.ag, self.np, self.scipy = autograd, autograd.numpy, autograd.scipy
        self.limits = threadpoolctl.threadpool_limits(ARGS.threads)
        blas = [p for p in threadpoolctl.threadpool_info() if "numpy" in p["filepath"] and p["user_api"] == "blas"]
        blas = ", ".join(f"{p['internal_api']} {p['version']} {p.get('architecture', '')}".strip() for p in blas)
        self.version = f"autograd {version('autograd')}, numpy {np.__version__}, {blas or 'no BLAS'}"

    def gradient(self, f, *leaves):
        grad = self.ag.value_and_grad(f, argnum=tuple(range(len(leaves))))
        out = []

        def call():
            value, out[:] = grad(*leaves)
            return float(value)

        return call, lambda: out

    def chain(self, n):
        def f(x, a, b):
            for _ in range(n):
                x = x * a + b
            return self.np.tanh(x)

        return self.gradient(f, *map(DTYPE, (0.5, 0.999, 0.001)))

    def elementwise(self, rows, columns):
        f = lambda a, b: self.np.sum(self.np.tanh(a + b) * (a + 2))
        return self.gradient(f, *pair((rows, columns), (1, columns)))

    def product(self, a, b, weighted):
        matmul, total = self.np.matmul, self.np.sum
        if weighted:
            w = product_weight(a, b)
            return self.gradient(lambda a, b: total(matmul(a, b) * w), *pair(a, b))
        return self.gradient(lambda a, b: total(matmul(a, b)), *pair(a, b))

    @staticmethod
    def adam(parameters, gradients, means, squares, t, lr):
        for i, g in enumerate(gradients):
            means[i] = BETA1 * means[i] + (1 - BETA1) * g
            squares[i] = BETA2 * squares[i] + (1 - BETA2) * g * g
            root = np.sqrt(squares[i] / (1 - BETA2**t))
            parameters[i] = parameters[i] - lr * (means[i] / (1 - BETA1**t)) / (root + EPSILON)

    def mlp(self):
        x, labels, parameters = mlp_inputs()
        rows = np.arange(128)

        def loss(parameters):
            h = x
            for i in 0, 2, 4:
                h = self.np.dot(h, parameters[i]) + parameters[i + 1]
                if i < 4:
                    h = self.np.tanh(h)
            return self.np.mean(self.scipy.special.logsumexp(h, axis=1) - h[rows, labels])

        grad = self.ag.value_and_grad(loss)
        means, squares = ([np.zeros_like(p) for p in parameters] for _ in range(2))
        t, out = [0], []

        def call():
            t[0] += 1
            value, out[:] = grad(parameters)
            self.adam(parameters, out, means, squares, t[0], LR)
            return float(value)

        return call, lambda: out

    def normalised(self, x):
        e = self.np.exp(x - self.np.max(x, axis=-1, keepdims=True))
        return e / self.np.sum(e, axis=-1, keepdims=True)

    def attention(self):
        def f(q, k, v):
            scores = self.np.matmul(q, self.np.swapaxes(k, -1, -2)) / 8
            return self.np.sum(self.np.matmul(self.normalised(scores), v))

        return self.gradient(f, *qkv())

    def logsumexp(self):
        f = lambda x: self.np.sum(self.scipy.special.logsumexp(x, axis=-1))
        return self.gradient(f, arr((4096, 1024), 0))

    def softmax(self):
        x, w = pair((4096, 1024), (4096, 1024))
        return self.gradient(lambda x: self.np.sum(self.normalised(x) * w), x)

    def layernorm(self):
        def f(x):
            c = x - self.np.mean(x, axis=-1, keepdims=True)
            return self.np.sum(c / self.np.sqrt(self.np.mean(c * c, axis=-1, keepdims=True) + 1e-5) * w)

        x, w = pair((4096, 1024), (4096, 1024))
        return self.gradient(f, x)

    def gaussian_process(self):
        a, y, eye = gp_inputs()
        solve = self.scipy.linalg.solve_triangular

        def f(a):
            factor = self.np.linalg.cholesky(self.np.dot(a, a.T) + eye)
            s = solve(factor, solve(factor, y, lower=True), trans="T", lower=True)
            return self.np.dot(y, s) + 2 * self.np.sum(self.np.log(self.np.diag(factor)))

        return self.gradient(f, a)

    def logistic(self):
        x, y, w, v = logistic_inputs()
        return (lambda w: self.np.mean(self.np.log1p(self.np.exp(-y * self.np.dot(x, w))))), w, v

    def second_order(self, f):
        out = []

        def call():
            out[:] = [f()]
            return float(out[0].sum())

        return call, lambda: out

    def hvp(self):
        f, w, v = self.logistic()
        product = self.ag.make_hvp(f)
        return self.second_order(lambda: product(w)[0](v))

    def hessian(self):
        f, w, _ = self.logistic()
        hessian = self.ag.hessian(f)
        return self.second_order(lambda: hessian(w))

    def views(self):
        def f(x):
            p = self.np.transpose(x, (0, 2, 1))
            c = self.np.concatenate([p[:, 10:200, ::2], p[:, 10:200, 1::2]], 2)
            return self.np.sum(self.np.mean(c, axis=1) ** 2)

        return self.gradient(f, arr((64, 128, 256), 0))

    def rosenbrock(self):
        f = lambda x: self.np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
        grad = self.ag.value_and_grad(f)
        out = []

        def call():
            x, means, squares = [np.full(1000, 0.5, DTYPE)], [np.zeros(1000, DTYPE)], [np.zeros(1000, DTYPE)]
            for t in range(1, ROSENBROCK_STEPS + 1):
                value, g = grad(x[0])
                self.adam(x, [g], means, squares, t, ROSENBROCK_LR)
            out[:] = [g]
            return float(value)

        return call, lambda: out

    def deep_mlp(self):
        x, weights = deep_inputs()

        def f(*weights):
            h = x
            for w in weights:
                h = self.np.tanh(self.np.dot(h, w))
            return self.np.mean(h**2)

        return self.gradient(f, *weights)


# ------------------------------------------------------------------------------------------------- protocol


def lacks(peer, name):
    """Why `peer` is not measured on a workload, if it is not."""
    build, *rest = WORKLOADS[name]
    if name.startswith("W12") and isinstance(peer, Jax):
        return "compiled whole, as lax.scan: see W1_scalar_chain"
    if build == "chain" and rest[0] > peer.longest_chain:
        return "a call takes over 20 s"
    return None


def build(peer, name):
    if name not in WORKLOADS:
        raise NotSupported("no such workload")
    if why := lacks(peer, name):
        raise NotSupported(why)
    method, *rest = WORKLOADS[name]
    return getattr(peer, method)(*rest)


# A call that takes longer need not be timed twice.
LONG_MS = 500


def timed(call):
    """What `call` gives, and the milliseconds it takes."""
    start = time.perf_counter()
    result = call()
    return result, 1e3 * (time.perf_counter() - start)


def measure(cell, seconds, least):
    """Times `cell` for so many seconds, and so many times at least."""
    times = []
    end = time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        times.append(timed(cell)[1])
    return {"min_ms": min(times), "median_ms": statistics.median(times), "reps": len(times)}


def say(record):
    finite = lambda x: None if isinstance(x, float) and not math.isfinite(x) else x
    print(json.dumps({k: finite(v) for k, v in record.items()}), flush=True)


def main():
    peer = {"torch": Torch, "jax": Jax, "hips": Hips}[ARGS.peer]()
    say(
        {
            "peer": ARGS.peer,
            "version": peer.version,
            "dtype": ARGS.dtype,
            "threads": ARGS.threads,
            "workloads": [name for name in WORKLOADS if not lacks(peer, name)],
        }
    )
    name = cell = None
    first, least = {}, 2
    for line in sys.stdin:
        command, *words = line.split() or [""]
        if not command:
            continue
        if command == "quit":
            break
        asked = words[0] if words else ""
        try:
            if command not in ("run", "memory") or not words:
                raise NotSupported(f"no such command: {line.strip()!r}")
            if asked != name:
                name = cell = None
                gc.collect()
                cell, gradients = build(peer, asked)
                value, ms = timed(cell)
                first = {"value": value, "grad_norm": norm(gradients())}
                least = 1 if ms > LONG_MS else 2
                del gradients
                name = asked
            if command == "run":
                record = {**first, **measure(cell, float(words[1]), least)}
                if note := getattr(peer, "notes", {}).get(name):
                    record["note"] = note
            else:
                for _ in range(3):
                    cell()
                record = {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        except NotSupported as e:
            record = {"error": f"not supported: {e}"}
        except Exception as e:  # a cell that fails is reported, and the next one goes on
            name = cell = None
            record = {"error": f"{type(e).__name__}: {e}"[:300]}
        say({"workload": asked, **record})


if __name__ == "__main__":
    main()
