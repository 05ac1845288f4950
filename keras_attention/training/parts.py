"""Parts of a model, by name: some are frozen, some learn at a rate of their own.

A part is a layer of the model itself, as `summary()` shows it, and a pattern stands for
all that it fits: `*` for any characters, `?` for one, `[ab]` for one of these.
"""

from fnmatch import fnmatchcase


def freeze_parts(model, patterns):
    """Keeps parts of a model as they are, until it is compiled anew.

    Args:
        model: `keras.Model`, built.
        patterns: list of str.

    Raises:
        ValueError: a pattern fits no part, or nothing would be left to train.
    """
    for layer in _matched(model, patterns, "training.freeze"):
        layer.trainable = False
    if patterns and not model.trainable_variables:
        raise ValueError(
            f"training.freeze={patterns} leaves nothing to train; the parts are "
            f"{', '.join(_parts(model))}"
        )


def rate_factors(model, rates):
    """What multiplies the learning rate of each trainable variable.

    Args:
        model: `keras.Model`, built, its frozen parts frozen.
        rates: dict from pattern to float.

    Returns:
        list of float, in the order of `model.trainable_variables`.

    Raises:
        ValueError: a pattern fits no part, or two fit the same.
    """
    factors, by = {}, {}
    for pattern, rate in rates.items():
        for layer in _matched(model, [pattern], "training.rates"):
            if layer.name in by:
                raise ValueError(
                    f"training.rates: {layer.name} is both {by[layer.name]!r} and "
                    f"{pattern!r}; name each part once"
                )
            by[layer.name] = pattern
            factors.update({id(variable): rate for variable in layer.variables})
    return [factors.get(id(variable), 1.0) for variable in model.trainable_variables]


def _matched(model, patterns, where):
    parts, found = _parts(model), {}
    for pattern in patterns:
        names = [name for name in parts if fnmatchcase(name, pattern)]
        if not names:
            raise ValueError(
                f"{where}: no part of the model is called {pattern!r}; the parts are "
                f"{', '.join(parts)}"
            )
        found.update({name: parts[name] for name in names})
    return list(found.values())


def _parts(model):
    return {layer.name: layer for layer in model.layers if layer.weights}
