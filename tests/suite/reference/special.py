"""Writes special.json: elementwise functions where rounding, cancellation, overflow, a pole, a border or a kink would show.

    venv/bin/python tests/suite/reference/special.py

Numbers come from mpmath, with more than 60 digits. At infinities, poles and borders the limit is stated, and at kinks
the convention.

A table has rows [x, y, y', y''] for `f64` and for `f32`; for functions of two operands [a, b, y, y_a, y_b, y_aa, y_ab,
y_bb]. null is what is not asked: it has no limit and no convention, or terms cancel, or a factor is subnormal, so that it
is not to be had with a small relative error. A text at the end of a row says why it is so.
"""

import json
import pathlib
import platform

import mpmath as mp
import numpy as np

mp.mp.dps = 60
F = mp.mpf
INF, NAN = float("inf"), float("nan")
KINDS = {"f64": np.float64, "f32": np.float32}
PI, LN2, LN10, HALF = mp.pi, mp.log(2), mp.log(10), F(1) / 2
NOTHING = [NAN] * 3
KINK = "kink: of the slopes on either side, and all between, the least"
JUMP = "jump: the slope on either side is 0"
BEND = "kink of the slope: of the second derivatives on either side, and all between, the least"
SAME = "the same derivative everywhere, so here"

# Every function is looked at here, and on the other side of zero.
POINTS = [1e-20, 1e-8, 0.1, 0.5, 1 - 2.0**-20, 1, 1 + 2.0**-20, 2, 3, 10, 40, 100, 1e10]
BESIDE = {
    "f64": [5e-324, 1e-310, 2.2250738585072014e-308, 1.7976931348623157e308, 1 - 2.0**-53, 1 + 2.0**-52],
    "f32": [1e-45, 1e-40, 1.17549435e-38, 3.4028235e38, 1 - 2.0**-24, 1 + 2.0**-23],
}
# Where exponentials vanish, overflow or are lost beside 1, and powers vanish or overflow.
SCALES = [1e-4, 1.5, 5, 17, 20, 25, 44, 87, 88, 90, 103, 104, 355, 372, 700, 709.7, 710, 740, 745, 746, 800, 1e4, 1e22,
          1e-300, 1e-160, 1e160, 1e300, 1e-30, 1e30]
tables = []


def differences(f, x):
    """The value and two derivatives, by central differences: with steps of 10^-200 of x, in which 1600 digits leave enough."""
    with mp.workdps(1600):
        h = min(abs(x) or 1, 1) * F(10) ** -200
        low, y, high = f(x - h), f(x), f(x + h)
        return y, (high - low) / (2 * h), (high - 2 * y + low) / h**2


def exact(*functions):
    """A function with its derivatives."""
    return lambda x: [f(x) for f in functions]


def rounded(y, kind):
    """The nearest number of a type, as JSON: what is not finite is a text, and the whole number 0 a zero of either sign."""
    if y is None or isinstance(y, str):
        return y
    if isinstance(y, (int, F)) and y == 0:
        return 0
    # Of complex numbers outside of domains.
    near = NAN if isinstance(y, mp.mpc) else float(y)
    with np.errstate(over="ignore"):
        near = float(KINDS[kind](near))
    near = near if near or isinstance(y, float) else float(np.copysign(near, float(mp.sign(y))))
    return near if np.isfinite(near) else str(near)


def key(x):
    return str(float(x))


def one(op, f, *stated, points=(), closed=False, asked=lambda i, x, y, kind: True, **args):
    """A function of x, or, in closed form, with its derivatives. Stated are rows (x, [y, y', y'']), and notes, if any.

    NaN gives NaN, unless it is stated. What is not asked is not to be had with small relative error.
    """
    derivatives = f if closed else lambda x: differences(f, x)
    table = {"op": op, **({"args": args} if args else {})}
    for kind in KINDS:
        rows = {key(NAN): (NAN, *NOTHING)}
        for x, results, *note in stated:
            # The largest number is another in each type.
            at = [x, *results]
            at = [float(np.finfo(KINDS[kind]).max) * s if (s := {"max": 1, "-max": -1}.get(v)) else v for v in at]
            rows[key(at[0])] = (*at, *note)
        for x in [0.0, *POINTS, *BESIDE[kind], *points]:
            for x in {key(s * x): s * x for s in [1.0, -1.0]}.values():
                x = rounded(float(x), kind)
                if isinstance(x, str) or key(x) in rows:
                    continue
                results = derivatives(F(x))
                if isinstance(results[0], mp.mpc):
                    results = NOTHING
                elif isinstance(results[0], F) and results[0] == 0 and x == 0:
                    # With the sign that the function has beside it.
                    beside = derivatives(F(np.copysign(1e-30, x)))[0]
                    results = [float(np.copysign(0.0, float(mp.sign(beside)))), *results[1:]] if beside else results
                results = [y if asked(i, x, y, kind) else None for i, y in enumerate(results)]
                rows[key(x)] = (x, *results)
        ordered = sorted(rows.values(), key=lambda row: (row[0] != row[0], row[0], np.copysign(1, row[0])))
        table[kind] = [[rounded(v, kind) for v in row] for row in ordered]
    tables.append(table)


