"""Words of captions, cut as the COCO toolkit cuts them, without its Java."""

import re
import unicodedata

# Scripts without spaces, Chinese and Japanese: each character is a word.
IDEOGRAPHS = "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# What is written onto the letter before it, as Hindi vowels are, belongs to its word.
MARKS = "".join(
    character
    for character in map(chr, range(0x300, 0x2000))
    if unicodedata.category(character).startswith("M")
)
CHARACTER = rf"(?:[^\W{IDEOGRAPHS}]|[{MARKS}])"
LETTER = rf"(?:[^\W\d_{IDEOGRAPHS}]|[{MARKS}])"
# Words that keep their full stop, and those that keep it before a number.
SHORT = """
    jan feb mar apr jun jul aug sept? oct nov dec mon tues? wed thu(?:rs)? fri
    mr mrs ms dr drs profs? sens? reps? govs? gen col lt sgt cpl pvt capt adm rev maj
    pres hon brig messrs mme mlle msgr jr sr esq st ste mt ft ave blvd rd bldg sq
    dept univ ass[nt] assoc asst inc cos? corp ltd plc bros mfg intl natl etc vs al cf
    est ext tel ph calif colo conn fla ga kans? ky md mich minn mo mont neb nev okla
    penn tenn va vt wisc? wyo ala ariz ind
"""
NUMBERED = "nos? figs? pp op prop"
SPLIT = {
    "cannot": ["can", "not"],
    "gonna": ["gon", "na"],
    "gotta": ["got", "ta"],
    "wanna": ["wan", "na"],
    "gimme": ["gim", "me"],
    "lemme": ["lem", "me"],
    "'tis": ["'t", "is"],
    "'twas": ["'t", "was"],
}
# Brackets stay, by names that the toolkit does not know again in lower case.
NAMES = {
    "(": "-lrb-",
    ")": "-rrb-",
    "[": "-lsb-",
    "]": "-rsb-",
    "{": "-lcb-",
    "}": "-rcb-",
}
# Other ways to write the same, as the Penn Treebank has them.
SAME = str.maketrans(
    {"’": "'", "‘": "'", "`": "'", "½": " 1/2", "¼": " 1/4", "¾": " 3/4"}
    | {"€": "$", "£": "#", "¢": " cents"}
)


def _any_of(words):
    return "|".join(words.split())


TOKEN = re.compile(
    rf"""
    [a-z]+(?!\S)                                         # most words
  | [{IDEOGRAPHS}]
  | (?:https?://|www\.)[^\s"<>()]*[^\s"<>().,;:!?']      # addresses
  | (?:{_any_of(SHORT)})\.(?!{CHARACTER})                # st.
  | (?:{_any_of(NUMBERED)})\.(?=\s?\d)                   # no. 5
  | (?:{LETTER}\.)+(?!{LETTER})                          # p.m.
  | {LETTER}{CHARACTER}*(?:\.{LETTER}{CHARACTER}*)+      # t.v, dog.com
  | {CHARACTER}+?(?=n't(?!{CHARACTER}))                  # is|n't
  | n't(?!{CHARACTER})
  | '(?:s|m|d|re|ve|ll|em|cause|tis|twas|n'|\d\ds?)(?!{CHARACTER})
  | y'(?=all)
  | (?:[cdlno]|{LETTER}*qu)'{LETTER}{{2,}}               # o'clock, l'homme
  | ma'am
  | [#@]{LETTER}{CHARACTER}*
  | (?:\d+(?:[.,]\d+)+|{CHARACTER}+)(?:[-/]{CHARACTER}+)+  # t-shirt, 2-story, 1/2
  | [-+]?\d+(?:[.,:]\d+)+ | \.\d+ | [-+]\d+{CHARACTER}*  # 10:30, 1,000, -5
  | {CHARACTER}+
  | [!?]{{2,}}
  | [^\w\s"'.,:;!?\-]                                    # & % $ *
    """,
    re.VERBOSE,
)


def tokenize_caption(text: str) -> list[str]:
    """Words in lower case, without punctuation, as the COCO toolkit's Penn Treebank
    tokenizer leaves them; Chinese and Japanese by characters.

    Contractions are two words. Signs that the toolkit keeps ("&", "$", "!!" and
    brackets among them) are kept. What differs: punctuation that English has not, as
    in "¿qué?", is dropped, and markup, smileys and quotations within quotations may be
    cut otherwise.

    Example:

    >>> tokenize_caption("A man's hat isn't red, it's well-worn.")
    ['a', 'man', "'s", 'hat', 'is', "n't", 'red', 'it', "'s", 'well-worn']
    """
    text = unicodedata.normalize("NFC", text).lower().translate(SAME)
    words: list[str] = []
    for token in TOKEN.findall(text):
        if token in SPLIT:
            words += SPLIT[token]
        elif token.isascii() or not unicodedata.category(token[0]).startswith("P"):
            words.append(NAMES.get(token, token))
    return words
