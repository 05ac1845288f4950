"""Fine-tuning begins as the bundle is, keeps what it shall, and resumes exactly."""

import json
import shutil

import numpy as np
import pytest

from keras_attention.data.corpora import corpus_path
from keras_attention.data.text.translations import read_pairs
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.tasks.captioner import Captioner
from keras_attention.tasks.translator import Translator
from keras_attention.training.parts import freeze_parts
from keras_attention.training.recipe import Recipe, load_recipe
from keras_attention.training.run_folder import claim_folder
from keras_attention.training.state import save_state
from keras_attention.training.trainer import Trainer
from tests.support import slow_on_jax
from tests.training.support import assert_equal_weights, quiet
from tests.translators import OPTIONS, TEXTS, transformer

TRAINING = {
    "max_steps": 12,
    "batch_tokens": 256,
    "max_shapes": 1,
    "validate_every": 4,
    "validation_sentences": 4,
    "test_sentences": 2,
    "warmup_steps": 2,
    "learning_rate": 3e-3,
    "accumulation_steps": 2,
    "ema_momentum": 0.5,
    "freeze": ["encoder_*"],
    "rates": {"decoder_*": 0.01},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Short pairs of the corpus after those from which the tokenizers are."""
    pairs = list(read_pairs(corpus_path("help-en-de")))[300:]
    short = [pair for pair in pairs if len(pair.source) < 30 and len(pair.target) < 30]
    path = tmp_path_factory.mktemp("corpus") / "pairs.tsv"
    path.write_text("".join(f"{p.source}\t{p.target}\n" for p in short[:200]), "utf-8")
    return path


def tables(start, corpus, model=None, tokenizer=None, **training):
    """A recipe that leaves model and tokenizer to the bundle, as a file would."""
    found = {
        "name": "tuned",
        "data": {"corpus": str(corpus), "valid_share": 0.1},
        "training": {**TRAINING, "start": str(start), **training},
        "decoding": {"beam": 1, "max_length": 8},
    }
    if model is not None:
        found["model"] = model
    if tokenizer is not None:
        found["tokenizer"] = tokenizer
    return found


def recipe_of(*args, **kwargs):
    return Recipe.from_tables(tables(*args, **kwargs))


@pytest.fixture(scope="module")
def run(bundle, corpus, tmp_path_factory):
    """`(translator, folder, what was said)` of a run that was left alone."""
    folder = tmp_path_factory.mktemp("start") / "run"
    console = quiet()
    translator = Trainer(recipe_of(bundle, corpus), folder, console).run()
    return translator, folder, console.file.getvalue()


def test_begins_with_the_weights_of_the_bundle(bundle, corpus, tmp_path):
    trainer = Trainer(recipe_of(bundle, corpus), tmp_path, quiet())
    trainer._open_start()
    model = trainer._built_model(None, trainer._model_options())
    expected = Translator.load(bundle).model
    for one, other in zip(model.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    ours, theirs = model.get_config(), expected.get_config()
    different = {key for key in theirs if ours[key] != theirs[key]} - {"name", "dtype"}
    assert not different


def parts(translator):
    return {
        layer.name: [np.asarray(weight) for weight in layer.weights]
        for layer in translator.model.layers
        if layer.weights
    }


def moved(before, after):
    """How far the weights of a part went."""
    return max(
        np.abs(one - other).max() for one, other in zip(before, after, strict=True)
    )


def test_what_is_frozen_stays_and_what_is_slow_moves_less(run, bundle):
    before, after = parts(Translator.load(bundle)), parts(run[0])
    distance = {name: moved(before[name], after[name]) for name in before}
    assert distance["encoder_block_0"] == distance["encoder_norm"] == 0
    assert 0 < 10 * distance["decoder_block_0"] < distance["target_embedding"]
    assert "parameters are trained, the rest is frozen" in run[2]


def test_the_loss_falls(run):
    lines = (run[1] / "history.csv").read_text().splitlines()
    column = lines[0].split(",").index("val_loss")
    losses = [float(line.split(",")[column]) for line in lines[1:]]
    assert losses[-1] < losses[0]


def test_tokenizers_and_shape_are_the_bundles(run, bundle):
    loaded, began = Translator.load(run[1] / "bundle"), Translator.load(bundle)
    assert loaded.source_tokenizer == began.source_tokenizer
    recipe = load_recipe(run[1] / "recipe.toml")
    assert recipe.model.options["model_dim"] == began.model.model_dim == 16
    assert recipe.tokenizer.vocabulary_size == began.source_tokenizer.vocabulary_size
    meta = json.loads((run[1] / "data/corpus/meta.json").read_text())
    name = began.source_tokenizer.fingerprint
    assert meta["options"]["source_tokenizer"] == name


def test_the_model_card_says_where_it_began(run, bundle):
    began = json.loads((bundle / "config.json").read_text())
    notes = Translator.load(run[1] / "bundle").training["start"]
    assert notes == {
        "bundle": str(bundle),
        "sha256": began["sha256"]["model.weights.h5"],
        "name": "tiny",
        "corpus": "none",
    }
    card = (run[1] / "bundle/README.md").read_text()
    assert f"| start.bundle | {bundle} |" in card


@slow_on_jax
def test_killed_and_resumed_without_the_bundle_it_ends_as_one_left_alone(
    run, bundle, corpus, tmp_path, monkeypatch
):
    gone, mine = tmp_path / "gone", tmp_path / "run"
    shutil.copytree(bundle, gone)

    def save_or_die(folder, step, *rest):
        if step == 8:
            raise KeyboardInterrupt
        save_state(folder, step, *rest)

    recipe = recipe_of(gone, corpus)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("keras_attention.training.callbacks.save_state", save_or_die)
        Trainer(recipe, mine, quiet()).run()
    shutil.rmtree(gone)
    with pytest.raises(ValueError, match="training.start: there is no bundle at"):
        Trainer(recipe, tmp_path / "other", quiet()).run()
    assert not (tmp_path / "other").exists()
    resumed = Trainer(recipe, mine, quiet()).run(resume=True)
    assert_equal_weights(resumed, run[0])

    # The recipe that was kept does as well, and the same bundle at another place is
    # the same; another one is not.
    for same in (load_recipe(mine / "recipe.toml"), recipe_of(bundle, corpus)):
        trainer = Trainer(same, mine, quiet())
        trainer._open_start(resume=True)
        claim_folder(mine, trainer.recipe, resume=True)
    other = recipe_of(run[1] / "bundle", corpus)
    with pytest.raises(ValueError, match="was begun from another bundle"):
        Trainer(other, mine, quiet()).run(resume=True)


@pytest.fixture(scope="module")
def bpe_bundle(tmp_path_factory):
    """The folder of a bundle whose tokenizer is of the other kind."""
    tokenizer = Tokenizer.train(TEXTS, 300, "bpe")
    model = transformer(tokenizer.vocabulary_size, tokenizer.vocabulary_size)
    model.build()
    path = tmp_path_factory.mktemp("bpe") / "bundle"
    Translator(model, tokenizer).save(path)
    return path


def test_segmentations_are_drawn_if_the_bundles_tokenizers_can(
    bpe_bundle, bundle, corpus, tmp_path
):
    recipe = recipe_of(bpe_bundle, corpus, tokenizer={"bpe_dropout": 0.1})
    trainer = Trainer(recipe, tmp_path / "run", quiet())
    trainer._open_start()
    trainer.work.check()
    batches, _ = trainer.work.batches(trainer.work.prepare(tmp_path / "data", {}))
    assert batches.sampling.drawn["source"].arguments[2] == 0.1
    assert Recipe.from_tables(trainer.recipe.to_tables()) == trainer.recipe
    for start, key, kind in (
        (bpe_bundle, "sampling_alpha", "bpe"),
        (bundle, "bpe_dropout", "unigram"),
    ):
        recipe = recipe_of(start, corpus, tokenizer={key: 0.1})
        message = f"tokenizer.{key} draws from .* 0.1 and the type {kind}: set it to 0"
        with pytest.raises(ValueError, match=message):
            Trainer(recipe, tmp_path / "run", quiet()).run()
    assert not (tmp_path / "run").exists()


def edited(bundle, folder, change):
    shutil.copytree(bundle, folder)
    change(folder)
    return folder


def cut(folder):
    path = folder / "model.weights.h5"
    path.write_bytes(path.read_bytes()[:-10])


def configure(folder, change):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


def quantise(folder):
    quantized = {"quantization": {"target_embedding": {}}}
    configure(folder, lambda config: config["model"]["config"].update(quantized))


def teach_languages(folder):
    languages = {"en": "__en__", "de": "__de__"}
    configure(folder, lambda config: config.update(languages=languages))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (cut, "training.start: .*model.weights.h5 is damaged"),
        (quantise, "is quantised: its weights are rounded to integers"),
        (teach_languages, "bundle is a model of several languages, whose texts begin"),
        (lambda folder: (folder / "source.model").unlink(), "lacks source.model"),
    ],
    ids=["damaged", "quantised", "multilingual", "incomplete"],
)
def test_a_bundle_that_cannot_be_trained_is_refused(
    bundle, corpus, tmp_path, change, message
):
    start = edited(bundle, tmp_path / "bundle", change)
    with pytest.raises(ValueError, match=message):
        Trainer(recipe_of(start, corpus), tmp_path / "run", quiet()).run()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model": {"model_dim": 32, "norm_first": True}},
            "another model than the recipe describes: model.model_dim expected 16, "
            "received 32. Leave these keys out",
        ),
        ({"model": {"preset": "tiny"}}, "model.num_layers expected 1, received 2"),
        ({"model": {"preset": "tinny"}}, "did you mean 'tiny'"),
        ({"model": {"num_layer": 1}}, "did you mean 'num_layers'"),
        (
            {"model": {"family": "recurrent"}},
            "model.family expected 'transformer', received 'recurrent'",
        ),
        (
            {"tokenizer": {"model": "own.model"}},
            "tokenizer.model expected '', received 'own.model'",
        ),
        (
            {"tokenizer": {"shared": False}},
            "tokenizer.shared expected True, received False",
        ),
        (
            {"freeze": ["encode"]},
            "no part of the model is called 'encode'; .*encoder_n",
        ),
        ({"freeze": ["*"]}, "leaves nothing to train"),
        ({"rates": {"x": 1.0}}, "training.rates: no part of the model is called 'x'"),
        (
            {"rates": {"decoder_*": 1.0, "*_norm": 0.1}},
            r"decoder_norm is both 'decoder_\*' and '\*_norm'",
        ),
    ],
)
def test_what_contradicts_the_bundle_or_fits_nothing_is_refused(
    bundle, corpus, tmp_path, changes, message
):
    trainer = Trainer(recipe_of(bundle, corpus, **changes), tmp_path / "run", quiet())
    with pytest.raises(ValueError, match=message):
        trainer.run()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"freeze": [1]}, r"training.freeze\[0\] must be of type str"),
        (
            {"freeze": "encoder_*"},
            "training.freeze must be a list; received 'enc",
        ),
        ({"rates": {"a": 0}}, r"training.rates\['a'\] must be above 0; received 0"),
        ({"rates": {"a": "b"}}, r"training.rates\['a'\] must be"),
        ({"encoder_weights": "random"}, "contradicts training.start"),
    ],
)
def test_a_wrong_recipe_is_refused_at_once(corpus, changes, message):
    with pytest.raises(ValueError, match=message):
        recipe_of("bundle", corpus, **changes)


def test_what_has_no_shape_may_differ(bundle, corpus, tmp_path):
    model = {"dropout": 0.3, "max_steps": 9, "model_dim": 16}
    recipe = recipe_of(bundle, corpus, model, {"shared": True})
    trainer = Trainer(recipe, tmp_path, quiet())
    trainer._open_start()
    options = trainer._model_options()
    assert (options["dropout"], options["max_steps"]) == (0.3, 9)
    # What is written down says all, and means the same.
    again = Recipe.from_tables(trainer.recipe.to_tables())
    assert again == trainer.recipe
    trainer = Trainer(again, tmp_path, quiet())
    trainer._open_start()
    assert trainer.recipe == again


def test_a_run_keeps_what_its_recipe_does_not_say(run, bundle):
    began = Translator.load(bundle)
    for tuned in (run[0], Translator.load(run[1] / "bundle")):
        assert tuned.options == OPTIONS.replace(beam=1, n_best=1, max_length=8)
        assert tuned.max_source_length == began.max_source_length == 40
        assert (tuned.source_language, tuned.target_language) == ("en", "de")
    assert load_recipe(run[1] / "recipe.toml").decoding == run[0].options


def test_symbols_of_a_tokenizer_that_was_given_are_the_bundles(
    bundle, corpus, tmp_path
):
    """The bundle's recipe named a model; the symbols that it got are known."""
    notes = {"tokenizer": {"model": "spm.model", "user_defined_symbols": ["<2de>"]}}
    start = edited(
        bundle,
        tmp_path / "bundle",
        lambda folder: configure(folder, lambda c: c["training"].update(recipe=notes)),
    )
    for tokenizer in (None, {"user_defined_symbols": ["<2de>"]}):
        recipe = recipe_of(start, corpus, tokenizer=tokenizer)
        trainer = Trainer(recipe, tmp_path / "run", quiet())
        trainer._open_start()
        assert trainer.recipe.tokenizer.user_defined_symbols == ("<2de>",)


def test_tags_are_tokens_of_the_bundle(bundle, corpus, tmp_path):
    given = tables(bundle, corpus)
    given["data"] = {"corpora": [{"corpus": str(corpus), "tag": "<2de>"}]}
    with pytest.raises(ValueError, match="one token of the source; received '<2de>'"):
        Trainer(Recipe.from_tables(given), tmp_path / "run", quiet()).run()
    assert not (tmp_path / "run").exists()


def test_force_does_not_delete_what_it_is_to_start_from(run, corpus):
    recipe = recipe_of(run[1] / "bundle", corpus)
    with pytest.raises(ValueError, match="which --force deletes"):
        Trainer(recipe, run[1], quiet()).run(force=True)
    assert (run[1] / "bundle/config.json").exists()


def test_parts_are_set_on_the_command_line(tmp_path, corpus):
    path = tmp_path / "tuned.toml"
    path.write_text(f'[data]\ncorpus = "{corpus}"\n')
    changes = [
        "training.start=runs/a/bundle",
        'training.freeze=["source_embedding"]',
        "training.rates.decoder_*=0.1",
    ]
    recipe = load_recipe(path, changes)
    assert recipe.training.start == "runs/a/bundle"
    assert recipe.training.rates == {"decoder_*": 0.1}
    (tmp_path / "again.toml").write_text(recipe.to_toml())
    assert load_recipe(tmp_path / "again.toml") == recipe


def test_two_tokenizers_are_kept(recurrent_translator, corpus, tmp_path):
    recurrent_translator.save(tmp_path / "bundle")
    recipe = recipe_of(tmp_path / "bundle", corpus, freeze=["source_*"], rates={})
    trainer = Trainer(recipe, tmp_path / "data", quiet())
    trainer.prepare()
    for name, tokenizer in recurrent_translator.tokenizers().items():
        assert (tmp_path / "data" / name).read_bytes() == tokenizer.model
    assert not trainer.recipe.tokenizer.shared
    assert trainer.recipe.model.family == "recurrent"
    # A folder that other tokenizers prepared is left alone.
    (tmp_path / "data/source.model").write_bytes(
        recurrent_translator.target_tokenizer.model
    )
    with pytest.raises(ValueError, match="is another model than .* training.start"):
        trainer.prepare()


def caption_tables(start, **model):
    found = {
        "task": "captioning",
        "data": {"corpus": "scenes", "scenes_count": 100, "scenes_things": 5},
        "training": {
            "start": str(start),
            "max_steps": 2,
            "batch_tokens": 96,
            "max_shapes": 1,
            "validate_every": 2,
            "validation_sentences": 2,
            "test_sentences": 2,
            "warmup_steps": 1,
            "freeze": ["regions"],
        },
        "decoding": {"beam": 1, "max_length": 6},
    }
    return {**found, "model": model} if model else found


@slow_on_jax
def test_a_captioner_goes_on(captioner_bundle, tmp_path):
    """What sees is frozen, and what it saw of images is kept as features."""
    recipe = Recipe.from_tables(caption_tables(captioner_bundle, train_encoder=False))
    tuned = Trainer(recipe, tmp_path / "run", quiet()).run()
    began = Captioner.load(captioner_bundle)
    assert tuned.tokenizer == began.tokenizer
    before, after = parts(began), parts(tuned)
    assert moved(before["regions"], after["regions"]) == 0
    assert moved(before["decoder"], after["decoder"]) > 0
    meta = (tmp_path / "run/data/features/train/features.json").read_text()
    assert tuned.training["start"]["sha256"] in meta


def test_a_bundle_of_another_task_is_refused(captioner_bundle, corpus, tmp_path):
    with pytest.raises(ValueError, match="training.start: .* is a bundle for captioni"):
        Trainer(recipe_of(captioner_bundle, corpus), tmp_path, quiet()).run()


def test_patterns_name_parts(translator, tmp_path):
    translator.save(tmp_path / "bundle")
    model = Translator.load(tmp_path / "bundle").model
    freeze_parts(model, ["encoder_block_?", "*_norm"])
    frozen = {layer.name for layer in model.layers if not layer.trainable}
    assert frozen == {"encoder_block_0", "encoder_norm", "decoder_norm"}
