"""Fonts are added for what they bring, and what nobody has is said once."""

from keras_attention.plotting import fonts


def test_families_are_added_only_for_what_they_bring():
    # Both ship with Matplotlib; U+1D81 is in the second one only.
    assert fonts.font_families("é", candidates=["STIXGeneral"]) == ["DejaVu Sans"]
    families = fonts.font_families("d\u1d81", candidates=["Nowhere", "STIXGeneral"])
    assert families == ["DejaVu Sans", "STIXGeneral"]


def test_a_missing_character_is_noted_once(caplog, monkeypatch):
    monkeypatch.setattr(fonts, "_noted", set())
    assert fonts.font_families("我读", candidates=()) == ["DejaVu Sans"]
    assert fonts.font_families("我", candidates=()) == ["DejaVu Sans"]
    assert [record.getMessage()[:26] for record in caplog.records] == [
        "no font here can draw 我 读,"
    ]
