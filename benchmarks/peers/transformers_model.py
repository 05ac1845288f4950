"""Hugging Face's transformers, on PyTorch: generates and trains as documented."""

import torch
from transformers import MarianMTModel, logging

logging.set_verbosity_error()
torch.set_num_threads(1)
torch.set_num_interop_threads(1)
STATE = {}


def load(folder):
    STATE["model"] = MarianMTModel.from_pretrained(folder).eval()


def load_compiled(folder):
    """As the documentation has it for GPUs: to be decoded with a static cache."""
    STATE["model"] = model = MarianMTModel.from_pretrained(folder).eval().cuda()
    model.forward = torch.compile(model.forward, mode="reduce-overhead")


@torch.inference_mode()
def decode(rows, beam, steps, cache=None):
    """Ids of as many tokens for each row of ids."""
    model = STATE["model"]
    pad = model.config.pad_token_id
    longest = max(map(len, rows))
    input_ids = torch.tensor(
        [[*row, *[pad] * (longest - len(row))] for row in rows], device=model.device
    )
    found = model.generate(
        input_ids=input_ids,
        attention_mask=(input_ids != pad).long(),
        num_beams=beam,
        max_new_tokens=steps,
        min_new_tokens=steps,
        do_sample=False,
        cache_implementation=cache,
    )
    return found[:, 1:].tolist()


def load_training(folder, compiled, learning_rate):
    model = MarianMTModel.from_pretrained(folder).train()
    weights = [w for w in model.parameters() if w.requires_grad]
    # Keras's epsilon.
    STATE["optimizer"] = torch.optim.Adam(weights, learning_rate, eps=1e-7)
    STATE["training"] = torch.compile(model) if compiled else model


def train(source_ids, target_ids, labels):
    """One step; returns the loss before it."""
    model, optimizer = STATE["training"], STATE["optimizer"]
    optimizer.zero_grad()
    logits = model(
        input_ids=torch.from_numpy(source_ids),
        decoder_input_ids=torch.from_numpy(target_ids),
        use_cache=False,
    ).logits
    labels = torch.from_numpy(labels).reshape(-1)
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels)
    loss.backward()
    optimizer.step()
    return float(loss.detach())
