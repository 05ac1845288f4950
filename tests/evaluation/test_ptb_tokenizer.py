"""Captions are cut into words as the COCO toolkit cuts them."""

import shutil
from itertools import chain, islice

import pytest

from keras_attention.evaluation.ptb_tokenizer import (
    tokenize_caption,
    tokenize_captions,
    tokenize_references,
)

# What the toolkit's tokenizer, Stanford's of 2014 written in Java, makes of captions.
RECORDED = {
    "A man's hat isn't red.": "a man 's hat is n't red",
    "Two dogs, running -- fast!": "two dogs running fast",
    "they’re here, he can’t": "they 're here he ca n't",
    "DON'T stop; you'd've": "do n't stop you 'd 've",
    "the dogs' bowls are full": "the dogs bowls are full",
    "a sign reads 'stop'": "a sign reads stop",
    'a sign that says "no parking"': "a sign that says no parking",
    "rock 'n' roll at 5 o'clock": "rock 'n' roll at 5 o'clock",
    "a jack-o-lantern and a t-shirt": "a jack-o-lantern and a t-shirt",
    "a 2-story building, 3d printed": "a 2-story building 3d printed",
    "the 1st and 2nd bases, a 12-inch pizza": "the 1st and 2nd bases a 12-inch pizza",
    "two 1950's cars by a '70s diner": "two 1950 's cars by a '70s diner",
    "10:30am on a clock, 10,000.50 birds": "10:30 am on a clock 10,000.50 birds",
    "a 1/2 eaten sandwich and/or fruit": "a 1/2 eaten sandwich and/or fruit",
    "½ cup, -5 degrees": "1/2 cup -5 degrees",
    "50% of a $5.00 pizza, £5": "50 % of a $ 5.00 pizza # 5",
    "a u.s. flag at 5 p.m. in Ann st.": "a u.s. flag at 5 p.m. in ann st.",
    "bus no. 7. He said no.": "bus no. 7 he said no",
    "a dog, a cat & a bird w/ a hat": "a dog a cat & a bird w / a hat",
    "two dogs (one brown) [sic]": "two dogs -lrb- one brown -rrb- -lsb- sic -rsb-",
    "what?! a dog!!!": "what ?! a dog !!!",
    "jersey #1 of #team @home": "jersey # 1 of #team @home",
    "I cannot, gonna, 'tis": "i can not gon na 't is",
    "see www.dogs.com. There": "see www.dogs.com there",
    "a dog.A cat, sky.com": "a dog.a cat sky.com",
    "hello...world – a—b": "hello world a b",
    "Ein Löwe über Bäumen": "ein löwe über bäumen",
    "L'homme à gauche d'un chat": "l'homme à gauche d'un chat",
    "a bottle of vitamin c.": "a bottle of vitamin c",
    "A bottle of vitamin c.": "a bottle of vitamin c.",
    "plan b. Mr. Bean": "plan b mr. bean",
    "the letters a. b. <b>": "the letters a. b <b>",
    "a big x. the end": "a big x. the end",
    "mail foo@bar.com, or a@b": "mail foo@bar.com, or a@b",
    "a <b>bold</b> dog <unk>": "a <b> bold </b> dog <unk>",
    "<!-- hidden --> 1 < 2 <3 <a href=x>": "<!-- hidden --> 1 < 2 < 3 < a href = x >",
    "a dog 🐶 👍🏽 ❤️ ★": "a dog ❤ ★",
    ":) ;-) :D :pig =( >_< (^_^)": ":-rrb- ;--rrb- :d pig =-lrb- >_< -lrb-^_^-rrb-",
    "&quot;cats&quot; &amp; dogs &lt;3 don&apos;t &copy;": (
        "cats & dogs < 3 do n't & copy"
    ),
    "AT&T, R&B and r&b, at C$5": "at&t r&b and r & b at c$ 5",
    "US$5, 5¢, ¥5, ₹5, €5": "us$ 5 5 cents ¥ 5 5 $ 5",
    "St. Mt. Ph.D. Miss. miss. 5 lbs. etc.": "st. mt. ph.d. miss. miss 5 lbs etc.",
    "no. 5, no. five, fig. 3, approx. 3": "no. 5 no five fig. 3 approx 3",
    "(555) 123-4567, 555-1234, 8 1/2-inch": (
        "-lrb-555-rrb- 123-4567 555-1234 8 1/2 inch"
    ),
    "-5, :30, ,5 --5 5., a": "-5 :30 ,5 5 5. a",
    "red,t-shirt e.g.dog wow!a yes?no U.S.-made": (
        "red,t-shirt e.g.dog wow!a yes?no u.s.-made"
    ),
    "dogs.com/pug. www.a.com/b, http://a http://ab-": (
        "dogs.com/pug www.a.com / b http / / a http://ab"
    ),
    "#a1 ##b c++ c# @a_1 _a_ ** @@": "#a 1 ## b c++ c# @a_1 _ a _ ** @@",
    "hawai'i ne'er ol' y'know 'til rock'n'roll 'n": (
        "hawai'i ne'er ol' y' know 'til rock 'n' roll 'n"
    ),
    "don'ts ain'tcha cannot's 'twasn't we're WE'RE": (
        "do n'ts ai n'tcha cannot 's 't was n't we 're we 're"
    ),
    "5'10\" in the '70s, '95 '95.": "5 10 in the '70s '95 95",
    "“‘nested’” ‘single’ „low“ «french»": "``` nested ''' single „ low french",
    "’tis o’clock they’ll d’angelo don‘t": "tis o’clock they 'll d’angelo do n`t",
    "x² ⅓ 5° a·b §1 • item": "x ² 1/3 5 ° a · b § 1 • item",
    "zero\u200bwidth soft\xadhyphen t‑shirt": "zero width softhyphen t‑shirt",
    "a\\/b \\* -- --- … .. <<": "a\\/b \\* <<",
    "snow_board anti- pro-war": "snow_board anti- pro-war",
    "I.": "i.",
    "": "",
}


