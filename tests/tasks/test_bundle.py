"""A bundle comes back bit for bit, on either backend, and is whole or not there."""

import json
import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_attention.tasks import load
from keras_attention.tasks.bundle import bundle_task
from keras_attention.tasks.captioner import Captioner
from keras_attention.tasks.translator import Translator
from tests.captioners import encoded_images
from tests.tasks.support import edit
from tests.translators import TEXTS, make_translator


@pytest.fixture
def copy(bundle, tmp_path):
    return shutil.copytree(bundle, tmp_path / "copy")


def weights(translator):
    return [np.asarray(weight) for weight in translator.model.weights]


def test_everything_comes_back(bundle, translator):
    loaded = Translator.load(bundle)
    for one, other in zip(weights(loaded), weights(translator), strict=True):
        np.testing.assert_array_equal(one, other)
    assert loaded.model.get_config() == translator.model.get_config()
    for name in (
        "source_tokenizer target_tokenizer options max_source_length source_language "
        "target_language training metrics"
    ).split():
        assert getattr(loaded, name) == getattr(translator, name), name
    assert loaded.source_tokenizer is loaded.target_tokenizer


def test_translates_as_before(bundle, translator):
    before = translator.translate([TEXTS[0]], return_attention=True)[0]
    after = Translator.load(bundle).translate([TEXTS[0]], return_attention=True)[0]
    assert (after.text, after.score) == (before.text, before.score)
    np.testing.assert_array_equal(after.attention, before.attention)


def test_the_state_of_training_stays_out(tmp_path):
    """Adam's moments would make a bundle three times as large."""
    translator = make_translator()
    translator.save(tmp_path / "before")
    translator.model.compile(optimizer := keras.optimizers.Adam())
    optimizer.build(translator.model.trainable_variables)
    translator.save(tmp_path / "trained")
    before, trained = (
        (tmp_path / name / "model.weights.h5").stat().st_size
        for name in ("before", "trained")
    )
    assert trained == before
    assert translator.model.optimizer is optimizer


def test_a_captioner_comes_back(captioner_bundle, captioner):
    loaded = Captioner.load(captioner_bundle)
    for one, other in zip(weights(loaded), weights(captioner), strict=True):
        np.testing.assert_array_equal(one, other)
    assert loaded.model.get_config() == captioner.model.get_config()
    for name in "tokenizer options fit language training metrics".split():
        assert getattr(loaded, name) == getattr(captioner, name), name
    (before,) = captioner.caption(encoded_images()[:1], return_attention=True)
    (after,) = loaded.caption(encoded_images()[:1], return_attention=True)
    assert (after.text, after.score) == (before.text, before.score)
    np.testing.assert_array_equal(after.attention, before.attention)


def test_a_bundle_says_what_it_is_for(bundle, captioner_bundle):
    assert bundle_task(bundle) == "translation"
    assert bundle_task(captioner_bundle) == "captioning"
    assert isinstance(load(bundle), Translator)
    assert isinstance(load(captioner_bundle), Captioner)


def test_a_bundle_for_another_task_says_what_to_load_it_with(bundle, captioner_bundle):
    with pytest.raises(ValueError, match="is a bundle for captioning, .*tasks.load"):
        Translator.load(captioner_bundle)
    with pytest.raises(ValueError, match="is a bundle for translation, .*tasks.load"):
        Captioner.load(bundle)


def test_a_task_that_is_not_known_is_named(copy):
    edit(copy, task="singing")
    with pytest.raises(ValueError, match="'singing'; this version knows translation, "):
        load(copy)


def test_tokenizers_of_their_own(tmp_path):
    translator = make_translator(shared=False)
    translator.save(tmp_path / "two")
    assert (tmp_path / "two" / "target.model").exists()
    loaded = Translator.load(tmp_path / "two")
    assert loaded.source_tokenizer == translator.source_tokenizer
    assert loaded.target_tokenizer == translator.target_tokenizer
    assert loaded.source_tokenizer != loaded.target_tokenizer

    (tmp_path / "two" / "target.model").unlink()
    with pytest.raises(ValueError, match="two is not a bundle: it lacks target.model"):
        Translator.load(tmp_path / "two")


