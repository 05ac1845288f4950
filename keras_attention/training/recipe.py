"""Recipes: one experiment each, as a TOML file or as frozen dataclasses."""

import dataclasses
import sys
from pathlib import Path

from keras_attention.data.direction import check_direction, fill_languages
from keras_attention.data.toy import TASKS
from keras_attention.decoding.options import DecodingOptions
from keras_attention.training.config import checked_table, from_table, to_toml, unknown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RECIPES = Path(__file__).resolve().parent.parent / "recipes"


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What to learn from."""

    corpus: str = ""
    """A shipped corpus ("help-en-de"), a toy task, or the path of a TSV, JSON-lines
    or source-side file, plain or gzip'd; "-" reads standard input."""
    target: str = ""
    """The target side, where source and target are paired files."""
    source_key: str = "source"
    """Key of the source in JSON lines."""
    target_key: str = "target"
    """Key of the target in JSON lines."""
    swap: bool = False
    """Translate from the second side to the first. A file of alignments serves both
    ways, unchanged."""
    alignments: str = ""
    """A file that says which words belong together, "0-0 2-1", one line for each line
    of the corpus (Pharaoh format), and swapped if that is. Toy tasks know theirs."""
    source_language: str = ""
    """ISO code, for the model card; refused where the corpus's name contradicts it."""
    target_language: str = ""
    """ISO code, for the model card and the choice of BLEU's tokenisation."""
    valid_share: float = 0.02
    """Share of source sentences held out for validation, chosen by hash."""
    test_share: float = 0.02
    """Share of source sentences held out for the final score, chosen by hash."""
    max_source_length: int = 128
    """Pairs with more source tokens are skipped, and counted."""
    max_target_length: int = 128
    """Pairs with more target tokens are skipped, and counted."""
    toy_count: int = 20000
    """Pairs to make, where the corpus is a toy task."""
    toy_max_length: int = 12
    """Most symbols in a toy string."""

    def languages(self):
        """Source and target language; where not given, what the corpus's name says."""
        return fill_languages(
            self.corpus, self.source_language, self.target_language, self.swap
        )


