"""Captions are cut into words as the COCO toolkit cuts them."""

import shutil

import pytest

from keras_attention.evaluation.caption_words import tokenize_caption

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
    "": "",
}


@pytest.mark.parametrize("text", RECORDED)
def test_words_are_those_that_were_recorded(text):
    assert tokenize_caption(text) == RECORDED[text].split()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="the tokenizer is Java")
def test_recorded_words_are_the_toolkits(capfd):
    pytest.importorskip("pycocoevalcap")
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    texts = dict(enumerate(RECORDED))
    found = PTBTokenizer().tokenize({i: [{"caption": x}] for i, x in texts.items()})
    assert {texts[i]: words for i, (words,) in found.items()} == RECORDED
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
