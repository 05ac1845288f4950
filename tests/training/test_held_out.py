"""Validation and test may be files of their own, which training never sees."""

import dataclasses

import pytest

from keras_attention.training.corpus import gold_alignments, prepare_corpus
from keras_attention.training.recipe import DataConfig, Recipe, TokenizerConfig
from keras_attention.training.translation import TranslationTraining
from tests.training.support import quiet, tiny_recipe

WORDS = "one two three four five six seven eight nine ten".split()
PAIRS = [(f"{a} {b}", f"{b} {a}") for a in WORDS for b in WORDS]


def write(path, pairs):
    path.write_text("".join("\t".join(pair) + "\n" for pair in pairs))
    return str(path)


def recipe_with(corpus="", **data):
    recipe = tiny_recipe()
    tokenizer = TokenizerConfig("word", 40, byte_fallback=False)
    return dataclasses.replace(
        recipe, data=DataConfig(corpus, **data), tokenizer=tokenizer
    )


def ids_of(corpus, pairs):
    return corpus.source_tokenizer.encode([source for source, _ in pairs])


def sources_of(split):
    return [split.source_ids(i).tolist() for i in range(len(split))]


def test_files_of_their_own_replace_the_shares(tmp_path):
    """Sources that are in them are not trained on, and that is said."""
    valid = [("eleven one", "one eleven"), PAIRS[3], ("  one   six", "six one")]
    test = [PAIRS[7], PAIRS[3]]
    data = {
        "corpus": write(tmp_path / "train.tsv", PAIRS),
        "validation": write(tmp_path / "valid.tsv", valid),
        "test": write(tmp_path / "test.tsv", test),
        "valid_share": 0.4,
        "test_share": 0.4,
    }
    console, recipe = quiet(), recipe_with(**data)
    for _ in range(2):  # The second opens what the first prepared.
        corpus = prepare_corpus(recipe, tmp_path / "data", console)
        assert corpus.valid.texts()[0] == [source.strip() for source, _ in valid]
        assert corpus.test.texts()[0] == [source for source, _ in test]
        kept = [pair for i, pair in enumerate(PAIRS) if i not in (3, 5, 7)]
        assert sources_of(corpus.train) == ids_of(corpus, kept)
    said = console.file.getvalue()
    assert f"{data['corpus']}: 97 pairs used, 3 lines skipped" in said
    assert "source that is in the validation file: 2 (lines 4, 6)" in said
    assert "source that is in the test file: 1 (line 8)" in said
    assert "source of validation that is in the test file too: 1 (line 2)" in said


def test_one_of_them_leaves_the_other_to_the_hash(tmp_path):
    corpus = write(tmp_path / "train.tsv", PAIRS)
    test = write(tmp_path / "test.tsv", PAIRS[:4])
    recipe = recipe_with(corpus, test=test, valid_share=0.2)
    both = prepare_corpus(recipe, tmp_path / "data", quiet())
    assert len(both.test) == 4
    assert 10 < len(both.valid) < 40 and len(both.valid) + len(both.train) == 96


def test_the_tokenizer_learns_nothing_of_them(tmp_path):
    recipe = recipe_with(
        write(tmp_path / "train.tsv", [*PAIRS, ("only here", "here only")]),
        validation=write(tmp_path / "valid.tsv", [("only here", "x y")]),
    )
    tokenizer = prepare_corpus(recipe, tmp_path / "data", quiet()).source_tokenizer
    assert tokenizer.encode(["one only"])[0][1:] == tokenizer.encode(["x"])[0] == [1]


def test_they_are_read_as_the_corpus_is(tmp_path):
    """Paired files, swapped, may be held out of a table with names of columns."""
    (tmp_path / "train.csv").write_text(
        "a,b\n" + "".join(f"{source},{target}\n" for source, target in PAIRS)
    )
    for name, side in (("one", 0), ("two", 1)):
        lines = "".join(f"new {pair[side]}\n" for pair in PAIRS[:5])
        (tmp_path / f"valid.{name}").write_text(lines)
    recipe = recipe_with(
        str(tmp_path / "train.csv"),
        source_key="a",
        target_key="b",
        swap=True,
        validation=str(tmp_path / "valid.one"),
        validation_target=str(tmp_path / "valid.two"),
    )
    corpus = prepare_corpus(recipe, tmp_path / "data", quiet())
    sources, targets = corpus.valid.texts()
    assert sources == [f"new {target}" for _, target in PAIRS[:5]]
    assert targets == [f"new {source}" for source, _ in PAIRS[:5]]


def test_the_model_card_says_what_was_held_out(tmp_path):
    recipe = recipe_with(
        write(tmp_path / "train.tsv", PAIRS),
        validation=write(tmp_path / "valid.tsv", PAIRS[:3]),
    )
    work = TranslationTraining(recipe, quiet())
    said = work.summary(prepare_corpus(recipe, tmp_path / "data", quiet()))
    assert said["validation"].endswith("valid.tsv")
    assert said["test"] == "2 % of sources, chosen by hash"


def test_a_toy_task_does_not_know_how_others_align(tmp_path):
    recipe = recipe_with("copy", test=write(tmp_path / "test.tsv", PAIRS), toy_count=99)
    corpus = prepare_corpus(recipe, tmp_path / "data", quiet())
    assert len(corpus.test) == 100
    assert gold_alignments(recipe, corpus) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"validation": "no.tsv"}, r"data\.validation: there is no file no\.tsv"),
        ({"test": "copi"}, r"unknown data\.test 'copi'; did you mean"),
        ({"validation": "copy"}, "must be the path of a file, or a shipped corpus"),
        (
            {"test": "-"},
            "must be the path of a file, or a shipped corpus; received '-'",
        ),
        ({"test_target": "a.de"}, r"target side of data\.test, which is missing"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, data, message):
    with pytest.raises(ValueError, match=message):
        prepare_corpus(recipe_with("copy", **data), tmp_path, quiet())
    assert not (tmp_path / "corpus").exists()


def test_a_file_without_a_usable_pair_is_named(tmp_path):
    long = write(tmp_path / "valid.tsv", [("a " * 9, "a")])
    recipe = recipe_with("copy", validation=long, max_source_length=8, toy_count=99)
    with pytest.raises(ValueError, match=r"data\.validation: expected pairs that can"):
        prepare_corpus(recipe, tmp_path / "data", quiet())


def test_another_file_is_another_recipe():
    ours = Recipe(data=DataConfig("copy", validation="a.tsv"))
    theirs = dataclasses.replace(ours, data=DataConfig("copy"))
    assert ours.fingerprint() != theirs.fingerprint()
