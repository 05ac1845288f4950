"""Fonts for all the characters of a figure, in whatever script an installed one has."""

import logging

from matplotlib import font_manager

logger = logging.getLogger(__name__)

# Families that cover Chinese, Japanese or Korean, the most complete ones first.
CJK_FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
    "Arial Unicode MS",
    "Malgun Gothic",
)

# Matplotlib's own, which has a box with a letter in it for every script.
LAST_RESORT = "Last Resort"

_noted = set()


def font_families(text, candidates=None):
    """The font families that together can draw a text.

    Args:
        text: str. All that is to be drawn.
        candidates: str each. The families to look for, besides Matplotlib's own. By
            default those of `CJK_FAMILIES`, and then all that are installed, Noto Sans
            with its scripts before others.

    Returns:
        A list of family names for Matplotlib, which takes each character from the first
        family that has it. What no font has is drawn as a box, and logged once.
    """
    families = [font_manager.FontProperties().get_name()]
    missing = _missing(set(text), families[0])
    installed = set(font_manager.get_font_names()) if missing else set()
    preferred = CJK_FAMILIES if candidates is None else candidates
    missing = _add(families, missing, [each for each in preferred if each in installed])
    # Many fonts take time to open: what none has is looked for once.
    if candidates is None and missing - _noted:
        others = (each for each in installed if not each.startswith(LAST_RESORT))
        ordered = sorted(
            others, key=lambda each: (not each.startswith("Noto Sans"), each)
        )
        missing = _add(families, missing, ordered)
    if missing - _noted:
        _noted.update(missing)
        logger.warning(
            "no font here can draw %s, so that boxes stand for them; install one that "
            "can: on Debian and Ubuntu fonts-noto-cjk has Chinese, Japanese and "
            "Korean, fonts-noto-core other scripts",
            " ".join(sorted(missing)[:10]),
        )
    return families


def _add(families, missing, candidates):
    """Appends families that have what is missing; returns what is missing then."""
    for family in candidates:
        if not missing:
            break
        remaining = _missing(missing, family)
        if remaining != missing:
            families.append(family)
        missing = remaining
    return missing


def _missing(characters, family):
    path = font_manager.findfont(font_manager.FontProperties(family=family))
    known = font_manager.get_font(path).get_charmap()
    return {
        character
        for character in characters
        if ord(character) not in known and character.isprintable()
    }