def ends(left, right):
    """The limits at infinity."""
    return (-INF, left), (INF, right)


def flat(y):
    return [y, 0, 0]


def both(x, y, *more):
    """Zero of either sign, or a number and its negative, with the same results."""
    return (x, y, *more), (-x, y, *more)


def odd(x, y, *more):
    """The results at x, and at -x those of an odd function."""
    return (x, y, *more), (-x, [-y[0], y[1], -y[2]], *more)


UP = [INF] * 3
LINE = [INF, 1, 0]


def powers():
    def monomial(c, m, x):
        """c x^m at zero and infinity, for an integer m."""
        if c == 0 or m == 0:
            return c
        vanishes = (x == 0) == (m > 0)
        return c * np.copysign(0.0 if vanishes else INF, x if m % 2 else 1)

    for n in [-3, -2, -1, 0, 1, 2, 3, 5, 10]:
        at = [(x, [monomial(1, n, x), monomial(n, n - 1, x), monomial(n * (n - 1), n - 2, x)]) for x in [0.0, -0.0, INF, -INF]]
        constant = [(NAN, [1, 0, 0], "1 everywhere")] if n == 0 else [(NAN, [NAN, 1, 0], SAME)] if n == 1 else []
        constant += [(NAN, [NAN, NAN, 2], SAME)] if n == 2 else []
        one("powi", lambda x: x**n, *at, *constant, points=SCALES, n=n)
        if n == 2:
            one("square", lambda x: x**n, *at, *constant, points=SCALES)
        if n == -1:
            one("recip", lambda x: x**n, *at, points=SCALES)
        if 0 <= n <= 3:
            one("powf", lambda x: x**n, *at, *constant, p=n)
    for n in [2**31 - 1, -(2**31)]:
        at = [(x, [monomial(1, n, x), monomial(n, n - 1, x), monomial(1, n - 2, x)]) for x in [0.0, -0.0, INF, -INF]]
        # Below every `f32` is the power of the number before 1, and not so its product with n^2.
        one("powi", lambda x: x**n, *at, n=n, asked=lambda i, x, y, kind: i < 2 or abs(x) != 1 - 2.0**-24)
    for p in [-1.5, 0.5, 1.5, 2.5]:
        at = lambda x: [monomial(1, 2 * p, x), monomial(p, 2 * p - 2, x), monomial(p * (p - 1), 2 * p - 4, x)]
        # Of the two zeros and the two infinities the sign is lost.
        one("powf", lambda x: x ** F(p), *both(0.0, [abs(at(0.0)[0]), *at(0.0)[1:]]), (INF, at(INF)),
            (-INF, [at(INF)[0], None, None]),
            points=SCALES, p=p)
    one("sqrt", mp.sqrt, (0.0, [0.0, INF, -INF]), (-0.0, [-0.0, INF, -INF]), (INF, flat(INF)), (-INF, NOTHING), points=SCALES)
    one("rsqrt", lambda x: 1 / mp.sqrt(x), (0.0, [INF, -INF, INF]), (-0.0, [-INF, -INF, None]), (INF, flat(0.0)), (-INF, NOTHING))
    one("cbrt", lambda x: mp.sign(x) * mp.cbrt(abs(x)), *odd(0.0, [0.0, INF, 0], "a pole of the second derivative, of both signs"),
        *odd(INF, flat(INF)))


def exponentials():
    for op, f in {"exp": mp.exp, "exp2": lambda x: F(2) ** x}.items():
        one(op, f, *ends(flat(0.0), UP), points=SCALES)
    one("exp_m1", mp.expm1, *ends(flat(-1), UP), points=SCALES)
    for op, base in {"ln": 1, "log2": LN2, "log10": LN10}.items():
        one(op, lambda x: mp.log(x) / base, *both(0.0, [-INF, INF, -INF]), (-INF, NOTHING), (INF, flat(INF)), points=SCALES)
    one("ln_1p", mp.log1p, (-1, [-INF, INF, -INF]), (-INF, NOTHING), (INF, flat(INF)), points=SCALES)


