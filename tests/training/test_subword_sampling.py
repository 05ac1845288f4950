"""A recipe may have sentences cut anew in training, and in training alone."""

import dataclasses

import numpy as np
import pytest

from keras_attention.training.recipe import TokenizerConfig, load_recipe
from keras_attention.training.translation import TranslationTraining
from tests.data.test_special_ids import trained
from tests.training.support import quiet, tiny_recipe


def recipe_with(**tokenizer):
    options = {"vocabulary_size": 40, "byte_fallback": False, **tokenizer}
    return dataclasses.replace(tiny_recipe(), tokenizer=TokenizerConfig(**options))


@pytest.mark.parametrize(
    "options",
    [{"type": "unigram", "sampling_alpha": 0.2}, {"type": "bpe", "bpe_dropout": 0.1}],
)
def test_training_draws_and_validation_does_not(tmp_path, options):
    work = TranslationTraining(recipe_with(**options), quiet())
    for _ in range(2):  # The second opens what the first prepared.
        corpus = work.prepare(tmp_path, {})
        train, valid = work.batches(corpus)
    assert valid.sampling is None
    _, alpha, dropout, seed = train.sampling.drawn["source"].arguments
    assert alpha == options.get("sampling_alpha", 0)
    assert dropout == options.get("bpe_dropout", 0)
    assert seed == work.recipe.training.seed
    inputs, labels, weight = train.batch_at(5)
    again = work.batches(corpus)[0]
    again.first_step = 5  # as after a resume
    np.testing.assert_array_equal(again[0][0]["source_ids"], inputs["source_ids"])
    np.testing.assert_array_equal(again[0][1], labels)
    assert again.target_tokens_at(5) == weight.sum()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["sampling_alpha=nan"], "sampling_alpha must be a finite number"),
        (["sampling_alpha=-1"], "sampling_alpha must be at least 0"),
        (["type=bpe", "bpe_dropout=1"], "bpe_dropout must be at least 0 and below 1"),
        (["type=bpe", "bpe_dropout=nan"], "bpe_dropout must be at least 0 and below 1"),
        (["type=bpe", "sampling_alpha=0.1"], "a model of the type 'unigram'; received"),
        (
            ["bpe_dropout=0.1"],
            "the type 'bpe'; received 0.1 and the type uni",
        ),
        (["type=word", "bpe_dropout=0.1"], "a model of the type 'bpe'"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        load_recipe("demo", ["tokenizer." + change for change in changes])


def test_links_of_words_and_drawn_pieces_do_not_go_together():
    changes = ["training.guided_alignment=1", "tokenizer.sampling_alpha=0.1"]
    with pytest.raises(ValueError, match="links the pieces of best segmentations"):
        load_recipe("copy", ["tokenizer.type=unigram", *changes])


def test_a_model_that_is_given_knows_its_kind(tmp_path):
    (tmp_path / "spm.model").write_bytes(trained(model_type="bpe"))
    options = {"model": str(tmp_path / "spm.model"), "type": "unigram"}
    TranslationTraining(recipe_with(**options, bpe_dropout=0.1), quiet()).check()
    with pytest.raises(ValueError, match="received 0.1 and the type bpe"):
        TranslationTraining(recipe_with(**options, sampling_alpha=0.1), quiet()).check()
