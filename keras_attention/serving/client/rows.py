"""What a request says of each text or image: languages, and words to say or avoid."""

from keras_attention.serving.wire.signatures import DEFAULT_SIGNATURE
from keras_attention.texts import language_names, word_lists

# What each kind of input needs, for errors.
_LANGUAGES = "a multilingual model, as `keras-attention import m2m100` makes them"
BY_EXPORT = "constrained=True (--constrained)"
_WORDS = f"the signature 'constrained', of a model exported with {BY_EXPORT}"


class Rows:
    """Texts or images, and what is said of each; then the inputs of a signature.

    Args:
        name: str. The input that the values are.
        values: list.
        constraints, avoid: list of str for all, list of such lists, one for each, or
            None.
        **languages: by name of the input; str for all, list with one for each, or None.

    Raises:
        ValueError: as many as there are values are neither; what is no str; words in
            which there is nothing to read.
    """

    def __init__(self, name, values, constraints, avoid, **languages):
        self._name = name
        self.values = values
        count = len(values)
        words = {"constraints": constraints, "avoid": avoid}
        self._words = {n: word_lists(n, given, count) for n, given in words.items()}
        self._languages = {
            n: language_names(n, each, count) for n, each in languages.items()
        }
        # What was given, and what that needs.
        self._said = {n: _LANGUAGES for n, each in self._languages.items() if any(each)}
        self._said |= {n: _WORDS for n, lists in self._words.items() if any(lists)}

    def signature_name(self, chosen, attention):
        """The signature that takes and gives what is wanted, but for a chosen one.

        Raises:
            ValueError: no signature does.
        """
        words = [name for name in self._words if name in self._said]
        if chosen or not words:
            return chosen or ("attend" if attention else DEFAULT_SIGNATURE)
        if attention:
            raise ValueError(
                "attention is not served together with constraints and avoid; received "
                f"attention=True and {' and '.join(words)}: ask for one of them"
            )
        return "constrained"

    def inputs(self, signature, model_spec):
        """A dict of nested lists, for a `Signature`. What it takes and nobody gave is
        empty: the default language, or no words.

        Raises:
            ValueError: it does not take what was given.
        """
        for name, needed in self._said.items():
            if name not in signature.inputs:
                takes = ", ".join(signature.inputs) or "nothing"
                raise ValueError(
                    f"{name} needs {needed}; received {name} for {model_spec.name}, "
                    f"whose signature {model_spec.signature_name!r} takes {takes}: "
                    f"request another, or leave {name} out"
                )
        more = self._languages | {n: _padded(each) for n, each in self._words.items()}
        return {self._name: self.values} | {
            name: rows
            for name, rows in more.items()
            if name in signature.inputs
            and (name in self._said or name not in signature.defaults)
        }


def _padded(lists):
    """Rows of one length. Each begins with nothing: where requests share a batch,
    TensorFlow Serving pads them with the first value that it finds."""
    width = max(map(len, lists))
    return [["", *words, *[""] * (width - len(words))] for words in lists]
