"""Writes convolution.json: convolutions and pooling, from PyTorch.

    venv/bin/pip install torch
    venv/bin/python tests/suite/reference/convolution.py
"""

from harness import torch_case, write
from torch.nn import functional


def add(kind, n, x, w, **how):
    """A convolution over n axes, with the same numbers along each of them unless given as a list."""
    every = {"stride": 1, "padding": 0, "dilation": 1, **({"more": 0} if kind == "conv_transpose" else {}), **how}
    groups = every.pop("groups", 1)
    every = {k: [v] * n if isinstance(v, int) else v for k, v in every.items()}
    named = {"output_padding" if k == "more" else k: v for k, v in every.items()}
    f = getattr(functional, f"{kind}{n}d")
    torch_case(f"{kind}{n}d", lambda x, w: f(x, w, **named, groups=groups), [x, w], **every, groups=groups)


def convolutions():
    one = [
        ((1, 1, 4), (1, 1, 2), {}), ((1, 1, 3), (1, 1, 3), {}), ((1, 1, 4), (1, 1, 1), {}), ((2, 1, 4), (2, 1, 2), {}),
        ((1, 2, 4), (3, 2, 2), {}), ((2, 2, 5), (2, 2, 3), {"padding": 1}), ((1, 1, 5), (1, 1, 2), {"stride": 2}),
        ((1, 1, 6), (1, 1, 3), {"stride": 3}), ((1, 1, 5), (2, 1, 2), {"stride": 4}), ((1, 1, 5), (1, 1, 3), {"padding": 2}),
        ((1, 1, 2), (1, 1, 3), {"padding": 3}), ((1, 1, 5), (1, 1, 2), {"dilation": 2}), ((1, 1, 7), (1, 1, 3), {"dilation": 3}),
        ((1, 1, 6), (1, 1, 2), {"stride": 2, "padding": 1}), ((1, 1, 6), (1, 1, 2), {"stride": 2, "dilation": 2}),
        ((2, 1, 5), (1, 1, 3), {"stride": 2, "padding": 2, "dilation": 2}), ((1, 2, 4), (2, 1, 2), {"groups": 2}),
        ((1, 2, 4), (4, 1, 2), {"groups": 2}), ((1, 4, 3), (2, 2, 2), {"groups": 2}), ((1, 3, 3), (3, 1, 2), {"groups": 3}),
        ((2, 2, 4), (2, 1, 3), {"groups": 2, "padding": 1, "stride": 2}),
        ((1, 2, 5), (2, 1, 2), {"groups": 2, "dilation": 3, "padding": 1}), ((3, 1, 3), (1, 1, 2), {"padding": 1}),
    ]
    two = [
        ((1, 1, 3, 3), (1, 1, 2, 2), {}), ((1, 1, 2, 3), (1, 1, 2, 3), {}), ((1, 1, 3, 2), (1, 1, 1, 1), {}),
        ((2, 1, 3, 3), (2, 1, 2, 2), {}), ((1, 2, 3, 3), (2, 2, 2, 2), {}), ((1, 1, 3, 3), (1, 1, 3, 3), {"padding": 1}),
        ((1, 1, 3, 4), (1, 1, 1, 2), {}), ((1, 1, 4, 3), (1, 1, 3, 1), {}), ((1, 1, 4, 4), (1, 1, 2, 2), {"stride": 2}),
        ((1, 1, 4, 4), (1, 1, 2, 2), {"stride": [2, 1]}), ((1, 1, 3, 3), (1, 1, 2, 2), {"padding": [1, 0]}),
        ((1, 1, 2, 2), (1, 1, 3, 2), {"padding": [2, 1]}), ((1, 1, 4, 4), (1, 1, 2, 2), {"dilation": 2}),
        ((1, 1, 4, 4), (1, 1, 2, 2), {"dilation": [1, 3]}), ((1, 1, 4, 4), (1, 1, 2, 2), {"stride": 2, "padding": 1}),
        ((1, 1, 4, 5), (1, 1, 2, 2), {"stride": [1, 2], "padding": [0, 1], "dilation": [2, 1]}),
        ((1, 2, 3, 3), (2, 1, 2, 2), {"groups": 2}), ((1, 2, 2, 3), (4, 1, 2, 2), {"groups": 2}),
        ((1, 4, 2, 2), (2, 2, 2, 1), {"groups": 2}), ((2, 2, 3, 3), (2, 1, 2, 2), {"groups": 2, "stride": 2, "padding": 1}),
        ((1, 2, 3, 4), (2, 1, 2, 2), {"groups": 2, "dilation": 2, "padding": 1}), ((2, 2, 2, 2), (1, 2, 2, 2), {"padding": 1}),
    ]
    for x, w, how in one:
        add("conv", 1, x, w, **how)
    for x, w, how in two:
        add("conv", 2, x, w, **how)

    one = [
        ((1, 1, 3), (1, 1, 2), {}), ((1, 1, 1), (1, 1, 3), {}), ((1, 1, 3), (1, 1, 1), {}), ((2, 1, 3), (1, 2, 2), {}),
        ((1, 2, 3), (2, 3, 2), {}), ((1, 1, 3), (1, 1, 2), {"stride": 2}), ((1, 1, 3), (1, 1, 2), {"stride": 3}),
        ((1, 1, 4), (1, 1, 3), {"padding": 1}), ((1, 1, 3), (1, 1, 3), {"padding": 2}), ((1, 1, 3), (1, 1, 2), {"dilation": 2}),
        ((1, 1, 3), (1, 1, 3), {"stride": 2, "padding": 1}), ((1, 1, 3), (1, 1, 3), {"stride": 2, "padding": 1, "more": 1}),
        ((1, 1, 2), (1, 1, 2), {"stride": 3, "more": 2}), ((1, 1, 3), (1, 1, 2), {"dilation": 3, "more": 2}),
        ((1, 1, 3), (1, 1, 2), {"stride": 2, "dilation": 2, "padding": 1, "more": 1}), ((1, 2, 3), (2, 1, 2), {"groups": 2}),
        ((1, 2, 2), (2, 2, 2), {"groups": 2}), ((2, 4, 2), (4, 1, 2), {"groups": 2, "stride": 2}),
        ((1, 2, 3), (2, 1, 3), {"groups": 2, "padding": 1, "stride": 2, "more": 1}),
    ]
    two = [
        ((1, 1, 2, 2), (1, 1, 2, 2), {}), ((1, 1, 1, 1), (1, 1, 2, 3), {}), ((1, 1, 2, 3), (1, 1, 1, 1), {}),
        ((2, 1, 2, 2), (1, 2, 2, 1), {}), ((1, 2, 2, 2), (2, 2, 2, 2), {}), ((1, 1, 2, 2), (1, 1, 2, 2), {"stride": 2}),
        ((1, 1, 2, 2), (1, 1, 2, 2), {"stride": [1, 3]}), ((1, 1, 3, 3), (1, 1, 2, 2), {"padding": 1}),
        ((1, 1, 2, 3), (1, 1, 3, 2), {"padding": [1, 0]}), ((1, 1, 2, 2), (1, 1, 2, 2), {"dilation": [2, 1]}),
        ((1, 1, 2, 2), (1, 1, 3, 3), {"stride": 2, "padding": 1, "more": 1}),
        ((1, 1, 2, 2), (1, 1, 2, 2), {"stride": [2, 3], "more": [1, 2]}), ((1, 2, 2, 2), (2, 1, 2, 2), {"groups": 2}),
        ((1, 2, 2, 1), (2, 2, 2, 2), {"groups": 2, "stride": 2}),
        ((2, 2, 2, 2), (2, 1, 2, 2), {"groups": 2, "dilation": 2, "padding": 1}),
    ]
    for x, w, how in one:
        add("conv_transpose", 1, x, w, **how)
    for x, w, how in two:
        add("conv_transpose", 2, x, w, **how)


