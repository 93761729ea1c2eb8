"""Writes reference.csv: for each elementwise function, arguments, and for its value and each of its partial derivatives the
`f64` nearest to it and what is missing from that, in thousandths of its unit in the last place. Numbers are hexadecimal
digits of their bits. A derivative that is not measured is empty: near its zeros, where terms of opposite sign cancel, a
small relative error cannot be had.

    pip install mpmath && python reference.py 32
"""

import math
import pathlib
import random
import struct
import sys

import mpmath as mp

mp.mp.dps = 60
TINY, LEAST, MOST = 5e-324, sys.float_info.min, sys.float_info.max
draw = random.Random(2)
F = mp.mpf
PI, LN2 = mp.pi, mp.log(2)


def spread(low, high):
    """A positive number whose exponent is anything between two."""
    return math.ldexp(draw.uniform(1, 2), draw.randint(low, high))


def uniform(low, high):
    return lambda: draw.uniform(low, high)


def either(*sources):
    return lambda: draw.choice(sources)()


small = lambda: draw.choice([-1, 1]) * spread(-60, -1)
large = lambda: draw.choice([-1, 1]) * spread(0, 1022)
size = lambda: spread(-1021, 1022)
anything = either(small, large, uniform(-3, 3))
unit = either(small, uniform(-1, 1), lambda: draw.choice([-1, 1]) * (1 - spread(-53, -5)))


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def slope(x):
    e = mp.exp(-abs(x))
    return e / (1 + e) ** 2


def sech2(x):
    return 1 / mp.cosh(x) ** 2


