"""Every format gives the same pairs; every broken line is named by its number."""

import csv
import gzip
import io
import json
import sys
import types

import pytest

from keras_attention.data.report import (
    BAD_JSON,
    BAD_QUOTES,
    BAD_UTF8,
    BARE_CR,
    EMPTY_SIDE,
    EXTRA_COLUMNS,
    HEADER,
    MISSING_COLUMN,
    MISSING_KEY,
    NO_TAB,
    NUL_BYTES,
    OTHER_COLUMNS,
    TOO_LONG,
    SkipReport,
)
from keras_attention.data.text.lines import MAX_LINE_BYTES
from keras_attention.data.text.pair_files import PairFiles
from keras_attention.data.text.readers import read_pairs

PAIRS = [("Hello.", "Grüß Gott."), ("two", "zwei\u2028Zeilen"), ("狐狸", "Fuchs")]


def tsv(pairs=PAIRS, end="\n"):
    return "".join(f"{s}\t{t}{end}" for s, t in pairs).encode()


def write(path, content, zipped=False):
    path.write_bytes(gzip.compress(content) if zipped else content)
    return path


def texts(pairs):
    return [(pair.source, pair.target) for pair in pairs]


def pretend_stdin(monkeypatch, content):
    buffer = io.BufferedReader(io.BytesIO(content))
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=buffer))


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", ["corpus.tsv", "corpus.tsv.gz", "corpus.txt"])
def test_tsv_zipped_or_not_whatever_its_name(tmp_path, name, zipped):
    path = write(tmp_path / name, tsv(), zipped)
    assert texts(read_pairs(path)) == PAIRS


@pytest.mark.parametrize("zipped", [False, True])
def test_paired_files(tmp_path, zipped):
    sides = [
        write(tmp_path / name, "\n".join(side).encode(), zipped)
        for name, side in zip(("c.en", "c.de"), zip(*PAIRS, strict=True), strict=True)
    ]
    assert texts(read_pairs(sides[0], target_path=sides[1])) == PAIRS


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("keys", [("source", "target"), ("translation.en", "de")])
def test_json_lines(tmp_path, keys, zipped):
    lines = []
    for pair in PAIRS:
        record = {}
        for key, text in zip(keys, pair, strict=True):
            outer, _, inner = key.partition(".")
            record[outer] = {inner: text} if inner else text
        lines.append(json.dumps(record))
    path = write(tmp_path / "c.jsonl.gz", "\n".join(lines).encode(), zipped)
    pairs = read_pairs(path, source_key=keys[0], target_key=keys[1])
    # A line break inside a JSON string becomes a space.
    assert texts(pairs) == [(s, t.replace("\u2028", " ")) for s, t in PAIRS]


@pytest.mark.parametrize("zipped", [False, True])
def test_standard_input(monkeypatch, zipped):
    pretend_stdin(monkeypatch, gzip.compress(tsv()) if zipped else tsv())
    assert texts(read_pairs("-")) == PAIRS


def test_standard_input_can_be_read_twice_through_pair_files(monkeypatch):
    pretend_stdin(monkeypatch, tsv())
    pairs = PairFiles("-")
    assert texts(pairs()) == texts(pairs()) == PAIRS
    assert pairs.fingerprint() == pairs.fingerprint()


@pytest.mark.parametrize("name", ["c.tsv", "c.jsonl", "c.en"])
def test_swapping_exchanges_the_sides_of_every_format(tmp_path, name):
    lines = [json.dumps(dict(zip("st", pair, strict=True))) for pair in PAIRS[:1]]
    content = {"c.jsonl": "\n".join(lines), "c.en": PAIRS[0][0]}
    path = write(tmp_path / name, content.get(name, "\t".join(PAIRS[0])).encode())
    target = write(tmp_path / "c.de", PAIRS[0][1].encode()) if name == "c.en" else None
    options = {"target_path": target, "source_key": "s", "target_key": "t"}
    assert texts(read_pairs(path, swap=True, **options)) == [PAIRS[0][::-1]]
    fingerprints = {PairFiles(path, swap=s, **options).fingerprint() for s in (0, 1)}
    assert len(fingerprints) == 2


def test_byte_order_mark_and_windows_line_ends_leave_no_trace(tmp_path):
    path = write(tmp_path / "c.tsv", b"\xef\xbb\xbf" + tsv(end="\r\n"))
    assert texts(read_pairs(path)) == PAIRS


