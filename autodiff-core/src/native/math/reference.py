"""Writes reference.csv: for each function, arguments, the `f64` nearest to the result, and what is missing from it in
thousandths of its unit in the last place. Numbers are hexadecimal digits of their bits.

    pip install mpmath && python reference.py 120
"""

import math
import pathlib
import random
import struct
import sys

import mpmath as mp

mp.mp.prec = 300
TINY, LEAST, MOST = 5e-324, sys.float_info.min, sys.float_info.max
draw = random.Random(1)


def spread(low, high):
    """A number of either sign whose exponent is anything between two."""
    return draw.choice([-1, 1]) * math.ldexp(draw.uniform(1, 2), draw.randint(low, high))


def around(x):
    return [math.nextafter(x, -math.inf), x, math.nextafter(x, math.inf)]


def sech2(x):
    return 1 / mp.cosh(x) ** 2


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def gelu_gate(x):
    return sigmoid(2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3))


def mish_gate(x):
    w = mp.exp(x) * (mp.exp(x) + 2)
    return w / (w + 2)


def mish_gate_slope(x):
    return 4 * mp.exp(x) * (1 + mp.exp(x)) / (mp.exp(x) * (mp.exp(x) + 2) + 2) ** 2


def normal_cdf(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


# the function, its special points, and what draws others
small = lambda: spread(-60, 1)
functions = {
    "exp": (mp.exp, [-745.1, -708.4, -708.0, 709.78, LEAST, TINY], lambda: draw.choice([draw.uniform(-745, 709), small()])),
    "exp_m1": (mp.expm1, [-44, -37.5, 709.78, LEAST, TINY, -0.25], lambda: draw.choice([draw.uniform(-50, 709), draw.uniform(-2, 2), small()])),
    "ln": (mp.log, [TINY, LEAST, MOST, 0.5, 2, *around(1), *around(2**0.5), *around(0.5**0.5)], lambda: draw.choice([abs(spread(-1074, 1023)), draw.uniform(0.5, 2)])),
    "ln_1p": (mp.log1p, [TINY, -TINY, MOST, *around(2**0.5 - 1), *around(0.5**0.5 - 1), -1 + 2**-53], lambda: draw.choice([abs(spread(-1074, 1023)), draw.uniform(-1, 2), small() / 4])),
    "tanh": (mp.tanh, [TINY, LEAST, 18.9, 19.1, 22, 25, MOST], lambda: draw.choice([draw.uniform(-20, 20), draw.uniform(-1, 1), small()])),
    "sech2": (sech2, [18.9, 300, 353.8, 354, 370, 372.9, TINY], lambda: draw.choice([draw.uniform(-373, 373), draw.uniform(-3, 3), small()])),
    "sigmoid": (sigmoid, [-745, -709, -708, 36.7, 37, TINY], lambda: draw.choice([draw.uniform(-745, 40), draw.uniform(-5, 5), small()])),
    "sigmoid_slope": (lambda x: sigmoid(x) * sigmoid(-x), [-745, -709, 708, 37, TINY], lambda: draw.choice([draw.uniform(-745, 745), draw.uniform(-5, 5), small()])),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), [-745, -709, 708, 37, MOST, TINY], lambda: draw.choice([draw.uniform(-745, 745), draw.uniform(-5, 5), small()])),
    "sin": (mp.sin, [TINY, LEAST, *(k * math.pi / 2 for k in range(-4, 5)), 99999.5], lambda: draw.choice([draw.uniform(-1e5, 1e5), draw.uniform(-7, 7), small(), draw.randint(-60000, 60000) * math.pi / 2])),
    "cos": (mp.cos, [TINY, LEAST, *(k * math.pi / 2 for k in range(-4, 5)), 99999.5], lambda: draw.choice([draw.uniform(-1e5, 1e5), draw.uniform(-7, 7), small(), draw.randint(-60000, 60000) * math.pi / 2])),
    "exp2": (lambda x: mp.mpf(2) ** x, [-1074.9, -1022, *around(-1022), 0.5, -0.5, 1023.9999999999999, 1023.5, 12, TINY], lambda: draw.choice([draw.uniform(-1074, 1024), draw.uniform(-1, 1), small()])),
    "log2": (lambda x: mp.log(x, 2), [TINY, LEAST, MOST, 0.5, 2, *around(1), *around(2**0.5), *around(0.5**0.5)], lambda: draw.choice([abs(spread(-1074, 1023)), draw.uniform(0.5, 2)])),
    "log10": (mp.log10, [TINY, LEAST, MOST, 0.5, 1e22, *around(1), *around(10), *around(2**0.5), *around(0.5**0.5)], lambda: draw.choice([abs(spread(-1074, 1023)), draw.uniform(0.5, 2)])),
    "sigmoid2": (lambda x: 1 / (1 + mp.mpf(2) ** -x), [-1074, -1022, 53, 54, TINY], lambda: draw.choice([draw.uniform(-1074, 60), draw.uniform(-5, 5), small()])),
    "sinh": (mp.sinh, [TINY, LEAST, *around(1), 709.8, 710.4758600739439], lambda: draw.choice([draw.uniform(-710, 710), draw.uniform(-3, 3), small()])),
    "cosh": (mp.cosh, [TINY, *around(1), 709.8, 710.4758600739439], lambda: draw.choice([draw.uniform(-710, 710), draw.uniform(-3, 3), small()])),
    "asinh": (mp.asinh, [TINY, LEAST, *around(2.0**60), MOST], lambda: draw.choice([spread(-1074, 1023), draw.uniform(-3, 3), small()])),
    "acosh": (mp.acosh, [math.nextafter(1, 2), 1.5, *around(2.0**60), MOST], lambda: draw.choice([abs(spread(1, 1023)), draw.uniform(1, 4), 1 + abs(small()) / 4])),
    "atanh": (mp.atanh, [TINY, LEAST, 1 - 2**-53, 1 / 3, 0.5], lambda: draw.choice([draw.uniform(-1, 1), small() / 4, 1 - abs(spread(-53, -3))])),
    "sinc": (mp.sincpi, [TINY, *around(0.5), *around(1), *around(-2), 1.5, 2.0**51 + 0.5], lambda: draw.choice([draw.uniform(-4, 4), small(), draw.uniform(-1e5, 1e5), draw.randint(1, 9) + spread(-40, -2)])),
    "silu": (lambda x: x * sigmoid(x), [-751.5, -745, -709, -640, 36.7, 37, MOST, TINY], lambda: draw.choice([draw.uniform(-751, 40), draw.uniform(-5, 5), small()])),
    "gelu_gate": (gelu_gate, [-21.5, -21, -20.3, 5, 9, TINY], lambda: draw.choice([draw.uniform(-21.4, 9), draw.uniform(-5, 5), small()])),
    "gelu_tanh": (lambda x: x * gelu_gate(x), [-21.5, -21, -20.3, 5, 9, MOST, TINY], lambda: draw.choice([draw.uniform(-21.4, 9), draw.uniform(-5, 5), small()])),
    "mish": (lambda x: x * mish_gate(x), [-751.5, -745, -709, -640, 19.2, 24, MOST, TINY], lambda: draw.choice([draw.uniform(-751, 30), draw.uniform(-5, 5), small()])),
    "mish_gate": (mish_gate, [-745, -709, -640, 19.2, 24, MOST, TINY], lambda: draw.choice([draw.uniform(-745, 30), draw.uniform(-5, 5), small()])),
    "mish_gate_slope": (mish_gate_slope, [-745, -709, -640, 372, 355, TINY], lambda: draw.choice([draw.uniform(-745, 372), draw.uniform(-5, 5), small()])),
    "gauss": (lambda x: mp.exp(-x * x), [0.5, 26.6, 27, 27.2, LEAST, TINY], lambda: draw.choice([draw.uniform(-27.3, 27.3), draw.uniform(-2, 2), small()])),
    "normal_pdf": (lambda x: mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi), [0.5, 37.6, 38, 38.5, LEAST, TINY], lambda: draw.choice([draw.uniform(-38.6, 38.6), draw.uniform(-2, 2), small()])),
    "erf": (mp.erf, [*around(0.4769399821758270), 5.8, 5.95, 7, MOST, LEAST, -TINY], lambda: draw.choice([draw.uniform(-6, 6), draw.uniform(-2, 2), small()])),
    "erfc": (mp.erfc, [*around(0.4769399821758270), *around(-0.4769399821758270), 26.5, 26.6, 27, 27.2, -7, -MOST, LEAST, TINY], lambda: draw.choice([draw.uniform(-6, 27.3), draw.uniform(-2, 2), small()])),
    "normal_cdf": (normal_cdf, [*around(0.67449), *around(-0.67449), -37.6, -38, -38.4, 9, MOST, LEAST, TINY], lambda: draw.choice([draw.uniform(-38.5, 9), draw.uniform(-2, 2), small()])),
    "gelu": (lambda x: x * normal_cdf(x), [*around(0.67449), *around(-0.67449), -38, -38.4, -38.5, 9, MOST, LEAST, TINY], lambda: draw.choice([draw.uniform(-38.6, 9), draw.uniform(-2, 2), small()])),
}


def power():
    """A base and an exponent whose power is in range."""
    base = draw.choice([abs(spread(-1074, 1023)), draw.uniform(0.5, 2), 1 + small() / 8])
    most = 1074 / abs(math.log2(base)) if base != 1 else 1e300
    return base, draw.choice([draw.uniform(-most, most), draw.uniform(-most, most) / 100, draw.randint(-8, 8)])


def row(name, f, arguments):
    exact = f(*map(mp.mpf, arguments))
    y = float(exact)
    if y == 0 or math.isinf(y):
        return None
    missing = round(1000 * (exact - mp.mpf(y)) / mp.mpf(math.ulp(y)))
    digits = [struct.pack(">d", x).hex() for x in [*arguments, y]]
    return ",".join([name, *digits, str(missing)])


count = int(sys.argv[1])
rows = []
for name, (f, points, any_point) in functions.items():
    rows += [row(name, f, [float(x)]) for x in [*points, *(any_point() for _ in range(count))]]
rows += [row("pow", mp.power, power()) for _ in range(2 * count)]
path = pathlib.Path(__file__).with_name("reference.csv")
path.write_text("\n".join(filter(None, rows)) + "\n")
