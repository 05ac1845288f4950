"""The shapes of words in captions, as the COCO toolkit's Penn Treebank tokenizer has
them: regular expressions, of which the longest match wins, and of equals the first."""

import unicodedata

# Scripts without spaces, Chinese and Japanese: each character is a word.
IDEOGRAPHS = "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# What is written onto the letter before it, as Hindi vowels are, belongs to its word.
MARKS = "".join(
    character
    for character in map(chr, range(0x300, 0x2000))
    if unicodedata.category(character).startswith("M")
)
# ², ⅕ and ① are signs; Ⅳ and all beyond the first 65,536 characters are dropped.
NO_LETTERS = (
    rf"{IDEOGRAPHS}\u00b2\u00b3\u00b9\u2070-\u209c\u2150-\u2188\u2460-\u249b\u24ea-\u24ff"
    r"\u2776-\u2793\U00010000-\U0001ffff\U000e0000-\U0010ffff"
)
LETTER = rf"(?:[^\W\d_{NO_LETTERS}]|[{MARKS}])"
CHARACTER = rf"(?:[^\W_{NO_LETTERS}]|[{MARKS}])"
WORD = rf"{CHARACTER}+(?:_{CHARACTER}+)*"  # snow_board
APOSTROPHE = "['’]"
HYPHEN = "[-\u2010\u2011]"
CLITICS = "[smd]|re|ve|ll"
END = r"(?!\S)"
NO_MORE = rf"(?!{CHARACTER})"
# Signs that stay; what English has not and other languages punctuate with does not.
SIGNS = (
    r"[$#%&*+/<=>@\\^_|~()\[\]{}"
    r"¢£¤¥¦§¨©¬®-±´¶-¹¼-¾×÷²³€"
    r"\u2016\u2017\u201a\u201e\u201f-\u2023\u2030-\u2038\u203b\u203e-\u2042\u2044"
    r"\u2070-\u208e\u20a0\u20a4\u2100-\u214f\u2153-\u215e\u2190-\u2bff]"
)


def _any_of(words):
    return "|".join(words.split())


# Words that keep their full stop; those that do so with a capital; before a number.
SHORT = _any_of("""
    (?:ed|ph)\\.d
    adj adm adv ala? alex apr ariz assn assoc asst attys? aug ave bhd bldg blvd brig
    bros calif capt cf cie cmdr cos? col colo comdr conn corp cpl ct dak dec dept det
    drs? elec ens esq est etc ext feb fla fri ft ga gen govs? hon inc ind insp intl invt
    jan jos jr jul jun kans? ky lieut lt ltd maj mar md messrs mfg mich minn mlle mme mo
    mon mont mr mrs ms msgr mt mtg natl neb nev nov oct okla penn pfc ph plc ppte ppty
    pres profs? ptes? ptys? pvt rd reps? rev rt sens? sept? seq sfc sgt spc sq sr ste?
    supts? sys tel tenn thu(?:rs)? treas tue tues univ va vs vt wed wisc? wm wyo
""")
STATES = _any_of("ark az del ill la mass miss ore pa tex wash")
STATES = "|".join(f"{word.capitalize()}|{word.upper()}" for word in STATES.split("|"))
NUMBERED = _any_of("art ca figs? nos? op pp prop")
# After one letter and a stop these begin a sentence, so that the stop is no part of it.
STARTERS = _any_of("""
    a about according additionally after an as at but earlier he her here however if in
    it last many more now once one other our she since so some such that the their then
    there these they this we what when while yet you mr\\. ms\\.
""")
STARTERS = "|".join(
    f"{word.capitalize()}|{word.upper()}" for word in STARTERS.split("|")
)
TWO = {  # words that are two
    "cannot": ["can", "not"],
    "gonna": ["gon", "na"],
    "gotta": ["got", "ta"],
    "wanna": ["wan", "na"],
    "gimme": ["gim", "me"],
    "lemme": ["lem", "me"],
}
ODD = _any_of("""
    ma'am e'er s'mores ev'ry li'l nat'l cap'n c'mon c'est ol' somethin' anti- pro-
    jack-o'lantern
""").replace("'", APOSTROPHE)
PART = "(?:[a-z]+-[a-z]+|[a-z0-9]+)"
ADDRESS_END = r"[^\s\"<>|.!?(){},\-]"
PATH = rf"(?:/[^\s\"<>|()]+{ADDRESS_END})?"
TAG_NAME = r"[a-z][a-z0-9_:.\-]*"
TAG = (
    rf"(?:</?{TAG_NAME}"
    rf"(?:\ +{TAG_NAME}(?:\s*=\s*(?:'[^']*'|\"[^\"]*\"))?)*\ *(?:/\ *)?>"
    r"|<[!?][a-z\-][^>\n]*>)"
)
QUOTE = "[‘’‛“”«»‹›`]"
EYES = r"[-^x=~<>']"

