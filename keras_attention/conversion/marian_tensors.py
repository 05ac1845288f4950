"""Whether a checkpoint holds the tensors of a Marian model, all and no others."""

from collections.abc import Iterator

import numpy as np

from keras_attention.conversion.checkpoint import Checkpoint
from keras_attention.conversion.marian_config import MarianConfig
from keras_attention.conversion.marian_weights import (
    BIAS,
    OUTPUT,
    PROJECTIONS,
    SHARED,
    SOURCE_TABLE,
    TARGET_TABLE,
)

POSITIONS = tuple(
    f"model.{side}.embed_positions.{name}"
    for side in ("encoder", "decoder")
    for name in ("weight", "weights")
)
# bfloat16 rounds positions by half of it; those that were learned are nowhere near.
ROUNDED = 4e-3


def check_tensors(config: MarianConfig, checkpoint: Checkpoint) -> None:
    """Compares names and shapes with those that a configuration asks for.

    Raises:
        ValueError: for a tensor that is missing, left over or of another shape, for
            positions that were learned, or for output weights of their own.
    """
    folder, found = checkpoint.folder, checkpoint.shapes
    if not config.is_tied:
        raise ValueError(
            f"{folder}: the output weights are not the target embeddings "
            "(tie_word_embeddings is false), and a Transformer here has no others"
        )
    wanted = dict(_layer_shapes(config))
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ValueError(
            f"{folder} lacks {len(missing)} of {len(wanted)} tensors that config.json "
            f"asks for, as {', '.join(missing[:3])}"
        )
    optional = dict(_optional_shapes(config))
    for name, shape in found.items():
        if name in POSITIONS:
            _check_positions(config, checkpoint, name)
        elif name not in wanted and name not in optional:
            raise ValueError(
                f"{folder} has a tensor {name!r:.80} that no {config.name} model "
                "of this configuration has: is it another kind, or are its layers more?"
            )
        else:
            fits = wanted.get(name) or optional[name]
            if shape != fits:
                raise ValueError(
                    f"{folder}: {name} must have the shape {fits}, by config.json; "
                    f"received {shape}"
                )


def read_tables(config: MarianConfig, checkpoint: Checkpoint) -> list[np.ndarray]:
    """Token embeddings as they are: the source's and the target's, or one for both.

    They are the largest tensors by far, so that no copy is made of them here.
    """
    sides = [[SOURCE_TABLE], [TARGET_TABLE, OUTPUT]]
    if config.share_embeddings:
        sides = [[SHARED, SOURCE_TABLE, TARGET_TABLE, OUTPUT]]
    tables = []
    for names in sides:
        names = [name for name in names if name in checkpoint.shapes]
        if not names:
            raise ValueError(f"{checkpoint.folder} lacks its embeddings, {sides[0][0]}")
        table = checkpoint.read(names[0], None)
        for name in names[1:]:
            if not checkpoint.is_same(name, names[0]) and not np.array_equal(
                checkpoint.read(name, None), table
            ):
                raise ValueError(
                    f"{checkpoint.folder}: {name} must be {names[0]}; received other "
                    "numbers, and a Transformer here shares one table"
                )
        tables.append(table)
    return tables


def _layer_shapes(config: MarianConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    dim, wide = config.model_dim, config.feed_forward_dim
    layers = {"encoder": config.num_layers, "decoder": config.num_decoder_layers}
    for side, count in layers.items():
        attentions = ["self_attn"] + ["encoder_attn"] * (side == "decoder")
        norms = [f"{name}_layer_norm" for name in attentions] + ["final_layer_norm"]
        shapes = {f"{a}.{p}": (dim, dim) for a in attentions for p in PROJECTIONS}
        shapes |= {"fc1": (wide, dim), "fc2": (dim, wide)}
        for i in range(count):
            prefix = f"model.{side}.layers.{i}"
            for name, shape in shapes.items():
                yield f"{prefix}.{name}.weight", shape
                yield f"{prefix}.{name}.bias", shape[:1]
            for name in norms:
                yield f"{prefix}.{name}.weight", (dim,)
                yield f"{prefix}.{name}.bias", (dim,)
        if config.norm_first:
            yield f"model.{side}.layer_norm.weight", (dim,)
            yield f"model.{side}.layer_norm.bias", (dim,)


def _optional_shapes(config: MarianConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    source = (config.vocabulary_size, config.model_dim)
    target = (config.target_vocabulary_size, config.model_dim)
    if config.share_embeddings:
        yield SHARED, target
    yield SOURCE_TABLE, source
    yield TARGET_TABLE, target
    yield OUTPUT, target
    yield BIAS, (1, config.target_vocabulary_size)


def _check_positions(config, checkpoint, name):
    shape = checkpoint.shapes[name]
    fits = len(shape) == 2 and shape[1] == config.model_dim
    if not fits or not np.allclose(
        checkpoint.read(name), _positions(config, shape[0]), rtol=0, atol=ROUNDED
    ):
        raise ValueError(
            f"{checkpoint.folder}: {name} are no sine positions; those that were "
            "learned cannot be imported"
        )


def _positions(config, length):
    positions = sine_positions(length, config.model_dim, config.max_wavelength)
    if config.position_offset:
        positions[config.pad_id : config.pad_id + 1] = 0
    return positions


def sine_positions(
    length: int, dim: int, max_wavelength: float = 10000.0
) -> np.ndarray:
    """Marian's positions, float64 `(length, dim)`: sines, then cosines."""
    rates = max_wavelength ** (-2.0 * np.arange(dim // 2) / dim)
    angles = np.arange(length)[:, None] * rates
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