def cdf(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def pdf(x):
    return mp.exp(-x * x / 2) / mp.sqrt(2 * PI)


def log_cdf(x):
    return mp.log(cdf(x)) if x > -30 else -x * x / 2 - mp.log(mills(x) * mp.sqrt(2 * PI))


def mills(x):
    """pdf(x) / cdf(x), far out by Laplace's continued fraction."""
    if x > -30:
        return pdf(x) / cdf(x)
    rest = -x
    for k in range(400, 0, -1):
        rest = -x + k / rest
    return rest


def erfinv(x):
    if abs(x) < F("0.5"):
        return mp.erfinv(x)
    y = mp.findroot(lambda y: mp.log(mp.erfc(y)) - mp.log(1 - abs(x)), mp.sqrt(-mp.log((1 - abs(x)) * (1 + abs(x)))) * F("0.9"))
    return y if x > 0 else -y


def gelu_gate(x):
    return sigmoid(2 * mp.sqrt(2 / PI) * (x + F("0.044715") * x**3))


def gelu_tanh_slope(x):
    z = 2 * mp.sqrt(2 / PI) * (x + F("0.044715") * x**3)
    return sigmoid(z) + x * slope(z) * 2 * mp.sqrt(2 / PI) * (1 + 3 * F("0.044715") * x * x)


def softplus(x):
    return max(x, F(0)) + mp.log1p(mp.exp(-abs(x)))


def elu(a):
    return lambda x: x if x > 0 else a * mp.expm1(x)


def elu_slope(a):
    return lambda x: F(1) if x > 0 else a * mp.exp(x)


def sinc(x):
    return mp.sincpi(x)


def sinc_slope(x):
    return (mp.cospi(x) - mp.sincpi(x)) / x if abs(x) > 1e-12 else -PI * PI * x / 3 * (1 - PI * PI * x * x / 10)


SELU = F("1.05070098735548049341933498529460"), F("1.67326324235437728481704299167170")


def relative(least):
    """Measured where the result is not small."""
    return lambda y, *x: abs(y) >= least


always = lambda y, *x: True
# the function, its derivative, what draws arguments, and where each is measured
unary = {
    "neg": (lambda x: -x, lambda x: F(-1), anything),
    "square": (lambda x: x * x, lambda x: 2 * x, either(uniform(-3, 3), lambda: spread(-500, 500))),
    "recip": (lambda x: 1 / x, lambda x: -1 / x**2, either(uniform(-3, 3), lambda: spread(-500, 500))),
    "sqrt": (mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x)), size),
    "rsqrt": (lambda x: 1 / mp.sqrt(x), lambda x: -1 / (2 * x * mp.sqrt(x)), lambda: spread(-600, 600)),
    "cbrt": (mp.cbrt, lambda x: 1 / (3 * mp.cbrt(x) ** 2), size),
    "abs": (abs, mp.sign, anything),
    "exp": (mp.exp, mp.exp, either(uniform(-700, 700), small)),
    "exp_m1": (mp.expm1, mp.exp, either(uniform(-50, 700), small)),
    "exp2": (lambda x: F(2) ** x, lambda x: LN2 * F(2) ** x, either(uniform(-1000, 1000), small)),
    "ln": (mp.log, lambda x: 1 / x, either(size, uniform(0.5, 2))),
    "ln_1p": (mp.log1p, lambda x: 1 / (1 + x), either(size, uniform(-1, 2), lambda: small() / 4)),
    "log2": (lambda x: mp.log(x) / LN2, lambda x: 1 / (x * LN2), either(size, uniform(0.5, 2))),
    "log10": (mp.log10, lambda x: 1 / (x * mp.log(10)), either(size, uniform(0.5, 2))),
    "sin": (mp.sin, mp.cos, either(uniform(-7, 7), uniform(-1e5, 1e5), small)),
    "cos": (mp.cos, lambda x: -mp.sin(x), either(uniform(-7, 7), uniform(-1e5, 1e5), small)),
    "tan": (mp.tan, lambda x: 1 + mp.tan(x) ** 2, either(uniform(-7, 7), large, small)),
    "asin": (mp.asin, lambda x: 1 / mp.sqrt((1 - x) * (1 + x)), unit),
    "acos": (mp.acos, lambda x: -1 / mp.sqrt((1 - x) * (1 + x)), unit),
    "atan": (mp.atan, lambda x: 1 / (1 + x * x), either(uniform(-3, 3), small, lambda: spread(0, 500))),
    "sinh": (mp.sinh, mp.cosh, either(uniform(-700, 700), uniform(-3, 3), small)),
    "cosh": (mp.cosh, mp.sinh, either(uniform(-700, 700), uniform(-3, 3), small)),
    "tanh": (mp.tanh, sech2, either(uniform(-300, 300), uniform(-3, 3), small)),
    "asinh": (mp.asinh, lambda x: 1 / mp.sqrt(1 + x * x), anything),
    "acosh": (mp.acosh, lambda x: 1 / mp.sqrt((x - 1) * (x + 1)), either(uniform(1, 3), lambda: 1 + spread(-50, 0), lambda: spread(1, 1022))),
    "atanh": (mp.atanh, lambda x: 1 / ((1 - x) * (1 + x)), unit),
    "sinc": (sinc, sinc_slope, either(uniform(-4, 4), small, uniform(-1000, 1000)), always, lambda y, x: abs(y * x) > 0.2 or abs(x) < 1),
    "sigmoid": (sigmoid, slope, either(uniform(-700, 40), uniform(-3, 3), small)),
    "softplus": (softplus, sigmoid, either(uniform(-700, 700), uniform(-3, 3), small)),
    "log_sigmoid": (lambda x: -softplus(-x), lambda x: sigmoid(-x), either(uniform(-700, 700), uniform(-3, 3), small)),
    "elu": (elu(1), elu_slope(1), either(uniform(-40, 3), small)),
    "selu": (lambda x: SELU[0] * elu(SELU[1])(x), lambda x: SELU[0] * elu_slope(SELU[1])(x), either(uniform(-40, 3), small)),
    "celu": (elu(1), elu_slope(1), either(uniform(-40, 3), small)),
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) + x * slope(x), either(uniform(-690, 50), uniform(-4, 4), small), always, lambda y, x: abs(x + 1.2785) > 0.5),
    "gelu": (lambda x: x * cdf(x), lambda x: cdf(x) + x * pdf(x), either(uniform(-36, 10), uniform(-4, 4), small), always, lambda y, x: abs(x + 0.7518) > 0.5),
    "gelu_tanh": (lambda x: x * gelu_gate(x), gelu_tanh_slope, either(uniform(-20, 10), uniform(-4, 4), small), always, lambda y, x: abs(x + 0.7525) > 1),
    "mish": (lambda x: x * mp.tanh(softplus(x)), lambda x: mp.tanh(softplus(x)) + x * sech2(softplus(x)) * sigmoid(x),
             either(uniform(-690, 40), uniform(-4, 4), small), always, lambda y, x: abs(x + 1.1924) > 0.5),
    "softsign": (lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2, either(uniform(-3, 3), lambda: spread(-500, 500))),
    "erf": (mp.erf, lambda x: 2 / mp.sqrt(PI) * mp.exp(-x * x), either(uniform(-26, 26), uniform(-2, 2), small)),
    "erfc": (mp.erfc, lambda x: -2 / mp.sqrt(PI) * mp.exp(-x * x), either(uniform(-6, 26), uniform(-2, 2), small)),
    "erfinv": (erfinv, lambda x: mp.sqrt(PI) / 2 * mp.exp(erfinv(x) ** 2), unit),
    "normal_cdf": (cdf, pdf, either(uniform(-37, 10), uniform(-2, 2), small)),
    "log_normal_cdf": (log_cdf, mills, either(uniform(-40, 8), uniform(-6, 3), small, lambda: -spread(0, 500))),
    "normal_pdf": (pdf, lambda x: -x * pdf(x), either(uniform(-37, 37), uniform(-2, 2), small)),
    "lgamma": (lambda x: mp.log(abs(mp.gamma(x))) if x < 170 else mp.loggamma(x), mp.digamma, either(uniform(0.01, 4), uniform(-10, 0), uniform(0, 200), lambda: spread(-900, 900)),
               lambda y, x: x > 0 or abs(y) > 1, lambda y, x: x > 0 or abs(y) > 3),
    "digamma": (mp.digamma, lambda x: mp.polygamma(1, x), either(uniform(0.01, 4), uniform(-10, 0), uniform(0, 200), lambda: spread(-450, 450)),
                lambda y, x: x > 0 or abs(y) > 3, always),
    "polygamma": (lambda x: mp.polygamma(1, x), lambda x: mp.polygamma(2, x), either(uniform(0.01, 4), uniform(-10, 0), uniform(0, 200), lambda: spread(-300, 300)),
                  always, lambda y, x: x > 0 or abs(y) > 20),
}
ratio = lambda: draw.uniform(0.2, 5)
binary = {
    "add": (lambda a, b: a + b, [lambda a, b: F(1)] * 2, lambda: (anything(), anything())),
    "sub": (lambda a, b: a - b, [lambda a, b: F(1), lambda a, b: F(-1)], lambda: (anything(), anything())),
    "mul": (lambda a, b: a * b, [lambda a, b: b, lambda a, b: a], lambda: (spread(-500, 500), spread(-500, 500))),
    "div": (lambda a, b: a / b, [lambda a, b: 1 / b, lambda a, b: -a / b**2], lambda: (spread(-200, 200), spread(-200, 200))),
    "pow": (lambda a, b: a**b, [lambda a, b: b * a ** (b - 1), lambda a, b: a**b * mp.log(a)], lambda: (ratio(), draw.uniform(-300, 300))),
    "hypot": (lambda a, b: mp.sqrt(a * a + b * b), [lambda a, b: a / mp.sqrt(a * a + b * b), lambda a, b: b / mp.sqrt(a * a + b * b)],
              lambda: (lambda s: (s * ratio(), s * ratio()))(spread(-900, 900))),
    "atan2": (mp.atan2, [lambda a, b: b / (a * a + b * b), lambda a, b: -a / (a * a + b * b)],
              lambda: (lambda s: (s * small(), s * draw.uniform(-1, 1)))(spread(-400, 400))),
    "logaddexp": (lambda a, b: max(a, b) + mp.log1p(mp.exp(-abs(a - b))), [lambda a, b: sigmoid(a - b), lambda a, b: sigmoid(b - a)],
                  lambda: (lambda a: (a, a + draw.choice([-64, -8, 0.5, 3, 100])))(float(draw.randint(-50, 50))), relative(0.1)),
    "logaddexp2": (lambda a, b: max(a, b) + mp.log1p(F(2) ** -abs(a - b)) / LN2,
                   [lambda a, b: 1 / (1 + F(2) ** (b - a)), lambda a, b: 1 / (1 + F(2) ** (a - b))],
                   lambda: (lambda a: (a, a + draw.choice([-64, -8, 0.5, 3, 100])))(float(draw.randint(-50, 50))), relative(0.1)),
    "xlogy": (lambda a, b: a * mp.log(b), [lambda a, b: mp.log(b), lambda a, b: a / b], lambda: (spread(-300, 300), spread(-300, 300))),
    "xlog1py": (lambda a, b: a * mp.log1p(b), [lambda a, b: mp.log1p(b), lambda a, b: a / (1 + b)], lambda: (spread(-300, 300), draw.choice([spread(-60, 300), draw.uniform(-1, 1)]))),
    "remainder": (lambda a, b: a - b * mp.floor(a / b), [lambda a, b: F(1), lambda a, b: -mp.floor(a / b)],
                  lambda: (draw.uniform(-1000, 1000), draw.uniform(-3, 3))),
    "betaln": (lambda a, b: mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b),
               [lambda a, b: mp.digamma(a) - mp.digamma(a + b), lambda a, b: mp.digamma(b) - mp.digamma(a + b)],
               lambda: (draw.choice([ratio(), spread(-30, 30)]), draw.choice([ratio(), spread(-30, 30)])),
               relative(1), lambda y, a, b: abs(y) > 0.1 * abs(mp.digamma(a + b))),
}
special = {name: [1.0, -1.0] for name in ["atan", "asinh", "erf", "erfc", "gelu", "gelu_tanh", "mish", "silu", "tan"]}
special["gelu"] += [-10.0]
special["erfinv"] = [1 - 2**-53, -1 + 2**-53, 0.5, 1e-300]
special["digamma"] = [1.0, 1.4616321449683622, 1.4616321449683625, 1e-300, 1e300]
special["lgamma"] = [0.5, 1.5, 2.0000001, 3.0]
special["sinc"] = [TINY, 0.5, 1.5, 0.3183098861837907]


