"""Several corpora make one, each read as its table says."""

import dataclasses

import pytest

from keras_attention.training.corpus import gold_alignments, prepare_corpus
from keras_attention.training.data_keys import CorpusConfig
from keras_attention.training.recipe import DataConfig, TokenizerConfig, load_recipe
from keras_attention.training.run_folder import claim_folder
from keras_attention.training.translation import TranslationTraining
from tests.training.support import quiet, tiny_recipe

RECIPE = """
[data]
valid_share = 0.2

[[data.corpora]]
corpus = "one.tsv"
weight = 3

[[data.corpora]]
corpus = "two.en"
target = "two.de"
swap = true
weight = 1
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(RECIPE)
    (tmp_path / "one.tsv").write_text("".join(f"a{i}\tb{i}\n" for i in range(90)))
    for side in ("en", "de"):
        lines = "".join(f"{side}{i}\n" for i in range(30))
        (tmp_path / f"two.{side}").write_text(lines)
    return load_recipe("mine.toml")


def in_words(recipe):
    config = TokenizerConfig("char", 40, byte_fallback=False)
    return dataclasses.replace(recipe, tokenizer=config)


def test_each_is_read_as_its_table_says(recipe):
    console = quiet()
    corpus = prepare_corpus(in_words(recipe), "data", console)
    sources, targets = corpus.valid.texts()
    assert {source[:1] for source in sources} == {"a", "d"}
    assert {source[:2] for source in sources if source[0] != "a"} == {"de"}
    assert all(
        s[0] + t[0] in ("ab", "de") for s, t in zip(sources, targets, strict=True)
    )
    said = console.file.getvalue()
    assert "one.tsv: 90 pairs used, 0 lines skipped" in said
    assert "two.en: 30 pairs used, 0 lines skipped" in said


def test_weights_reach_the_batches_and_are_said(recipe):
    console = quiet()
    work = TranslationTraining(in_words(recipe), console)
    corpus = work.prepare("data", {})
    train, valid = work.batches(corpus)
    sizes = [part["num_pairs"]["train"] for part in corpus.parts]
    assert train.weights == [(sizes[0], 3.0), (sizes[1], 1.0)] and valid.weights is None
    assert sum(sizes) == len(corpus.train)
    said = console.file.getvalue()
    assert f"one.tsv: {sizes[0]} training pairs, 75.0% of what is trained on" in said
    assert work.summary(corpus)["corpus"] == (
        "one.tsv (weight 3), two.en (weight 1, swapped)"
    )


def test_a_file_of_one_corpus_is_read_as_that_is(recipe, tmp_path):
    for side in ("en", "de"):
        (tmp_path / f"test.{side}").write_text(f"{side} new\n{side}7\n")
    changes = ["data.corpora.1.test=test.en", "data.corpora.1.test_target=test.de"]
    changed = in_words(load_recipe("mine.toml", changes))
    corpus = prepare_corpus(changed, "data", quiet())
    assert corpus.test.texts() == (["de new", "de7"], ["en new", "en7"])
    assert len(corpus.train) + len(corpus.valid) == 119


def test_a_run_keeps_its_corpora_and_refuses_others(recipe, tmp_path):
    claim_folder("run", recipe)
    assert load_recipe("run/recipe.toml") == recipe
    (tmp_path / "run/history.csv").touch()
    changed = load_recipe("mine.toml", ["data.corpora.1.weight=2"])
    with pytest.raises(ValueError, match=r"differs in data\.corpora"):
        claim_folder("run", changed, resume=True)
    claim_folder("run", load_recipe("mine.toml"), resume=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("data.corpus=copy", "data.corpus is of one corpus, and data.corpora names"),
        ("data.swap=true", "data.swap is of one corpus"),
        ("data.corpora.1.weight=0", "every corpus a weight above 0, or none any"),
        ("data.corpora.0.weight=nan", r"data\.corpora\[0\]\.weight must be a finite"),
        ("data.corpora.0.weight=-1", r"corpora\[0\]\.weight must be at least 0"),
        ("data.corpora.0.wight=1", r"key 'wight' in \[data\.corpora\[0\]\]; did you"),
        ("data.corpora.2.weight=1", "expected a number from 0 to 1"),
        ("data.corpora.1=x", "say which of the list"),
        ("data.corpora=x.tsv", "data.corpora must be a list; received 'x.tsv'"),
        ('data.corpora=["x.tsv"]', r"\[data\.corpora\[0\]\] must be a table"),
        ("data.corpora=[{weight=1}]", r"data\.corpora\[0\]\.corpus is missing"),
        ("data.corpora.0.test_target=a", r"target side of data\.corpora\[0\]\.test"),
        ('data.corpora=[{corpus="-"},{corpus="-"}]', "standard input"),
    ],
)
def test_what_cannot_be_is_refused(recipe, change, message):
    with pytest.raises(ValueError, match=message):
        load_recipe("mine.toml", [change])


@pytest.mark.parametrize(
    ("swap", "languages"), [(False, ("en", "")), (True, ("", "en"))]
)
def test_a_language_that_all_corpora_have_is_known(swap, languages):
    tables = [CorpusConfig(name, swap=swap) for name in ("help-en-de", "help-en-zh")]
    assert DataConfig(corpora=tables).languages() == languages
    assert DataConfig(corpora=tables[:1]).languages() == ("en", "de")[:: 1 - 2 * swap]


def test_a_missing_file_is_named_by_its_place(recipe):
    changed = load_recipe("mine.toml", ["data.corpora.1.target=no.de"])
    with pytest.raises(ValueError, match=r"data\.corpora\[1\]\.target: there is no"):
        prepare_corpus(changed, "data", quiet())


def test_words_are_linked_in_all_corpora_or_in_none(tmp_path):
    tables = [CorpusConfig("copy"), CorpusConfig("reverse")]
    data = {"toy_count": 99, "valid_share": 0.1, "test_share": 0.1}
    recipe = dataclasses.replace(
        tiny_recipe(guided_alignment=1.0), data=DataConfig(corpora=tables, **data)
    )
    corpus = prepare_corpus(recipe, tmp_path / "data", quiet())
    assert len(corpus.train.alignments) == len(corpus.train) > 100
    assert len(gold_alignments(recipe, corpus)) == len(corpus.test)
    (tmp_path / "pairs.tsv").write_text("a\tb\n")
    message = (
        "guided_alignment needs to know which words .*; received "
        r"data\.corpora\[2\]\.corpus='.*pairs\.tsv' without data\.corpora\[2\]\.alig"
    )
    with pytest.raises(ValueError, match=message):
        tables = [*tables, CorpusConfig(str(tmp_path / "pairs.tsv"))]
        dataclasses.replace(recipe, data=DataConfig(corpora=tables, **data))
