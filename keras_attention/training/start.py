"""Where fine-tuning starts: a bundle, whose weights and tokenizers are kept."""

import shutil
from pathlib import Path

from keras_attention.decoding.options import DecodingOptions
from keras_attention.files import whole_folder
from keras_attention.tasks.bundle import METRICS, open_bundle
from keras_attention.tasks.bundle_config import CONFIG, WEIGHTS, naming
from keras_attention.tasks.bundle_files import sha256_of

# What the model card keeps of a bundle's own notes: a name, and where it is from.
KEPT_NOTES = ("name", "corpus", "imported", "start")


class Start:
    """A bundle that training starts from.

    Args:
        path: of the bundle.
        task_class: `Translator` or `Captioner`.

    Attributes:
        config: dict, what the bundle's config.json says.
        tokenizers: dict of arguments of `task_class`.
        decoding: `DecodingOptions`.
        sums: dict of file name to SHA-256, of weights and tokenizers.

    Raises:
        ValueError: it is missing, damaged, of another task, quantised, or of several
            languages.
    """

    def __init__(self, path, task_class):
        self.path = Path(path)
        self.task_class = task_class
        try:
            self.config, self.tokenizers = open_bundle(self.path, task_class)
            with naming(self.path):
                self.decoding = DecodingOptions.from_table(self.config["decoding"])
        except ValueError as error:
            raise ValueError(f"training.start: {error}") from error
        self.options = self.config["model"]["config"]
        if "quantization" in self.options:
            raise ValueError(
                f"training.start: {self.path} is quantised: its weights are rounded to "
                "integers, which have no gradient. Start from the bundle that it was "
                "made from"
            )
        if self.config.get("languages"):
            raise ValueError(
                f"training.start: {self.path} is a model of several languages, whose "
                "texts begin with a token of each; training does not write these. "
                "Start from a model of one pair"
            )
        names = [WEIGHTS, *self.config["tokenizers"]]
        self.sums = {name: sha256_of(self.path / name) for name in names}

    def is_same(self, other):
        """Whether another one has the same model, weights and tokenizers."""
        return (self.sums, self.options) == (other.sums, other.options)

    def keep(self, folder):
        """A copy of it in `folder`, for a run that goes on wherever the bundle moves.

        Returns:
            `Start`.
        """
        with whole_folder(folder) as new:
            for name in (CONFIG, METRICS, "README.md", *self.sums):
                if (self.path / name).exists():
                    shutil.copyfile(self.path / name, new / name)
        return Start(folder, self.task_class)

    def sizes(self, names):
        """Sizes of the vocabularies, a dict, as the model has them.

        Raises:
            ValueError: it cannot write all that its tokenizer says.
        """
        sizes = {name: self.options[name] for name in names}
        tokenizer = (
            self.tokenizers.get("tokenizer") or self.tokenizers["target_tokenizer"]
        )
        if sizes["target_vocabulary_size"] < tokenizer.vocabulary_size:
            raise ValueError(
                f"training.start: the model of {self.path} writes "
                f"{sizes['target_vocabulary_size']} tokens, and its tokenizer has "
                f"{tokenizer.vocabulary_size}: what it cannot write it cannot learn"
            )
        return sizes

    def summary(self, path):
        """What the model card says of it, a dict; `path` is where it was found."""
        notes = self.config["training"]
        known = {key: notes[key] for key in KEPT_NOTES if key in notes}
        return {"bundle": str(path), "sha256": self.sums[WEIGHTS], **known}