# Most words, with the comma or the full stop that is no part of them.
COMMON = rf"\ *(?:([a-z]+),?|(?!(?:{SHORT}|{STATES}|{NUMBERED})\.)([a-z]{{2,}})\.){END}"
RULES = [
    # Tags, addresses.
    TAG,
    r"<?[a-z0-9][^\s\"<>|(){}]*@(?:[^\s\"<>|(){}.]+\.)*[^\s\"<>|(){}.]+>?",
    rf"https?://[^\s\"<>|(){{}}]+{ADDRESS_END}",
    rf"www\.(?:[^\s\"<>|.!?(){{}},]+\.)+[a-z]{{2,4}}{PATH}",
    # No capitals and no digits: the toolkit has a range where it lists signs.
    rf"(?:(?-i:[^\s\"`'|!(){{}}$,-_])+\.)+(?:com|net|org|edu){NO_MORE}{PATH}",
    rf"@[a-z_][a-z0-9_]*|\#{LETTER}+",
    r"&(?:amp|lt|gt|nbsp|quot|[mn]dash|\#\d+);",
    # Words with signs inside.
    WORD,
    rf"(?:\d+(?:[.,]\d+)+|\d+/\d+|{WORD}|[dol]'{LETTER}{{2,}})"  # t-shirt
    rf"(?:{HYPHEN}(?:[dol]'{LETTER}{{2,}}|{WORD}))+",
    rf"[a-z0-9][a-z0-9.,]*(?:{HYPHEN}(?:[dol]'{LETTER}{{2,}}|[a-z0-9]+))+",  # a,t-shirt
    rf"{PART}(?:\\?/{PART}){{1,2}}",  # and/or, 1/2
    rf"{LETTER}{CHARACTER}*(?:[.!?]{LETTER}{CHARACTER}*)+"  # t.v, dog.com, wow!a
    rf"(?:{HYPHEN}{WORD})*",
    rf"(?:{LETTER}{CHARACTER}*\.)+(?:{HYPHEN}{WORD})+",  # u.s.-made
    rf"{LETTER}{{2,}}(?<=[aeiouy])['’‘`](?!(?:{CLITICS}){NO_MORE})"  # hawai'i
    rf"(?:[aeiou]|(?-i:[A-Z])){LETTER}*",
    rf"(?:[dlno]|(?-i:[A-HJ-XZ])|{LETTER}*qu)['’`]{LETTER}{{2,}}",  # o'clock
    rf"(?:{ODD}){NO_MORE}",
    r"(?-i:[A-Z]+&[A-Z]+)|(?-i:[A-Z]+\$)",  # AT&T, US$
    r"(?:c\+\+|[cf]\#)",
    # Contractions.
    rf"(?:{LETTER}*(?!n){LETTER})?n['’‘`]t{LETTER}*",
    rf"{APOSTROPHE}(?:{CLITICS}|em|cause|till?)(?!{LETTER})",
    rf"{APOSTROPHE}n(?:{APOSTROPHE}|{END})",
    rf"{APOSTROPHE}(?:[2-9]0s|\d\d{END})",
    r"'t(?=is|was)",
    rf"[dlj]{APOSTROPHE}|y{APOSTROPHE}(?={LETTER})",
    # Full stops that stay.
    rf"(?:{SHORT})\.|(?-i:{STATES})\.{NO_MORE}",
    rf"(?:{NUMBERED})\.(?=\s?\d)",
    rf"(?:{LETTER}\.){{2,}}(?!{LETTER})",  # p.m.
    rf"{LETTER}\.(?!{LETTER})(?!\s+(?:(?-i:{STARTERS})|{TAG}){END})",
    rf"{WORD}(?:{HYPHEN}{WORD})*\.(?=[,;:])",
    # Numbers.
    r"[-+]?\d*(?:[.,:]\d+)+|[-+]\d+",
    r"\d+\ \d+/\d+|\(\d{2,3}\)\ ?\d{3,4}[-\ ]?\d{3,5}",
    # Signs.
    rf"[<>]?[:;=][-o*']?(?-i:[()DdPpO{{@|\[\]\\]){NO_MORE}",
    rf"{EYES}_{EYES}|\({EYES}[_.]?{EYES}\)|\([\^x=~<>']-[\^x=~<>'`]\)",
    rf"[{IDEOGRAPHS}]",
    rf"{QUOTE}{{2}}",
    r"[!?]{2,}|-{2,}|'{2}|<<|>>|\#+|\*+|@+|_+|(?:\\\*)+",
    SIGNS,
]
