"""Writes reductions.json: reductions, scans and orders, from PyTorch, and what carries no gradient: indices, masks, counts,
constants.

    venv/bin/python tests/suite/reference/reductions.py
"""

import torch
from harness import torch_case as case, write

float64 = torch.float64


def reductions():
    def flat(x, axes, keep, f):
        """f of all the given axes as the last one; torch.quantile takes one alone."""
        axes = [a % x.ndim for a in axes]
        rest = [a for a in range(x.ndim) if a not in axes]
        y = f(x.permute(rest + axes).reshape([x.shape[a] for a in rest] + [-1]))
        return y.reshape([1 if a in axes else n for a, n in enumerate(x.shape)]) if keep else y

    uses = [((1,), [0]), ((4,), [-1]), ((1, 3), [1]), ((3, 2), [1, 0]), ((2, 2, 3), [0]), ((2, 2, 3), [0, -1]),
            ((2, 3, 2), [0, 1, 2]), ((2, 1, 2, 2), [1, 3])]
    for shape, axes in uses:
        count = 1
        for axis in axes:
            count *= shape[axis]
        for keep in [False, True]:
            add = lambda op, f, **args: case(op, f, [shape], distinct=True, axes=axes, keep=keep, **args)
            how = {"dim": axes, "keepdim": keep}
            add("sum", lambda x: x.sum(**how))
            add("mean", lambda x: x.mean(**how))
            add("max", lambda x: x.amax(**how))
            add("min", lambda x: x.amin(**how))
            add("logsumexp", lambda x: x.logsumexp(**how))
            add("prod", lambda x: flat(x, axes, keep, lambda x: x.prod(-1)))
            for ddof in range(min(count, 3)):
                add("var", lambda x: x.var(**how, correction=ddof), ddof=ddof)
                # That of one element is 0, where the root has no slope.
                if count > 1:
                    add("std", lambda x: x.std(**how, correction=ddof), ddof=ddof)
            for p in [0.5, 1.0, 2.0, 4.0, -2.0, "inf", "-inf"]:
                add("norm", lambda x: torch.linalg.vector_norm(x, float(p), **how), p=p)
            add("median", lambda x: flat(x, axes, keep, lambda x: torch.quantile(x, 0.5, -1)))
            for q in [0.0, 0.125, 0.6, 1.0]:
                add("quantile", lambda x: flat(x, axes, keep, lambda x: torch.quantile(x, q, -1)), q=q)
            for op, f in {"argmax": torch.argmax, "argmin": torch.argmin}.items():
                add(op, lambda x: flat(x, axes, keep, lambda x: f(x, -1)).to(float64))
            # Of the elements above 0.
            add("any", lambda x: flat(x, axes, keep, lambda x: (x > 0).any(-1)).to(float64))
            add("all", lambda x: flat(x, axes, keep, lambda x: (x > 0).all(-1)).to(float64))
            add("count_nonzero", lambda x: flat(x, axes, keep, lambda x: (x > 0).sum(-1)).to(float64))
        case("softmax", lambda x: flat(x, axes, True, lambda x: x.logsumexp(-1)).neg().add(x).exp(), [shape], axes=axes)
        case("log_softmax", lambda x: x - flat(x, axes, True, lambda x: x.logsumexp(-1)), [shape], axes=axes)


