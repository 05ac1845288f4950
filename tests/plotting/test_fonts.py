"""Fonts are added for what they bring, and what nobody has is said once."""

from keras_attention.plotting import fonts


def test_families_are_added_only_for_what_they_bring():
    # Both ship with Matplotlib; U+1D81 is in the second one only.
    assert fonts.font_families("é", candidates=["STIXGeneral"]) == ["DejaVu Sans"]
    families = fonts.font_families("d\u1d81", candidates=["Nowhere", "STIXGeneral"])
    assert families == ["DejaVu Sans", "STIXGeneral"]


def test_all_that_is_installed_is_looked_through_in_the_end(monkeypatch):
    monkeypatch.setattr(fonts, "_noted", set())
    default, other = fonts.font_families("d\u1d81")
    assert default == "DejaVu Sans"
    assert not fonts._missing({"\u1d81"}, other)


def test_boxes_are_no_font(caplog, monkeypatch):
    monkeypatch.setattr(fonts, "_noted", set())
    rare = "\U00016e40"  # Medefaidrin, of Nigeria
    monkeypatch.setattr(
        fonts.font_manager,
        "get_font_names",
        lambda: ["DejaVu Sans", "Last Resort High-Efficiency"],
    )
    assert fonts.font_families(rare) == ["DejaVu Sans"]
    assert "fonts-noto-core other scripts" in caplog.text


def test_a_missing_character_is_noted_once(caplog, monkeypatch):
    monkeypatch.setattr(fonts, "_noted", set())
    assert fonts.font_families("我读", candidates=()) == ["DejaVu Sans"]
    assert fonts.font_families("我", candidates=()) == ["DejaVu Sans"]
    assert [record.getMessage()[:26] for record in caplog.records] == [
        "no font here can draw 我 读,"
    ]
