"""Fonts for all the characters of a figure, Chinese and Japanese ones too."""

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

_noted = set()


def font_families(text, candidates=CJK_FAMILIES):
    """The font families that together can draw a text.

    Args:
        text: str. All that is to be drawn.
        candidates: str each. The families to look for, besides Matplotlib's own.

    Returns:
        A list of family names for Matplotlib, which takes each character from the first
        family that has it. What no font has is drawn as a box, and logged once.
    """
    families = [font_manager.FontProperties().get_name()]
    missing = _missing(set(text), families[0])
    installed = set(font_manager.get_font_names()) if missing else set()
    for family in candidates:
        if not missing:
            break
        if family in installed:
            remaining = _missing(missing, family)
            if remaining != missing:
                families.append(family)
            missing = remaining
    if missing - _noted:
        _noted.update(missing)
        logger.warning(
            "no font here can draw %s, so that boxes stand for them; install one that "
            "can, for example fonts-noto-cjk on Debian and Ubuntu",
            " ".join(sorted(missing)[:10]),
        )
    return families


def _missing(characters, family):
    path = font_manager.findfont(font_manager.FontProperties(family=family))
    known = font_manager.get_font(path).get_charmap()
    return {
        character
        for character in characters
        if ord(character) not in known and character.isprintable()
    }
