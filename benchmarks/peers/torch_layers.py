"""Layers of attention in PyTorch, eager or compiled: forward, and forward and backward.

`torch.nn.MultiheadAttention` comes with PyTorch; additive and dot product attention are
written as its tutorials have them.
"""

import torch

torch.set_num_threads(1)
STATE = {}


class Additive(torch.nn.Module):
    """Bahdanau's."""

    def __init__(self, dim, weights):
        super().__init__()
        self.query, self.key, self.score = (
            torch.nn.Parameter(torch.from_numpy(w)) for w in weights
        )

    def forward(self, query, value):
        hidden = (query @ self.query)[:, :, None] + (value @ self.key)[:, None]
        shares = torch.softmax((torch.tanh(hidden) @ self.score)[..., 0], -1)
        return shares @ value


class Dot(torch.nn.Module):
    """Luong's."""

    def forward(self, query, value):
        return torch.softmax(query @ value.mT, -1) @ value


class MultiHead(torch.nn.Module):
    def __init__(self, dim, heads, weights):
        super().__init__()
        self.attention = torch.nn.MultiheadAttention(dim, heads, batch_first=True)
        kernels, biases = weights[::2], weights[1::2]
        as_torch = [torch.from_numpy(k.reshape(dim, dim).T.copy()) for k in kernels]
        with torch.no_grad():
            self.attention.in_proj_weight.copy_(torch.cat(as_torch[:3]))
            self.attention.out_proj.weight.copy_(as_torch[3])
            inner = [torch.from_numpy(b.reshape(dim)) for b in biases]
            self.attention.in_proj_bias.copy_(torch.cat(inner[:3]))
            self.attention.out_proj.bias.copy_(inner[3])

    def forward(self, query, value):
        return self.attention(query, value, value, need_weights=False)[0]


def load(kind, compiled, heads, weights, query, value):
    dim = query.shape[-1]
    layer = {
        "multi-head": lambda: MultiHead(dim, heads, weights),
        "additive": lambda: Additive(dim, weights),
        "dot": Dot,
    }[kind]()
    STATE["layer"] = torch.compile(layer) if compiled else layer
    STATE["inputs"] = [torch.from_numpy(x).requires_grad_() for x in (query, value)]


def forward():
    with torch.no_grad():
        return STATE["layer"](*STATE["inputs"]).numpy()


def backward():
    for tensor in (*STATE["inputs"], *STATE["layer"].parameters()):
        tensor.grad = None
    STATE["layer"](*STATE["inputs"]).sum().backward()
    return STATE["inputs"][0].grad.numpy()
