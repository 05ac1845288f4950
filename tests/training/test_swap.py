"""A swapped corpus is the same corpus with its sides, and its links, exchanged."""

import dataclasses

import pytest

from keras_attention.data.text.toy import toy_alignment
from keras_attention.training.corpus import gold_alignments, prepare_corpus
from keras_attention.training.recipe import DataConfig, TokenizerConfig
from tests.training.support import quiet, tiny_recipe

COUNT = 60


def prepared(folder, **data):
    """A recipe and its corpus, most of it in the test split, which keeps its texts."""
    tokenizer = TokenizerConfig("char", vocabulary_size=40, byte_fallback=False)
    shares = {"valid_share": 0.1, "test_share": 0.6}
    toy = {"toy_count": COUNT, "toy_max_length": 6}
    recipe = dataclasses.replace(
        tiny_recipe(), data=DataConfig(**shares, **toy, **data), tokenizer=tokenizer
    )
    return recipe, prepare_corpus(recipe, folder, quiet())


@pytest.fixture
def path(tmp_path):
    lines = [f"{'ab' * (i % 5)}a x{i}\ty {'cd' * (i % 7)}c" for i in range(COUNT)]
    path = tmp_path / "pairs.tsv"
    path.write_text("\n".join(lines))
    return path


def test_a_file_is_swapped(tmp_path, path):
    _, corpus = prepared(tmp_path / "data", corpus=str(path), swap=True)
    lines = set(path.read_text().splitlines())
    for source, target in zip(*corpus.test.texts(), strict=True):
        assert f"{target}\t{source}" in lines
    assert sum(map(len, (corpus.train, corpus.valid, corpus.test))) == len(lines)


def test_a_file_of_alignments_serves_both_ways(tmp_path, path):
    path.with_suffix(".align").write_text("0-0 1-0\n" * COUNT)
    data = {"corpus": str(path), "alignments": str(path.with_suffix(".align"))}
    forwards = gold_alignments(*prepared(tmp_path / "a", **data))
    backwards = gold_alignments(*prepared(tmp_path / "b", swap=True, **data))
    assert forwards and all(links == {(0, 0), (1, 0)} for links in forwards)
    assert backwards and all(links == {(0, 0), (0, 1)} for links in backwards)


def test_a_toy_task_is_swapped_and_knows_its_links(tmp_path):
    recipe, corpus = prepared(tmp_path, corpus="sort", swap=True)
    sources, targets = corpus.test.texts()
    assert all(
        source.split() == sorted(target.split())
        for source, target in zip(sources, targets, strict=True)
    )
    for links, target in zip(gold_alignments(recipe, corpus), targets, strict=True):
        assert links == set(enumerate(toy_alignment("sort", target)))


def test_another_direction_is_another_corpus(tmp_path, path):
    prepared(tmp_path / "a", corpus=str(path))
    with pytest.raises(ValueError, match="holds a corpus prepared with other"):
        prepared(tmp_path / "a", corpus=str(path), swap=True)