def angles():
    for op, f in {"sin": mp.sin, "cos": mp.cos, "tan": mp.tan}.items():
        one(op, f, *ends(NOTHING, NOTHING), points=[22, 1e4, 1e22])
    one("asin", mp.asin, *odd(1, [PI / 2, INF, INF]), *ends(NOTHING, NOTHING))
    one("acos", mp.acos, (1, [0.0, -INF, -INF]), (-1, [PI, -INF, INF]), *ends(NOTHING, NOTHING))
    one("atan", mp.atan, *odd(INF, flat(PI / 2)), points=[1e9, 1e160])
    one("sinh", mp.sinh, *odd(INF, UP), points=SCALES)
    one("cosh", mp.cosh, *ends([INF, -INF, INF], UP), points=SCALES)
    one("tanh", mp.tanh, *odd(INF, flat(1)), points=SCALES)
    one("asinh", mp.asinh, *odd(INF, flat(INF)), points=[1e160])
    one("acosh", mp.acosh, (1, [0.0, INF, -INF]), *ends(NOTHING, flat(INF)), points=[1e160])
    one("atanh", mp.atanh, *odd(1, UP), *ends(NOTHING, NOTHING))
    one("sinc", mp.sincpi, *ends(flat(0), flat(0)), points=[0.3183098861837907, 1.5])


def normal(_, x, y, kind):
    """Not where a product with x is subnormal: a factor that is rounded there has too few digits."""
    return not 0 < abs(y) < np.finfo(KINDS[kind]).tiny or abs(y) < np.finfo(KINDS[kind]).tiny * 1e-30


def gaussians():
    # Far out it is below every number of the types, and above what mpmath can do.
    erfc = lambda x: mp.erfc(x) if abs(x) < 100 else F(10) ** -4000 if x > 0 else F(2)
    cdf = lambda x: erfc(-x / mp.sqrt(2)) / 2
    tails = [2.5, 5, 6, 9, 13, 14, 26, 27, 28, 38]
    one("erf", mp.erf, *odd(INF, flat(1)), points=tails)
    one("erfc", erfc, *ends(flat(2), flat(0)), points=tails)
    one("normal_cdf", cdf, *ends(flat(0), flat(1)), points=tails)

    def log_cdf(x):
        if x > -5:
            ratio = mp.npdf(x) / cdf(x)
            return mp.log1p(-cdf(-x)), ratio, -ratio * (x + ratio)
        # Laplace's continued fraction for what pdf / cdf exceeds -x by.
        rest = -x
        for k in range(600, 1, -1):
            rest = -x + k / rest
        ratio = -x + 1 / rest
        return -x * x / 2 - mp.log(ratio * mp.sqrt(2 * PI)), ratio, -ratio / rest

    one("log_normal_cdf", log_cdf, *ends([-INF, INF, -1], flat(0)), points=tails, closed=True, asked=normal)
    # The second derivative is 0 at 1: there terms cancel.
    one("normal_pdf", mp.npdf, *ends(flat(0), flat(0)), points=tails,
        asked=lambda i, x, *rest: normal(i, x, *rest) and (i < 2 or abs(abs(x) - 1) > 0.01))

    def erfinv(x):
        if abs(x) > 1:
            return NOTHING
        # Newton's method, which has no digits to lose in erfc.
        with mp.workdps(700):
            y = mp.sqrt(-mp.log((1 - abs(x)) * (1 + abs(x))))
            y = mp.findroot(lambda y: mp.log(mp.erfc(y)) - mp.log(1 - abs(x)), y * F("0.9")) if y > HALF else mp.erfinv(x)
            y = mp.sign(x) * abs(y)
            slope = mp.sqrt(PI) / 2 * mp.exp(y * y)
            return y, slope, 2 * y * slope**2
    one("erfinv", erfinv, *odd(1, UP), *ends(NOTHING, NOTHING), closed=True)
    one("gelu", lambda x: x * cdf(x), *ends(flat(-0.0), LINE), points=tails, asked=normal)
    gate = lambda x: 1 / (1 + mp.exp(-2 * mp.sqrt(2 / PI) * (x + F("0.044715") * x**3)))
    one("gelu_tanh", lambda x: x * gate(x), *ends(flat(-0.0), LINE), points=tails, asked=normal)


