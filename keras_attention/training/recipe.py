"""Recipes: one experiment each, as a TOML file or as frozen dataclasses."""

import dataclasses
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from keras_attention.checks import (
    below_one,
    check_model_name,
    real_number,
    whole_number,
)
from keras_attention.data.images.augmentation import Augmentation
from keras_attention.data.scenes import SCENES, is_scenes
from keras_attention.data.splits import check_shares
from keras_attention.data.text.toy import TASKS
from keras_attention.decoding.options import DecodingOptions
from keras_attention.training.data_checks import check_data, check_tokenizer
from keras_attention.training.recipe_keys import (
    AUGMENTATIONS,
    BELOW_ONE,
    DATA_TABLES,
    LEAST,
    LEAST_OF_DATA,
    METRICS,
    OF_TRANSLATION,
    CaptionDataConfig,
    DataConfig,
    ModelConfig,
    TokenizerConfig,
    TrainingConfig,
    choices,
)
from keras_attention.training.recipe_names import meant
from keras_attention.training.toml import checked_table, from_table, to_toml, unknown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RECIPES = Path(__file__).resolve().parent.parent / "recipes"
# Tables of which a bundle to start from may say what a recipe does not.
SAID = ("data", "tokenizer", "model", "decoding")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One experiment: data, tokenizer, model, training, decoding.

    Checked when it is made. `load_recipe` reads one from TOML; the page on recipes
    lists all keys, with their units and defaults.

    Raises:
        ValueError: with the key, what it may hold, and what was received.

    Example:

    >>> recipe = Recipe.from_tables({"name": "mine", "data": {"corpus": "reverse"}})
    >>> recipe.model.family, recipe.decoding.beam
    ('transformer', 4)
    >>> Recipe.from_tables(recipe.to_tables()) == recipe
    True
    """

    name: str = "run"
    """Names the run's folder and the exported model."""
    task: str = "translation"
    """"translation" or "captioning"."""
    data: DataConfig | CaptionDataConfig = DataConfig()
    tokenizer: TokenizerConfig = TokenizerConfig()
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    decoding: DecodingOptions = DecodingOptions()
    said: frozenset[str] | None = dataclasses.field(
        default=None, compare=False, repr=False
    )
    """Which keys of its tables a file gives, as "model.preset"; None where the recipe
    is of no file. What is not said, `training.start` may say."""

    def __post_init__(self) -> None:
        if self.task not in DATA_TABLES:
            known = tuple(DATA_TABLES)
            raise ValueError(unknown(f"task {self.task!r}", self.task, known))
        of_scenes = self.task == "captioning" and is_scenes(self.data.corpus)
        for where, known in choices(self.task, of_scenes).items():
            table, key = where.split(".")
            value = getattr(getattr(self, table), key)
            if value not in known:
                raise ValueError(unknown(f"{where} {value!r}", value, known))
        several = isinstance(self.data, DataConfig) and self.data.corpora
        if not self.data.corpus and not several:
            raise ValueError(
                "data.corpus is missing: name a shipped corpus, a toy task or a file, "
                "as in --set data.corpus=pairs.tsv"
            )
        if isinstance(self.data, DataConfig):
            self._check_translation(self.data)
        else:
            self._check_captioning(self.data)
        self._check_numbers()
        self._check_parts()
        check_model_name(self.name)

    @property
    def validation_metric(self) -> str:
        """Name of the score that decides the best checkpoint, as "bleu"."""
        return self.training.validation_metric or METRICS[self.task][0]

    def symbols(self) -> list[str]:
        """What tokenizers keep whole: tags of corpora, and symbols of the user."""
        tags = self.data.tags() if isinstance(self.data, DataConfig) else {}
        return list(dict.fromkeys([*tags, *self.tokenizer.user_defined_symbols]))

    def _check_numbers(self):
        check_numbers("training", self.training, LEAST)
        known = vars(self.data)
        least = {name: LEAST_OF_DATA[name] for name in LEAST_OF_DATA if name in known}
        check_numbers("data", self.data, least)
        check_shares(self.data.valid_share, self.data.test_share)
        if not real_number("training.epsilon", self.training.epsilon, 0):
            raise ValueError("training.epsilon must be above 0; received 0.0")
        if self.training.max_steps < self.training.accumulation_steps:
            raise ValueError(
                "training.max_steps counts batches, of which the first update takes "
                f"accumulation_steps={self.training.accumulation_steps}; received "
                f"max_steps={self.training.max_steps}"
            )
        for name in BELOW_ONE:
            below_one(f"training.{name}", getattr(self.training, name))
        if (
            self.training.scheduled_sampling != "none"
            and self.model.family != "recurrent"
        ):
            raise ValueError(
                "training.scheduled_sampling needs a decoder that is trained step by "
                f'step; received model.family="{self.model.family}". Set '
                'model.family="recurrent", or leave scheduled_sampling out'
            )

    def _check_parts(self):
        training = self.training
        for name, rate in training.rates.items():
            if not real_number(f"training.rates[{name!r}]", rate, 0):
                raise ValueError(
                    f"training.rates[{name!r}] must be above 0; received {rate}. Name "
                    "in training.freeze what is not to be trained"
                )
        if training.start and training.encoder_weights == "random":
            raise ValueError(
                'training.encoder_weights="random" contradicts training.start, whose '
                "bundle brings the encoder's weights: leave out one of them"
            )

    def _check_translation(self, data):
        check_data(data)
        start = bool(self.training.start)
        check_tokenizer(self.tokenizer, self.training.guided_alignment, start)
        for where, table in data.tables() if self.training.guided_alignment else ():
            if table.alignments or (table.corpus in TASKS and not table.tag):
                continue
            raise ValueError(
                "training.guided_alignment needs to know which words belong together; "
                f"received {where}.corpus={table.corpus!r} without {where}.alignments. "
                f"Name a file of links in {where}.alignments, take a toy task "
                f"({', '.join(TASKS)}), or leave guided_alignment at 0"
            )

    def _check_captioning(self, data):
        if self.decoding.unknown == "copy":
            raise ValueError(
                'decoding.unknown="copy" takes words of a source text, and an image '
                'has none; take "forbid" or "allow"'
            )
        for key in OF_TRANSLATION:
            if getattr(self.tokenizer, key):
                raise ValueError(
                    f"tokenizer.{key} is of translation; received "
                    f"{getattr(self.tokenizer, key)!r}: leave it out"
                )
        if self.training.guided_alignment:
            raise ValueError(
                "training.guided_alignment is of translation, whose words can be "
                "linked; leave it at 0"
            )
        try:
            Augmentation(**{key: getattr(data, key) for key in AUGMENTATIONS})
        except ValueError as error:
            raise ValueError(f"data: {error}") from None
        if self.validation_metric == "object_f1" and not is_scenes(data.corpus):
            raise ValueError(
                'training.validation_metric="object_f1" needs to know which things '
                f'are in an image, as data.corpus="{SCENES}" does; take "cider"'
            )

    @classmethod
    def from_tables(cls, tables: dict[str, Any]) -> "Recipe":
        """Builds a recipe from nested dicts, as TOML gives them.

        Raises:
            ValueError: an unknown table or key, or as `Recipe`.
        """
        task = str(tables.get("task", cls.task))
        sections = {
            "data": DATA_TABLES.get(task, DataConfig),
            "tokenizer": TokenizerConfig,
            "training": TrainingConfig,
        }
        values: dict[str, Any] = {}
        for key, table in tables.items():
            if key in sections:
                values[key] = from_table(sections[key], table, key)
            elif key == "decoding":
                values[key] = DecodingOptions.from_table(table)
            elif key == "model":
                table = dict(checked_table(table, key))
                family = table.pop("family", ModelConfig.family)
                preset = table.pop("preset", ModelConfig.preset)
                values[key] = ModelConfig(family, preset, table)
            elif key in ("name", "task"):
                values[key] = str(table)
            else:
                known = ["name", "task", "model", *sections, "decoding"]
                raise ValueError(unknown(f"table or key {key!r}", key, known))
        said = (f"{t}.{key}" for t in SAID for key in tables.get(t, ()))
        return cls(**values, said=frozenset(said))

    def to_tables(self) -> dict[str, Any]:
        """Nested dicts from which `from_tables` makes the same recipe."""
        tables = dataclasses.asdict(self)
        del tables["said"]
        tables["model"].update(tables["model"].pop("options"))
        return tables

    def to_toml(self) -> str:
        """The recipe as the text of a TOML file."""
        return to_toml(self.to_tables())

    def fingerprint(self) -> dict[str, Any]:
        """Everything that a resumed run may not change, as nested dicts."""
        tables = self.to_tables()
        for key in ("max_steps", "max_minutes", "patience", "jit_compile"):
            tables["training"].pop(key)
        # The run keeps the bundle; where it was found says nothing.
        tables["training"]["start"] = bool(self.training.start)
        tables.pop("name")
        return tables


