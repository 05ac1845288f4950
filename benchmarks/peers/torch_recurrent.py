"""Recurrent decoding in PyTorch, as its tutorials write it: a cell and a loop.

`attend` first, with the state before as the query, then the cell: Bahdanau's translator
and Xu's captioner. Weights are Keras's, by the names that `load` reads.
"""

import torch

torch.set_num_threads(1)
STATE = {}


def load(weights, start):
    """Weights as NumPy arrays; `start` is the token that decoding begins with."""
    STATE["weights"] = w = {k: torch.from_numpy(v) for k, v in weights.items()}
    STATE["start"] = start
    is_lstm = w["cell_bias"].dim() == 1
    STATE["cell"] = (cell_lstm if is_lstm else cell_gru)(w, "cell")
    if "forward_kernel" in w:
        STATE["encoder"] = bidirectional(w)


def gates(kernel):
    """Keras's GRU has z, r, h, and PyTorch's r, z, n."""
    z, r, h = kernel.chunk(3, -1)
    return torch.cat([r, z, h], -1)


def cell_gru(w, name):
    kernel, recurrent = gates(w[f"{name}_kernel"]), gates(w[f"{name}_recurrent"])
    cell = torch.nn.GRUCell(kernel.shape[0], recurrent.shape[0])
    with torch.no_grad():
        cell.weight_ih.copy_(kernel.T)
        cell.weight_hh.copy_(recurrent.T)
        cell.bias_ih.copy_(gates(w[f"{name}_bias"][0]))
        cell.bias_hh.copy_(gates(w[f"{name}_bias"][1]))
    return cell


def cell_lstm(w, name):
    kernel, recurrent = w[f"{name}_kernel"], w[f"{name}_recurrent"]
    cell = torch.nn.LSTMCell(kernel.shape[0], recurrent.shape[0])
    with torch.no_grad():
        cell.weight_ih.copy_(kernel.T)
        cell.weight_hh.copy_(recurrent.T)
        cell.bias_ih.copy_(w[f"{name}_bias"])
        cell.bias_hh.zero_()
    return cell


def bidirectional(w):
    one = cell_gru(w, "forward")
    layer = torch.nn.GRU(
        one.input_size, one.hidden_size, bidirectional=True, batch_first=True
    )
    with torch.no_grad():
        for name, suffix in (("forward", "l0"), ("backward", "l0_reverse")):
            cell = cell_gru(w, name)
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(layer, f"{part}_{suffix}").copy_(getattr(cell, part))
    return layer


@torch.inference_mode()
def translate(source_ids, steps):
    """Greedy, of int `(B, S)` without padding; `steps` tokens of each."""
    w = STATE["weights"]
    value, last = STATE["encoder"](w["source_embedding"][torch.from_numpy(source_ids)])
    both = torch.cat([last[0], last[1]], -1)
    hidden = torch.tanh(both @ w["bridge_kernel"] + w["bridge_bias"])
    return greedy(value, (hidden,), steps)


@torch.inference_mode()
def caption(value, steps):
    """Greedy, of regions `(B, L, D)`."""
    w, value = STATE["weights"], torch.from_numpy(value)
    mean = value.mean(1)
    first = [mean @ w[f"first_{i}_kernel"] + w[f"first_{i}_bias"] for i in (0, 1)]
    return greedy(value, (torch.tanh(first[0]), first[1]), steps)


def greedy(value, states, steps):
    w, cell = STATE["weights"], STATE["cell"]
    key = value @ w["key_kernel"]
    token = torch.full((len(value),), STATE["start"])
    found = []
    for _ in range(steps):
        x, query = w["target_embedding"][token], states[0]
        scores = torch.tanh((query @ w["query_kernel"])[:, None] + key)
        shares = torch.softmax(scores @ w["score_kernel"], 1)
        context = (shares * value).sum(1)
        if "gate_kernel" in w:
            gate = query @ w["gate_kernel"] + w["gate_bias"]
            context = torch.sigmoid(gate) * context
        inputs = torch.cat([x, context], -1)
        if len(states) == 1:
            states = (cell(inputs, states[0]),)
        else:
            states = cell(inputs, states)
        features = torch.cat([states[0], x, context], -1)
        features = features @ w["readout_kernel"] + w["readout_bias"]
        if "forward_kernel" in w:  # maxout; the captioner's is linear
            features = torch.maximum(*features.chunk(2, -1))
        token = (features @ w["logits_kernel"] + w["logits_bias"]).argmax(-1)
        found.append(token)
    return torch.stack(found, 1).tolist()
