"""Preparing: every good pair lands in one split, on disk, whole or not at all."""

import gzip
import json
import pickle

import numpy as np
import pytest

from keras_attention.data.prepared.store import SPLITS, token_dtype
from keras_attention.data.report import (
    ALIGNMENT_OUTSIDE,
    BAD_ALIGNMENT,
    EMPTY_SIDE,
    TOO_LONG,
)
from keras_attention.data.text.alignment_file import AlignmentFile
from keras_attention.data.text.parts import Part
from keras_attention.data.text.toy import toy_alignment, toy_pairs
from keras_attention.data.text.translations import (
    PairFiles,
    PreparedCorpus,
    SkipReport,
    TokenisedCorpus,
    prepare,
    split_of,
    train_tokenizers,
)

PAIRS = toy_pairs("reverse", 600, max_length=8)
SHARES = {"valid_share": 0.1, "test_share": 0.2}


@pytest.fixture(scope="module")
def tokenizers():
    return train_tokenizers(PAIRS, 40, shared=True, model_type="word")


def run(pairs, folder, tokenizers, **options):
    source_tokenizer, target_tokenizer = tokenizers
    return prepare(
        pairs,
        folder,
        source_tokenizer=source_tokenizer,
        target_tokenizer=target_tokenizer,
        **{**SHARES, **options},
    )


def write_tsv(path, pairs=PAIRS):
    text = "".join(f"{source}\t{target}\n" for source, target in pairs)
    path.write_bytes(gzip.compress(text.encode()))
    return path


def contents(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file()
    }


def test_the_files_hold_what_the_tokenizers_give(tmp_path, tokenizers):
    corpus = run(PAIRS, tmp_path / "prepared", tokenizers)
    expected = {split: [] for split in SPLITS}
    for pair in PAIRS:
        expected[split_of(pair[0], **SHARES)].append(pair)
    for split, pairs in expected.items():
        sources, targets = zip(*pairs, strict=True)
        tokenised = getattr(corpus, split)
        assert len(tokenised) == len(pairs) > 30
        for i, (source, target) in enumerate(
            zip(*map(tokenizers[0].encode, (sources, targets)), strict=True)
        ):
            assert tokenised.source_ids(i).tolist() == source
            assert tokenised.target_ids(i).tolist() == target
            assert tokenised.source_lengths[i] == len(source)
            assert tokenised.target_lengths[i] == len(target)
        if split != "train":
            assert tokenised.texts() == (list(sources), list(targets))
    with pytest.raises(ValueError, match="decode them instead"):
        corpus.train.texts()


def test_arrays_are_mapped_in_the_smallest_type(tmp_path, tokenizers):
    corpus = run(PAIRS, tmp_path / "prepared", tokenizers)
    assert isinstance(corpus.train.source.tokens, np.memmap)
    assert corpus.train.source.tokens.dtype == np.uint16
    assert corpus.train.source.offsets.dtype == np.int64
    assert token_dtype(65_536) == np.uint16 and token_dtype(65_537) == np.int32
    # A worker process gets the file's name, not its content.
    assert len(pickle.dumps(corpus.train)) < 2000
    copy = pickle.loads(pickle.dumps(corpus.train))
    np.testing.assert_array_equal(copy.source.tokens, corpus.train.source.tokens)


def test_chunks_change_nothing(tmp_path, tokenizers, monkeypatch):
    run(PAIRS, tmp_path / "one", tokenizers)
    monkeypatch.setattr("keras_attention.data.text.translations.CHUNK", 7)
    counts = []
    run(PAIRS, tmp_path / "many", tokenizers, progress=counts.append)
    assert contents(tmp_path / "one") == contents(tmp_path / "many")
    assert counts == [*range(7, 600, 7), 600]


def test_duplicates_never_straddle_splits(tmp_path, tokenizers):
    again = [(f"  {source.replace(' ', '  ')} ", "a") for source, _ in PAIRS]
    corpus = run(PAIRS + again, tmp_path / "prepared", tokenizers)
    seen = [
        {tuple(tokenised.source_ids(i)) for i in range(len(tokenised))}
        for tokenised in (corpus.train, corpus.valid, corpus.test)
    ]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 600


def test_splits_are_stable_and_of_the_size_asked_for():
    # Recorded: a change would move sentences of existing corpora between splits.
    assert [split_of(s, 0.25, 0.25) for s in ("Hello.", "狐狸", "a b c", "")] == [
        "train",
        "train",
        "test",
        "train",
    ]
    sources = [str(i) for i in range(4000)]
    test = {s for s in sources if split_of(s, 0.1, 0.2) == "test"}
    assert 700 < len(test) < 900
    assert test == {s for s in sources if split_of(s, 0.5, 0.2) == "test"}


