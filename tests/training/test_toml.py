"""Tables become dataclasses or an error that names the fix; TOML comes back equal."""

import dataclasses
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention.training.toml import checked_table, from_table, to_toml, unknown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclasses.dataclass(frozen=True)
class Oven:
    """Something with one field of each kind."""

    heat: float = 1.5
    minutes: int = 10
    name: str = "oven"
    light: bool = False


def test_tables_become_dataclasses():
    table = {"heat": 2.5, "minutes": 3, "name": "aga", "light": True}
    assert from_table(Oven, table, "oven") == Oven(2.5, 3, "aga", True)
    assert from_table(Oven, {}, "oven") == Oven()


def test_numbers_may_be_written_either_way():
    oven = from_table(Oven, {"heat": 2, "minutes": 3.0}, "oven")
    assert (oven.heat, type(oven.heat)) == (2.0, float)
    assert (oven.minutes, type(oven.minutes)) == (3, int)


def test_words_that_toml_reads_as_bool_stay_words():
    assert from_table(Oven, {"name": True}, "oven").name == "true"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"minuts": 3}, r"key 'minuts' in \[oven\]; did you mean 'minutes'\? known"),
        ({"xyz": 3}, r"key 'xyz' in \[oven\]; known are: heat, minutes, name, light"),
        ({"minutes": "3"}, r"oven.minutes must be of type int; received '3' \(str\)"),
        ({"minutes": 3.5}, r"oven.minutes must be of type int; received 3.5"),
        ({"minutes": True}, r"oven.minutes must be of type int; received True"),
        ({"heat": "hot"}, r"oven.heat must be of type float; received 'hot'"),
        ({"light": 1}, r"oven.light must be of type bool; received 1 \(int\)"),
        ({"name": ["a"]}, r"oven.name must be of type str; received \['a'\]"),
        ("hot", r"\[oven\] must be a table of keys and values; received 'hot'"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(table, message):
    with pytest.raises(ValueError, match=message):
        from_table(Oven, table, "oven")


def test_a_table_is_handed_on():
    assert checked_table({"a": 1}, "oven") == {"a": 1}


def test_unknown_takes_what_is_no_string():
    assert unknown("number 5", 5, ["4", "6"]) == "unknown number 5; known are: 4, 6"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.one_of(
    TEXTS,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.lists(TEXTS, max_size=3),
)
KEYS = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)


@given(
    st.dictionaries(KEYS, VALUES, max_size=3),
    st.dictionaries(
        KEYS.map("table_".__add__), st.dictionaries(KEYS, VALUES), max_size=3
    ),
)
def test_toml_reads_back_whatever_was_written(values, tables):
    assert tomllib.loads(to_toml({**values, **tables})) == {**values, **tables}


@pytest.mark.parametrize(
    "text",
    ['a "b" c', "back\\slash", "tab\tnew\nline\r", "\x00\x1f\x7f\x85\u2028é"],
)
def test_toml_escapes_what_it_must(text):
    assert tomllib.loads(to_toml({"text": text})) == {"text": text}
