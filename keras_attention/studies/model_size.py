"""How large a recipe's model is, and how large another has to be to equal it."""

import functools

TOLERANCE = 0.05  # of the parameters


def model_options(recipe):
    """[model] as the model's class gets it, the preset included."""
    from keras_attention.models.families import FAMILIES
    from keras_attention.training.toml import unknown

    _, presets = FAMILIES[recipe.task][recipe.model.family]
    preset = recipe.model.preset
    if preset not in presets:
        raise ValueError(unknown(f"model.preset {preset!r}", preset, list(presets)))
    # As `Trainer` fills in what the recipe leaves open.
    translates = recipe.task == "translation"
    shared = {"share_embeddings": recipe.tokenizer.shared} if translates else {}
    return {**shared, **presets[preset], **recipe.model.options}


def count_parameters(recipe, *vocabulary_sizes):
    """The parameters of a recipe's model, which is built for that.

    Args:
        recipe: `Recipe`.
        vocabulary_sizes: ints, of source and target; of captions the target's alone.
    """
    from keras_attention.models.families import FAMILIES

    model_class, _ = FAMILIES[recipe.task][recipe.model.family]
    options = model_options(recipe)
    try:
        model = model_class(*vocabulary_sizes, **options)
    except (TypeError, ValueError) as error:
        raise ValueError(f"[model] does not describe a model: {error}") from error
    model.build()
    model.built = True
    return model.count_params()


def match_units(count, wanted, tolerance=TOLERANCE):
    """The even number of units that comes nearest to a number of parameters.

    Args:
        count: function of the units; grows with them.
        wanted: int. Parameters.
        tolerance: float. The share of `wanted` by which the result may differ.

    Returns:
        int.

    Raises:
        ValueError: if no even number comes near enough.

    Example:

    >>> match_units(lambda units: 100 + units**2, wanted=1000)
    30
    """
    count = functools.cache(count)  # Building a model takes its time.
    high = 1  # Half of the units.
    while count(2 * high) < wanted:
        high *= 2
    low = max(high // 2, 1)
    while high - low > 1:
        middle = (low + high) // 2
        if count(2 * middle) < wanted:
            low = middle
        else:
            high = middle
    units = min(2 * low, 2 * high, key=lambda units: abs(count(units) - wanted))
    found = count(units)
    if abs(found - wanted) > tolerance * wanted:
        raise ValueError(
            f"no model without attention has the {wanted:,} parameters of the one with "
            f"it, within {tolerance:.0%}: the nearest has {found:,}, with "
            f"units={units}. Take a larger model"
        )
    return units
