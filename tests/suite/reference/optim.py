"""Prints the reference values in tests/suite/training.rs: PyTorch's optimisers on f(w, b) = sum((x w + b - y)^2).

Made with Python 3.11 and torch 2.15.0 (CPU, float64); each line is a configuration, then w and b after 5 steps.
"""

import torch

X = torch.tensor([[1.0, 2.0], [-0.5, 0.25], [3.0, -1.0]], dtype=torch.float64)
Y = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)


def run(name, make, max_norm=None):
    w = torch.tensor([0.5, -0.25], dtype=torch.float64, requires_grad=True)
    b = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    optimizer = make([w, b])
    for _ in range(5):
        optimizer.zero_grad()
        ((X @ w + b - Y) ** 2).sum().backward()
        if max_norm is not None:
            # clip_grad_norm_ divides by 1e-6 more than the norm.
            norm = torch.linalg.vector_norm(torch.cat([w.grad, b.grad[None]]))
            for x in (w, b):
                x.grad *= min(1.0, max_norm / norm)
        optimizer.step()
    print(name, [repr(float(v)) for v in w.detach()], repr(float(b.detach())))


run("sgd", lambda p: torch.optim.SGD(p, lr=0.02))
run("sgd, weight decay", lambda p: torch.optim.SGD(p, lr=0.02, weight_decay=0.1))
run("sgd, momentum", lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, weight_decay=0.1))
run("sgd, nesterov", lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, weight_decay=0.1, nesterov=True))
run("adam", lambda p: torch.optim.Adam(p, lr=0.05))
run("adam, all", lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1))
run("adamw", lambda p: torch.optim.AdamW(p, lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1))
run("sgd, clipped", lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, weight_decay=0.1), 5.0)
run("adam, clipped", lambda p: torch.optim.Adam(p, lr=0.05), 5.0)