def test_overlong_and_empty_sentences_are_named(tmp_path, tokenizers):
    pairs = [*PAIRS, ("a " * 10, "a"), ("a", "b " * 10), ("\u200b", "a"), ("b", "a")]
    report = SkipReport()
    corpus = run(
        pairs,
        tmp_path / "prepared",
        tokenizers,
        report=report,
        max_source_length=9,
        max_target_length=9,
    )
    assert report.lines == {TOO_LONG: [601, 602], EMPTY_SIDE: [603]}
    assert report.num_good == 601
    assert corpus.reports[0].summary() == report.summary()


def test_a_tag_alone_is_no_source(tmp_path, tokenizers):
    report = SkipReport()
    part = Part([*PAIRS, ("\u200b", "a")], tag="z")
    corpus = run([part], tmp_path / "prepared", tokenizers, report=[report])
    assert report.lines == {EMPTY_SIDE: [601]}
    assert all(source[:2] == "z " for source in corpus.test.texts()[0])


def test_line_numbers_are_those_of_the_file(tmp_path, tokenizers):
    path = tmp_path / "c.tsv"
    path.write_text("no tab\na b\tb a\na b c d\td c b a\n")
    report = SkipReport()
    run(
        PairFiles(path),
        tmp_path / "prepared",
        tokenizers,
        report=report,
        max_source_length=3,
        valid_share=0,
        test_share=0,
    )
    assert report.lines == {"no tab": [1], TOO_LONG: [3]}


def test_an_interrupted_run_leaves_nothing(tmp_path, tokenizers):
    def interrupted():
        yield from PAIRS[:300]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(interrupted(), tmp_path / "prepared", tokenizers)
    assert list(tmp_path.iterdir()) == []

    run(PAIRS, tmp_path / "prepared", tokenizers)
    before = contents(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(interrupted(), tmp_path / "prepared", tokenizers, overwrite=True)
    assert contents(tmp_path) == before


def test_a_folder_without_its_last_file_is_no_corpus(tmp_path, tokenizers):
    folder = tmp_path / "prepared"
    run(PAIRS, folder, tokenizers)
    with (folder / "train" / "source_tokens.bin").open("ab") as file:
        file.truncate(10)
    with pytest.raises(ValueError, match="incomplete"):
        PreparedCorpus.open(folder)
    (folder / "meta.json").unlink()
    with pytest.raises(ValueError, match=r"no meta\.json"):
        PreparedCorpus.open(folder)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda p: (p / "meta.json").write_text("[]"),
            "meta.json is damaged: expected",
        ),
        (lambda p: (p / "meta.json").write_text("[" * 100_000), "nested too deeply"),
        (lambda p: change(p, num_pairs=3), "meta.json is damaged: TypeError"),
        (lambda p: change(p, parts=[{}]), "meta.json is damaged: "),
        (lambda p: change(p, source_vocabulary_size="9"), "meta.json is damaged: Type"),
        (lambda p: (p / "valid" / "target_offsets.bin").unlink(), "is incomplete: "),
        (
            lambda p: (p / "train" / "source_offsets.bin").write_bytes(b"12345"),
            "source_offsets.bin is damaged: it was cut, to 5 bytes",
        ),
    ],
)
def test_a_damaged_corpus_is_named(tmp_path, tokenizers, damage, message):
    folder = tmp_path / "prepared"
    run(PAIRS, folder, tokenizers)
    damage(folder)
    with pytest.raises(ValueError, match=message):
        PreparedCorpus.open(folder)


@pytest.mark.parametrize(("text", "message"), [(b"a\n", "expected "), (b"\xff\n", "")])
def test_damaged_texts_are_named(tmp_path, tokenizers, text, message):
    folder = tmp_path / "prepared"
    run(PAIRS, folder, tokenizers)
    (folder / "valid" / "target.txt").write_bytes(text * 7)
    with pytest.raises(ValueError, match=f"target.txt is damaged: .*{message}"):
        PreparedCorpus.open(folder).valid.texts()


def change(folder, **changes):
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    (folder / "meta.json").write_text(json.dumps({**meta, **changes}), "utf-8")


def test_the_same_input_and_options_are_not_prepared_twice(tmp_path, tokenizers):
    pairs = PairFiles(write_tsv(tmp_path / "c.tsv.gz"))
    folder = tmp_path / "prepared"
    run(pairs, folder, tokenizers)
    written = (folder / "meta.json").stat().st_mtime_ns
    report = SkipReport()
    run(pairs, folder, tokenizers, report=report)
    assert (folder / "meta.json").stat().st_mtime_ns == written
    assert report.num_good == 600

    with pytest.raises(ValueError, match=r"max_source_length.*overwrite=True"):
        run(pairs, folder, tokenizers, max_source_length=5)
    write_tsv(tmp_path / "c.tsv.gz", PAIRS[:500])
    with pytest.raises(ValueError, match=r"compared: input"):
        run(pairs, folder, tokenizers)
    corpus = run(pairs, folder, tokenizers, overwrite=True)
    assert sum(corpus.meta["num_pairs"].values()) == 500
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_another_folder_is_never_overwritten(tmp_path, tokenizers):
    (tmp_path / "letters.txt").write_text("dear")
    for overwrite in (False, True):
        with pytest.raises(ValueError, match="not overwritten"):
            run(PAIRS, tmp_path, tokenizers, overwrite=overwrite)
    assert (tmp_path / "letters.txt").read_text() == "dear"