def bits(x):
    return struct.pack(">d", x).hex()


def rounded(y):
    nearest = float(y)
    if not math.isfinite(nearest) or (nearest == 0 and y != 0):
        return None
    unit = math.ulp(nearest)
    missing = (y - F(nearest)) / F(unit)
    return f"{bits(nearest)},{int(mp.nint(1000 * missing))}"


def emit(out, name, x, results, where):
    columns = []
    for y, measured in zip(results, where):
        text = rounded(y) if measured(y, *x) and abs(y) > 1e-300 else None
        columns.append(text or ",")
    if any(c != "," for c in columns):
        out.append(",".join([name, *map(bits, x), *columns]))


def main(count):
    out = []
    for name, (f, d, source, *where) in unary.items():
        where = where or [always, always]
        for x in special.get(name, []) + [source() for _ in range(count)]:
            if x == 0:
                continue
            emit(out, name, [x], [f(F(x)), d(F(x))], where)
    for name, (f, d, source, *where) in binary.items():
        on_value, on_slope = (where + [always, always])[:2] if len(where) != 1 else (where[0], always)
        for _ in range(count):
            a, b = source()
            if a == 0 or b == 0:
                continue
            emit(out, name, [a, b], [f(F(a), F(b)), *(g(F(a), F(b)) for g in d)], [on_value, on_slope, on_slope])
    path = pathlib.Path(__file__).with_name("reference.csv")
    path.write_text("\n".join(out) + "\n")
    print(len(out), "rows,", path.stat().st_size, "bytes")


main(int(sys.argv[1]))
