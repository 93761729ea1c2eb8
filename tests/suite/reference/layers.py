"""Prints the reference values in tests/suite/layers.rs: PyTorch's batch normalisation.

Made with torch 2.15.0 (CPU, float64).
"""

import torch

torch.set_default_dtype(torch.float64)
x = torch.tensor([[1.0, 2.0], [3.0, 5.0], [-1.0, 0.5], [0.25, -2.0]], requires_grad=True)
layer = torch.nn.BatchNorm1d(2)
with torch.no_grad():
    layer.weight.copy_(torch.tensor([1.5, -0.5]))
    layer.bias.copy_(torch.tensor([0.25, 1.0]))
weights = torch.arange(8.0).reshape(4, 2) / 4 - 1


def show(name, tensor):
    print(name, tensor.detach().flatten().tolist())


def running():
    show("running mean", layer.running_mean)
    show("running variance", layer.running_var)


y = layer(x)
(y * weights).sum().backward()
show("trained", y)
show("slopes", x.grad)
show("gain", layer.weight.grad)
show("bias", layer.bias.grad)
running()
layer(2 * x)
running()
layer.eval()
show("evaluated", layer(x))