def test_may_be_loaded_in_lower_precision(bundle):
    loaded = Translator.load(bundle, dtype="bfloat16")
    assert loaded.model.dtype_policy.name == "bfloat16"
    assert {str(w.dtype) for w in loaded.model.weights} == {"bfloat16"}


def test_is_readable_by_people(bundle):
    config = json.loads((bundle / "config.json").read_text())
    assert config["model"]["class_name"] == "keras_attention>Transformer"
    assert config["decoding"]["beam"] == 3
    assert config["keras_version"] == keras.version()
    assert (config["format"], config["task"]) == (2, "translation")
    assert config["tokenizers"] == ["source.model"]
    assert (bundle / "source.model").stat().st_mode & 0o044 == 0o044  # by servers too


def test_the_model_card_says_what_is_known(bundle, translator):
    card = (bundle / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# tiny: en → de\n")
    parameters = f"{translator.model.count_params():,}"
    assert f"A Transformer with {parameters} parameters, made with keras-att" in card
    assert "Translator.load(" in card
    for row in (
        "| model.bleu | 0.125 |",
        "| num_layers | 1 |",
        "| beam | 3 |",
        "| corpus | none |",
    ):
        assert row in card
    assert "## Limits" in card


def test_the_card_of_a_captioner(captioner_bundle):
    config = json.loads((captioner_bundle / "config.json").read_text())
    assert (config["task"], config["tokenizers"]) == ("captioning", ["target.model"])
    assert (config["fit"], config["language"]) == ("pad", "en")
    card = (captioner_bundle / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# tiny: images → en\n")
    assert "Captioner.load(" in card
    for row in ("| encoder | small-cnn |", "| model.cider | 0.125 |"):
        assert row in card


def test_the_model_card_admits_what_is_not_known(tmp_path, translator):
    bare = Translator(translator.model, translator.source_tokenizer)
    bare.save(tmp_path / "bare")
    card = (tmp_path / "bare" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# translator: source → target\n")
    assert "| not measured |  |" in card
    assert "## Training" not in card


@pytest.mark.parametrize("between", [0, 1])
def test_the_model_card_knows_what_an_imported_model_learnt_from(
    tmp_path, translator, between
):
    """However often it was tuned since."""
    start = {"bundle": "b", "imported": {"path": "hf://of/others"}}
    for _ in range(between):
        start = {"bundle": "c", "start": start}
    tuned = Translator(
        translator.model, translator.source_tokenizer, training={"start": start}
    )
    tuned.save(tmp_path / "tuned")
    card = (tmp_path / "tuned" / "README.md").read_text(encoding="utf-8")
    assert "on nothing else" not in card
    words = "Trained elsewhere, on data that its makers name, and then on the data nam"
    assert words in card
    assert "imported.path | hf://of/others |" in card


def test_a_list_of_tables_has_a_row_for_each_key(tmp_path, translator):
    training = {"corpora": [{"corpus": "a.tsv", "weight": 2.0}], "tags": ["<2de>"]}
    bare = Translator(translator.model, translator.source_tokenizer, training=training)
    bare.save(tmp_path / "bare")
    card = (tmp_path / "bare" / "README.md").read_text(encoding="utf-8")
    assert "| corpora.0.corpus | a.tsv |\n| corpora.0.weight | 2 |" in card
    assert "| tags | ['<2de>'] |" in card


def test_nothing_is_overwritten_unasked(copy, translator):
    (copy / "config.json").write_text("mine")
    with pytest.raises(FileExistsError, match="exists already and is left as it is"):
        translator.save(copy)
    assert (copy / "config.json").read_text() == "mine"
    translator.save(copy, overwrite=True)
    assert Translator.load(copy).training == translator.training


def test_what_is_no_bundle_is_never_overwritten(tmp_path, translator):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is not a bundle, and is not overwritt"):
        translator.save(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_failure_while_writing_leaves_what_was_there(copy, translator):
    broken = Translator(
        translator.model, translator.source_tokenizer, metrics={"bleu": object()}
    )
    with pytest.raises(TypeError, match="not JSON serializable"):
        broken.save(copy, overwrite=True)
    with pytest.raises(TypeError, match="not JSON serializable"):
        broken.save(copy.parent / "new")
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]
    assert Translator.load(copy).training == translator.training


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: shutil.rmtree(p), "there is no bundle at .*copy: a bundle is a fo"),
        (
            lambda p: (p / "source.model").unlink(),
            "not a bundle: it lacks source.model",
        ),
        (
            lambda p: (p / "config.json").write_text("{"),
            "config.json is damaged: Expec",
        ),
        (lambda p: (p / "config.json").write_bytes(b"\xff"), "config.json is damaged"),
        (lambda p: (p / "config.json").write_text("[]"), "damaged: expected an object"),
        (lambda p: edit(p, format=99), "is a bundle of format 99; .* reads format 2"),
        (
            lambda p: edit(p, tokenizers=["source.model", "target.model"]),
            "not a bundle: it lacks target.model",
        ),
        (
            lambda p: edit(p, source_language=None),
            "config.json: it is damaged: it lacks source_language",
        ),
        (lambda p: edit(p, decoding=None), "damaged: it lacks decoding"),
        (
            lambda p: edit(p, decoding={"beams": 2}),
            r"config.json: \[decoding\]: unknown decoding option 'beams'; did you mean",
        ),
        (
            lambda p: edit(p, decoding={"beam": "4"}),
            r"config.json: \[decoding\]: beam must be a whole number; received '4'",
        ),
        (
            lambda p: edit(p, decoding={"length_penalty": float("nan")}),
            r"config.json: \[decoding\]: length_penalty must be a finite number",
        ),
        (lambda p: edit(p, decoding=[4]), "config.json: decoding must be dict"),
        (
            lambda p: edit(p, model={}),
            "config.json: it is damaged: it lacks model.class_name",
        ),
        (
            lambda p: edit(p, model={"class_name": "x>Y", "config": {}}),
            "holds a x>Y, which this version .* does not know as a model; update it",
        ),
        (
            lambda p: edit(p, model={"class_name": "x>Y"}),
            "config.json: it is damaged: it lacks model.config",
        ),
        (lambda p: (p / "metrics.json").write_text(""), "metrics.json is damaged"),
        (
            lambda p: (p / "model.weights.h5").write_bytes(b"half"),
            "model.weights.h5 is damaged, or of another model",
        ),
        (
            lambda p: (p / "source.model").write_bytes(b"half"),
            "source.model: expected the bytes of a SentencePiece model",
        ),
    ],
)
def test_damage_is_named(copy, damage, message):
    edit(copy, sha256=None)  # as of an early version, without checksums
    damage(copy)
    with pytest.raises(ValueError, match=message):
        Translator.load(copy)


