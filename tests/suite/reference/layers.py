"""Writes layers.json: what layers are made of, from PyTorch.

    venv/bin/python tests/suite/reference/layers.py
"""

import numpy as np
import torch
from harness import ranged, torch_case as case, write
from torch.nn import functional as nn


def norms():
    for shape in [(4,), (2, 3), (2, 2, 5)]:
        features = shape[-1:]
        for eps in [1e-5, 0.1]:
            case("layer_norm", lambda x: nn.layer_norm(x, features, eps=eps), [shape], eps=eps)
            case("layer_norm", lambda x, g, b: nn.layer_norm(x, features, g, b, eps), [shape, features, features], eps=eps)
            case("rms_norm", lambda x: nn.rms_norm(x, features, eps=eps), [shape], eps=eps)
            case("rms_norm", lambda x, g: nn.rms_norm(x, features, g, eps), [shape, features], eps=eps)


def batch_norms():
    for shape in [(4, 1), (5, 3), (3, 2, 3), (2, 2, 3, 2)]:
        channels = shape[1:2]
        beside = (-1,) + (1,) * (len(shape) - 2)
        spread = ranged(channels, 0.5, 2)
        for affine in [[], [channels], [channels, channels]]:
            for eps in [1e-5, 0.1]:
                how = {"training": True, "eps": eps}
                case("batch_norm", lambda x, *affine: nn.batch_norm(x, None, None, *affine, **how), [shape, *affine],
                     given=False, eps=eps)

                # PyTorch has no derivative by moments that are given.
                def evaluated(x, mean, variance, *affine):
                    y = (x - mean.reshape(beside)) / torch.sqrt(variance.reshape(beside) + eps)
                    for f, part in zip([torch.mul, torch.add], affine):
                        y = f(y, part.reshape(beside))
                    torch.testing.assert_close(y, nn.batch_norm(x, mean.detach(), variance.detach(), *affine, eps=eps))
                    return y
                case("batch_norm", evaluated, [shape, channels, spread, *affine], given=True, eps=eps)

            for momentum in [0.1, 0.75]:
                def layer(x, *affine):
                    """After training on 2 x and on x: what that gives, what evaluation does, and the running moments."""
                    moments = torch.zeros(channels, dtype=x.dtype), torch.ones(channels, dtype=x.dtype)
                    train = lambda x: nn.batch_norm(x, *moments, *affine, training=True, momentum=momentum)
                    train(2 * x)
                    y = train(x)
                    return torch.cat([y.flatten(), nn.batch_norm(x, *moments, *affine).flatten(), *moments])
                case("BatchNorm", layer, [shape, *affine], momentum=momentum)


def uniform(seed):
    """What the engine's generator draws from 0 to 1: ChaCha with 8 rounds, whose key PCG-32 makes of the seed."""
    word = lambda x: x & 0xFFFFFFFF
    turned = lambda x, n: word(x << n) | x >> 32 - n
    key = []
    for _ in range(8):
        seed = (seed * 0x5851F42D4C957F2D + 0xA17654E46FBE17F3) % 2**64
        key.append(turned(word((seed >> 18 ^ seed) >> 27), (32 - (seed >> 59)) % 32))
    for block in range(2**32):
        start = [*np.frombuffer(b"expand 32-byte k", np.uint32).tolist(), *key, block, 0, 0, 0]
        x = list(start)
        for i in range(32):
            # A column, or a diagonal in every other round.
            a, b, c, d = (4 * row + (i + row * (i // 4 % 2)) % 4 for row in range(4))
            for to, add, into, by in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)]:
                x[to] = word(x[to] + x[add])
                x[into] = turned(x[into] ^ x[to], by)
        words = [word(x + s) for x, s in zip(x, start)]
        for low, high in zip(words[::2], words[1::2]):
            yield (high << 32 | low) // 2**11 / 2**53


def dropouts():
    for seed, shape in enumerate([(), (5,), (3, 4), (2, 1, 9)]):
        draws = uniform(seed)
        drawn = torch.tensor([next(draws) for _ in range(np.prod(shape, dtype=int))]).reshape(shape)
        for p in [0.0, 0.25, 0.5, 0.9]:
            kept = (drawn >= p).to(torch.float64)
            case("dropout", lambda x: x * kept / (1 - p), [shape], p=p, seed=seed, kept=kept.to(int).flatten().tolist())


def embeddings():
    for table, ids in [((3, 2), 1), ((4, 3), [0, 3, 3]), ((2, 1), [1, 1, 1, 1]), ((3, 4), [[2, 0, 2], [1, 2, 0]]),
                       ((5, 2), [[[4], [0]], [[4], [4]]])]:
        ids = torch.tensor(ids)
        case("embedding", lambda x: nn.embedding(ids, x), [table], ids=ids.flatten().tolist(), of=list(ids.shape))


def attentions():
    attention = nn.scaled_dot_product_attention
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        for q, k, v in [((2, 3), (2, 3), (2, 3)), ((3, 2), (4, 2), (4, 3)), ((2, 3, 2), (2, 3, 2), (2, 3, 2)),
                        ((1, 2, 3, 2), (1, 2, 3, 2), (1, 2, 3, 4))]:
            for causal in [False, True]:
                case("attention", lambda q, k, v: attention(q, k, v, is_causal=causal), [q, k, v], causal=causal)
            case("attention", lambda q, k, v, m: attention(q, k, v, m), [q, k, v, (q[-2], k[-2])], causal=False)


norms()
attentions()
batch_norms()
dropouts()
embeddings()
write(__file__)
