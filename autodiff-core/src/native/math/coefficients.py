"""Prints the polynomials in real.rs, pow.rs and trig.rs, Chebyshev fits, which are within a factor of two of the best, and the
constants in two numbers.

    pip install mpmath && python coefficients.py
"""

import mpmath as mp

mp.mp.dps = 60
LN2 = mp.log(2)
EDGE = (3 - 2 * mp.sqrt(2)) ** 2  # s^2 at the ends of [sqrt(1/2), sqrt(2)], for s = (m - 1) / (m + 1)
QUARTER = (mp.pi / 4) ** 2


def series(f, start, step=1, terms=60):
    """The sum of f(i) z^i, without the cancellation of the closed form near 0."""
    return lambda z: mp.fsum(f(start + step * i) * z**i for i in range(terms))


factorial = lambda n: 1 / mp.factorial(n)
alternating = lambda n: (-1) ** (n // 2) / mp.factorial(n)
tables = [
    # exp(r) = 1 + r + r^2 EXP(r)
    ("EXP f64", series(factorial, 2), [-LN2 / 2, LN2 / 2], 10),
    ("EXP f32", series(factorial, 2), [-LN2 / 2, LN2 / 2], 5),
    # 2^r = 1 + r ln(2) + r^2 EXP2(r)
    ("EXP2 f64", series(lambda n: LN2**n / mp.factorial(n), 2), [-0.5, 0.5], 10),
    ("EXP2 f32", series(lambda n: LN2**n / mp.factorial(n), 2), [-0.5, 0.5], 5),
    # sinh(x) = x + x z SINH(z) for z = x^2
    ("SINH f64", series(factorial, 3, 2), [0, 1], 7),
    ("SINH f32", series(factorial, 3, 2), [0, 1], 4),
    # sin(pi r) / (pi r) = 1 + z SINC(z) for z = r^2
    ("SINC f64", series(lambda n: mp.pi ** (n - 1) * alternating(n), 3, 2), [0, mp.mpf(1) / 4], 8),
    ("SINC f32", series(lambda n: mp.pi ** (n - 1) * alternating(n), 3, 2), [0, mp.mpf(1) / 4], 5),
    # ln((1 + s) / (1 - s)) = 2 s + s z LN(z) for z = s^2
    ("LN f64", series(lambda n: mp.mpf(2) / n, 3, 2), [0, EDGE], 7),
    ("LN f32", series(lambda n: mp.mpf(2) / n, 3, 2), [0, EDGE], 3),
    # The same as far as s = 1/3, for ln(2).
    ("LN_WIDE f64", series(lambda n: mp.mpf(2) / n, 3, 2), [0, mp.mpf(1) / 9], 11),
    ("LN_WIDE f32", series(lambda n: mp.mpf(2) / n, 3, 2), [0, mp.mpf(1) / 9], 5),
    # sin(r) = r + r z SIN(z), cos(r) = 1 - z / 2 + z^2 COS(z) for z = r^2
    ("SIN f64", series(alternating, 3, 2), [0, QUARTER], 6),
    ("COS f64", series(alternating, 4, 2), [0, QUARTER], 6),
    ("SIN f32", series(alternating, 3, 2), [0, QUARTER], 4),
    ("COS f32", series(alternating, 4, 2), [0, QUARTER], 3),
    # ln((1 + s) / (1 - s)) = 2 s (1 + z / 3 + z^2 POW(z))
    ("POW f64", series(lambda n: mp.mpf(1) / n, 5, 2), [0, EDGE], 8),
    # log2((1 + s) / (1 - s)) = s LOG2(z)
    ("pow LOG2 f32", series(lambda n: 2 / LN2 / n, 1, 2), [0, EDGE], 6),
    # 2^r = 1 + r EXP2(r)
    ("pow EXP2 f32", series(lambda n: LN2**n / mp.factorial(n), 1), [-0.5, 0.5], 7),
]
for name, f, interval, n in tables:
    p, error = mp.chebyfit(f, interval, n, error=True)
    print(f"{name}: 2^{float(mp.log(error, 2)):.1f}")
    print("[" + ", ".join(repr(float(c)) for c in reversed(p)) + "]")


def parts(name, x, digits=None):
    """A constant in two numbers of either type, the first with so few digits, or all."""
    for kind, most in [("f64", 53), ("f32", 24)]:
        with mp.workprec(digits[kind] if digits else most):
            first = +x
        with mp.workprec(most):
            rest = +(x - first)
        print(f"{name} {kind}: [{float(first)!r}, {float(rest)!r}]")


# Products of the first part of LOG10_2 with an exponent are exact.
parts("LN_2", LN2)
parts("LOG2_E", 1 / LN2)
parts("LOG10_E", 1 / mp.log(10))
parts("LOG10_2", mp.log(2, 10), {"f64": 42, "f32": 16})
parts("GELU linear", 2 * mp.sqrt(2 / mp.pi))
parts("GELU cubic", 2 * mp.sqrt(2 / mp.pi) * mp.mpf("0.044715"))
