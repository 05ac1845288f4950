"""A recipe's corpus comes with its alignments, and tells them for the test."""

import dataclasses

import numpy as np
import pytest

from keras_attention.data.text.toy import toy_pairs
from keras_attention.training.corpus import gold_alignments, prepare_corpus
from keras_attention.training.recipe import DataConfig, TokenizerConfig
from tests.training.support import quiet, tiny_recipe


def recipe_with(tokenizer=None, guided_alignment=0.0, **data):
    shares = {"valid_share": 0.1, "test_share": 0.1}
    toy = {"toy_count": 200, "toy_max_length": 5}
    recipe = tiny_recipe(guided_alignment=guided_alignment)
    return dataclasses.replace(
        recipe,
        data=DataConfig(**{**shares, **toy, **data}),
        tokenizer=tokenizer or recipe.tokenizer,
    )


@pytest.fixture
def file_recipe(tmp_path):
    """Reversed strings of two letters a word, aligned by a file."""
    pairs = [
        [text.replace(" ", "x ") + "x" for text in pair]
        for pair in toy_pairs("reverse", 200, max_length=5)
    ]
    corpus, alignments = tmp_path / "pairs.tsv", tmp_path / "pairs.align"
    corpus.write_text("".join("\t".join(pair) + "\n" for pair in pairs))
    lengths = [len(source.split()) for source, _ in pairs]
    lines = (" ".join(f"{s}-{n - 1 - s}" for s in range(n)) for n in lengths)
    alignments.write_text("".join(line + "\n" for line in lines))
    tokenizer = TokenizerConfig("char", vocabulary_size=40, byte_fallback=False)
    return recipe_with(tokenizer, corpus=str(corpus), alignments=str(alignments))


@pytest.mark.parametrize("swap", [False, True])
def test_a_toy_task_knows_its_alignments(tmp_path, swap):
    recipe = recipe_with(corpus="sort", swap=swap, guided_alignment=1.0)
    corpus = prepare_corpus(recipe, tmp_path, quiet())
    sources, targets = corpus.test.texts()
    gold = gold_alignments(recipe, corpus)
    for i, (source, target) in enumerate(zip(sources, targets, strict=True)):
        links = {tuple(link) for link in corpus.test.alignments[i].tolist()}
        assert len(links) == len(source.split())
        assert all(source.split()[s] == target.split()[t] for s, t in links)
        # Of equal symbols that are sorted, either may come first.
        assert links == gold[i] if swap else gold[i].sure <= links <= gold[i].possible
    assert sorted(sources[0].split()) == (sources if swap else targets)[0].split()
    assert len(corpus.train.alignments) == len(corpus.train)


def test_a_toy_task_that_is_not_guided_knows_them_for_the_test_alone(tmp_path):
    recipe = recipe_with(corpus="reverse")
    corpus = prepare_corpus(recipe, tmp_path, quiet())
    assert corpus.train.alignments is None
    gold = gold_alignments(recipe, corpus)
    assert len(gold) == len(corpus.test)
    assert all((0, len(links.sure) - 1) in links.sure for links in gold)


@pytest.mark.parametrize("swap", [False, True])
def test_a_file_aligns_words_of_several_subwords(tmp_path, file_recipe, swap):
    data = dataclasses.replace(file_recipe.data, swap=swap)
    recipe = dataclasses.replace(file_recipe, data=data)
    corpus = prepare_corpus(recipe, tmp_path / "data", quiet())
    for i, length in enumerate(corpus.test.source_lengths):
        assert len(corpus.test.alignments[i]) == 9 * length // 3
    sources, targets = corpus.test.texts()
    for links, source, target in zip(
        gold_alignments(recipe, corpus), sources, targets, strict=True
    ):
        assert {source.split()[s] for s, _ in links} == {*source.split()}
        assert all(source.split()[s] == target.split()[t] for s, t in links)
    again = prepare_corpus(recipe, tmp_path / "data", quiet())
    np.testing.assert_array_equal(again.train.alignments[0], corpus.train.alignments[0])


def test_a_file_that_is_not_there_is_named(tmp_path, file_recipe):
    data = dataclasses.replace(file_recipe.data, alignments="no.align")
    with pytest.raises(ValueError, match=r"data\.alignments: there is no file"):
        prepare_corpus(
            dataclasses.replace(file_recipe, data=data), tmp_path / "data", quiet()
        )


@pytest.mark.parametrize("num_sources", [1, 3])
def test_few_sources_are_why_there_is_nothing_to_validate_on(tmp_path, num_sources):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"s{i % num_sources}\tx {i}\n" for i in range(400)))
    recipe = recipe_with(corpus=str(path), valid_share=1e-6)
    for _ in range(2):  # The second opens what the first prepared.
        with pytest.raises(ValueError, match=f"400 pairs have {num_sources} .*source"):
            prepare_corpus(recipe, tmp_path / "data", quiet())


def test_a_file_to_test_on_is_not_among_those_that_could_validate(tmp_path):
    for name, count in (("pairs", 400), ("test", 30)):
        lines = "".join(f"{name} {i}\tx\n" for i in range(count))
        (tmp_path / f"{name}.tsv").write_text(lines)
    files = {name: str(tmp_path / f"{name}.tsv") for name in ("pairs", "test")}
    recipe = recipe_with(corpus=files["pairs"], test=files["test"], valid_share=1e-6)
    message = "no validation pair among 400 good ones; raise data.valid_share"
    with pytest.raises(ValueError, match=message):
        prepare_corpus(recipe, tmp_path / "data", quiet())


@pytest.mark.parametrize("test_share, warned", [(0.1, False), (1e-6, True)])
def test_a_corpus_that_leaves_nothing_to_test_on_warns(tmp_path, test_share, warned):
    console = quiet()
    recipe = recipe_with(corpus="copy", test_share=test_share)
    prepare_corpus(recipe, tmp_path, console)
    said = console.file.getvalue()
    assert ("warning: nothing is left to test on" in said) == warned


def test_a_corpus_without_alignments_has_no_gold(tmp_path, file_recipe):
    data = dataclasses.replace(file_recipe.data, alignments="")
    recipe = dataclasses.replace(file_recipe, data=data)
    corpus = prepare_corpus(recipe, tmp_path / "data", quiet())
    assert gold_alignments(recipe, corpus) is None