@pytest.mark.parametrize("number", range(len(RECORDED)))
def test_words_are_those_that_were_recorded(number):
    text, *following = list(RECORDED)[number : number + 2]
    assert tokenize_caption(text, *following) == RECORDED[text].split()


def test_captions_and_references_are_cut_as_from_one_file():
    """What comes after a caption decides whether a last stop is its letter's."""
    words = [each.split() for each in RECORDED.values()]
    assert tokenize_captions(RECORDED) == words
    texts = iter(RECORDED)
    pairs = [list(islice(texts, 2)) for _ in range(len(RECORDED) // 2)]
    assert list(chain(*tokenize_references(pairs))) == words[: 2 * len(pairs)]
    assert tokenize_caption("vitamin c.") == ["vitamin", "c."]
    assert tokenize_references([["vitamin c.", "A dog"], ["so do I."], ["I am"]]) == [
        [["vitamin", "c"], ["a", "dog"]],
        [["so", "do", "i."]],
        [["i", "am"]],
    ]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="the tokenizer is Java")
def test_recorded_words_are_the_toolkits(capfd):
    pytest.importorskip("pycocoevalcap")
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    texts = dict(enumerate(RECORDED))
    found = PTBTokenizer().tokenize({i: [{"caption": x}] for i, x in texts.items()})
    # Scores are computed of `split()`, to which what has a no-break space is two words.
    words = {texts[i]: " ".join(words.split()) for i, (words,) in found.items()}
    assert words == RECORDED
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("两只狗，在3棵树的左边。", "两 只 狗 在 3 棵 树 的 左 边"),
        ("テスト", "テ ス ト"),
        ("¿Qué hay? «Un niño»", "qué hay un niño"),
        ("कुत्ता दौड़ रहा है।", "कुत्ता दौड़ रहा है"),
        ("강아지가 뛴다.", "강아지가 뛴다"),
        ("cafe\u0301", "café"),
    ],
)
def test_words_of_other_scripts(text, words):
    assert tokenize_caption(text) == words.split()