def gammas():
    digamma = lambda n: lambda x: mp.psi(n, x)
    pole = lambda f, at: lambda x: at if x <= 0 and mp.isint(x) else f(x)
    def table(op, at, zeros, right, left, *functions, **args):
        # Near the zeros of lgamma among the negative numbers the error is absolute.
        asked = lambda i, x, y, kind: op != "lgamma" or i > 0 or x > 0 or abs(y) > 1
        one(op, pole(exact(*functions), at), *zeros, (INF, right),
            (-INF, left), points=[1.5, 2.5, 1.4616321449683622], closed=True,
            asked=asked, **args)

    modulus = lambda x: mp.log(abs(mp.gamma(x))) if abs(x) < 170 else mp.re(mp.loggamma(x))
    table("lgamma", [INF, NAN, INF], [(0.0, [INF, -INF, INF]), (-0.0, UP)], [INF, INF, 0], [INF, NAN, None],
          modulus, digamma(0), digamma(1))
    table("digamma", [NAN, INF, NAN], [(0.0, [-INF, INF, NAN]), (-0.0, [INF, INF, NAN])], flat(INF), [NAN, None, None],
          *map(digamma, range(3)))
    for n in [0, 1, 2, 3]:
        poles = [NAN, INF] if n % 2 == 0 else [INF, NAN]
        at = [*poles, poles[0]]
        zeros = [(0.0, [-INF, INF, NAN]), (-0.0, [INF, INF, NAN])] if n == 0 else both(0.0, at)
        table("polygamma", at, zeros, [INF if n == 0 else 0, 0, 0], [NAN, None, None], *map(digamma, range(n, n + 3)), n=n)


def activations():
    sigmoid = lambda x: 1 / (1 + mp.exp(-x))
    softplus = lambda x: mp.log1p(mp.exp(x))
    one("sigmoid", sigmoid, *ends(flat(0), flat(1)), points=SCALES)
    one("softplus", softplus, *ends(flat(0), LINE), points=SCALES)
    one("log_sigmoid", lambda x: -softplus(-x), *ends([-INF, 1, 0], flat(-0.0)), points=SCALES)
    one("silu", lambda x: x * sigmoid(x), *ends(flat(-0.0), LINE), points=SCALES, asked=lambda i, *rest: i == 0 or normal(i, *rest))
    # The second derivative is 0 near 1.5.
    one("mish", lambda x: x * mp.tanh(softplus(x)), *ends(flat(-0.0), LINE), points=SCALES,
        asked=lambda i, x, *rest: i == 0 or normal(i, x, *rest) and (i < 2 or x != 1.5))
    one("softsign", lambda x: x / (1 + abs(x)), *odd(0.0, [0.0, 1, 0], BEND), *odd(INF, flat(1)), points=[1e160])

    def pieces(left, right):
        return lambda x: right(x) if x > 0 else left(x)

    line = lambda x: x
    for alpha in [1, 0.5, 2, -1]:
        a, least = F(alpha), min(max(alpha, 0), 1)
        note = BEND if alpha == 1 else KINK
        one("elu", pieces(lambda x: a * mp.expm1(x), line), (0.0, [alpha * 0.0, least, 0], note),
            (-0.0, [alpha * -0.0, least, 0], note),
            *ends(flat(-alpha), LINE), p=alpha)
        if alpha > 0:
            one("celu", pieces(lambda x: a * mp.expm1(x / a), line), (0.0, [0.0, 1, 0], BEND), (-0.0, [-0.0, 1, 0], BEND),
                *ends(flat(-alpha), LINE), p=alpha, asked=lambda i, x, y, kind: i < 2 or KINDS[kind](x / alpha) != 0)
    scale, alpha = F("1.0507009873554804934193349852946"), F("1.6732632423543772848170429916717")
    one("selu", pieces(lambda x: scale * alpha * mp.expm1(x), lambda x: scale * x), (0.0, [0.0, scale, 0], KINK),
        (-0.0, [-0.0, scale, 0], KINK), *ends(flat(-scale * alpha), [INF, scale, 0]))
    for slope in [0.125, -1, 2]:
        least = min(max(slope, 0), 1)
        one("leaky_relu", pieces(lambda x: slope * x, line), (0.0, [slope * 0.0, least, 0], KINK),
            (-0.0, [slope * -0.0, least, 0], KINK),
            *ends([slope * -INF, slope, 0], LINE), (NAN, [NAN, NAN, 0], SAME), p=slope)

    number = (NAN, [NAN, NAN, 0], SAME)
    one("relu", lambda x: max(x, 0), *both(0.0, flat(0.0), KINK), *ends(flat(0.0), LINE), number)
    one("abs", abs, *both(0.0, flat(0.0), KINK), *ends([INF, -1, 0], LINE), number)

    def limited(op, low, high, f=line, at=None, **args):
        """f limited to low and high, at the borders `at`."""
        borders = [x for x in at or [low, high] if abs(x) < INF]
        corners = [(x, flat(F(f(F(x)))), KINK) for border in borders for x in ([0.0, -0.0] if border == 0 else [border])]
        beside = [float(np.nextafter(KINDS[kind](x), KINDS[kind](to))) for kind in KINDS for x in borders for to in [-9, 9]]
        one(op, lambda x: min(max(f(x), low), high), *corners, *ends(flat(low), flat(high)), number, points=beside + [2.5], **args)

    limited("hardtanh", -1.0, 1.0)
    limited("relu6", 0.0, 6.0)
    limited("hardsigmoid", 0.0, 1.0, lambda x: (x + 3) / 6, [-3.0, 3.0])
    limited("clamp", 0.0, 1.0, bounds=[0, 1])
    bound = "a bound, at which the gradient is 0"
    one("clamp", line, (-INF, flat(-INF), bound), (INF, flat(INF), bound), number, bounds=["-inf", "inf"])
    one("clamp", lambda x: F(1), *ends(flat(1), flat(1)), number, bounds=[2, 1])


