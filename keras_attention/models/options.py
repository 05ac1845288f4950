"""What the options of a model may be, before it is made."""

import inspect
import reprlib
import typing

from keras_attention.checks import is_kind, kind_name

# What Keras adds to every model's config, and `KeepsQuantization` to some.
KERAS_OPTIONS = {
    "name": str,
    "trainable": bool,
    "dtype": str | dict | None,
    "quantization": dict,
}


def check_options(model_class, options):
    """Refuses options that a model does not have, or that are of another kind.

    The kind of an option is its annotation in `__init__`, or else that of its default;
    what has neither is a size, an int.

    Args:
        model_class: an `EncoderDecoder`'s class.
        options: dict.

    Raises:
        ValueError: with the option's name, what it takes and what came.
    """
    kinds = _kinds(model_class)
    for name, value in options.items():
        if name not in kinds:
            raise ValueError(
                f"unknown option {reprlib.repr(name)} of {model_class.__name__}; the "
                f"options are {', '.join(kinds)}"
            )
        if not is_kind(value, kinds[name]):
            raise ValueError(
                f"{name} must be {kind_name(kinds[name])}; received "
                f"{reprlib.repr(value)}"
            )


def _kinds(model_class):
    hints = typing.get_type_hints(model_class.__init__)
    kinds = {}
    for name, parameter in inspect.signature(model_class.__init__).parameters.items():
        if name == "self" or parameter.kind is parameter.VAR_KEYWORD:
            continue
        if parameter.default is parameter.empty:
            kinds[name] = hints.get(name, int)
        else:
            kinds[name] = hints.get(name, type(parameter.default))
    return {**kinds, **KERAS_OPTIONS}
