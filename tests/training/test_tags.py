"""Tags say which language is wanted, in training and afterwards."""

import dataclasses

import pytest

from keras_attention.data.tokenizer import Tokenizer
from keras_attention.training.corpus import check_tag, prepare_corpus
from keras_attention.training.data_keys import CorpusConfig
from keras_attention.training.final_scores import final_scores
from keras_attention.training.recipe import DataConfig, TokenizerConfig, load_recipe
from keras_attention.training.translation import TranslationTraining
from tests.training.support import quiet, tiny_recipe

TABLES = [CorpusConfig("copy", tag="<2a>"), CorpusConfig("reverse", tag="<2b>")]


def recipe_with(tables=TABLES, **tokenizer):
    shares = {"toy_count": 200, "toy_max_length": 5, "test_share": 0.2}
    options = {"type": "char", "vocabulary_size": 60, "byte_fallback": False}
    return dataclasses.replace(
        tiny_recipe(),
        data=DataConfig(corpora=tables, **shares),
        tokenizer=TokenizerConfig(**{**options, **tokenizer}),
    )


@pytest.mark.parametrize("kind", ["char", "unigram", "word"])
def test_every_source_begins_with_the_tag_of_its_corpus(tmp_path, kind):
    recipe = recipe_with(type=kind)
    for _ in range(2):  # The second opens what the first prepared.
        corpus = prepare_corpus(recipe, tmp_path, quiet())
    pairs = list(zip(*corpus.test.texts(), strict=True))
    assert {source.split()[0] for source, _ in pairs} == {"<2a>", "<2b>"}
    for source, target in pairs:
        tag, *symbols = source.split()
        assert target.split() == (symbols if tag == "<2a>" else symbols[::-1])
    # Of the same sources, the same are held out.
    texts = [{s[5:] for s, _ in pairs if s[:4] == tag} for tag in ("<2a>", "<2b>")]
    assert texts[0] == texts[1]
    tokenizer = corpus.source_tokenizer
    ids = [corpus.train.source_ids(i) for i in (0, -1)]
    tokens = [[t.lstrip("▁") for t in tokenizer.ids_to_tokens(row)] for row in ids]
    assert "<2a>" in tokens[0][:2] and "<2b>" in tokens[1][:2]


def test_the_model_card_and_the_languages_know_them(tmp_path):
    tables = [
        CorpusConfig("help-en-de", tag="<2de>"),
        CorpusConfig("help-en-de", swap=True, tag="<2en>"),
    ]
    recipe = recipe_with(tables)
    assert recipe.data.tags() == {"<2de>": "de", "<2en>": "en"}
    assert recipe.data.languages() == ("", "")
    assert recipe.symbols() == ["<2de>", "<2en>"]
    said = TranslationTraining(recipe, quiet()).summary(
        dataclasses.make_dataclass("Corpus", ["train"])([])
    )
    assert said["corpus"] == ("help-en-de (tag <2de>), help-en-de (swapped, tag <2en>)")


class Echo:
    """Translates by taking the tag away."""

    target_language = "en"
    model = None

    def translate(self, texts, progress, **options):
        told = dataclasses.make_dataclass("Translation", ["text"])
        return [told(text.split(" ", 1)[1]) for text in texts]


def test_each_tag_is_scored_by_itself(tmp_path):
    recipe = recipe_with()
    corpus = prepare_corpus(recipe, tmp_path, quiet())
    scores = final_scores(Echo(), corpus, tags={**recipe.data.tags(), "<2c>": ""})
    by_tag = scores["by_tag"]
    assert by_tag["<2a>"]["exact_match_percent"] == 100
    assert by_tag["<2b>"]["exact_match_percent"] < 50
    assert set(by_tag) == {"<2a>", "<2b>"}
    assert sum(each["sentences"] for each in by_tag.values()) == scores["sentences"]
    # Nor are they copied.
    assert scores["copying_the_source"] == scores["model"]
    lines = TranslationTraining.score_lines(scores)
    assert any(line.startswith("<2a>") and "exact 100.0 %" in line for line in lines)


def test_a_tag_that_would_be_cut_is_refused(tmp_path):
    tokenizer = Tokenizer.train(["a b"], 20, "char", user_defined_symbols=["<2a>"])
    check_tag(tokenizer, "<2a>")
    with pytest.raises(ValueError, match="one token of the source; received '<2b>'"):
        check_tag(tokenizer, "<2b>")
    prepare_corpus(recipe_with(TABLES[:1]), tmp_path, quiet())
    with pytest.raises(ValueError, match="received '<2b>', which is cut into"):
        prepare_corpus(recipe_with(), tmp_path, quiet())


@pytest.mark.parametrize("key", ["validation", "test"])
def test_files_that_would_have_no_tag_are_refused(key):
    tables = [dataclasses.replace(TABLES[0], **{key: "pairs.tsv"}), TABLES[1]]
    ((_, _, table),) = recipe_with(tables).data.held_out()
    assert table.tag == "<2a>"
    data = DataConfig(corpora=TABLES, **{key: "pairs.tsv"})
    with pytest.raises(ValueError, match=f"no tag, .*; received data.{key}='pairs.tsv"):
        dataclasses.replace(recipe_with(), data=data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('data.corpora=[{corpus="copy",tag="to de"}]', r"\[0\]\.tag: .*without spaces"),
        ('data.corpora=[{corpus="copy",tag="<s>"}]', "none of <pad>, <unk>, <s>, </s>"),
        (
            'data.corpora=[{corpus="copy",tag="<a>",alignments="x"}]',
            "alignments do not count it",
        ),
        ('tokenizer.user_defined_symbols=["a","a"]', "differ; received 'a' twice"),
        ("tokenizer.user_defined_symbols=<a>", "must be a list; received '<a>'"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    changes = ['data.corpus=""'] if change.startswith("data") else []
    with pytest.raises(ValueError, match=message):
        load_recipe("copy", [*changes, change])
