"""Where a few must do for all, a hash chooses them, and pairs stay pairs."""

from types import SimpleNamespace

import numpy as np

from keras_attention.data.splits import sample
from keras_attention.evaluation.captioning import caption_split, evaluate_captions
from keras_attention.training import final_scores
from keras_attention.training.translation import TranslationTraining
from tests.training.support import quiet, tiny_recipe

# Sorted, as corpora are: the first lines are nothing but formulas.
SOURCES = [f"{i} + {i}" for i in range(30)] + [f"word {i}" for i in range(70)]
REFERENCES = [f"<{source}>" for source in SOURCES]
CHOSEN = [SOURCES[i] for i in sample(SOURCES, 8)]


class Split(list):
    def texts(self):
        return list(self), [f"<{source}>" for source in self]


CORPUS = SimpleNamespace(valid=Split(SOURCES), test=Split(SOURCES))


class Echo:
    """Says each source again."""

    target_language = "de"
    model = SimpleNamespace(attends=True, image_size=8)
    language = "en"

    def translate(self, sources, **options):
        return [SimpleNamespace(text=source) for source in sources]

    def caption_inputs(self, inputs, names, batch_size, **options):
        assert len(inputs["images"]) == len(names) <= batch_size
        return [
            SimpleNamespace(text=str(image), name=name)
            for image, name in zip(inputs["images"], names, strict=True)
        ]


def test_validation_takes_sentences_from_the_whole_split():
    console = quiet()
    scores = TranslationTraining(tiny_recipe(), console).validation(Echo(), CORPUS)
    assert scores.sources == CHOSEN
    assert any(source.startswith("word") for source in CHOSEN)
    assert scores.references == [f"<{source}>" for source in CHOSEN]
    assert "8 of 100 sentences, chosen by hash" in console.file.getvalue()


def test_final_scores_keep_sentences_and_their_alignments_together(monkeypatch):
    seen = {}

    def measured(translator, sources, references, gold):
        seen.update(sources=sources, references=references, gold=gold)
        return SimpleNamespace(as_dict=dict)

    monkeypatch.setattr(final_scores, "measure_attention", measured)
    gold = [{source} for source in SOURCES]
    metrics = final_scores.final_scores(Echo(), CORPUS, 8, gold=gold)
    assert seen["sources"] == CHOSEN
    assert seen["gold"] == [{source} for source in CHOSEN]
    assert seen["references"] == [f"<{source}>" for source in CHOSEN]
    assert (metrics["sentences"], metrics["sentences_in_split"]) == (8, 100)
    lines = TranslationTraining.score_lines(
        {**metrics, "attention": {"error_rate": 0, "entropy": 0}}
    )
    assert "test: 8 of 100 sentences, chosen by hash" in lines


def captioned_split():
    """A hundred images of one pixel, captioned with its value."""
    values = np.arange(100)
    return SimpleNamespace(
        num_images=100,
        names=[f"{i}.png" for i in values],
        references=[[str(i)] for i in values],
        truths=[None] * 100,
        inputs=lambda rows: {"images": values[rows]},
    )


def test_images_are_chosen_alike_and_keep_their_captions():
    split = captioned_split()
    places = sample(split.names, 20)
    captions = caption_split(Echo(), split, places, batch_size=8)
    assert [caption.name for caption in captions] == [f"{i}.png" for i in places]
    scores = evaluate_captions(Echo(), split, 20)
    # Each says its own reference, so that none is paired with another's.
    assert scores["pictures"] == 20 and scores["bleu1"] > 99
    assert max(places) > 20