@dataclasses.dataclass(frozen=True)
class TokenizerConfig:
    """How text becomes ids (SentencePiece)."""

    type: str = "unigram"
    """"unigram", "bpe", "char" or "word"."""
    vocabulary_size: int = 8000
    """Pieces, special ones included; of each side where not shared."""
    shared: bool = True
    """One vocabulary for both languages; embeddings are then shared too."""
    character_coverage: float = 1.0
    """Share of characters that get a piece; 0.9995 suits Chinese and Japanese."""
    byte_fallback: bool = True
    """Spell unknown characters as bytes, so that nothing is lost."""


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Which model; keys of the family's class, such as `norm_first`, go here too."""

    family: str = "transformer"
    """"transformer" or "recurrent"."""
    preset: str = "small"
    """Named sizes of the family: "tiny", "small", "base", "big"."""
    options: dict = dataclasses.field(default_factory=dict)
    """What overrides the preset."""


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How `compile` and `fit` are called."""

    max_steps: int = 10000
    """Batches to train on."""
    max_minutes: float = 0.0
    """Stop after so much time, tokenising not counted; 0 is no limit."""
    batch_tokens: int = 4096
    """Tokens in a batch, padding included, on the longer side."""
    max_shapes: int = 8
    """Batch shapes, each of which may be compiled once."""
    optimizer: str = "adam"
    """"adam", or "adamw" with weight_decay."""
    learning_rate: float = 1e-3
    """The highest that the schedule reaches."""
    schedule: str = "inverse_sqrt"
    """"inverse_sqrt" (Vaswani et al., 2017), "cosine", "linear" or "constant"."""
    warmup_steps: int = 1000
    """Updates over which the rate rises from zero."""
    beta_1: float = 0.9
    """Of Adam."""
    beta_2: float = 0.98
    """Of Adam."""
    weight_decay: float = 0.0
    """Of AdamW."""
    label_smoothing: float = 0.1
    """Share of probability spread over the vocabulary (Szegedy et al., 2016)."""
    clip_norm: float = 1.0
    """Largest global norm of a gradient; 0 is no limit."""
    accumulation_steps: int = 1
    """Batches whose gradients are added up into one update."""
    precision: str = "float32"
    """Keras dtype policy: "float32", "mixed_bfloat16" or "mixed_float16"."""
    ema_momentum: float = 0.0
    """Keep a moving average of the weights, and validate and save that; 0 is off."""
    average_checkpoints: int = 1
    """Average the weights of the last so many validations, if that scores better."""
    validate_every: int = 500
    """Steps between validations; state is saved as often."""
    validation_sentences: int = 200
    """Validation sentences that are translated, greedily, for BLEU and chrF."""
    test_sentences: int = 0
    """Test sentences translated for the final score; 0 is all of them."""
    validation_metric: str = "bleu"
    """"bleu", "chrf" or "exact": what decides the best checkpoint."""
    patience: int = 0
    """Stop after so many validations without a better score; 0 never does."""
    guided_alignment: float = 0.0
    """Weight of the loss that draws attention to given alignments (Chen et al., 2016;
    Garg et al., 2019); 0 is off."""
    scheduled_sampling: str = "none"
    """"linear", "exponential" or "inverse_sigmoid": how fast a recurrent model is made
    to go on from its own words in training (Bengio et al., 2015); "none" is never."""
    sampling_half_steps: int = 2000
    """Steps after which half of the words it is shown are its own."""
    sampling_least: float = 0.0
    """The share of right words does not fall below this."""
    jit_compile: str = "auto"
    """"auto", "true" or "false": whether `fit` compiles with XLA."""
    seed: int = 1
    """Of weights, dropout and the order of batches."""


_LEAST = {
    "max_steps": 1,
    "max_minutes": 0,
    "batch_tokens": 1,
    "max_shapes": 1,
    "learning_rate": 0,
    "warmup_steps": 0,
    "weight_decay": 0,
    "clip_norm": 0,
    "accumulation_steps": 1,
    "average_checkpoints": 1,
    "guided_alignment": 0,
    "sampling_half_steps": 1,
    "validate_every": 1,
    "validation_sentences": 1,
    "test_sentences": 0,
    "patience": 0,
    "seed": 0,
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One experiment: data, tokenizer, model, training, decoding."""

    name: str = "run"
    """Names the run's folder and the exported model."""
    task: str = "translation"
    """Only "translation" for now."""
    data: DataConfig = DataConfig()
    tokenizer: TokenizerConfig = TokenizerConfig()
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    training: TrainingConfig = TrainingConfig()
    decoding: DecodingOptions = DecodingOptions()

    def __post_init__(self):
        checks = [
            ("task", self.task, ("translation",)),
            ("model.family", self.model.family, ("transformer", "recurrent")),
            ("tokenizer.type", self.tokenizer.type, ("unigram", "bpe", "char", "word")),
            ("training.optimizer", self.training.optimizer, ("adam", "adamw")),
            (
                "training.schedule",
                self.training.schedule,
                ("inverse_sqrt", "cosine", "linear", "constant"),
            ),
            (
                "training.precision",
                self.training.precision,
                ("float32", "mixed_bfloat16", "mixed_float16"),
            ),
            (
                "training.scheduled_sampling",
                self.training.scheduled_sampling,
                ("none", "linear", "exponential", "inverse_sigmoid"),
            ),
            (
                "training.validation_metric",
                self.training.validation_metric,
                ("bleu", "chrf", "exact"),
            ),
            (
                "training.jit_compile",
                self.training.jit_compile,
                ("auto", "true", "false"),
            ),
        ]
        for where, value, known in checks:
            if value not in known:
                raise ValueError(unknown(f"{where} {value!r}", value, known))
        if not self.data.corpus:
            raise ValueError(
                "data.corpus is missing: name a shipped corpus, a toy task or a file, "
                "as in --set data.corpus=pairs.tsv"
            )
        check_direction(
            self.data.corpus,
            self.data.source_language,
            self.data.target_language,
            self.data.swap,
        )
        for name, least in _LEAST.items():
            value = getattr(self.training, name)
            if value < least:
                raise ValueError(
                    f"training.{name} must be at least {least}; received {value}"
                )
        below_one = "label_smoothing ema_momentum beta_1 beta_2 sampling_least"
        for name in below_one.split():
            value = getattr(self.training, name)
            if not 0 <= value < 1:
                raise ValueError(
                    f"training.{name} must be at least 0 and below 1; received {value}"
                )
        if (
            self.training.scheduled_sampling != "none"
            and self.model.family != "recurrent"
        ):
            raise ValueError(
                "training.scheduled_sampling needs a decoder that is trained step by "
                f'step; received model.family="{self.model.family}". Set '
                'model.family="recurrent", or leave scheduled_sampling out'
            )
        aligned = self.data.alignments or self.data.corpus in TASKS
        if self.training.guided_alignment and not aligned:
            raise ValueError(
                "training.guided_alignment needs to know which words belong together; "
                f"received data.corpus={self.data.corpus!r} without data.alignments. "
                "Name a file of links in data.alignments, take a toy task "
                f"({', '.join(TASKS)}), or leave guided_alignment at 0"
            )
        # SavedModels and bundles are folders of this name.
        if not self.name.strip(".") or any(c in self.name for c in "/\\ \t\r\n"):
            raise ValueError(
                "name must be a folder name without spaces or slashes; received "
                f"{self.name!r}"
            )

    @classmethod
    def from_tables(cls, tables):
        """Builds a recipe from nested dicts, as TOML gives them."""
        sections = {
            "data": DataConfig,
            "tokenizer": TokenizerConfig,
            "training": TrainingConfig,
            "decoding": DecodingOptions,
        }
        values = {}
        for key, table in tables.items():
            if key in sections:
                values[key] = from_table(sections[key], table, key)
            elif key == "model":
                table = dict(checked_table(table, key))
                family = table.pop("family", ModelConfig.family)
                preset = table.pop("preset", ModelConfig.preset)
                values[key] = ModelConfig(family, preset, table)
            elif key in ("name", "task"):
                values[key] = str(table)
            else:
                known = ["name", "task", "model", *sections]
                raise ValueError(unknown(f"table or key {key!r}", key, known))
        return cls(**values)

    def to_tables(self):
        """Nested dicts from which `from_tables` makes the same recipe."""
        tables = dataclasses.asdict(self)
        tables["model"].update(tables["model"].pop("options"))
        return tables

    def to_toml(self):
        """The recipe as the text of a TOML file."""
        return to_toml(self.to_tables())

    def fingerprint(self):
        """Everything that a resumed run may not change."""
        tables = self.to_tables()
        for key in ("max_steps", "max_minutes", "patience", "jit_compile"):
            tables["training"].pop(key)
        tables.pop("name")
        return tables


def shipped_recipes():
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_recipe(name, overrides=()):
    """Reads a recipe.

    Args:
        name: str. A shipped recipe's name, or the path of a TOML file.
        overrides: strings `table.key=value`, the value in TOML or a bare word.

    Returns:
        `Recipe`.

    Raises:
        ValueError: with what is wrong, where, and what would be right.
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = RECIPES / f"{name}.toml"
        if not path.exists():
            raise ValueError(
                unknown(f"recipe {str(name)!r}", str(name), shipped_recipes())
                + "; or give the path of a .toml file"
            )
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"there is no recipe file {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a TOML file: {error}") from None
    tables.setdefault("name", path.stem)
    for override in overrides:
        _apply(tables, override)
    return Recipe.from_tables(tables)


def _apply(tables, override):
    place, equals, text = override.partition("=")
    if not equals or not place.strip():
        raise ValueError(
            f"--set takes table.key=value, as training.max_steps=100; got {override!r}"
        )
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word, as in data.corpus=pairs.tsv
    *path, key = [part.strip() for part in place.split(".")]
    for part in path:
        tables = tables.setdefault(part, {})
        if not isinstance(tables, dict):
            raise ValueError(f"--set {override}: {part} is not a table")
    tables[key] = value