def check_numbers(table, config, least):
    """Refuses a number of a table that is smaller than the least of its key."""
    for name, bound in least.items():
        whole = type(config).__annotations__[name] is int
        check = whole_number if whole else real_number
        check(f"{table}.{name}", getattr(config, name), bound)


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with the package.

    Returns:
        list of str, sorted.

    Example:

    >>> "reverse" in shipped_recipes()
    True
    """
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_recipe(name: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """Reads a recipe.

    Args:
        name: str. A shipped recipe's name, or the path of a TOML file.
        overrides: strings `table.key=value`, the value in TOML or a bare word.

    Returns:
        `Recipe`.

    Raises:
        ValueError: no such recipe or file, no TOML, an override without `=`, or as
            `Recipe`.

    Example:

    >>> recipe = load_recipe("reverse", ["training.max_steps=100"])
    >>> recipe.training.max_steps
    100
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = RECIPES / f"{name}.toml"
        if not path.exists():
            shipped = {other: _languages(other) for other in shipped_recipes()}
            raise ValueError(
                f"unknown recipe {str(name)!r}; {meant(str(name), shipped)}known are: "
                f"{', '.join(shipped)}; or give the path of a .toml file"
            )
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"there is no recipe file {path}") from None
    except (ValueError, RecursionError) as error:  # no UTF-8, or no TOML
        raise ValueError(f"{path} is not a TOML file: {error}") from None
    tables.setdefault("name", path.stem)
    for override in overrides:
        _apply(tables, override)
    return Recipe.from_tables(tables)


def _languages(name):
    data = load_recipe(name).data
    return data.languages() if isinstance(data, DataConfig) else ("", "")


def _apply(tables, override):
    place, equals, text = override.partition("=")
    if not equals or not place.strip():
        raise ValueError(
            "--set takes table.key=value, as training.max_steps=100; received "
            f"{override!r}"
        )
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text  # a bare word, as in data.corpus=pairs.tsv
    *path, key = [part.strip() for part in place.split(".")]
    for part in path:
        if isinstance(tables, list):
            tables = _item(tables, part, override)
        else:
            tables = tables.setdefault(part, {})
        if not isinstance(tables, (dict, list)):
            raise ValueError(f"--set {override}: {part} is not a table")
    if isinstance(tables, list):
        raise ValueError(f"--set {override}: say which of the list, as data.corpora.0")
    tables[key] = value


def _item(tables, number, override):
    """The table of a list that "data.corpora.0.weight" means."""
    if number.isdecimal() and int(number) < len(tables):
        return tables[int(number)]
    raise ValueError(
        f"--set {override}: expected a number from 0 to {len(tables) - 1}, which of "
        f"the list; received {number!r}"
    )
