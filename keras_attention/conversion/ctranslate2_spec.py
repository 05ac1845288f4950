"""A `Transformer` becomes a specification of CTranslate2: sizes, weights, tokens.

Keras keeps weights of a dense layer as (in, out), CTranslate2 as (out, in); queries,
keys and values that read the same features are one layer there. Positions are a table
of numbers, so that their formulas need not agree.
"""

from typing import Any

import numpy as np

from keras_attention.conversion.ctranslate2_names import check_quantization
from keras_attention.data.special_ids import PIECES
from keras_attention.special_tokens import END_ID, START_ID, UNKNOWN_ID

# Keras's names of what feed-forward networks compute, and theirs.
ACTIVATIONS = {
    "relu": "RELU",
    "gelu": "GELU",
    "swish": "SWISH",
    "silu": "SWISH",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
}
EXTRA = "pip install 'keras-attention-models[ctranslate2]'"


def ctranslate2_module() -> Any:
    """The library, imported late.

    Raises:
        ValueError: if it is not installed.
    """
    try:
        import ctranslate2
    except ImportError as error:
        raise ValueError(
            f"CTranslate2 is needed, and is not installed: {EXTRA}"
        ) from error
    return ctranslate2


def check_model(model: Any) -> None:
    """Refuses a model that CTranslate2 cannot compute; ValueError, with what to do."""
    from keras_attention.models.ensemble import Ensemble
    from keras_attention.models.transformer import Transformer

    why = None
    if isinstance(model, Ensemble):
        why = "is an ensemble, and it runs one model: export each, or use the default"
    elif not isinstance(model, Transformer):
        why = (
            f"is a {type(model).__name__}, and it runs Transformers for texts: export "
            "it as a SavedModel"
        )
    elif any("int" in weight.dtype for weight in model.weights):
        why = "is quantised; take the bundle it was made from, and quantization=…"
    elif model.activation not in ACTIVATIONS:
        why = (
            f"has activation={model.activation!r}, and it knows "
            f"{', '.join(ACTIVATIONS)}: export it as a SavedModel"
        )
    if why is not None:
        raise ValueError(f"CTranslate2 cannot take this model: it {why}")


def transformer_spec(
    translator: Any, num_positions: int, quantization: str | None = None
) -> Any:
    """What CTranslate2 writes into a folder.

    Args:
        translator: `Translator` of a `Transformer`.
        num_positions: int. Tokens that texts and translations may have.
        quantization: str, optional. One of `QUANTIZATIONS`; float32 where None.

    Returns:
        `ctranslate2.specs.TransformerSpec`, ready for its `save`.

    Raises:
        ValueError: CTranslate2 is not installed, or cannot take the model.
    """
    specs = ctranslate2_module().specs
    model = translator.model
    check_model(model)
    check_quantization(quantization)
    spec = specs.TransformerSpec.from_config(
        (len(model.encoder_blocks), len(model.decoder_blocks)),
        model.num_heads,
        pre_norm=model.norm_first,
        activation=specs.Activation[ACTIVATIONS[model.activation]],
        alignment_layer=model.alignment_layer % len(model.decoder_blocks),
        # Attention is the mean of all heads.
        alignment_heads=model.num_heads,
    )
    _set_stack(spec.encoder, model, model.encoder_blocks, model.encoder_norm)
    _set_stack(spec.decoder, model, model.decoder_blocks, model.decoder_norm)
    spec.encoder.embeddings[0].weight = _array(model.source_embedding.embeddings)
    table = _array(model.target_embedding.embeddings)
    spec.decoder.embeddings.weight = table
    spec.decoder.projection.weight = table
    if model.logit_bias is not None:
        spec.decoder.projection.bias = _array(model.logit_bias)
    positions = _positions(model, num_positions)
    spec.encoder.position_encodings.encodings = positions
    spec.decoder.position_encodings.encodings = positions

    source, target = vocabularies(translator)
    spec.register_source_vocabulary(source)
    spec.register_target_vocabulary(target)
    spec.config.unk_token = PIECES[UNKNOWN_ID]
    spec.config.bos_token = spec.config.decoder_start_token = PIECES[START_ID]
    spec.config.eos_token = PIECES[END_ID]
    spec.config.add_source_eos = True
    spec.config.layer_norm_epsilon = model.epsilon
    spec.validate()
    if quantization in ("bfloat16", "int8_bfloat16"):
        _round(spec, keep_weights=quantization != "bfloat16")
    spec.optimize(quantization=quantization)
    return spec


