"""Writes shapes.json: reductions, scans, orders, indices and shapes, from JAX.

    venv/bin/python tests/suite/reference/shapes.py
"""

import jax
import jax.numpy as jnp
import numpy as np
from harness import case, cases, write


def reductions():
    def spread(f, ddof):
        return lambda x, axis, keepdims: f(x, axis=axis, ddof=ddof, keepdims=keepdims)

    def norm(p):
        def f(x, axis, keepdims):
            x = jnp.abs(x)
            if np.isinf(p):
                return (jnp.max if p > 0 else jnp.min)(x, axis=axis, keepdims=keepdims)
            return jnp.sum(x**p, axis=axis, keepdims=keepdims) ** (1 / p)
        return f

    uses = [((5,), [0]), ((2, 3), [0, 1]), ((2, 3), [-1]), ((4, 2), [0]), ((2, 3, 2), [2, 0]), ((2, 3, 2), [1])]
    for shape, axes in uses:
        for keep in [False, True]:
            add = lambda op, f, **args: case(
                op, lambda x: f(x, axis=tuple(axes), keepdims=keep), [shape], axes=axes, keep=keep, **args)
            add("prod", jnp.prod)
            for ddof in [0, 1]:
                add("var", spread(jnp.var, ddof), ddof=ddof)
                add("std", spread(jnp.std, ddof), ddof=ddof)
            for p in [1.0, 2.0, 3.0, 1.5, -1.0, "inf", "-inf"]:
                add("norm", norm(float(p)), p=p)
            add("median", jnp.median)
            for q in [0.0, 0.3, 0.75, 1.0]:
                add("quantile", lambda x, **kw: jnp.quantile(x, q, **kw), q=q)


def scans():
    def extremum(f):
        def g(x, axis):
            parts = [f(jax.lax.slice_in_dim(x, 0, i + 1, axis=axis), axis) for i in range(x.shape[axis])]
            return jnp.stack(parts, axis)
        return g

    # A product whose second derivative JAX takes.
    def cumprod(x, axis):
        return jnp.stack([jnp.prod(jax.lax.slice_in_dim(x, 0, i + 1, axis=axis), axis) for i in range(x.shape[axis])], axis)

    functions = {
        "cumsum": jnp.cumsum, "cumprod": cumprod, "cummax": extremum(jnp.max), "cummin": extremum(jnp.min),
        "logcumsumexp": extremum(jax.scipy.special.logsumexp), "sort": jnp.sort,
    }
    for op, f in functions.items():
        for shape, axis in [((6,), 0), ((2, 4), 1), ((5, 2), -2), ((2, 3, 2), 1), ((1, 2), 0)]:
            case(op, lambda x: f(x, axis=axis % x.ndim), [shape], axis=axis)
    for shape, axis, k in [((5,), 0, 3), ((2, 4), 1, 2), ((4, 2), 0, 4)]:
        case("topk", lambda x: jnp.moveaxis(jax.lax.top_k(jnp.moveaxis(x, axis, -1), k)[0], -1, axis), [shape], axis=axis, k=k)


def shapes():
    case("flatten", jnp.ravel, [(2, 3)])
    for shape, sections, axis in [((6,), 3, 0), ((2, 4), 2, -1), ((5, 2), 3, 0)]:
        case("array_split", lambda x: sum((i + 1) * p.sum() ** 2 for i, p in enumerate(jnp.array_split(x, sections, axis))),
             [shape], sections=sections, axis=axis)
    for shape, indices, axis in [((6,), [1, 4], 0), ((2, 4), [0, 3, 3], 1)]:
        case("split_at", lambda x: sum((i + 1) * p.sum() ** 2 for i, p in enumerate(jnp.split(x, indices, axis))),
             [shape], indices=indices, axis=axis)
    for shape, repeats, axis in [((3,), 2, 0), ((2, 3), 3, 0), ((2, 3), 2, -1)]:
        case("repeat", lambda x: jnp.repeat(x, repeats, axis), [shape], repeats=repeats, axis=axis)
    for shape, repeats in [((3,), [2]), ((2, 3), [2]), ((3,), [2, 2]), ((2, 2), [3, 2]), ((), [3])]:
        case("tile", lambda x: jnp.tile(x, repeats), [shape], repeats=repeats)
    for shape, shift, axis in [((5,), 2, 0), ((2, 3), -1, 1), ((3, 2), 7, 0)]:
        case("roll", lambda x: jnp.roll(x, shift, axis), [shape], shift=shift, axis=axis)
    for shape, axes in [((4,), [0]), ((2, 3), [0, 1]), ((2, 3, 2), [-2])]:
        case("flip", lambda x: jnp.flip(x, axes), [shape], axes=axes)
    for mode in ["constant", "edge", "reflect", "symmetric", "wrap"]:
        for shape, widths in [((3,), [[2, 1]]), ((2, 3), [[1, 0], [0, 2]]), ((3,), [[7, 8]]), ((2, 2), [[1, 1]]), ((1, 2), [[1, 2], [0, 3]])]:
            extra = {"constant_values": 0.5} if mode == "constant" else {}
            wide = widths * len(shape) if len(widths) == 1 else widths
            # JAX's own wrapping differs from NumPy's where it goes round more than once.
            index = np.pad(np.arange(int(np.prod(shape))).reshape(shape), wide, mode=mode) if mode != "constant" else None
            f = (lambda x: jnp.pad(x, wide, mode=mode, **extra)) if index is None else (lambda x: jnp.ravel(x)[index])
            case("pad", f, [shape], widths=widths, mode=mode)
    for a, b in [((2,), (3,)), ((2, 2), (3,))]:
        case("outer", jnp.outer, [a, b])
    for indexing in ["xy", "ij"]:
        for parts in [[(3,)], [(2,), (3,)], [(2,), (3,), (2,)]]:
            case("meshgrid", lambda *x: jnp.stack(jnp.meshgrid(*x, indexing=indexing)), parts, indexing=indexing)
    for shape, source, destination in [((2, 3, 2), [0], [-1]), ((2, 3, 2), [0, 1], [-1, 0]), ((2, 3), [], [])]:
        case("moveaxis", lambda x: jnp.moveaxis(x, source, destination), [shape], source=source, destination=destination)
    for shape, axis, size, step in [((5,), 0, 2, 1), ((6,), 0, 3, 2), ((4, 2), 0, 2, 2), ((2, 4), -1, 4, 1)]:
        def windows(x):
            x = jnp.moveaxis(x, axis, -1)
            cut = [x[..., i:i + size] for i in range(0, x.shape[-1] - size + 1, step)]
            return jnp.moveaxis(jnp.stack(cut, -2), -2, axis if axis >= 0 else axis - 1)
        case("unfold", windows, [shape], axis=axis, size=size, step=step)
    for parts in [[(2,), (2,)], [(2, 3), (1, 3)], [(), ()]]:
        case("vstack", lambda *x: jnp.vstack(x), parts)
    for parts in [[(2,), (3,)], [(2, 3), (2, 1)], [(), ()]]:
        case("hstack", lambda *x: jnp.hstack(x), parts)


