"""What `Translator` and `Captioner` share: a model, how it decodes, what is known."""

from keras_attention.decoding.options import DecodingOptions, checked
from keras_attention.tasks.bundle import read_bundle, write_bundle
from keras_attention.tasks.bundle_config import naming


class Task:
    """A model with what it needs between people and numbers: what a bundle holds.

    Subclasses say `task`, the name of the kind of bundle; `fields`, the arguments that
    `config.json` keeps, each with its kind; and `tokenizers`.

    Args:
        model: `EncoderDecoder`, built.
        options: `DecodingOptions` by default.
        training: dict. What it was trained on and how, for the model card.
        metrics: dict. Scores, for the model card.
    """

    task: str
    fields: dict = {}
    has_source_text = False

    def __init__(self, model, options=None, training=None, metrics=None):
        self.model = model
        self.options = options or DecodingOptions()
        self.check_options(self.options)
        self.training = training or {}
        self.metrics = metrics or {}
        self._decoder = None
        self._forced_decoder = None

    @classmethod
    def load(cls, path, dtype=None):
        """Reads a bundle folder. See `read_bundle` for arguments and errors."""
        arguments = read_bundle(path, cls, dtype)
        with naming(path):
            return cls(**arguments)

    def save(self, path, overwrite=False):
        """Writes a bundle folder. See `write_bundle`."""
        write_bundle(path, self, overwrite)

    def tokenizers(self):
        """Dict of file name to `Tokenizer`."""
        raise NotImplementedError

    @classmethod
    def tokenizer_files(cls, config):
        """Dict of file name to the arguments of the constructor that it stands for."""
        raise NotImplementedError

    def card(self):
        """`(title, what it does, example)` for the model card, str each."""
        raise NotImplementedError

    def decode(self, inputs, options, prefix_ids=None, attention=False, seed=0):
        """`Decoder`, kept with its compiled programs."""
        from keras_attention.decoding.search import Decoder

        if self._decoder is None:
            self._decoder = Decoder(self.model)
        return self._decoder(inputs, options, prefix_ids, attention, seed)

    def force(self, inputs, target_ids):
        """`ForcedDecoder`, kept with its compiled programs."""
        from keras_attention.decoding.scoring import ForcedDecoder

        if self._forced_decoder is None:
            self._forced_decoder = ForcedDecoder(self.model)
        return self._forced_decoder(inputs, target_ids, self.options)

    def decoding_options(self, beam, n_best, changes):
        """`DecodingOptions` with what a caller wants changed, in agreement."""
        changes = dict(changes)
        if beam is not None:
            changes["beam"] = beam = checked("beam", beam)
        if n_best is not None:
            changes["n_best"] = n_best = checked("n_best", n_best)
            temperature = checked("temperature", changes.get("temperature", 0))
            if beam is None and not temperature:
                changes["beam"] = max(self.options.beam, n_best)
        elif beam is not None:
            changes["n_best"] = min(self.options.n_best, beam)
        options = self.options.replace(**changes)
        self.check_options(options)
        return options

    def check_options(self, options):
        """Refuses `DecodingOptions` that make no sense of this model."""
        if options.unknown != "copy":
            return
        others = 'take "forbid" or "allow"'
        if not self.has_source_text:
            raise ValueError(
                f'unknown="copy" takes words of a source text, and {self.task} has '
                f"none: {others}"
            )
        if not self.model.attends:
            raise ValueError(
                'unknown="copy" takes the word that a model attends to, and this '
                f"{type(self.model).__name__} has no attention: {others}"
            )