def _round(spec, keep_weights):
    """Has floats in bfloat16, as `optimize` would, which needs PyTorch for it.

    Args:
        spec: that has been validated.
        keep_weights: bool. Whether what is quantised stays as it is.
    """
    import ml_dtypes
    from ctranslate2.specs import model_spec

    def round_one(layer, name, value):
        name = name.rpartition("/")[2]
        if isinstance(value, str) or value.is_scalar() or value.dtype != "float32":
            return
        if not (keep_weights and hasattr(layer, f"{name}_scale")):
            rounded = value.numpy().astype(ml_dtypes.bfloat16)
            setattr(layer, name, model_spec.NumpyVariable(rounded))

    model_spec.visit_spec(spec, round_one)


def vocabularies(translator: Any) -> tuple[list[str], list[str]]:
    """The tokens of source and target by id, one for each row of the model's tables.

    Raises:
        ValueError: if two have one name.
    """
    model = translator.model
    sides = []
    for tokenizer, size in (
        (translator.source_tokenizer, model.source_vocabulary_size),
        (translator.target_tokenizer, model.target_vocabulary_size),
    ):
        pieces = tokenizer.ids_to_tokens(range(min(size, tokenizer.vocabulary_size)))
        # Those of a tokenizer that others trained may have other names.
        pieces[: len(PIECES)] = PIECES
        pieces += [f"<unused {i}>" for i in range(len(pieces), size)]
        if len(set(pieces)) != size:
            raise ValueError("CTranslate2 cannot take two subwords of one name")
        sides.append(pieces)
    return sides[0], sides[1]


def _set_stack(spec, model, blocks, last_norm):
    spec.scale_embeddings = float(np.sqrt(model.model_dim))
    if model.norm_first:
        _set_norm(spec.layer_norm, last_norm)
    for layer, block in zip(spec.layer, blocks, strict=True):
        own = block.self_attention
        own_inputs = [own.query_dense, own.key_dense, own.value_dense]
        _set_dense(layer.self_attention.linear[0], *own_inputs)
        _set_dense(layer.self_attention.linear[1], own.output_dense)
        _set_norm(layer.self_attention.layer_norm, block.self_attention_norm)
        if hasattr(layer, "attention"):
            cross = block.cross_attention
            _set_dense(layer.attention.linear[0], cross.query_dense)
            _set_dense(layer.attention.linear[1], cross.key_dense, cross.value_dense)
            _set_dense(layer.attention.linear[2], cross.output_dense)
            _set_norm(layer.attention.layer_norm, block.cross_attention_norm)
        _set_dense(layer.ffn.linear_0, block.inner_dense)
        _set_dense(layer.ffn.linear_1, block.outer_dense)
        _set_norm(layer.ffn.layer_norm, block.feed_forward_norm)


def _set_dense(spec, *layers):
    """One layer of several that read the same, their outputs side by side."""
    spec.weight = np.concatenate([_array(layer.kernel).T for layer in layers])
    spec.bias = np.concatenate([_array(layer.bias) for layer in layers])


def _set_norm(spec, norm):
    spec.gamma, spec.beta = _array(norm.gamma), _array(norm.beta)


def _positions(model, count):
    """`(count, model_dim)`: those of tokens, from the first."""
    from keras import ops

    places = ops.arange(count, dtype="int32") + model.position_offset
    return _array(model.position_encoding.encode_positions(places, model.model_dim))


def _array(variable):
    from keras import ops

    return np.array(ops.convert_to_numpy(variable).astype("float32"))
