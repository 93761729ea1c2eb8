"""Writes losses.json: losses, from PyTorch.

    venv/bin/python tests/suite/reference/losses.py
"""

import torch
from harness import ranged, torch_case as case, write
from torch.nn import functional as nn

REDUCTIONS = ["mean", "sum", "none"]


def losses():
    for reduction in REDUCTIONS:
        for shape in [(), (4,), (2, 3), (2, 1, 3)]:
            pair = [shape, shape]
            how = {"reduction": reduction}
            case("mse_loss", lambda x, t: nn.mse_loss(x, t, **how), pair, **how)
            case("l1_loss", lambda x, t: nn.l1_loss(x, t, **how), pair, **how)
            for delta in [0.703, 1.709]:
                case("huber_loss", lambda x, t: nn.huber_loss(x, t, delta=delta, **how), pair, delta=delta, **how)
                case("smooth_l1_loss", lambda x, t: nn.smooth_l1_loss(x, t, beta=delta, **how), pair, delta=delta, **how)
            probabilities = ranged(shape, 0.05, 0.95)
            case("bce_with_logits_loss", lambda x, t: nn.binary_cross_entropy_with_logits(x, t, **how),
                 [ranged(shape, -5, 5), probabilities], **how)
            case("kl_div_loss", lambda x, t: nn.kl_div(x, t, **how), [ranged(shape, -3, 0), probabilities], **how)
            case("gaussian_nll_loss", lambda x, t, v: nn.gaussian_nll_loss(x, t, v, **how), [shape, shape, ranged(shape, 0.5, 2)], **how)

        for shape, labels in [((1, 2), [1]), ((3, 4), [0, 3, 3]), ((4, 2), [1, 0, 0, 1]), ((2, 1), [0, 0])]:
            targets = torch.tensor(labels)
            how = {"reduction": reduction, "labels": labels}
            case("nll_loss", lambda x: nn.nll_loss(x, targets, reduction=reduction), [ranged(shape, -3, 0)], **how)
            classes = ranged((shape[1],), 0.5, 2)
            for smoothing in [0.0, 0.125, 0.5, 1.0]:
                options = {"reduction": reduction, "label_smoothing": smoothing}
                case("cross_entropy_loss", lambda x: nn.cross_entropy(x, targets, **options), [shape], smoothing=smoothing, **how)
                # PyTorch has no derivative by the weights.
                rows = torch.arange(len(labels))
                def weighted(x, w):
                    logs = nn.log_softmax(x, 1)
                    each = -(1 - smoothing) * w[targets] * logs[rows, targets] - smoothing * (w * logs).mean(1)
                    y = {"none": each, "sum": each.sum(), "mean": each.sum() / w[targets].sum()}[reduction]
                    same = nn.cross_entropy(x, targets, w.detach(), **options)
                    torch.testing.assert_close(y, same)
                    return y
                case("cross_entropy_loss", weighted, [shape, classes], smoothing=smoothing, **how)
            if len(labels) > 1:
                skipped = torch.tensor([9 if i == 1 else label for i, label in enumerate(labels)])
                case("cross_entropy_loss", lambda x: nn.cross_entropy(x, skipped, ignore_index=9, reduction=reduction), [shape],
                     smoothing=0.0, reduction=reduction, labels=skipped.tolist(), ignore=9)
                case("cross_entropy_loss",
                     lambda x: nn.cross_entropy(x, skipped, ignore_index=9, reduction=reduction, label_smoothing=0.25), [shape],
                     smoothing=0.25, reduction=reduction, labels=skipped.tolist(), ignore=9)
            case("soft_cross_entropy_loss", lambda x, t: nn.cross_entropy(x, t, reduction=reduction),
                 [shape, ranged(shape, 0.05, 0.95)], reduction=reduction)


losses()
write(__file__)
