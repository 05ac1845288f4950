"""`Trainer` learns to caption, from images or kept features, and resumes exactly."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from PIL import Image

from keras_attention.data.captions.formats import PreparedCaptions
from keras_attention.data.scenes import Scenes
from keras_attention.decoding.options import DecodingOptions
from keras_attention.tasks.captioner import Captioner
from keras_attention.training.recipe import Recipe, load_recipe
from keras_attention.training.recipe_keys import (
    CaptionDataConfig,
    ModelConfig,
    TokenizerConfig,
    TrainingConfig,
)
from keras_attention.training.trainer import Trainer
from tests.support import slow_on_jax
from tests.training.support import assert_equal_weights, quiet

TRAINING = {
    "max_steps": 6,
    "batch_tokens": 96,
    "max_shapes": 1,
    "validate_every": 3,
    "validation_sentences": 4,
    "test_sentences": 6,
    "warmup_steps": 2,
    "learning_rate": 5e-3,
}
SMALL = {"image_size": 32, "grid_size": 4, "region_dim": 8, "embedding_dim": 8}


def caption_recipe(model=(), data=(), **training):
    """A hundred scenes of five things, 32 pixels wide."""
    scenes = {"corpus": "scenes", "scenes_count": 100, "scenes_things": 5}
    options = {"units": 16, "dropout": 0.2, **SMALL, **dict(model)}
    return Recipe(
        name="tiny",
        task="captioning",
        data=CaptionDataConfig(**{**scenes, **dict(data)}),
        tokenizer=TokenizerConfig("word", vocabulary_size=40, byte_fallback=False),
        model=ModelConfig("recurrent", "tiny", options),
        training=TrainingConfig(**{**TRAINING, **training}),
        decoding=DecodingOptions(beam=1, max_length=12),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """`(captioner, folder, what was said)` of a run that was left alone."""
    folder = tmp_path_factory.mktemp("captions") / "run"
    console = quiet()
    recipe = caption_recipe(data={"shift": 0.1, "brightness": 0.2})
    captioner = Trainer(recipe, folder, console).run()
    return captioner, folder, console.file.getvalue()


def test_says_what_it_does(run):
    said = run[2]
    assert "training images with" in said and "batch shapes (rows×image×tar" in said
    lines = [line for line in said.splitlines() if line.startswith("step")]
    assert [line.split()[1] for line in lines] == ["3", "6"]
    assert all("val_cider" in line and "val_object_f1" in line for line in lines)


def test_scores_are_of_scenes(run):
    metrics = json.loads((run[1] / "bundle/metrics.json").read_text())
    assert metrics == run[0].metrics
    scores = metrics["model"]
    assert scores["pictures"] <= 6
    assert {"cider", "bleu4", "rouge_l", "object_f1", "relation_accuracy"} <= set(
        scores
    )
    assert 0 < scores["attention"]["chance"] < 1 or not scores["attention"]["words"]


def test_the_bundle_is_what_was_returned(run):
    captioner, folder, _ = run
    loaded = Captioner.load(folder / "bundle")
    assert_equal_weights(loaded, captioner)
    scene = Scenes(1, num_things=5, image_size=32)[0]
    one, other = (each.caption(scene.image)[0] for each in (loaded, captioner))
    assert one.text == other.text
    assert loaded.training["training_pictures"] == 100 - sum(
        Scenes(100, seed=1, num_things=5).split_of(i) != "train" for i in range(100)
    )
    assert loaded.training["recipe"]["task"] == "captioning"


@slow_on_jax
def test_a_run_stopped_and_resumed_ends_as_one_left_alone(run, tmp_path):
    """Augmentation, dropout and moving means included."""
    captioner, _, _ = run
    recipe = caption_recipe(data={"shift": 0.1, "brightness": 0.2})
    shorter = dataclasses.replace(
        recipe, training=dataclasses.replace(recipe.training, max_steps=3)
    )
    Trainer(shorter, tmp_path / "run", quiet()).run()
    resumed = Trainer(recipe, tmp_path / "run", quiet()).run(resume=True)
    assert_equal_weights(resumed, captioner)


@slow_on_jax
def test_an_encoder_that_is_not_trained_runs_once(tmp_path, monkeypatch):
    recipe = caption_recipe({"train_encoder": False}, encoder_weights="random")
    captioner = Trainer(recipe, tmp_path, quiet()).run()
    for split in ("train", "valid", "test"):
        assert (tmp_path / "data/features" / split / "features.bin").exists()
    # What was learned from features is as good on images.
    scene = Scenes(1, num_things=5, image_size=32)[0]
    features = captioner.model.image_encoder(scene.image[None])
    features = keras.ops.convert_to_numpy(features)
    (one,) = captioner.caption(scene.image)
    (other,) = captioner.caption_inputs({"features": features})
    assert one.text == other.text
    assert one.score == pytest.approx(other.score, rel=1e-3)


@slow_on_jax
@pytest.mark.parametrize(
    ("model", "data", "training"),
    [
        (
            {"attention": "none", "train_encoder": False},
            {},
            {"encoder_weights": "random"},
        ),
        ({"attention": "soft"}, {"shift": 0.1}, {"doubly_stochastic": 0.5}),
    ],
    ids=["pooled, of kept features", "soft, augmented"],
)
def test_images_of_ones_own(tmp_path, model, data, training):
    """A table of captions and a folder of files, of which one is no image, and half
    are panoramas, of which training knows where they are."""
    scenes = Scenes(60, num_things=5, image_size=48)
    lines = ["image,caption"]
    for number, scene in enumerate(scenes):
        image = Image.fromarray(scene.image[: 48 - 30 * (number % 2)])
        image.save(tmp_path / f"{scene.name}.png")
        lines += [f"{scene.name}.png,{caption}" for caption in scene.captions]
    (tmp_path / "bad.png").write_text("no image")
    lines.append("bad.png,a dog")
    (tmp_path / "captions.csv").write_text("\n".join(lines) + "\n")
    recipe = caption_recipe(
        model,
        {"corpus": str(tmp_path / "captions.csv"), "valid_share": 0.2, **data},
        max_steps=2,
        validate_every=2,
        **training,
    )
    console = quiet()
    captioner = Trainer(recipe, tmp_path / "run", console).run()
    assert "bad.png" in console.file.getvalue()
    assert "object_f1" not in captioner.metrics["model"]
    windows = PreparedCaptions.open(tmp_path / "run/data/corpus").train.windows
    assert {tuple(window) for window in windows.tolist()} == {
        (0, 0, 32, 32),
        (0, 10, 32, 22),
    }
    first = tmp_path / f"{scenes[1].name}.png"
    (caption,) = captioner.caption(first, n_best=2, beam=2, return_attention=True)
    assert len(caption.hypotheses) == 2 and caption.window == (0, 10, 32, 22)
    if captioner.model.attends:
        assert not caption.attention[:, [0, 3]].any()


def test_empty_splits_are_spoken_of(tmp_path):
    lines = ["image,caption,split"]
    for number in range(8):
        Image.new("RGB", (32, 32), (9 * number, 0, 0)).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,the cat,{'' if number else 'valid'}")
    table = tmp_path / "captions.csv"
    table.write_text("\n".join(lines))
    recipe = caption_recipe(data={"corpus": str(table), "test_share": 0.0})
    console = quiet()
    told = Trainer(recipe, tmp_path / "prepared", console).prepare()
    assert told.endswith("1 validation, 0 test")
    assert "warning: nothing is left to test on" in console.file.getvalue()

    table.write_text("\n".join(lines).replace(",valid", ","))
    recipe = caption_recipe(data={"corpus": str(table), "split_by": "caption"})
    with pytest.raises(ValueError, match="among the 8 .*share a caption are on one"):
        Trainer(recipe, tmp_path / "again", quiet()).prepare()


@slow_on_jax
def test_a_transformer_is_trained_alike(tmp_path):
    sizes = {"num_layers": 1, "model_dim": 16, "num_heads": 2, "feed_forward_dim": 16}
    recipe = dataclasses.replace(
        caption_recipe(max_steps=2, validate_every=2, doubly_stochastic=0.5),
        model=ModelConfig(
            "transformer", "tiny", {"image_size": 32, "grid_size": 4, **sizes}
        ),
    )
    captioner = Trainer(recipe, tmp_path, quiet()).run()
    assert np.isfinite(captioner.metrics["model"]["cider"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"corpus": "scene"},
            'data.corpus: there is no file or folder scene .*"scenes"',
        ),
        ({"images": __file__, "corpus": "."}, "test_captioning.py is a file; give its"),
        (
            {"images": "nowhere", "corpus": "."},
            "data.images: there is no file or folder",
        ),
        ({"language": "it"}, "unknown data.language .it.; known are: en, de"),
        ({"scenes_things": 2}, "scenes have from 4"),
        ({"split_by": "caption"}, "scenes have splits of their own"),
        ({"split_by": "captions"}, "split_by .*caption"),
    ],
)
def test_wrong_data_are_found_out_before_anything_is_written(
    tmp_path, monkeypatch, changes, message
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        Trainer(caption_recipe(data=changes), tmp_path / "run").run()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.fit=squash", "unknown data.fit 'squash'"),
        ("data.zoom=0.9", "data: .*zoom must be between"),
        ("data.toy_count=3", "unknown key 'toy_count' in \\[data\\]"),
        ("data.scenes_artist=dali", "known are: noto, fluent, both"),
        ("training.validation_metric=bleu", "known are: .*cider"),
        ("training.guided_alignment=1.0", "is of translation, whose words"),
        ("training.encoder_weights=best", "known are: pretrained, random"),
    ],
)
def test_wrong_recipes_say_what_would_be_right(override, message):
    with pytest.raises(ValueError, match=message):
        load_recipe("scenes-soft", [override])


def test_things_are_known_of_scenes_alone(tmp_path):
    with pytest.raises(ValueError, match='"object_f1" needs to know which things'):
        caption_recipe(data={"corpus": "captions.csv"}, validation_metric="object_f1")


def test_an_image_has_no_words_to_copy():
    with pytest.raises(ValueError, match="copy.* takes words of a source text"):
        load_recipe("scenes-soft", ["decoding.unknown=copy"])


def test_a_penalty_on_attention_needs_attention(tmp_path):
    recipe = caption_recipe({"attention": "none"}, doubly_stochastic=1.0)
    with pytest.raises(ValueError, match="doubly_stochastic spreads attention"):
        Trainer(recipe, tmp_path / "run").run()