def steps():
    trunc = lambda x: mp.sign(x) * mp.floor(abs(x))
    signed = lambda y, x: y or float(np.copysign(0.0, float(x)))
    for op, f in {"floor": mp.floor, "ceil": mp.ceil, "trunc": trunc, "round": mp.nint}.items():
        jumps = [0.5, 1.5, 2.5] if op == "round" else [0.0, 1.0, 2.0, 3.0]
        at = lambda x: flat(signed(f(F(x)), x))
        one(op, at, *((x, at(x)) for x in [0.0, -0.0]), *((x, at(x), JUMP) for k in jumps for x in [k, -k]),
            *ends(flat(-INF), flat(INF)), (NAN, flat(NAN), SAME), points=[0.5, 1.5, 2.5], closed=True)
    one("fract", lambda x: [x - trunc(x) or 0, 1, 0], *ends([NAN, 1, 0], [NAN, 1, 0]), (NAN, [NAN, 1, 0], SAME), closed=True)
    one("sign", mp.sign, *both(0.0, flat(0.0), JUMP), *ends(flat(-1), flat(1)), (NAN, flat(NAN), SAME))
    one("neg", lambda x: -x, *odd(INF, [-INF, -1, 0]), (NAN, [NAN, -1, 0], SAME))
    finite = "replaced, so without a say"
    one("nan_to_num", lambda x: x, (INF, ["max", 0, 0], finite), (-INF, ["-max", 0, 0], finite), (NAN, flat(0.0), finite))


def two(op, f, points, *stated, slopes=(), **args):
    """A function of a and b. `f` gives the value and five derivatives, stated are rows (a, b, results) and notes, if any.

    At `slopes` no second derivatives are asked: terms cancel there, or overflow.
    """
    table = {"op": op, **({"args": args} if args else {})}
    for kind in KINDS:
        most = float(np.finfo(KINDS[kind]).max)
        named = lambda v: {"max": most, "tiny": BESIDE[kind][0], "normal": BESIDE[kind][2]}.get(v, v)
        rows = []
        for pair in points:
            a, b = (rounded(named(x), kind) for x in pair)
            with mp.workdps(1600):
                results = f(F(a), F(b))
            rows.append([a, b, *results[:3], *([None] * 3 if pair in slopes else results[3:])])
        for a, b, results, *note in stated:
            results = [*results, *[None] * (6 - len(results))]
            rows.append([named(a), named(b), *map(named, results), *note])
        table[kind] = [[rounded(v, kind) for v in row] for row in rows]
    tables.append(table)