def pooling():
    one = [((1, 1, 4), [2], [2], [0]), ((1, 1, 5), [2], [2], [0]), ((1, 1, 5), [3], [1], [0]), ((2, 2, 4), [2], [1], [0]),
           ((1, 1, 4), [4], [4], [0]), ((1, 1, 4), [1], [1], [0]), ((1, 1, 6), [2], [3], [0]), ((1, 1, 4), [2], [2], [1]),
           ((1, 2, 5), [3], [2], [1]), ((1, 1, 5), [4], [1], [2]), ((3, 1, 2), [2], [1], [1]), ((1, 1, 7), [3], [3], [1])]
    two = [((1, 1, 4, 4), [2, 2], [2, 2], [0, 0]), ((1, 1, 3, 3), [2, 2], [1, 1], [0, 0]), ((1, 2, 3, 4), [2, 2], [2, 2], [0, 0]),
           ((2, 1, 2, 4), [1, 2], [1, 2], [0, 0]), ((1, 1, 4, 3), [3, 1], [1, 2], [0, 0]), ((1, 1, 3, 3), [3, 3], [3, 3], [0, 0]),
           ((1, 1, 3, 3), [2, 2], [2, 2], [1, 1]), ((1, 1, 4, 4), [3, 2], [2, 1], [1, 0]), ((1, 1, 3, 3), [3, 3], [1, 1], [1, 1]),
           ((1, 1, 5, 3), [2, 3], [3, 1], [0, 1]), ((2, 2, 2, 2), [2, 2], [1, 1], [1, 1]), ((1, 1, 2, 5), [2, 4], [1, 3], [1, 2])]
    for n, every in [(1, one), (2, two)]:
        for shape, window, stride, padding in every:
            how = {"window": window, "stride": stride, "padding": padding}
            kind = {"kernel_size": window, "stride": stride, "padding": padding}
            torch_case(f"max_pool{n}d", lambda x: getattr(functional, f"max_pool{n}d")(x, **kind), [shape], distinct=True, **how)
            torch_case(f"avg_pool{n}d", lambda x: getattr(functional, f"avg_pool{n}d")(x, **kind), [shape], **how)


convolutions()
pooling()
write(__file__)
