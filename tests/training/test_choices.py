"""Every word that a recipe may hold is one that its implementation takes."""

import json

import keras
import pytest

from keras_attention import choices as words
from keras_attention.choices import DECAYS, SAMPLING_SCHEDULES
from keras_attention.data.captions.formats import FORMATS, read_captions
from keras_attention.data.images.fit import FITS
from keras_attention.data.images.placement import placement
from keras_attention.data.scenes import Scenes
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.layers.scheduled_sampling import ScheduledSampling
from keras_attention.models.families import FAMILIES
from keras_attention.training.captioning import CaptioningTraining
from keras_attention.training.recipe import (
    METRICS,
    CaptionDataConfig,
    Recipe,
    choices,
)
from keras_attention.training.schedules import WarmupSchedule
from keras_attention.training.trainer import Trainer
from tests.training.support import quiet, tiny_recipe

COCO = {
    "images": [{"id": 1, "file_name": "a.png"}],
    "annotations": [{"image_id": 1, "caption": "a cat"}],
}
KARPATHY = {
    "images": [{"filename": "a.png", "split": "train", "sentences": [{"raw": "a cat"}]}]
}
TABLE = "image,caption\na.png,a cat\n"
# The same caption in every format that is known.
FILES = {
    "auto": TABLE,
    "coco": json.dumps(COCO),
    "karpathy": json.dumps(KARPATHY),
    "flickr": "a.png#0\ta cat\n",
    "csv": TABLE,
    "table": TABLE.replace(",", "\t"),
    "jsonl": json.dumps({"image": "a.png", "caption": "a cat"}) + "\n",
}


def compiled_model(folder, **training):
    """A model as the trainer compiles it for such a recipe."""
    trainer = Trainer(tiny_recipe(**training), folder, quiet())
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    trainer._compile(model)
    return model


def check_family(word, folder):
    for task, families in FAMILIES.items():
        model_class, presets = families[word]
        assert model_class.__name__ == words.FAMILIES[task][word]
        assert "tiny" in presets


def check_tokenizer(word, folder):
    sentences = ["a cat sat on a mat", "two dogs ran"] * 20
    tokenizer = Tokenizer.train(sentences, 24, word, byte_fallback=False)
    assert len(tokenizer.encode(["a cat"])[0]) >= 2


def check_optimizer(word, folder):
    optimizer = compiled_model(folder, optimizer=word).optimizer
    assert word in [kind.__name__.lower() for kind in type(optimizer).__mro__]


def check_schedule(word, folder):
    schedule = WarmupSchedule(1.0, 2, word, total_steps=10)
    assert (float(schedule(9)) < 1.0) == (word != "constant")


def check_precision(word, folder):
    assert keras.DTypePolicy(word).variable_dtype == "float32"


def check_sampling(word, folder):
    if word != "none":
        share = ScheduledSampling(word, half_steps=100).teacher_share(100)
        assert float(share) == pytest.approx(0.5, abs=0.01)


def check_metric(word, folder):
    assert word == "" or any(word in names for names in METRICS.values())


def check_compilation(word, folder):
    assert compiled_model(folder, jit_compile=word).optimizer is not None


def check_encoder_weights(word, folder):
    assert tiny_recipe(encoder_weights=word).training.encoder_weights == word


def check_fit(word, folder):
    assert placement(20, 10, 5, word).size == 5


def check_format(word, folder):
    path = folder / "captions.txt"
    path.write_text(FILES[word])
    (found,) = read_captions(path, captions_format=word)
    assert (found.name, found.captions) == ("a.png", ["a cat"])


def check_split_by(word, folder):
    (folder / "captions.csv").write_text(TABLE)
    data = CaptionDataConfig(corpus=str(folder / "captions.csv"), split_by=word)
    recipe = Recipe(task="captioning", data=data)
    (found,) = CaptioningTraining(recipe, quiet()).examples(32)()
    assert (found.split is None) == (word == "image")


def check_language(word, folder):
    assert Scenes(1, language=word)[0].captions


def check_artist(word, folder):
    assert Scenes(1, artist=word)[0].image.shape[-1] == 3


CHECKS = {
    "model.family": check_family,
    "tokenizer.type": check_tokenizer,
    "training.optimizer": check_optimizer,
    "training.schedule": check_schedule,
    "training.precision": check_precision,
    "training.scheduled_sampling": check_sampling,
    "training.validation_metric": check_metric,
    "training.jit_compile": check_compilation,
    "training.encoder_weights": check_encoder_weights,
    "data.fit": check_fit,
    "data.format": check_format,
    "data.split_by": check_split_by,
    "data.scenes_artist": check_artist,
    "data.language": check_language,
}
WORDS = {
    (where, word): None
    for task in ("translation", "captioning")
    for where, known in choices(task, of_scenes=task == "captioning").items()
    for word in known
}


@pytest.mark.parametrize(("where", "word"), WORDS, ids=lambda value: value or "default")
def test_a_word_that_a_recipe_may_hold_is_taken(tmp_path, where, word):
    CHECKS[where](word, tmp_path)


@pytest.mark.parametrize(
    ("make", "known"),
    [
        (lambda: next(read_captions("x", captions_format="tab")), FORMATS),
        (lambda: placement(2, 1, 1, "squash"), FITS),
        (
            lambda: WarmupSchedule(1.0, decay="steps"),
            DECAYS,
        ),
        (
            lambda: ScheduledSampling("sine"),
            SAMPLING_SCHEDULES,
        ),
    ],
)
def test_another_word_is_refused_with_all_that_are_known(make, known):
    with pytest.raises(ValueError, match=", ".join(known)):
        make()
