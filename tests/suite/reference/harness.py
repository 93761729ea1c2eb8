"""What the scripts of reference cases share: `case` adds one, `write` writes the file of all.

`cases` come from JAX in float64, and those of `torch_case` from PyTorch. A case is a function of some arrays: its value y, the gradients g of
sum(w y), and the products h of the Hessian of sum(w (y + y^2 / 2)) with a direction v. Inputs are stored as
integers, in units of 1/64, which float32 holds too; w and v follow from an element's place (see `weights` and
`directions`), so that they need no storage.
"""

import json
import pathlib
import platform

import jax
import jax.numpy as jnp
import numpy as np
import torch

jax.config.update("jax_enable_x64", True)
rng = np.random.default_rng(20240229)
UNIT = 64
cases = []
versions = {"python": platform.python_version(), "numpy": np.__version__}


def weights(n):
    return (np.arange(n) * 7 % 11 - 5) / 4


def directions(n, j):
    return ((np.arange(n) * 5 + 3 * j) % 13 - 6) / 8


def numbers(array):
    return [float(x) for x in np.asarray(array).ravel()]


def of_jax(f, arrays, w, v):
    """The value, the gradients and the products with the Hessian."""
    versions["jax"] = jax.__version__
    values = tuple(map(jnp.asarray, arrays))
    every = tuple(range(len(values)))
    y = f(*values)
    w = w(y.size).reshape(y.shape)
    g = jax.grad(lambda *x: jnp.sum(w * f(*x)), every)(*values)
    bent = jax.grad(lambda *x: jnp.sum(w * (f(*x) + f(*x) ** 2 / 2)), every)
    return y, g, jax.jvp(bent, values, tuple(map(jnp.asarray, v)))[1]


def of_torch(f, arrays, w, v):
    """The same."""
    versions["torch"] = torch.__version__
    values = [torch.tensor(a, requires_grad=True) for a in arrays]
    y = f(*values)
    w = torch.tensor(w(y.numel())).reshape(y.shape)
    # What does not depend on an input has the gradient 0.
    grad = lambda y, **kw: torch.autograd.grad(y + 0 * sum(x.sum() for x in values), values, materialize_grads=True, **kw)
    g = grad((w * y).sum(), retain_graph=True)
    slopes = grad((w * (y + y**2 / 2)).sum(), create_graph=True)
    h = grad(sum((s * torch.tensor(d)).sum() for s, d in zip(slopes, v)))
    return y.detach(), g, h


def case(op, f, shapes, low=-2.0, high=2.0, *, distinct=False, engine=of_jax, **args):
    """Adds f of random arrays of the given shapes; a shape can come with its own range.

    No two elements of an array are equal if they are to be distinct: of equal ones JAX gives some gradients to one,
    and here they share it.
    """
    units, values = [], []
    for shape in shapes:
        lo, hi = low, high
        if isinstance(shape, dict):
            shape, lo, hi = shape["shape"], *shape["range"]
        if distinct:
            every = np.arange(round(lo * UNIT), round(hi * UNIT) + 1)
            k = rng.choice(every[every != 0], size=shape, replace=False)
        else:
            k = rng.integers(round(lo * UNIT), round(hi * UNIT), size=shape, endpoint=True)
        # 0 is a kink, or a pole, of some functions: the special cases see to it.
        k = np.where(k == 0, 1, k)
        units.append({"shape": list(shape), "units": [int(u) for u in k.ravel()]})
        values.append(k / UNIT)
    v = [directions(x.size, j).reshape(x.shape) for j, x in enumerate(values)]
    y, g, h = engine(f, values, weights, v)
    outputs = [y, *g, *h]
    assert all(np.isfinite(np.asarray(a)).all() for a in outputs), (op, args)
    cases.append({
        "op": op, **({"args": args} if args else {}), "inputs": units, "shape": list(y.shape),
        "y": numbers(y), "g": [numbers(a) for a in g], "h": [numbers(a) for a in h],
    })


def torch_case(op, f, shapes, low=-2.0, high=2.0, **args):
    case(op, f, shapes, low, high, engine=of_torch, **args)


def ranged(shape, low, high):
    return {"shape": shape, "range": (low, high)}


def line(x):
    return json.dumps(x, separators=(",", ":"), allow_nan=False)


def write(script):
    """Writes the cases to the JSON file beside the script, with the versions of what they came from."""
    path = pathlib.Path(script).with_suffix(".json")
    with path.open("w") as out:
        out.write('{"versions":' + line(versions) + ',\n"cases":[\n' + ",\n".join(map(line, cases)) + "\n]}\n")
    print(f"{path.name}: {len(cases)} cases, {path.stat().st_size} bytes")