def test_broken_lines_are_counted_named_and_skipped(tmp_path):
    lines = [
        "good\tgut",  # 1
        "no tab here",
        b"caf\xe9\tbad",
        "\tempty source",
        "empty target\t  ",
        "long\t" + "x" * 31,  # 6
        "three\tcolumns\tCC-BY",
        "",
        b"\xff\xfe\tbad again",
        "last\tletzter",  # 10
    ]
    content = b"\n".join(x if isinstance(x, bytes) else x.encode() for x in lines)
    report = SkipReport()
    path = write(tmp_path / "c.tsv", content)
    pairs = list(read_pairs(path, report=report, max_characters=30))
    assert pairs == [
        (1, "good", "gut"),
        (7, "three", "columns"),
        (10, "last", "letzter"),
    ]
    assert report.lines == {
        NO_TAB: [2, 8],
        BAD_UTF8: [3, 9],
        EMPTY_SIDE: [4, 5],
        TOO_LONG: [6],
        EXTRA_COLUMNS: [7],
    }
    assert report.num_good == 3 and report.num_skipped == 7
    assert "no tab: 2 (lines 2, 8)" in report.summary()
    assert SkipReport.from_dict(report.to_dict()).summary() == report.summary()


def test_broken_json_is_named(tmp_path):
    lines = [
        '{"source": "a", "target": "b"}',
        '{"source": "a"',
        '{"source": "a"}',
        '["a", "b"]',
        '{"source": 1, "target": "b"}',
        '{"source": "\\ud800", "target": "b"}',
        "[" * 100_000,
    ]
    report = SkipReport()
    path = write(tmp_path / "c.jsonl", "\n".join(lines).encode())
    assert len(list(read_pairs(path, report=report))) == 1
    assert report.lines == {BAD_JSON: [2, 7], MISSING_KEY: [3, 4, 5], BAD_UTF8: [6]}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("header", [("Source", "TARGET"), ("id", "target", "source")])
def test_csv_whose_first_line_names_the_columns(tmp_path, header, separator, zipped):
    pairs = [("one, two; three", 'a "word"'), ("two\nlines", "zwei"), ("x", "y")]
    rows = io.StringIO()
    writer = csv.writer(rows, delimiter=separator)
    writer.writerow(header)
    for source, target in pairs:
        row = {"id": "7", "source": source, "target": target}
        writer.writerow([row[name.lower()] for name in header])
    path = write(tmp_path / "c.csv.gz", rows.getvalue().encode(), zipped)
    report = SkipReport()
    found = list(read_pairs(path, report=report))
    assert found == [(2, *pairs[0]), (3, "two lines", "zwei"), (5, "x", "y")]
    assert report.lines == {HEADER: [1]} and report.num_lines == 5


def test_csv_without_names_has_source_and_target_in_this_order(tmp_path):
    lines = ['"Hello, you.",Hallo.', "Yes, yes,Ja", '"never closed,x', "one", "a,b"]
    report = SkipReport()
    path = write(tmp_path / "c.csv", "\n".join(lines).encode())
    assert list(read_pairs(path, report=report)) == [
        (1, "Hello, you.", "Hallo."),
        (5, "a", "b"),
    ]
    assert report.lines == {OTHER_COLUMNS: [2, 4], BAD_QUOTES: [3]}
    # In a comma's stead, what all lines have.
    path = write(tmp_path / "c.csv", b"Yes, yes;Ja\nNo;Nein\nOh, no;O nein")
    assert texts(read_pairs(path)) == [
        ("Yes, yes", "Ja"),
        ("No", "Nein"),
        ("Oh, no", "O nein"),
    ]
    report = SkipReport()
    path = write(tmp_path / "c.csv", b"a,b,CC-BY\nc,d,CC-BY\n")
    assert texts(read_pairs(path, report=report)) == [("a", "b"), ("c", "d")]
    assert report.lines == {EXTRA_COLUMNS: [1, 2]}


def test_csv_lacks_no_column_unsaid(tmp_path):
    path = write(tmp_path / "c.csv", b"en,de\na,b\n")
    keys = {"source_key": "en", "target_key": "fr"}
    with pytest.raises(ValueError, match="columns named 'en' and 'fr' .*'en', 'de'"):
        list(read_pairs(path, **keys))
    one = write(tmp_path / "one.csv", b"a\nb\n")
    with pytest.raises(ValueError, match="missing column: 2"):
        list(read_pairs(one))
    with pytest.raises(ValueError, match="not one good pair"):
        list(read_pairs(write(tmp_path / "none.csv", b"\n \n")))


def test_a_header_of_tsv_is_no_pair(tmp_path):
    content = b"id\ttarget\tsource\n1\tzwei\ttwo\n2\tzu kurz\n"
    report = SkipReport()
    path = write(tmp_path / "c.tsv", content)
    assert list(read_pairs(path, report=report)) == [(2, "two", "zwei")]
    assert report.lines == {HEADER: [1], MISSING_COLUMN: [3]}


def test_what_has_no_tab_may_be_something_else(tmp_path):
    path = write(tmp_path / "c.txt", b"one,eins\ntwo,zwei\n")
    with pytest.raises(ValueError, match=r"name the file \.csv; .*give both"):
        list(read_pairs(path))


