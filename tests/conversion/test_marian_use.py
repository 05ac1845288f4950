"""An imported model is served and trained further as any other."""

import keras
import numpy as np
import pytest

from keras_attention import Translator
from keras_attention.tasks.language_codes import with_spaces
from keras_attention.training import (
    LabelSmoothedCrossEntropy,
    Recipe,
    Trainer,
    load_recipe,
)
from tests.conversion.support import (
    CHECKPOINTS,
    MULTILINGUAL,
    expected,
    imported,
    padded,
)
from tests.support import slow_on_jax
from tests.training.support import quiet

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


def opus():
    return Translator.from_marian(CHECKPOINTS / "opus")


def m2m100():
    return Translator.from_m2m100(MULTILINGUAL / "m2m100", target_language="de")


@pytest.mark.parametrize("make", [opus, m2m100])
def test_training_further_lowers_the_loss(make):
    translator = make()
    pairs = [("Press OK.", "OK"), ("Shows the page.", "Seite")] * 4
    sources = translator.source_tokenizer.encode([source for source, _ in pairs])
    targets = translator.target_tokenizer.encode([target for _, target in pairs])
    # Of several languages, one token says which; none does in a model of one pair.
    said = translator.language_ids
    sources = _after(said.source_ids(None, len(pairs)), sources)
    targets = _after(said.target_ids(None, len(pairs)), targets)
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


def _after(first, rows):
    return [[*before, *ids] for before, ids in zip(first, rows, strict=True)]


@slow_on_jax
def test_a_recipe_trains_it_further(tmp_path):
    """One of several targets, whose weights are few bits: they are trained in 32."""
    began = Translator.from_marian(CHECKPOINTS / "multi-target", dtype="bfloat16")
    began.save(tmp_path / "bundle")
    words = "Press OK. Save the file. Open this page".split()
    pairs = [f"{one} {other}\t{other}\n" for one in words for other in words]
    (tmp_path / "pairs.tsv").write_text("".join(pairs))
    table = {"corpus": str(tmp_path / "pairs.tsv"), "tag": ">>deu<<"}
    recipe = {
        "data": {"corpora": [table], "valid_share": 0.1},
        "training": {
            "start": str(tmp_path / "bundle"),
            "max_steps": 3,
            "batch_tokens": 96,
            "max_shapes": 1,
            "validate_every": 3,
            "validation_sentences": 2,
            "test_sentences": 2,
            "warmup_steps": 1,
            "learning_rate": 1e-3,
        },
        # Greedy, as validation is: one program serves both.
        "decoding": {"beam": 1},
    }
    trainer = Trainer(Recipe.from_tables(recipe), tmp_path / "run", quiet())
    tuned = trainer.run()
    assert list(tuned.metrics["by_tag"]) == [">>deu<<"]
    loaded = Translator.load(tmp_path / "run" / "bundle")
    assert loaded.options == began.options.replace(beam=1)
    assert loaded.options.beam_rule == "pool"
    assert loaded.max_source_length == began.max_source_length
    assert (loaded.source_language, loaded.target_language) == ("en", "de")
    assert {str(weight.dtype) for weight in loaded.model.weights} == {"float32"}
    before = np.asarray(began.model.target_embedding.embeddings, "float32")
    moved = np.abs(np.asarray(loaded.model.target_embedding.embeddings) - before).max()
    assert 0 < moved < 0.01  # from the weights of the bundle, by steps of 1e-3
    card = (tmp_path / "run" / "bundle" / "README.md").read_text("utf-8")
    path = CHECKPOINTS / "multi-target"
    assert f"| start.imported.path | {path} |" in card
    assert "Trained elsewhere, on data that its makers name, and then on" in card


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