def test_nothing_to_train_on_is_an_error(tmp_path, tokenizers):
    with pytest.raises(ValueError, match="none is left in the train split"):
        run([], tmp_path / "prepared", tokenizers)
    with pytest.raises(ValueError, match=r"over-long sentence: 600"):
        run(PAIRS, tmp_path / "prepared", tokenizers, max_source_length=0)
    with pytest.raises(ValueError, match="leave something to train on"):
        run(PAIRS, tmp_path / "prepared", tokenizers, valid_share=0.8)
    assert list(tmp_path.iterdir()) == []


def test_files_held_out_are_no_corpus(tmp_path, tokenizers):
    with pytest.raises(ValueError, match="expected pairs to train on; received 600"):
        run([Part(PAIRS, split="valid")], tmp_path / "c", tokenizers)


def test_many_pairs_of_one_source_are_why_a_split_is_empty(tmp_path, tokenizers):
    shares = {"valid_share": 0.2, "test_share": 0.2}
    source = next(f"s{i}" for i in range(99) if split_of(f"s{i}", 0.2, 0.2) == "valid")
    pairs = [(f" {source} ", f"word {i}") for i in range(4000)]
    reason = "4,000 pairs have 1 distinct source .* give pairs of more sources"
    with pytest.raises(ValueError, match=reason):
        train_tokenizers(pairs, 60, byte_fallback=False, **shares)
    with pytest.raises(ValueError, match=reason):
        run(pairs, tmp_path / "c", tokenizers, **shares)
    three = [(f"t{i % 3}", "x") for i in range(30)]
    corpus = run(three, tmp_path / "d", tokenizers, valid_share=0, test_share=0)
    assert corpus.meta["num_sources"] == 3


def test_tokenizers_learn_from_the_train_split_alone():
    pairs = [(f"word{i}", f"wort{i}") for i in range(200)]
    options = {"model_type": "word", **SHARES}
    source, target = train_tokenizers(pairs, 1000, **options)
    shared, same = train_tokenizers(pairs, 1000, shared=True, **options)
    assert shared is same
    for i, (word, wort) in enumerate(pairs):
        known = split_of(word, **SHARES) == "train"
        assert (source.encode([word]) != [[1]]) == known, i
        assert (target.encode([wort]) != [[1]]) == known
        assert (shared.encode([wort]) != [[1]]) == known
    with pytest.raises(ValueError, match="more than once"):
        train_tokenizers(iter(pairs), 1000)
    with pytest.raises(ValueError, match="has one size"):
        train_tokenizers(pairs, 1000, shared=True, target_vocabulary_size=9)


def test_a_corpus_in_memory_is_like_one_on_disk(tmp_path, tokenizers):
    on_disk = run(PAIRS, tmp_path / "c", tokenizers, valid_share=0, test_share=0)
    in_memory = TokenisedCorpus.from_pairs(PAIRS, *tokenizers)
    for side in ("source", "target"):
        one, other = getattr(on_disk.train, side), getattr(in_memory, side)
        np.testing.assert_array_equal(one.tokens, other.tokens)
        np.testing.assert_array_equal(one.offsets, other.offsets)
    assert len(on_disk.valid) == len(on_disk.test) == 0
    assert on_disk.valid.texts() == ([], [])
    assert in_memory.texts()[0] == [source for source, _ in PAIRS]
    assert len(pickle.loads(pickle.dumps(in_memory))) == 600


def test_meta_tells_the_counts(tmp_path, tokenizers):
    corpus = run(PAIRS, tmp_path / "prepared", tokenizers)
    meta = json.loads((tmp_path / "prepared" / "meta.json").read_text())
    assert meta["num_pairs"]["train"] == len(corpus.train)
    assert meta["num_tokens"]["train"][0] == corpus.train.source_lengths.sum()
    assert meta["source_vocabulary_size"] == tokenizers[0].vocabulary_size


# Alignments.


def links_of(source, target=None):
    return {(s, t) for t, s in enumerate(toy_alignment("reverse", source))}