def pairs():
    sizes = [(2.5, 0.75), (-2.5, 0.75), (0.75, -2.5), (-0.75, -2.5), (1.0, 1.0), (1.0, 1 + 2.0**-20), (1e-8, 3.0), (3.0, 1e-8),
    (1e10, -1e-10),
             (1e-20, 1e-20), (40.0, -40.0), (100.0, 100.5), ("tiny", 1.0), (1.0, "tiny"), ("normal", 2.0), (2.0, "normal")]
    extremes = [("max", 1.0), (1.0, "max"), ("max", "max"), ("tiny", "tiny"), ("max", "tiny"), ("tiny", "max")]
    anywhere = sizes + extremes
    positive = [(a, b) for a, b in anywhere if isinstance(b, str) or b > 0]

    constant = lambda y, a, b: lambda *x: [y(*x), a, b, 0, 0, 0]
    two("add", constant(lambda a, b: a + b, 1, 1), anywhere, (INF, -INF, [NAN, 1, 1]), (-0.0, -0.0, [-0.0, 1, 1]),
        (0.0, -0.0, [0.0, 1, 1]),
        (INF, 1.0, [INF, 1, 1]), (NAN, 1.0, [NAN, 1, 1, 0, 0, 0], SAME))
    two("sub", constant(lambda a, b: a - b, 1, -1), anywhere, (INF, INF, [NAN, 1, -1]), (-0.0, 0.0, [-0.0, 1, -1]),
        (0.0, 0.0, [0.0, 1, -1]),
        (1.0, INF, [-INF, 1, -1]), (1.0, NAN, [NAN, 1, -1, 0, 0, 0], SAME))
    two("mul", lambda a, b: [a * b, b, a, 0, 1, 0], anywhere, (0.0, INF, [NAN, INF, 0, 0, 1, 0]),
        (-0.0, 2.0, [-0.0, 2, 0, 0, 1, 0]),
        (-0.0, -0.0, [0.0, 0, 0, 0, 1, 0]), (NAN, 0.0, [NAN, 0, NAN, 0, 1, 0]), (-INF, 2.0, [-INF, 2, -INF, 0, 1, 0]))
    two("div", lambda a, b: [a / b, 1 / b, -a / b**2, 0, -1 / b**2, 2 * a / b**3], anywhere, (1.0, 0.0, [INF, INF, -INF]),
        (1.0, -0.0, [-INF, -INF, -INF]), (0.0, 0.0, [NAN, INF, NAN]), (0.0, 2.0, [0.0, 0.5, 0, 0, -0.25, 0]),
        (-0.0, 2.0, [-0.0, 0.5, 0, 0, -0.25, 0]),
        (1.0, INF, [0.0, 0, 0, 0, 0, 0]), (-1.0, INF, [-0.0, 0, 0, 0, 0, 0]), (INF, INF, [NAN, 0, NAN]),
        (INF, 2.0, [INF, 0.5, -INF]), (NAN, 2.0, [NAN, 0.5, NAN]))

    def power(a, b):
        log = mp.log(a)
        return [a**b, b * a ** (b - 1), a**b * log, b * (b - 1) * a ** (b - 2), a ** (b - 1) * (1 + b * log), a**b * log**2]
    bases = [0.25, 0.9999, 1, 1.0001, 2.5, 1000]
    exponents = [-20.5, -3, -0.5, 0, 1, 2, 0.3, 37]
    none = "a power of 0 does not change with the exponent"
    two("pow", power, [(a, b) for a in bases for b in exponents] + [(2.0, "tiny"), ("tiny", 2.0), ("max", 0.5), ("max", 2.0),
        (2.0, "max"), ("tiny", -1.0)],
        (0.0, 0.0, [1, 0, 0, 0], none), (0.0, 2.0, [0, 0, 0, 2], none), (0.0, 1.0, [0, 1, 0, 0], none),
        (0.0, 0.5, [0, INF, 0, -INF], none),
        (0.0, 1.5, [0, 0, 0, INF], none), (0.0, 3.0, [0, 0, 0, 0], none), (-0.0, 3.0, [-0.0, 0, 0, 0], none),
        (0.0, INF, [0, 0, 0], none),
        (0.0, -1.0, [INF, -INF, -INF, INF]), (-2.0, 3.0, [-8, 12, NAN, -12]), (-1.0, 2.0, [1, -2, NAN, 2]), (-8.0, 0.5, NOTHING),
        (INF, 2.0, [INF, INF, INF]), (INF, -1.0, [0, 0, None]), (2.0, -INF, [0, 0, 0]), (NAN, 0.0, [1, 0, None]),
        (NAN, 2.0, NOTHING), (2.0, NAN, NOTHING))

    tie = "tie: each has a half"
    for op, f, sign in [("maximum", max, 1), ("minimum", min, -1)]:
        def chosen(a, b):
            left = 1 if a * sign > b * sign else 0 if a != b else HALF
            return [f(a, b), left, 1 - left, 0, 0, 0]
        two(op, chosen, [(a, b) for a, b in anywhere if a != b],
            *((x, x, [x, 0.5, 0.5, 0, 0, 0], tie) for x in [1.0, -3.0, "max", "tiny", INF, -INF]),
            *((a, b, [0, 0.5, 0.5, 0, 0, 0], tie) for a in [0.0, -0.0] for b in [0.0, -0.0]),
            (INF, 1.0, [INF, 1, 0] if sign > 0 else [1, 0, 1]), (1.0, -INF, [1, 1, 0] if sign > 0 else [-INF, 0, 1]),
            (NAN, 1.0, NOTHING), (1.0, NAN, NOTHING), (NAN, sign * INF, NOTHING), (NAN, NAN, NOTHING))
    # Of what is not chosen, nothing comes through.
    for mask in [1, 0]:
        two("where_", lambda a, b: [a if mask else b, mask, 1 - mask, 0, 0, 0], anywhere,
            *((a, b, [a if mask else b, mask, 1 - mask, 0, 0, 0]) for a in [-0.0, INF, NAN] for b in [-0.0, -INF, NAN]), mask=mask)

    def remainder(a, b):
        k = mp.floor(a / b)
        return [a - b * k, 1, -k, 0, 0, 0]
    zero = "jump: the slope of the piece that begins here"
    two("remainder", remainder, [(2.5, 0.75), (-2.5, 0.75), (0.75, -2.5), (-0.75, -2.5), (1.0, 1 + 2.0**-20), (1e-8, 3.0),
        (3.0, 0.1), ("tiny", 1.0),
                                 ("normal", 2.0), (1.0, "max"), (5.5, 2.0), (-1.0, 3.0), (1.0, -3.0), (1e10, 3.0),
                                 (100.5, 100.0)],
        (-7.0, 3.5, [0.0, 1, 2], zero), (7.0, -3.5, [-0.0, 1, 2], zero), (1.0, 1.0, [0.0, 1, -1], zero),
        ("max", "max", [0.0, 1, -1], zero),
        (0.0, 2.0, [0.0, 1, 0], zero), (-0.0, 2.0, [0.0, 1, 0], zero), (0.0, -2.0, [-0.0, 1, 0], zero), (1.0, 0.0, [NAN, 1, NAN]),
        (1.0, INF, [1, 1, 0]), (-1.0, INF, [INF, 1, 1]), (INF, 2.0, [NAN, 1, NAN]), (NAN, 2.0, [NAN, 1, NAN]))
    two("copysign", lambda a, b: [abs(a) * mp.sign(b), mp.sign(a) * mp.sign(b), 0, 0, 0, 0], anywhere,
        (2.0, -0.0, [-2, -1, 0, 0, 0, 0]), (-2.0, 0.0, [2, -1, 0, 0, 0, 0]), (0.0, -1.0, [-0.0, 0, 0, 0, 0, 0], KINK),
        (-0.0, 1.0, [0.0, 0, 0, 0, 0, 0], KINK),
        (INF, -1.0, [-INF, -1, 0, 0, 0, 0]), (2.0, -INF, [-2, -1, 0, 0, 0, 0]), (NAN, 1.0, NOTHING[:2] + [0]))

    def hypot(a, b):
        h = mp.sqrt(a * a + b * b)
        return [h, a / h, b / h, b * b / h**3, -a * b / h**3, a * a / h**3]
    two("hypot", hypot, anywhere, (0.0, 0.0, [0.0, 0, 0], KINK), (-0.0, 0.0, [0.0, 0, 0], KINK),
        (3.0, 0.0, [3, 1, 0, 0, 0, F(1) / 3]), (-3.0, 0.0, [3, -1, 0, 0, 0, F(1) / 3]),
        (0.0, 3.0, [3, 0, 1, F(1) / 3, 0, 0]), (INF, 1.0, [INF, 1, 0, 0, 0, 0]), (1.0, -INF, [INF, 0, -1, 0, 0, 0]),
        (INF, INF, [INF, NAN, NAN]), (NAN, 1.0, NOTHING), slopes=[("max", "max")])

    def atan2(a, b):
        q = a * a + b * b
        return [mp.atan2(a, b), b / q, -a / q, -2 * a * b / q**2, (a * a - b * b) / q**2, 2 * a * b / q**2]
    two("atan2", atan2, anywhere, (0.0, 1.0, [0.0, 1, 0, 0, -1, 0]), (-0.0, 1.0, [-0.0, 1, 0, 0, -1, 0]),
        (0.0, -1.0, [PI, -1, 0, 0, -1, 0]), (-0.0, -1.0, [-PI, -1, 0, 0, -1, 0]),
        (2.0, 0.0, [PI / 2, 0, -HALF, 0, F(1) / 4, 0]), (-2.0, 0.0, [-PI / 2, 0, HALF, 0, F(1) / 4, 0]), (1.0, INF, [0, 0, 0]),
        (1.0, -INF, [PI, 0, 0]), (INF, 1.0, [PI / 2, 0, 0]),
        (INF, INF, [PI / 4, None, None]), (0.0, 0.0, [0.0, NAN, NAN]), (-0.0, -0.0, [-PI, NAN, NAN]), (NAN, 1.0, NOTHING),
        slopes=[(1.0, 1 + 2.0**-20), (100.0, 100.5), ("tiny", "tiny")])

    for op, base, unit in [("logaddexp", mp.e, F(1)), ("logaddexp2", F(2), LN2)]:
        def joined(a, b):
            s, t = 1 / (1 + base ** (b - a)), 1 / (1 + base ** (a - b))
            return [max(a, b) + mp.log1p(base ** -abs(a - b)) / unit, s, t, unit * s * t, -unit * s * t, unit * s * t]
        two(op, joined, anywhere + [(1000.0, 1000.0), (-1000.0, -1001.0), (0.0, 0.0), (-40.0, 0.0), (700.0, 0.0), (0.0, 745.0)],
            (-INF, -INF, [-INF, 0, 0]), (INF, INF, [INF, HALF, HALF], tie), (INF, 0.0, [INF, 1, 0, 0, 0, 0]),
            (0.0, INF, [INF, 0, 1, 0, 0, 0]),
            (-INF, 2.0, [2, 0, 1, 0, 0, 0]), (INF, -INF, [INF, 1, 0]), (NAN, 1.0, NOTHING))
    change = "0 for every b"
    for op, log, shift in [("xlogy", mp.log, 0), ("xlog1py", mp.log1p, 1)]:
        zero = float(-shift)
        two(op, lambda a, b: [a * log(b), log(b), a / (b + shift), 0, 1 / (b + shift), -a / (b + shift) ** 2],
            positive + [(2.5, zero + 2.0**-20), (1.0, 1 - 2.0**-20)],
            *((a, zero, [0.0, -INF, 0, 0, INF, 0], change) for a in [0.0, -0.0]),
            (0.0, 2.0, [0.0, log(2), 0, 0, F(1) / (2 + shift), 0]), (0.0, INF, [0.0, INF, 0, 0, 0, 0], change),
            (0.0, zero - 1, [0.0, NAN, 0], change), (2.0, zero, [-INF, -INF, INF, 0, INF, -INF]),
            (-2.0, zero, [INF, -INF, -INF, 0, INF, INF]), (1.0, zero - 1, NOTHING),
            (0.0, NAN, NOTHING), (NAN, 2.0, [NAN, log(2), NAN]), (1.0, INF, [INF, INF, 0]))

    def betaln(a, b):
        both, total = [mp.psi(0, a), mp.psi(0, b)], mp.psi(0, a + b)
        bend = mp.psi(1, a + b)
        with mp.workdps(400):
            y = mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)
        return [y, both[0] - total, both[1] - total, mp.psi(1, a) - bend, -bend, mp.psi(1, b) - bend]
    two("betaln", betaln, [(0.5, 0.5), (1.0, 1.0), (2.0, 3.0), (0.75, 2.5), (1e-8, 3.0), (3.0, 1e-8), (1e-20, 1e-20),
        (40.0, 0.5), (1e10, 2.0), (1e10, 1e10), (100.0, 100.5),
                              ("tiny", 1.0), ("normal", 2.0), (1.0, "max"), (1 + 2.0**-20, 1.0)],
        (0.0, 1.0, [INF, -INF, 0]), (1.0, 0.0, [INF, 0, -INF]), (1.0, INF, [-INF, -INF, 0]), (NAN, 1.0, NOTHING),
        slopes=[(1e-8, 3.0), (3.0, 1e-8), (1e-20, 1e-20), (40.0, 0.5), (1e10, 2.0), ("normal", 2.0)])


powers()
exponentials()
angles()
gaussians()
gammas()
activations()
steps()
pairs()
line = lambda x: json.dumps(x, separators=(",", ":"), allow_nan=False)
versions = {"python": platform.python_version(), "numpy": np.__version__, "mpmath": mp.__version__}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text('{"versions":' + line(versions) + ',\n"tables":[\n' + ",\n".join(map(line, tables)) + "\n]}\n")
print(f"{path.name}: {sum(len(t[k]) for t in tables for k in KINDS)} rows, {path.stat().st_size} bytes")
