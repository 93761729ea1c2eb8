"""Prints the polynomials in real.rs, pow.rs and trig.rs, Chebyshev fits, which are within a factor of two of the best, and the
constants in two numbers; of ERFC, whose rounded coefficients would count, relative fits of what those before have left.

    pip install mpmath && python coefficients.py
"""

import struct

import mpmath as mp

mp.mp.dps = 60
LN2 = mp.log(2)
EDGE = (3 - 2 * mp.sqrt(2)) ** 2  # s^2 at the ends of [sqrt(1/2), sqrt(2)], for s = (m - 1) / (m + 1)
QUARTER = (mp.pi / 4) ** 2
ERF_EDGE = mp.mpf("0.4769")  # where erf is a half, nearly


def series(f, start, step=1, terms=60):
    """The sum of f(i) z^i, without the cancellation of the closed form near 0."""
    return lambda z: mp.fsum(f(start + step * i) * z**i for i in range(terms))


def scaled_erfc(c):
    """The function of t = (a - c) / (a + c) that is (a + c) e^(a^2) erfc(a), and its interval."""

    def f(t):
        if t == 1:
            return 1 / mp.sqrt(mp.pi)
        a = c * (1 + t) / (1 - t)
        if a < 60:
            return mp.exp(a * a) * mp.erfc(a) * (a + c)
        tail = mp.fsum((-1) ** k * mp.fac2(2 * k - 1) / (2 * a * a) ** k for k in range(20))
        return tail / (a * mp.sqrt(mp.pi)) * (a + c)

    return f, [(ERF_EDGE - c) / (ERF_EDGE + c), 1]


factorial = lambda n: 1 / mp.factorial(n)
alternating = lambda n: (-1) ** (n // 2) / mp.factorial(n)
erf = lambda n: 2 / mp.sqrt(mp.pi) * (-1) ** n / (mp.factorial(n) * (2 * n + 1))
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
    # erf(x) = x (2 / sqrt(pi) + z ERF(z)) for z = x^2
    ("ERF f64", series(erf, 1), [0, ERF_EDGE**2], 8),
    ("ERF f32", series(erf, 1), [0, ERF_EDGE**2], 4),
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
double = lambda x: mp.mpf(float(x))
single = lambda x: mp.mpf(struct.unpack("f", struct.pack("f", float(x)))[0])
for name, c, n, rounded in [("ERFC f64", 4, 24, double), ("ERFC f32", 2, 11, single)]:
    f, (low, high) = scaled_erfc(mp.mpf(c))
    points = [(low + high + (high - low) * mp.cospi(mp.mpf(2 * i + 1) / (6 * n))) / 2 for i in range(3 * n)]
    terms = mp.matrix([[t**j / f(t) for j in range(n)] for t in points])
    rest, p = mp.matrix([1] * len(points)), []
    for j in range(n):
        c = mp.qr_solve(terms[:, j:], rest)[0][0]
        p += [rounded(c)] if j else [rounded(c), rounded(c - rounded(c))]
        rest -= terms[:, j] * (sum(p) if j == 0 else p[-1])
    print(f"{name}: 2^{float(mp.log(max(map(abs, rest)), 2)):.1f}")
    print("[" + ", ".join(repr(float(c)) for c in p) + "]")
