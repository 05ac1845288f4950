"""Texts in which nobody would see anything."""

import re

# Spaces, control characters, and what Unicode calls default-ignorable: joiners, marks
# of direction, variation selectors. A pattern for Python and for RE2.
BLANK = (
    "[\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
)


def is_blank(text):
    """Whether a text holds nothing to read, str."""
    return re.fullmatch(BLANK, text) is not None
