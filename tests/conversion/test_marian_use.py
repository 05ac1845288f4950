"""An imported model is served and trained further as any other."""

import keras
import numpy as np
import pytest

from keras_attention import Translator
from keras_attention.tasks.language_codes import with_spaces
from keras_attention.training import (
    LabelSmoothedCrossEntropy,
    Trainer,
    load_recipe,
)
from tests.conversion.support import CHECKPOINTS, expected, imported, padded

on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="SavedModels are TensorFlow's"
)


@on_tensorflow
def test_what_is_served_says_the_same():
    from keras_attention.export.translator import served_translator

    translator = imported("tc-big")
    module, _ = served_translator(translator, translator.options)
    found = module.serving_default(expected("tc-big")["texts"])
    assert [text.decode() for text in found["text"].numpy()] == expected("tc-big")[
        "beam"
    ]


@on_tensorflow
def test_language_codes_are_read_alike_in_a_graph():
    import tensorflow as tf

    from keras_attention.export.language_codes import graph_codes

    tokenizer = imported("multi-target").source_tokenizer
    texts = [
        ">>deu<<Press",
        " >>nld<< OK",
        ">>deu<<>>xyz<<ß",
        "a >>xyz<< b",
        "",
        ">>deu<<",
    ]
    found = graph_codes(tokenizer)(tf.constant(texts)).numpy()
    assert [text.decode() for text in found] == with_spaces(tokenizer, texts)
    assert found[2].decode() == ">>deu<< >>xyz<<ß"
    with pytest.raises(tf.errors.InvalidArgumentError, match=">>nld<<; received"):
        graph_codes(tokenizer)(tf.constant([">>xyz<< OK"]))
    plain = imported("opus").source_tokenizer
    assert graph_codes(plain)(texts) == with_spaces(plain, texts) == texts


@on_tensorflow
@pytest.mark.slow
def test_a_server_says_the_same(tmp_path):
    from keras_attention.export import export
    from tests.export.support import served

    translator = Translator.from_marian(CHECKPOINTS / "multi-target")
    path = export(translator, tmp_path, "marian", warmup=False)
    texts = expected("multi-target")["texts"]
    with served(path) as (client, _):
        for transport in ("rest", "grpc"):
            found = client.translate(texts, "marian", transport)
            assert [each.text for each in found] == expected("multi-target")["beam"]
            (found,) = client.translate([">>nld<<" + texts[1][8:]], "marian", transport)
            assert found.text == expected("multi-target")["beam"][1]


def test_training_further_lowers_the_loss():
    translator = Translator.from_marian(CHECKPOINTS / "opus")
    pairs = [("Press OK.", "OK"), ("Shows the page.", "Seite")] * 4
    sources = translator.source_tokenizer.encode([source for source, _ in pairs])
    targets = translator.target_tokenizer.encode([target for _, target in pairs])
    labels = padded([[*ids, 3] for ids in targets])
    inputs = {
        "source_ids": padded([[*ids, 3] for ids in sources]),
        "target_ids": padded([[2, *ids] for ids in targets]),
    }
    model = translator.model
    model.compile(
        keras.optimizers.Adam(1e-2),
        LabelSmoothedCrossEntropy(0.1),
        run_eagerly=keras.backend.backend() == "tensorflow",  # sooner done
    )
    bias = np.asarray(model.logit_bias)
    losses = model.fit(inputs, labels, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]
    # What keeps words out is not trained away.
    np.testing.assert_array_equal(np.asarray(model.logit_bias), bias)


def test_a_recipe_may_start_from_it(tmp_path):
    imported("opus").save(tmp_path / "bundle")
    (tmp_path / "pairs.tsv").write_text("Press OK.\tOK\n" * 3)
    recipe = tmp_path / "my.toml"
    recipe.write_text(
        f"""
        [data]
        corpus = "{tmp_path}/pairs.tsv"
        [training]
        start = "{tmp_path}/bundle"
        """
    )
    # One table for both sides, whose tokenizers are two.
    trainer = Trainer(load_recipe(str(recipe)), tmp_path / "run")
    trainer._open_start(resume=False, force=False)
    assert trainer._model_options()["share_embeddings"]
