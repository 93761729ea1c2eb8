"""Writes linear_algebra.json: linear algebra, from PyTorch, of matrices made to be well-conditioned.

    venv/bin/python tests/suite/reference/linear_algebra.py

What depends on the signs of vectors (qr, eigh, svd) is seen through functions that do not.
"""

import torch
from harness import torch_case, write

linalg = torch.linalg
SQUARE = [(1, 1), (2, 2), (3, 3), (4, 4), (2, 2, 2), (1, 3, 2, 2)]
OBLONG = [(3, 2), (2, 3), (4, 2), (2, 4), (1, 2), (2, 1), (2, 3, 2), (2, 2, 3)]


def case(op, f, shapes, **args):
    torch_case(op, f, shapes, -1, 1, **args)


def on_diagonal(a, f):
    m, n = a.shape[-2:]
    return torch.eye(m, n, dtype=a.dtype) * torch.tensor([float(f(i)) for i in range(n)], dtype=a.dtype)


def stairs(a):
    return a / 2 + on_diagonal(a, lambda i: 2 * (i + 1))


def even(a):
    return (a + a.mT) / 2


def equations():
    systems = [((1, 1), (1,)), ((2, 2), (2,)), ((3, 3), (3, 1)), ((2, 2), (2, 3)), ((2, 2, 2), (2, 2, 1)), ((2, 2, 2), (2,)),
               ((2, 2), (3, 2, 2)), ((1, 2, 2, 2), (2, 1, 2, 1))]
    for a, b in systems:
        column = lambda b: b[:, None] if b.ndim == 1 else b
        cut = lambda b, x: x[..., 0] if b.ndim == 1 else x
        case("solve", lambda a, b: cut(b, linalg.solve(stairs(a), column(b))), [a, b])
        for lower in [False, True]:
            for trans in [0, 1]:
                for unit in [False, True]:
                    def f(a, b):
                        t = a.tril(-1) / 2 + on_diagonal(a, lambda i: 1 if unit else 2 + i)
                        t = t if lower else t.mT
                        t = t.mT if trans else t
                        upper = lower == bool(trans)
                        return cut(b, linalg.solve_triangular(t, column(b), upper=upper, unitriangular=unit))
                    case("solve_triangular", f, [a, b], lower=lower, trans=trans, unit=unit)
    for a, b in [((3, 2), (3,)), ((2, 2), (2, 2)), ((2, 3), (2,)), ((4, 2), (4, 2)), ((2, 3, 2), (2, 3, 1)), ((1, 3), (1, 2))]:
        vector = len(b) == 1
        def f(a, b):
            x = linalg.pinv(stairs(a)) @ (b[:, None] if vector else b)
            return x[..., 0] if vector else x
        case("lstsq", f, [a, b])


def of_square():
    for shape in SQUARE:
        case("inv", lambda a: linalg.inv(stairs(a)), [shape])
        case("det", lambda a: linalg.det(stairs(a)), [shape])
        case("slogdet", lambda a: linalg.slogdet(stairs(a))[1], [shape])
        case("cholesky", lambda a: linalg.cholesky(a @ a.mT + on_diagonal(a, lambda i: 1)), [shape])
        case("eigvalsh", lambda a: linalg.eigvalsh(even(stairs(a))), [shape])
        for n in [-3, -1, 0, 1, 2, 5]:
            if n < 5 or shape[-1] < 3:
                case("matrix_power", lambda a: linalg.matrix_power(stairs(a) / 4, n), [shape], n=n, over=4)
        for over in [1, 4, 0.25]:
            case("expm", lambda a: torch.matrix_exp(a / over), [shape], over=over)

        def eigh(a, part):
            w, v = linalg.eigh(even(stairs(a)))
            if part == "squares":
                return v**2 * w[..., None, :]
            return (v * {"sqrt": w.sqrt(), "ln": w.log(), "square": w**2}[part][..., None, :]) @ v.mT

        for part in ["squares", "sqrt", "ln", "square"]:
            case("eigh", lambda a: eigh(a, part), [shape], part=part)


def of_any():
    for shape in SQUARE + OBLONG:
        case("svdvals", lambda a: linalg.svdvals(stairs(a)), [shape])
        case("pinv", lambda a: linalg.pinv(stairs(a)), [shape])
        case("cond", lambda a: linalg.cond(stairs(a)), [shape])
        for norm in ["fro", "nuc", 1, 2, "inf"]:
            order = float(norm) if norm == "inf" else norm
            case("matrix_norm", lambda a: linalg.matrix_norm(stairs(a), order), [shape], norm=str(norm))
        case("matrix_rank", lambda a: linalg.matrix_rank(a @ a.mT.detach()).double(), [shape])

        def svd(a, part):
            u, s, vt = linalg.svd(stairs(a), full_matrices=False)
            return {
                "squares": lambda: u**2 @ (s[..., None] * vt) ** 2, "polar": lambda: u @ vt,
                "ln": lambda: (u * s[..., None, :].log()) @ vt,
            }[part]()

        def qr(a, part):
            q, r = linalg.qr(stairs(a))
            return {
                "squares": lambda: q**2 @ r**2, "projector": lambda: q[..., :1] @ q[..., :1].mT,
                "ln": lambda: torch.diagonal(r, 0, -2, -1).abs().log(),
            }[part]()

        for part in ["squares", "polar", "ln"]:
            case("svd", lambda a: svd(a, part), [shape], part=part)
        for part in ["squares", "projector", "ln"]:
            case("qr", lambda a: qr(a, part), [shape], part=part)


equations()
of_square()
of_any()
write(__file__)
