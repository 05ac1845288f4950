"""Subwords are drawn with the probabilities of the papers, alike in every process."""

import io
import math
import pickle
from collections import Counter
from random import Random

import pytest
import sentencepiece

from keras_attention.data.subwords import DrawnSubwords
from keras_attention.data.tokenizer import Tokenizer
from tests.data.test_tokenizer import ODD_TEXTS, SENTENCES


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def tokenizer(request):
    return Tokenizer.train(
        SENTENCES, 440, model_type=request.param, user_defined_symbols=["<2de>"]
    )


def drawn(tokenizer, texts, rng=0, **options):
    draw = DrawnSubwords(tokenizer, **options)
    return draw(tokenizer.encode(texts), Random(rng))


def test_a_high_power_draws_the_best_segmentation_and_no_dropout_merges_all(tokenizer):
    options = {"alpha": 50.0, "dropout": 1e-12}
    assert drawn(tokenizer, SENTENCES, **options) == tokenizer.encode(SENTENCES)


def test_texts_stay_the_same_and_symbols_whole(tokenizer):
    texts = [f"<2de> {text}" for text in SENTENCES + ODD_TEXTS if text.strip()]
    best = tokenizer.encode(texts)
    ids = drawn(tokenizer, texts, alpha=0.1, dropout=0.3)
    assert tokenizer.decode(ids) == tokenizer.decode(best)
    assert all("<2de>" in tokenizer.ids_to_tokens(row) for row in ids)
    assert sum(map(len, ids)) > 1.05 * sum(map(len, best))


def test_an_empty_sentence_stays_so(tokenizer):
    ids = drawn(tokenizer, ["", "a", ""], alpha=0.1, dropout=0.3)
    assert ids[0] == ids[2] == [] and ids[1]


def segmentations(text, scores):
    """All of a text, each with the sum of its scores."""
    if not text:
        return {(): 0.0}
    return {
        (text[:end], *rest): scores[text[:end]] + score
        for end in range(1, len(text) + 1)
        if text[:end] in scores
        for rest, score in segmentations(text[end:], scores).items()
    }


def test_unigram_segmentations_come_by_their_probability():
    """P(x)^alpha / sum P^alpha, over all of a word's segmentations."""
    tokenizer = Tokenizer.train(SENTENCES, 420)
    processor = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.model)
    size = processor.get_piece_size()
    scores = {processor.id_to_piece(i): processor.get_score(i) for i in range(4, size)}
    alpha, counts = 0.2, Counter()
    for seed in range(8):
        rows = drawn(tokenizer, ["springt"] * 600, seed, alpha=alpha, seed=seed)
        counts.update(tuple(tokenizer.ids_to_tokens(row)) for row in rows)
    expected = segmentations("▁springt", scores)
    weights = {key: math.exp(alpha * score) for key, score in expected.items()}
    total, num = sum(weights.values()), counts.total()
    assert set(counts) <= set(weights)
    # Four standard errors.
    for key, weight in weights.items():
        share = weight / total
        error = 4 * math.sqrt(share / num) + 1e-3
        assert abs(counts[key] / num - share) < error, key


def test_each_merge_is_left_out_as_often_as_asked():
    """Of a word of one merge: once in so many times it stays in two."""
    tokenizer = Tokenizer.train(["ab"] * 9, 9, "bpe", byte_fallback=False)
    counts = Counter()
    for seed in range(8):
        rows = drawn(tokenizer, ["ab"] * 300, seed, dropout=0.25, seed=seed)
        counts.update(" ".join(tokenizer.ids_to_tokens(row)) for row in rows)
    whole = counts["▁ab"] / counts.total()
    # "▁" and "a" or "a" and "b" first, then the rest, each unless left out.
    assert whole == pytest.approx(probability_of_whole(tokenizer, 0.25), abs=0.04)


def probability_of_whole(tokenizer, dropout):
    known = {
        tokenizer.ids_to_tokens([i])[0] for i in range(4, tokenizer.vocabulary_size)
    }
    firsts = [pair for pair in ("▁a", "ab") if pair in known]
    return (1 - dropout ** len(firsts)) * (1 - dropout)


def test_draws_are_those_of_the_seed_in_every_process(tokenizer):
    draw = DrawnSubwords(tokenizer, 0.1, 0.3, seed=7)
    copy = pickle.loads(pickle.dumps(draw))
    best = tokenizer.encode(SENTENCES)
    one = draw(best, Random(1))
    assert copy(best, Random(1)) == one
    assert draw(best, Random(2)) != one
    # Recorded: nothing of a process comes in.
    simple = Tokenizer.train(["banana"] * 9, 12, "bpe", byte_fallback=False)
    (ids,) = drawn(simple, ["banana " * 4], dropout=0.5)
    assert (
        " ".join(simple.ids_to_tokens(ids))
        == "▁ b a n a n a ▁ b a n a n a ▁b an an a ▁ b an an a"
    )


def test_pieces_that_go_over_spaces_are_drawn_too():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["in the house", "in the garden"] * 9),
        model_writer=model,
        vocab_size=40,
        split_by_whitespace=False,
        model_type="bpe",
        hard_vocab_limit=False,
        minloglevel=3,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
    )
    tokenizer = Tokenizer(model.getvalue())
    assert any(
        "▁" in piece[1:]
        for piece in tokenizer.ids_to_tokens(range(tokenizer.vocabulary_size))
    )
    ids = drawn(tokenizer, ["in the house"] * 50, dropout=0.3)
    assert tokenizer.decode(ids) == ["in the house"] * 50
    assert len(set(map(tuple, ids))) > 5


def test_characters_and_words_are_not_drawn():
    tokenizer = Tokenizer.train(SENTENCES, 300, model_type="char")
    best = tokenizer.encode(SENTENCES)
    assert drawn(tokenizer, SENTENCES, alpha=0.1, dropout=0.5) == best
