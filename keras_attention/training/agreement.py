"""What a recipe says of model and tokenizer, and the bundle that it starts from.

They agree, or the recipe says nothing and means the bundle's.
"""

import dataclasses
import inspect

import keras

from keras_attention.models.families import FAMILIES
from keras_attention.models.options import check_options
from keras_attention.training.recipe_keys import ModelConfig, TokenizerConfig
from keras_attention.training.toml import from_table, unknown

# What a recipe may change in a model whose weights stay what they are: how it is
# trained, which attention it shows, and how much room it has.
MAY_DIFFER = (
    "dropout",
    "attention_dropout",
    "train_encoder",
    "alignment_layer",
    "max_steps",
)


def with_start(recipe, start):
    """The recipe with the tokenizers and the model of a bundle where it names none.

    Args:
        recipe: `Recipe`.
        start: `Start`.

    Returns:
        `Recipe`, which says all.

    Raises:
        ValueError: it names others; with each key, what was expected and received.
    """
    family = _family(recipe.task, start)
    said = _said(recipe)
    tokenizer, differences = _tokenizer(recipe, start, said)
    model = recipe.model
    if "model.family" in said and model.family != family:
        differences.append(("model.family", family, model.family))
    else:
        model, others = _model(recipe, start, said, family)
        differences += others
    if differences:
        lines = [
            f"{key} expected {expected!r}, received {received!r}"
            for key, expected, received in differences
        ]
        raise ValueError(
            f"training.start: {start.path} is another model than the recipe describes: "
            f"{'; '.join(lines)}. Leave these keys out, and they are the bundle's"
        )
    return dataclasses.replace(recipe, tokenizer=tokenizer, model=model, said=None)


def _family(task, start):
    name = start.config["model"]["class_name"]
    for family, (model_class, _) in FAMILIES[task].items():
        if keras.saving.get_registered_name(model_class) == name:
            return family
    raise ValueError(
        f"training.start: {start.path} holds a {name}, which no recipe trains; the "
        f"families are {', '.join(FAMILIES[task])}"
    )


def _said(recipe):
    """Keys of [tokenizer] and [model] that a recipe says itself; without a file, what
    is not as by default."""
    if recipe.said is not None:
        return recipe.said
    usual = TokenizerConfig()
    said = {
        f"tokenizer.{name}"
        for name, value in vars(recipe.tokenizer).items()
        if value != getattr(usual, name)
    }
    if recipe.model != ModelConfig():
        said |= {"model.family", "model.preset"}
    return said


def _tokenizer(recipe, start, said):
    """`(TokenizerConfig, differences)`."""
    table = start.config["training"].get("recipe", {}).get("tokenizer", {})
    if table and not table.get("model"):
        kept = from_table(TokenizerConfig, table, "training.recipe.tokenizer")
    else:  # None was trained for this bundle: what its files say.
        first, *others = start.tokenizers.values()
        kept = TokenizerConfig(
            type=first.model_type,
            vocabulary_size=first.vocabulary_size,
            shared=all(other is first for other in others),
            user_defined_symbols=table.get("user_defined_symbols", ()),
        )
    ours = recipe.tokenizer
    # How segmentations are drawn is of training, as dropout is.
    kept = dataclasses.replace(
        kept, sampling_alpha=ours.sampling_alpha, bpe_dropout=ours.bpe_dropout
    )
    differences = [
        (f"tokenizer.{name}", expected, getattr(ours, name))
        for name, expected in vars(kept).items()
        if f"tokenizer.{name}" in said and expected != getattr(ours, name)
    ]
    return kept, differences


def _model(recipe, start, said, family):
    """`(ModelConfig, differences)`, where the family agrees."""
    model_class, presets = FAMILIES[recipe.task][family]
    config = recipe.model
    preset, changes = config.preset, config.options
    if "model.preset" in said:
        if preset not in presets:
            raise ValueError(unknown(f"model.preset {preset!r}", preset, presets))
        changes = {**presets[preset], **changes}
    else:
        notes = start.config["training"].get("recipe", {}).get("model", {})
        preset = notes.get("preset")
        preset = preset if preset in presets else next(iter(presets))
    known = _defaults(model_class)
    theirs = {name: start.options.get(name, known[name]) for name in known}
    # What the model has not, the trainer refuses, as in all recipes.
    ours = {name: value for name, value in changes.items() if name in known}
    try:
        check_options(model_class, ours)
        made = model_class.from_config({**start.options, **ours}).get_config()
    except (TypeError, ValueError) as error:
        raise ValueError(f"[model] does not describe a model: {error}") from error
    differences = [
        (f"model.{name}", theirs[name], made[name])
        for name in known
        if made[name] != theirs[name] and name not in MAY_DIFFER
    ]
    options = _words({name: made[name] for name in known}, {**known, **presets[preset]})
    options.update((name, changes[name]) for name in changes if name not in known)
    return ModelConfig(family, preset, options), differences


def _defaults(model_class):
    """The options of a model, but for the sizes that tokenizers say."""
    parameters = inspect.signature(model_class.__init__).parameters
    return {
        name: parameter.default
        for name, parameter in parameters.items()
        if parameter.default is not parameter.empty
    }


def _words(options, usual):
    """Options as TOML can say them: what is None by default is left out, and of what
    is something by default, None is "none"."""
    return {
        name: "none" if value is None else value
        for name, value in options.items()
        if value is not None or usual[name] is not None
    }