@pytest.mark.parametrize("name", ["model.weights.h5", "source.model"])
@pytest.mark.parametrize("place", [0.1, 0.5, 0.99])
def test_files_are_read_only_as_they_were_written(copy, name, place):
    path = copy / name
    content = bytearray(path.read_bytes())
    at = int(place * len(content))
    content[at : at + 4000] = bytes(255 - byte for byte in content[at : at + 4000])
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} is damaged: config.json gives it"):
        Translator.load(copy)
    path.write_bytes(content[:at])
    with pytest.raises(ValueError, match=f"{name} is damaged: config.json gives it"):
        load(copy)


def test_what_people_may_edit_has_no_checksum(copy):
    (copy / "README.md").write_text("mine")
    metrics = json.loads((copy / "metrics.json").read_text())
    (copy / "metrics.json").write_text(json.dumps({**metrics, "by hand": 1}))
    config = json.loads((copy / "config.json").read_text())
    edit(copy, decoding={**config["decoding"], "beam": 5}, target_language="fr")
    loaded = Translator.load(copy)
    assert (loaded.options.beam, loaded.target_language) == (5, "fr")
    assert loaded.metrics["by hand"] == 1


def test_a_file_that_was_changed_on_purpose_is_read_without_its_checksum(copy, bundle):
    keras.utils.set_random_seed(1)
    changed = Translator.load(bundle)
    changed.model.weights[0].assign(changed.model.weights[0] + 1)
    changed.model.save_weights(copy / "model.weights.h5")
    with pytest.raises(ValueError, match='take its line under "sha256" out of'):
        Translator.load(copy)
    sums = json.loads((copy / "config.json").read_text())["sha256"]
    edit(copy, sha256={"source.model": sums["source.model"]})
    loaded = Translator.load(copy)
    for one, other in zip(weights(loaded), weights(changed), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_bundle_without_checksums_loads_as_ever(copy, translator):
    edit(copy, sha256=None)
    loaded = Translator.load(copy)
    for one, other in zip(weights(loaded), weights(translator), strict=True):
        np.testing.assert_array_equal(one, other)
    loaded.save(copy, overwrite=True)
    sums = json.loads((copy / "config.json").read_text())["sha256"]
    assert sorted(sums) == ["model.weights.h5", "source.model"]


def test_the_tokenizer_of_another_bundle_is_named(copy):
    edit(copy, sha256=None)
    make_translator(shared=False).source_tokenizer.save(copy / "source.model")
    with pytest.raises(ValueError, match="target_vocabulary_size is 420, and the tok"):
        Translator.load(copy)


def test_options_that_an_older_bundle_lacks_are_the_defaults(copy):
    decoding = json.loads((copy / "config.json").read_text())["decoding"]
    assert decoding.pop("unknown") == "forbid"
    edit(copy, decoding=decoding)
    assert Translator.load(copy).options.unknown == "forbid"


def test_weights_of_another_size_are_named(copy):
    config = json.loads((copy / "config.json").read_text())["model"]
    config["config"]["model_dim"] = 32
    edit(copy, model=config)
    with pytest.raises(ValueError, match="weights.h5 is damaged, or of another model"):
        Translator.load(copy)


def test_the_folder_of_a_run_points_to_its_bundle(bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / "run" / "bundle")
    with pytest.raises(ValueError, match="did you mean .*run/bundle?"):
        Translator.load(tmp_path / "run")


SAY = """
import json, sys
from keras_attention import Translator
translator = Translator.load(sys.argv[1])
translation = translator.translate([sys.argv[2]], return_attention=True)[0]
translator.save(sys.argv[3])
print(json.dumps(translation.as_dict()))
"""


@pytest.mark.slow
def test_moves_between_backends(bundle, translator, tmp_path):
    other = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
    result = subprocess.run(
        [sys.executable, "-c", SAY, str(bundle), TEXTS[0], str(tmp_path / "back")],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": other},
    )
    assert result.returncode == 0, result.stderr
    there = json.loads(result.stdout)
    here = translator.translate([TEXTS[0]], return_attention=True)[0].as_dict()
    for one, other in zip(there["n_best"], here["n_best"], strict=True):
        assert one["text"] == other["text"]
        assert one["score"] == pytest.approx(other["score"], rel=1e-4)
        np.testing.assert_allclose(one["attention"], other["attention"], atol=1e-4)

    back = Translator.load(tmp_path / "back")
    for one, two in zip(weights(back), weights(translator), strict=True):
        np.testing.assert_array_equal(one, two)
