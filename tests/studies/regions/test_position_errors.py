"""Errors with the right words before, and with a model's own, are told apart."""

import numpy as np
import pytest

from keras_attention.data.scenes import read_caption
from keras_attention.special_tokens import END_ID, PAD_ID
from keras_attention.studies.regions.caption_files import kept_captions, write_captions
from keras_attention.studies.regions.name_errors import (
    NamesSaid,
    WrongNames,
    errors_by_name,
    say_names,
    wrong_names,
)
from keras_attention.studies.regions.position_errors import (
    WordsSaid,
    closest_reference,
    errors_by_position,
    say_words,
)
from tests.captioners import make_captioner, pixels

REFERENCES = [
    ["a red dog left of a tree.", "the small house above a car."],
    ["one green apple below a boat."],
    ["a red house left of a car.", "one green dog above a boat."],
]


@pytest.fixture(scope="module")
def captioner():
    return make_captioner()


@pytest.fixture(scope="module")
def images():
    return np.stack([pixels(32, 32, seed) for seed in range(3)])


def test_guesses_are_those_of_teacher_forcing(captioner, images):
    said = say_words(captioner, {"images": images}, REFERENCES, batch_size=2)
    assert len(said) == 3
    for each, image, texts in zip(said, images, REFERENCES, strict=True):
        greedy = captioner.caption_inputs({"images": image[None]}, beam=1, n_best=1)
        subwords = captioner.tokenizer.ids_to_tokens(
            [i for i in each.free if i != PAD_ID]
        )
        assert subwords == greedy[0].tokens[: len(each.reference)]
        assert captioner.tokenizer.decode([each.reference[:-1]])[0] in texts
        assert each.reference[-1] == END_ID
        # What was forced comes from nothing but the words before.
        before = [2, *each.reference[:-1]]
        for t in (0, 3):
            inputs = {"images": image[None], "target_ids": np.array([before[: t + 1]])}
            logits = np.asarray(captioner.model(inputs))
            assert each.forced[t] == logits[0, t].argmax()
        assert each.forced[0] == each.free[0]


def test_the_closest_reference_agrees_at_most_positions():
    references = [[6, 5, 3], [5, 7, 8, 3], [5, 6, 8, 9, 3]]
    assert closest_reference([5, 7, 3], references) == references[1]
    assert closest_reference([9, 9, 9], references) == references[0]


def test_errors_are_counted_at_each_position():
    words = [WordsSaid([4, 5, 3], [4, 6, 3], [4, 6, 0])] * 30
    words += [WordsSaid([4, 3], [9, 3], [9, 3])] * 10
    forced, free = errors_by_position(words)
    assert [each.score for each in forced] == pytest.approx([25, 75, 0])
    assert [each.score for each in free] == pytest.approx([25, 75, 100])
    assert [each.count for each in free] == [40, 40, 30]
    assert all(each.low <= each.score <= each.high for each in forced + free)
    # Positions that few captions have are left out.
    assert (
        len(errors_by_position([*words, WordsSaid([4] * 9, [4] * 9, [4] * 9)])[0]) == 3
    )


class Parrot:
    """Goes on with a fixed text for each image, whatever stands before."""

    language = "en"

    def __init__(self, texts):
        self.texts = texts
        self.tokenizer = self

    def encode(self, texts):
        return texts

    def decode(self, texts):
        return texts

    def caption_inputs(self, inputs, prefixes=None, **_):
        class Said:
            pass

        found = []
        for row, number in enumerate(inputs["images"][:, 0]):
            found.append(Said())
            prefix = f"{prefixes[row]} " if prefixes else ""
            found[-1].text = prefix + self.texts[number]
        return found


def test_names_follow_the_reference_or_themselves():
    references = ["a dog and a rose left of a strawberry", "a rose"]
    truths = [
        {
            "objects": [
                {"name": name} for _, _, name in read_caption(text, "en").mentions
            ]
        }
        for text in references
    ]
    parrot = Parrot(["a dog and a dog", "a dog"])
    inputs = {"images": np.arange(2)[:, None]}
    first, second = say_names(parrot, inputs, references, truths, batch_size=1)
    assert first.free == ["dog", "dog", None]
    assert first.free_right == [True, False, False]
    # After "a dog and" a dog was said before; after "… left of" too.
    assert first.forced == ["dog", "dog", "dog"]
    assert first.forced_right == [True, False, False]
    assert second == NamesSaid(["dog"], ["dog"], [False], [False])

    wrong = wrong_names([first, second], truths)
    assert wrong["free"] == WrongNames(4, omitted=1, repeated=1, absent=1)
    assert wrong["forced"] == WrongNames(4, omitted=0, repeated=2, absent=1)

    forced, free = errors_by_name([first, second])
    assert [each.score for each in forced] == [50, 100, 100]
    assert [each.count for each in free] == [2, 1, 1]
    assert errors_by_name([]) == ([], [])


def test_a_real_captioner_names_things_too(captioner, images):
    references = [texts[0].rstrip(".") for texts in REFERENCES]
    truths = [{"objects": [{"name": "dog"}]}] * 3
    said = say_names(captioner, {"images": images}, references, truths, batch_size=2)
    for each, text in zip(said, references, strict=True):
        number = len(read_caption(text, "en").mentions)
        assert {len(values) for values in each} == {number}


def test_captions_survive_being_kept(captioner, images, tmp_path):
    made = captioner.caption_inputs({"images": images}, return_attention=True)
    path = tmp_path / "captions.jsonl"
    kept = kept_captions(path, lambda: made)
    again = kept_captions(path, None)
    for one, other, third in zip(made, kept, again, strict=True):
        assert one.text == other.text == third.text
        assert one.tokens == other.tokens and one.spans == other.spans
        np.testing.assert_allclose(other.attention, one.attention, atol=1e-3)
        np.testing.assert_array_equal(third.attention, other.attention)
    blind = captioner.caption_inputs({"images": images})
    write_captions(tmp_path / "blind.jsonl", blind)
    (first, *_) = kept_captions(tmp_path / "blind.jsonl", None)
    assert first.attention is None
