"""`Decoder` compiles once, follows the weights, and needs no compiler to serve."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.decoding.options import DecodingOptions
from keras_attention.decoding.search import Decoder, search
from keras_attention.models.encoder_decoder import Memory
from tests.decoding.support import SOURCE_IDS, Chain, ChainState, free, said
from tests.decoding.test_beam import transformer

on_tensorflow = pytest.mark.skipif(
    "keras.backend.backend() != 'tensorflow'", reason="reads TensorFlow's graph"
)


def test_new_weights_are_used_at_once():
    model = transformer()
    decoder, options = Decoder(model), free(beam=2, max_length=5)
    before = decoder({"source_ids": SOURCE_IDS}, options)
    table = model.target_embedding.embeddings
    table.assign(-table)
    after = decoder({"source_ids": SOURCE_IDS}, options)
    fresh = Decoder(model)({"source_ids": SOURCE_IDS}, options)
    # Whatever is said, it is not as probable as it was.
    assert (np.abs(before.log_probs - after.log_probs) > 0.1).all()
    np.testing.assert_array_equal(after.token_ids, fresh.token_ids)
    np.testing.assert_array_equal(after.log_probs, fresh.log_probs)


def test_one_option_is_compiled_once(monkeypatch):
    model = Chain()
    calls = []
    encode = model.encode
    monkeypatch.setattr(model, "encode", lambda *a: calls.append(a) or encode(*a))
    decoder = Decoder(model)
    for _ in range(3):
        decoder({"source_ids": SOURCE_IDS}, DecodingOptions(beam=2, max_length=4))
    assert len(calls) == 1
    if keras.backend.backend() == "tensorflow":
        # Nor do other shapes need another graph.
        decoder(
            {"source_ids": SOURCE_IDS[:1, :2]}, DecodingOptions(beam=2, max_length=4)
        )
        assert len(calls) == 1


class ImageChain(Chain):
    """The same, fed with images."""

    def encode(self, inputs, num_steps=None):
        brightness = ops.mean(inputs["images"], axis=(1, 2, 3))
        kinds = ops.cast(5 * brightness, "int32")
        mask = ops.ones((ops.shape(kinds)[0], 9), dtype="bool")
        zeros = ops.cast(ops.zeros_like(mask), "float32")
        return Memory(kinds, (), mask), ChainState(kinds, zeros)


@pytest.mark.parametrize("beam", [1, 3])
def test_images_are_described_too(beam):
    images = np.random.default_rng(0).random((3, 4, 4, 3)).astype("float32")
    options = DecodingOptions(beam=beam, max_length=6)
    decoder = Decoder(ImageChain())
    hypotheses = decoder({"images": images}, options, None, True)
    assert hypotheses.attention_scores.shape == (3, 1, 6, 9)
    for row in range(3):
        alone = decoder({"images": images[row : row + 1]}, options)
        assert said(alone, 0) == said(hypotheses, row)


@on_tensorflow
@pytest.mark.parametrize(
    "options",
    [
        DecodingOptions(beam=1),
        DecodingOptions(
            beam=3, n_best=2, no_repeat_ngram=2, coverage_penalty=0.1, min_length=2
        ),
        DecodingOptions(
            beam=3, n_best=2, no_repeat_ngram=2, beam_rule="pool", score_forced=False
        ),
    ],
    ids=["greedy", "beam", "pool"],
)
def test_the_graph_needs_no_compiler_and_copies_no_cache(options):
    """TensorFlow Serving switches XLA off; updates that copy would be Tensor…Update."""
    import tensorflow as tf

    model = transformer()
    ids = tf.TensorSpec([None, None], tf.int32)
    graph = tf.function(
        lambda source_ids, prefix_ids: search(
            model, {"source_ids": source_ids}, options, prefix_ids, True
        ),
        autograph=False,
    ).get_concrete_function(ids, ids)
    definition = graph.graph.as_graph_def()
    nodes = list(definition.node)
    for function in definition.library.function:
        nodes.extend(function.node_def)
        assert not function.attr["_XlaMustCompile"].b
    kinds = [node.op for node in nodes]
    assert not [kind for kind in kinds if "xla" in kind.lower()]
    # Keys, values and attention; tokens, their parents, and the way back.
    caches = 2 * model.num_layers + 4
    assert kinds.count("ScatterNdNonAliasingAdd") == caches