def scans():
    functions = {
        "cumsum": torch.cumsum, "cumprod": torch.cumprod, "logcumsumexp": torch.logcumsumexp,
        "cummax": lambda x, axis: torch.cummax(x, axis)[0], "cummin": lambda x, axis: torch.cummin(x, axis)[0],
        "sort": lambda x, axis: torch.sort(x, axis)[0], "argsort": lambda x, axis: torch.argsort(x, axis).to(float64),
    }
    for shape, axis in [((1,), 0), ((5,), -1), ((3, 2), 0), ((2, 3), -1), ((2, 2, 3), 0), ((2, 3, 2), -2)]:
        for op, f in functions.items():
            case(op, lambda x: f(x, axis), [shape], distinct=True, axis=axis)
        for k in range(1, shape[axis] + 1):
            case("topk", lambda x: torch.topk(x, k, axis)[0], [shape], distinct=True, axis=axis, k=k)
        if shape[axis] % 3 == 0:
            case("split", lambda x: sum((i + 1) * part.sum() ** 2 for i, part in enumerate(x.split(shape[axis] // 3, axis))),
                 [shape], sections=3, axis=axis)


def differences():
    for shape, axis in [((1,), 0), ((5,), -1), ((3, 2), 0), ((2, 3), -1), ((2, 2, 3), 0), ((2, 3, 2), -2)]:
        for n in range(shape[axis]):
            case("diff", lambda x: torch.diff(x, n, axis), [shape], axis=axis, n=n)
        case("trapezoid", lambda y: torch.trapezoid(y, dx=0.75, dim=axis), [shape], axis=axis, dx=0.75)
        for places in [shape, (shape[axis],)]:
            case("trapezoid", lambda y, x: torch.trapezoid(y, x, dim=axis), [shape, places], axis=axis)


def data():
    """What carries no gradient, of elements of which some are the same."""
    for shapes in [[(4,), (4,)], [(2, 3), (3,)], [(), (2, 2)], [(2, 1), (1, 3)]]:
        for op in ["lt", "le", "gt", "ge", "eq", "ne"]:
            rounded = lambda x: x.detach().round()
            case(op, lambda a, b: getattr(torch, op)(rounded(a), rounded(b)).to(float64), shapes)
        for op in ["and", "or", "xor"]:
            case(f"logical_{op}", lambda a, b: getattr(torch, f"logical_{op}")(a > 0, b > 0).to(float64), shapes)
        case("logical_not", lambda a, b: torch.logical_not(a > b).to(float64), shapes, distinct=True)
        case("where_", lambda a, b: torch.where(a < b, a * a, b), shapes, distinct=True)
    for shape in [(), (3,), (2, 3)]:
        for op, f in {"is_nan": torch.isnan, "is_infinite": torch.isinf, "is_finite": torch.isfinite}.items():
            # Negative numbers are sent to NaN, those above 1 to infinity.
            case(op, lambda x: f((x.detach() * torch.where(x > 1, torch.inf, 1)).where(x > 0, torch.nan)).to(float64), [shape])
        case("fract", lambda x: x.frac(), [shape], -3, 3)
        case("unique", lambda x: torch.unique(x.detach().round()), [shape])
        case("zeros_like", torch.zeros_like, [shape])
        case("ones_like", torch.ones_like, [shape])
        case("full_like", lambda x: torch.full_like(x, 1.75), [shape])
    for edges, values in [((4,), ()), ((3,), (5,)), ((5,), (2, 3))]:
        case("searchsorted", lambda x, v: torch.searchsorted(x.detach().sort()[0], v.detach()).to(float64), [edges, values])
    for to in [(), (3,), (2, 3)]:
        case("zeros", lambda x: torch.zeros(to, dtype=float64), [()], to=to)
        case("ones", lambda x: torch.ones(to, dtype=float64), [()], to=to)
        case("full", lambda x: torch.full(to, -0.375, dtype=float64), [()], to=to)
    for n in [1, 3]:
        case("eye", lambda x: torch.eye(n, dtype=float64), [()], n=n)
    for start, stop, step in [(0, 4, 1), (-1, 2, 0.75), (2, -1, -0.5), (0.1, 0.75, 0.1)]:
        case("arange", lambda x: torch.arange(start, stop, step, dtype=float64), [()], start=start, stop=stop, step=step)
    for start, stop, n in [(0, 1, 5), (-1, 1, 4), (3, -2, 3), (2, 5, 1)]:
        case("linspace", lambda x: torch.linspace(start, stop, n, dtype=float64), [()], start=start, stop=stop, n=n)
    for labels, n in [([0, 2, 1], 3), ([1, 1], 2), ([0], 4)]:
        case("one_hot", lambda x: torch.nn.functional.one_hot(torch.tensor(labels), n).to(float64), [()], labels=labels, n=n)


reductions()
scans()
data()
differences()
write(__file__)
