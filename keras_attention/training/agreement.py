"""What a recipe says, and the bundle that it starts from.

Of model, tokenizer and languages they agree, or the recipe says nothing and means the
bundle's. Options of decoding may differ; those that it does not say are the bundle's.
"""

import dataclasses
import inspect

import keras

from keras_attention.data.text.direction import contradict
from keras_attention.decoding.options import DecodingOptions
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
    """The recipe with what the bundle says of what it leaves out: model, tokenizers,
    options of decoding, languages.

    Args:
        recipe: `Recipe`.
        start: `Start`.

    Returns:
        `Recipe`, which says all.

    Raises:
        ValueError: it names another model, tokenizer or language, with each key, what
            was expected and received; or its decoding does not go with the bundle's.
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
    whole = dataclasses.replace(
        recipe,
        data=_data(recipe, start, said),
        tokenizer=tokenizer,
        model=model,
        decoding=_decoding(recipe, start, said),
    )
    return type(recipe).from_tables(whole.to_tables())


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
    """Keys of tables that a recipe says itself; without a file, what is not as by
    default."""
    if recipe.said is not None:
        return recipe.said
    usual = {
        "data": type(recipe.data)(),
        "tokenizer": TokenizerConfig(),
        "decoding": DecodingOptions(),
    }
    said = {
        f"{table}.{name}"
        for table, default in usual.items()
        for name, value in vars(getattr(recipe, table)).items()
        if value != getattr(default, name)
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


def _decoding(recipe, start, said):
    """`DecodingOptions`: the recipe's where it says them, else the bundle's."""
    theirs, ours = start.decoding, recipe.decoding
    changes = {n: v for n, v in vars(ours).items() if f"decoding.{n}" in said}
    # One of the two alone moves the other, as in a call of `translate`.
    if "beam" in changes:
        changes.setdefault("n_best", min(theirs.n_best, ours.beam))
    elif "n_best" in changes:
        changes["beam"] = max(theirs.beam, ours.n_best)
    try:
        return theirs.replace(**changes)
    except ValueError as error:
        raise ValueError(
            f"[decoding] and what {start.path} says of the options that are not in it "
            f"do not go together: {error}"
        ) from error


def _data(recipe, start, said):
    """`[data]` with the bundle's `fit` and language of captions, or its limit of
    sources.

    Languages of pairs may come from the names of several corpora; who makes the
    `Translator` fills them.
    """
    data, known = recipe.data, start.config
    if recipe.task == "captioning":
        # The model has seen images cut so.
        if "data.fit" not in said:
            data = dataclasses.replace(data, fit=known["fit"])
        if known["language"] and "data.language" not in said:
            return dataclasses.replace(data, language=known["language"])
        _check_language(start, "language", data.language)
        return data
    source_language, target_language = data.languages()
    _check_language(start, "source_language", source_language)
    if not data.tags():  # which choose among several targets
        _check_language(start, "target_language", target_language)
    if "data.max_source_length" in said:
        return data
    # What is longer the model would never be shown whole.
    most = min(data.max_source_length, known["max_source_length"])
    return dataclasses.replace(data, max_source_length=most)


def _check_language(start, key, received):
    expected = start.config[key]
    if contradict(expected, received):
        raise ValueError(
            f"training.start: data.{key} expected {expected!r}, that of {start.path}; "
            f"received {received!r}, from the recipe or its corpus's name. Correct it, "
            "or start from a bundle of that language"
        )


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
