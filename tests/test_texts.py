"""What nobody would see is blank; words are one list for all, or one for each."""

import unicodedata

import pytest

from keras_attention.texts import is_blank, language_names, word_lists


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\t\r\n",
        "\u00a0\u3000",
        "\x00\x01\x7f",
        "\u200b\u200d\ufeff",
        "\u2060\ufe0f",
    ],
)
def test_spaces_controls_and_zero_width_characters_are_blank(text):
    assert is_blank(text)


@pytest.mark.parametrize(
    "text", [".", " a ", "\u200b1", "狐", "\u0301", "\ufffd", "\ud800"]
)
def test_what_can_be_seen_is_not(text):
    assert not is_blank(text)


def test_it_is_what_unicode_says_of_spaces_and_controls():
    for number in range(0x3100):
        if unicodedata.category(chr(number)) in ("Zs", "Zl", "Zp", "Cc"):
            assert is_blank(chr(number)), hex(number)
        if unicodedata.category(chr(number))[0] in "NPS" or chr(number).isupper():
            assert not is_blank(chr(number)), hex(number)


def test_languages_are_one_for_all_or_one_for_each():
    assert language_names("source_language", None, 2) == ["", ""]
    assert language_names("source_language", "de", 2) == ["de", "de"]
    assert language_names("source_language", ("de", ""), 2) == ["de", ""]
    for given, message in ((["de"], "received 1 for 2"), (5, "received a int: 5")):
        with pytest.raises(ValueError, match=f"source_language must be .*{message}"):
            language_names("source_language", given, 2)


def test_an_empty_word_in_a_list_for_all_is_named_by_the_list():
    with pytest.raises(ValueError, match="^avoid must be words; received ' ', which"):
        word_lists("avoid", ["Datei", " "], 3)
    with pytest.raises(ValueError, match=r"^avoid\[1\] must be words; received ''"):
        word_lists("avoid", [["Datei"], [""]], 2)