def indices():
    for shape, index, axis in [((4,), [3, 3, 0], 0), ((2, 3), [[2, 0], [1, 1]], 1), ((2, 3), [[1, 0, 1]], 0), ((1, 3), [[0, 2], [1, 1]], 1)]:
        i = np.array(index)
        case("take_along_axis", lambda x: jnp.take_along_axis(x, i, axis), [shape], indices=index, axis=axis)

    def grid(i, axis):
        """The indices along every axis of what index i along one stands for."""
        full = list(np.indices(i.shape))
        full[axis] = i
        return tuple(full)

    for shape, index, axis in [((4,), [3, 3, 0], 0), ((2, 3), [[1, 0], [1, 1], [0, 0]], 0), ((3, 2), [[1, 0, 0]], 1)]:
        i = np.array(index)
        at = grid(i, axis)
        case("gather", lambda x: x[at], [shape], indices=index, axis=axis)
        case("scatter_add", lambda x, s: x.at[at].add(s), [shape, i.shape], indices=index, axis=axis)
        case("scatter_add", lambda x, s: x.at[at].add(s), [shape, ()], indices=index, axis=axis)
        if len(set(zip(*(a.ravel() for a in at)))) == i.size:
            case("put_along_axis", lambda x, s: x.at[at].set(s), [shape, i.shape], indices=index, axis=axis)
    case("put_along_axis", lambda x, s: x.at[np.array([2, 0])].set(s), [(4,), (2,)], indices=[2, 0], axis=0)
    for shape, lists, values in [((4,), [[2, 0]], (2,)), ((2, 3), [[0, 1], [2, 0]], (2,)), ((3, 2), [[2, 0]], (2, 2)), ((3, 2), [[2, 0]], ())]:
        at = tuple(np.array(l) for l in lists)
        case("index", lambda x: x[at], [shape], lists=lists)
        case("index_put", lambda x, v: x.at[at].set(v), [shape, values], lists=lists)
    for shape, axis, list_, source in [((3,), 0, [2, 2, 0], (3,)), ((2, 3), 1, [0, 0], (2, 2)), ((2, 3), 0, [1], (3,))]:
        at = (slice(None),) * axis + (np.array(list_),)
        case("index_add", lambda x, s: x.at[at].add(s), [shape, source], axis=axis, list=list_)
    for shape, info, values in [((5,), [[1, 4, 1]], (3,)), ((5,), [[0, 5, 2]], ()), ((3, 4), [[0, 3, 1], [1, 3, 1]], (2,)), ((3, 4), [1, [0, 4, 3]], (2,))]:
        at = tuple(i if isinstance(i, int) else slice(*i) for i in info)
        case("set_slice", lambda x, v: x.at[at].set(v), [shape, values], info=info)
    mask = [1, 0, 0, 1, 0, 1]
    m = np.array(mask).reshape(2, 3) == 1
    case("masked_select", lambda x: x[m], [(2, 3)], mask=mask)
    case("masked_fill", lambda x, v: jnp.where(m, v, x), [(2, 3), ()], mask=mask)
    case("masked_fill", lambda x, v: jnp.where(m, v, x), [(3,), (2, 1)], mask=mask)


def has_ties(case):
    units = case["inputs"][0]["units"]
    return len(set(units)) < len(units)


reductions()
scans()
shapes()
indices()
# Of equal elements JAX gives the gradient to one; here they share it.
cases[:] = [c for c in cases if c["op"] not in ["median", "quantile", "cummax", "cummin"] or not has_ties(c)]
write(__file__)