@pytest.mark.parametrize("bad, reason", [(b"\0", NUL_BYTES), (b"\r", BARE_CR)])
@pytest.mark.parametrize("name", ["c.tsv", "c.csv", "c.jsonl", "c.en"])
def test_control_characters_that_are_no_text_cost_their_line(
    tmp_path, name, bad, reason
):
    bad_lines = {
        "c.tsv": [b"a\tb", b"a" + bad + b"\tb"],
        "c.csv": [b"a,b", b"a,b" + bad + b"c"],
        "c.jsonl": [
            b'{"source":"a","target":"b"}',
            bad + b'{"source":"a","target":"b"}',
        ],
        "c.en": [b"a", b"a" + bad + b"c"],
    }[name]
    path = write(tmp_path / name, b"\r\n".join(bad_lines))
    target = write(tmp_path / "c.de", b"b\nb") if name == "c.en" else None
    report = SkipReport()
    assert list(read_pairs(path, target_path=target, report=report)) == [(1, "a", "b")]
    assert report.lines == {reason: [2]}


def test_json_can_spell_nul(tmp_path):
    content = b'{"source":"a","target":"b"}\n{"source":"a\\u0000","target":"b"}'
    report = SkipReport()
    assert (
        len(list(read_pairs(write(tmp_path / "c.jsonl", content), report=report))) == 1
    )
    assert report.lines == {NUL_BYTES: [2]}


def test_a_file_whose_lines_end_with_carriage_returns_is_named(tmp_path):
    path = write(tmp_path / "c.tsv", b"a\tb\rc\td\r")
    with pytest.raises(ValueError, match="carriage return within a line .*1 .line 1."):
        list(read_pairs(path))
    path = write(tmp_path / "c.tsv", b"a\tb\r" * (MAX_LINE_BYTES // 4 + 1))
    with pytest.raises(ValueError, match="end with a line feed.*convert them with tr"):
        list(read_pairs(path))


def test_a_bad_byte_in_one_of_two_files_keeps_the_others_aligned(tmp_path):
    source = write(tmp_path / "c.en", b"one\ntw\xffo\nthree\n")
    target = write(tmp_path / "c.de", b"eins\nzwei\ndrei")
    pairs = list(read_pairs(source, target_path=target))
    assert pairs == [(1, "one", "eins"), (3, "three", "drei")]


def test_an_endless_line_is_skipped_without_being_held(tmp_path):
    content = b"x" * (2 * MAX_LINE_BYTES + 5) + b"\tx\n" + tsv()
    report = SkipReport()
    path = write(tmp_path / "c.tsv", content)
    assert texts(read_pairs(path, report=report)) == PAIRS
    assert report.lines == {TOO_LONG: [1]}


def test_paired_files_of_different_lengths_are_an_error(tmp_path):
    source = write(tmp_path / "c.en", b"1\n2\n3\n4\n5\n")
    target = write(tmp_path / "c.de", b"1\n2\n3")
    for paths, counts in (
        ((source, target), "5 in .*3 in"),
        (
            (target, source),
            "3 in .*5 in",
        ),
    ):
        with pytest.raises(ValueError, match=counts):
            list(read_pairs(paths[0], target_path=paths[1]))


@pytest.mark.parametrize("content", [b"", b"no tab\nnone here\n", b"\xe9\t\xe9"])
def test_no_good_pair_is_an_error(tmp_path, content):
    path = write(tmp_path / "c.tsv", content)
    with pytest.raises(ValueError, match="not one good pair"):
        list(read_pairs(path))


def test_errors_say_what_to_do(tmp_path):
    utf16 = write(tmp_path / "c.tsv", "a\tb\n".encode("utf-16"))
    with pytest.raises(ValueError, match="iconv"):
        list(read_pairs(utf16))
    cut = write(tmp_path / "c.tsv.gz", gzip.compress(tsv(PAIRS * 500))[:-9])
    with pytest.raises(ValueError, match="damaged after line"):
        list(read_pairs(cut))
    with pytest.raises(ValueError, match="format must be one of"):
        list(read_pairs(utf16, format="table"))
    with pytest.raises(ValueError, match="takes two files"):
        list(read_pairs(utf16, format="paired"))
    with pytest.raises(FileNotFoundError):
        list(read_pairs(tmp_path / "missing.tsv"))


def test_the_fingerprint_follows_content_and_options(tmp_path):
    first = PairFiles(write(tmp_path / "a.tsv", tsv()))
    same = PairFiles(write(tmp_path / "b.tsv", tsv()))
    other = PairFiles(write(tmp_path / "c.tsv", tsv(PAIRS[:2])))
    shorter = PairFiles(tmp_path / "a.tsv", max_characters=9)
    assert first.fingerprint() == same.fingerprint()
    assert len({p.fingerprint() for p in (first, other, shorter)}) == 3