def write_alignments(path, pairs=PAIRS, swap=False):
    lines = (sorted(links_of(source)) for source, _ in pairs)
    order = (lambda s, t: (t, s)) if swap else (lambda s, t: (s, t))
    text = "".join(
        " ".join("{}-{}".format(*order(*link)) for link in links) + "\n"
        for links in lines
    )
    path.write_text(text)
    return path


def test_alignments_stay_with_their_pairs(tmp_path, tokenizers, monkeypatch):
    monkeypatch.setattr("keras_attention.data.text.translations.CHUNK", 70)
    monkeypatch.setattr("keras_attention.data.text.alignment_file.ALIGNED_AT_ONCE", 7)
    pairs = PairFiles(write_tsv(tmp_path / "c.tsv.gz"))
    path = write_alignments(tmp_path / "c.align")
    swapped = write_alignments(tmp_path / "swapped.align", swap=True)
    given = [path, AlignmentFile(swapped, swap=True), links_of]
    for number, alignments in enumerate(given):
        folder = tmp_path / str(number)
        corpus = run(
            pairs, folder, tokenizers, alignments=alignments, max_source_length=6
        )
        assert corpus.meta["num_pairs"]["train"] > 200
        assert isinstance(corpus.train.alignments._flat.tokens, np.memmap)
        for split in SPLITS:
            tokenised = getattr(corpus, split)
            assert len(tokenised.alignments) == len(tokenised)
            for i, length in enumerate(tokenised.source_lengths):
                expected = [[s, length - 1 - s] for s in range(length)]
                assert tokenised.alignments[i].tolist() == expected
    copy = pickle.loads(pickle.dumps(corpus.train))
    assert copy.alignments[3].tolist() == corpus.train.alignments[3].tolist()
    assert run(PAIRS, tmp_path / "without", tokenizers).train.alignments is None


def test_a_split_without_pairs_has_alignments_without_links(tmp_path, tokenizers):
    options = {"alignments": links_of, "valid_share": 0, "test_share": 0}
    corpus = run(PAIRS, tmp_path / "c", tokenizers, **options)
    assert len(corpus.valid.alignments) == 0
    in_memory = TokenisedCorpus.from_pairs(
        PAIRS, *tokenizers, alignments=[links_of(source) for source, _ in PAIRS]
    )
    for i in range(len(PAIRS)):
        np.testing.assert_array_equal(
            corpus.train.alignments[i], in_memory.alignments[i]
        )


def test_lines_without_a_pair_have_a_line_of_links_all_the_same(tmp_path, tokenizers):
    path, alignments = tmp_path / "c.tsv", tmp_path / "c.align"
    path.write_text("no tab\na b\tb a\na\ta\nb\tb\nc\tc\nno tab\n")
    alignments.write_text("9-9\n0-1 1-0\n0-1\n0:0\n\n9-9\n")
    report = SkipReport()
    options = {"valid_share": 0, "test_share": 0, "report": report}
    corpus = run(
        PairFiles(path), tmp_path / "p", tokenizers, alignments=alignments, **options
    )
    assert report.lines == {
        "no tab": [1, 6],
        ALIGNMENT_OUTSIDE: [3],
        BAD_ALIGNMENT: [4],
    }
    assert report.num_good == 2
    found = [corpus.train.alignments[i].tolist() for i in range(2)]
    assert found == [[[0, 1], [1, 0]], []]


@pytest.mark.parametrize(
    ("num_lines", "message"),
    [
        (3, "ends after line 3, the corpus goes on with line 4"),
        (4, "has 4 lines, the corpus 5"),
        (6, "has 6 lines, the corpus 5"),
    ],
)
def test_as_many_lines_of_links_as_of_the_corpus(
    tmp_path, tokenizers, num_lines, message
):
    path, alignments = tmp_path / "c.tsv", tmp_path / "c.align"
    path.write_text("a\ta\n" * 4 + "no tab\n")
    alignments.write_text("0-0\n" * num_lines)
    with pytest.raises(ValueError, match=message):
        run(PairFiles(path), tmp_path / "p", tokenizers, alignments=alignments)
    assert not (tmp_path / "p").exists()


def test_other_alignments_are_prepared_anew(tmp_path, tokenizers):
    pairs = PairFiles(write_tsv(tmp_path / "c.tsv.gz"))
    alignments = write_alignments(tmp_path / "c.align")
    folder = tmp_path / "prepared"
    run(pairs, folder, tokenizers, alignments=alignments)
    written = (folder / "meta.json").stat().st_mtime_ns
    run(pairs, folder, tokenizers, alignments=str(alignments))
    assert (folder / "meta.json").stat().st_mtime_ns == written
    others = [None, links_of, AlignmentFile(alignments, swap=True)]
    alignments.write_text("0-0\n" * 600)
    for other in [*others, alignments]:
        with pytest.raises(ValueError, match=r"alignments.*overwrite=True"):
            run(pairs, folder, tokenizers, alignments=other)
