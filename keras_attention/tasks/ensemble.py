"""Several bundles become one task, whose models decode together."""

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from keras_attention.tasks.task import Task

OneTask = TypeVar("OneTask", bound="Task")
# What the tasks have in common, or their models; as far as a kind of task has it.
SAME = (
    "source_tokenizer",
    "target_tokenizer",
    "tokenizer",
    "languages",
    "fit",
)
# A bundle need not have them; those that have one have the same.
LABELS = ("source_language", "target_language", "language")
SAME_OF_MODELS = ("image_size", "grid_size")


def ensemble_of(tasks: list[OneTask], names: list[str]) -> OneTask:
    """A task whose model is the `Ensemble` of those of others.

    Args:
        tasks: list of tasks of one kind. The options of the first are its defaults; a
            source is as long as the shortest limit of theirs. A language that some do
            not name is that of the others.
        names: list of str. What the tasks are called, for errors.

    Raises:
        ValueError: where tokenizers, languages or images differ; both are named.
    """
    from keras_attention.models.ensemble import Ensemble

    first = tasks[0]
    for task, name in zip(tasks, names, strict=True):
        _check_same(first, task, names[0], name, SAME)
        _check_same(first.model, task.model, names[0], name, SAME_OF_MODELS)
    arguments = {name: getattr(first, name) for name in SAME if hasattr(first, name)}
    for label in LABELS:
        if hasattr(first, label):
            arguments[label] = _common(tasks, names, label)
    if first.has_source_text:
        limits = [getattr(task, "max_source_length") for task in tasks]  # noqa: B009
        arguments["max_source_length"] = min(limits)
    model = Ensemble([task.model for task in tasks])
    training = {"name": "ensemble", "bundles": names}
    return type(first)(model, **arguments, options=first.options, training=training)


def _common(tasks, names, label):
    named = [pair for pair in zip(tasks, names, strict=True) if getattr(pair[0], label)]
    for task, name in named:
        _check_same(named[0][0], task, named[0][1], name, [label])
    return getattr(named[0][0], label) if named else ""


def _check_same(first, other, first_name, other_name, attributes):
    for attribute in attributes:
        expected = getattr(first, attribute, None)
        found = getattr(other, attribute, None)
        if found != expected:
            raise ValueError(
                f"the models of an ensemble need the same {attribute}: {first_name} "
                f"has {expected!r}, and {other_name} has {found!r}"
            )
