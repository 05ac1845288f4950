"""A recipe may bring a SentencePiece model instead of having one trained."""

import dataclasses

import pytest

from keras_attention.data.tokenizer import Tokenizer
from keras_attention.training.corpus import prepare_corpus
from keras_attention.training.recipe import Recipe, TokenizerConfig, load_recipe
from keras_attention.training.translation import TranslationTraining
from tests.data.test_special_ids import trained
from tests.training.support import quiet, tiny_recipe


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two files, of SentencePiece's own ids."""
    folder = tmp_path_factory.mktemp("models")
    for name, kind in (("one", "unigram"), ("two", "bpe")):
        (folder / name).write_bytes(trained(model_type=kind, byte_fallback=True))
    return [str(folder / name) for name in ("one", "two")]


def recipe_with(**tokenizer):
    return dataclasses.replace(tiny_recipe(), tokenizer=TokenizerConfig(**tokenizer))


def test_one_model_serves_both_sides(tmp_path, models):
    recipe = recipe_with(model=models[0])
    for _ in range(2):  # The second opens what the first prepared.
        corpus = prepare_corpus(recipe, tmp_path, quiet())
    assert corpus.source_tokenizer is corpus.target_tokenizer
    assert corpus.source_tokenizer == Tokenizer.load(models[0], renumber=True)
    sources, _ = corpus.test.texts()
    assert (
        corpus.test.source_ids(0).tolist()
        == (corpus.source_tokenizer.encode(sources[:1])[0])
    )


def test_each_side_may_have_its_own(tmp_path, models):
    recipe = recipe_with(model=models[0], target_model=models[1], shared=False)
    work = TranslationTraining(recipe, quiet())
    work.check()
    corpus = work.prepare(tmp_path, {})
    assert corpus.source_tokenizer == Tokenizer.load(models[0], renumber=True)
    assert corpus.target_tokenizer == Tokenizer.load(models[1], renumber=True)
    assert not work.default_options()["share_embeddings"]


def test_another_model_needs_another_folder(tmp_path, models):
    prepare_corpus(recipe_with(model=models[0]), tmp_path, quiet())
    with pytest.raises(ValueError, match=r"source\.model is another model than token"):
        prepare_corpus(recipe_with(model=models[1]), tmp_path, quiet())


def test_a_model_gets_the_symbols_that_it_lacks(tmp_path, models):
    recipe = recipe_with(model=models[0], user_defined_symbols=["<2de>"])
    tokenizer = prepare_corpus(recipe, tmp_path, quiet()).source_tokenizer
    before = Tokenizer.load(models[0], renumber=True)
    assert tokenizer.vocabulary_size == before.vocabulary_size + 1
    assert "<2de>" in tokenizer.ids_to_tokens(tokenizer.encode(["<2de> the dog"])[0])
    texts = ["the lazy dog", "<2d e>", "Größe 漢"]
    assert tokenizer.encode(texts) == before.encode(texts)
    assert tokenizer.with_symbols(["<2de>"]) == tokenizer


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        ({"model": "no.model"}, r"tokenizer\.model: there is no file no\.model"),
        ({"model": __file__}, r"test_given_tokenizer\.py: expected the bytes of a Sen"),
        (
            {"target_model": "a"},
            "second one, beside tokenizer.model and with",
        ),
        ({"model": "a", "target_model": "b"}, "shared=False|shared=True"),
        ({"model": "a", "shared": False}, "needs tokenizer.target_model too"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(tokenizer, message):
    with pytest.raises(ValueError, match=message):
        TranslationTraining(recipe_with(**tokenizer), quiet()).check()


def test_captions_have_no_such_keys():
    tables = {"task": "captioning", "data": {"corpus": "scenes"}}
    with pytest.raises(ValueError, match="tokenizer.model is of translation"):
        Recipe.from_tables({**tables, "tokenizer": {"model": "a"}})
    assert load_recipe("scenes-soft", ["name=x"]).tokenizer.model == ""
