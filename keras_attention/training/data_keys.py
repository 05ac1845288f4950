"""The keys of `[data]` in a recipe, with their meanings and defaults."""

import dataclasses

from keras_attention.data.splits import TEST_SHARE, VALID_SHARE
from keras_attention.data.text.direction import fill_languages


@dataclasses.dataclass(frozen=True)
class CorpusConfig:
    """One of several corpora, `[[data.corpora]]`; keys are those of `[data]`."""

    corpus: str = ""
    """As `data.corpus`."""
    target: str = ""
    """The target side, where source and target are paired files."""
    source_key: str = "source"
    """Key or column of the source."""
    target_key: str = "target"
    """Key or column of the target."""
    swap: bool = False
    """Translate from the second side to the first."""
    alignments: str = ""
    """A file of word links, a line for each line; of all corpora or of none."""
    validation: str = ""
    """A file of its own to validate on, read as this corpus is."""
    validation_target: str = ""
    """Its target side, where source and target are paired files."""
    test: str = ""
    """A file of its own to test on, likewise."""
    test_target: str = ""
    """Its target side, where source and target are paired files."""
    tag: str = ""
    """A symbol such as "<2de>" that is put before every source, and says which language
    is wanted (Johnson et al., 2017)."""
    weight: float = 0.0
    """Of the pairs that are trained on, this corpus gives the share weight / sum of
    weights, whatever its size (as in OpenNMT-py): it is gone through as often as that
    takes. Given for all corpora or for none; without, every pair comes as often."""


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What to learn from."""

    corpus: str = ""
    """A shipped corpus ("help-en-de"), a toy task, or the path of a TSV, CSV,
    JSON-lines or source-side file, plain or gzip'd; "-" reads standard input."""
    target: str = ""
    """The target side, where source and target are paired files."""
    source_key: str = "source"
    """Key of the source in JSON lines, or name of its column in CSV and TSV."""
    target_key: str = "target"
    """Key of the target in JSON lines, or name of its column."""
    swap: bool = False
    """Translate from the second side to the first. A file of alignments serves both
    ways, unchanged."""
    alignments: str = ""
    """A file that says which words belong together, "0-0 2-1", one line for each line
    of the corpus (Pharaoh format), and swapped if that is. Toy tasks know theirs."""
    corpora: tuple[CorpusConfig, ...] = ()
    """Several corpora in place of one, `[[data.corpora]]`, whose keys follow below."""
    validation: str = ""
    """A file of pairs to validate on, in any format of `corpus` and read with the same
    keys and `swap`. valid_share is then not used, and pairs of the corpus whose source
    is in the file are left out, and counted."""
    validation_target: str = ""
    """Its target side, where source and target are paired files."""
    test: str = ""
    """A file of pairs for the final score, likewise, in place of test_share."""
    test_target: str = ""
    """Its target side, where source and target are paired files."""
    source_language: str = ""
    """ISO code, for the model card; refused where the corpus's name contradicts it."""
    target_language: str = ""
    """ISO code, for the model card and the choice of BLEU's tokenisation."""
    valid_share: float = VALID_SHARE
    """Share of source sentences held out for validation, chosen by hash."""
    test_share: float = TEST_SHARE
    """Share of source sentences held out for the final score, chosen by hash."""
    max_source_length: int = 128
    """Pairs with more source tokens are skipped, and counted."""
    max_target_length: int = 128
    """Pairs with more target tokens are skipped, and counted."""
    toy_count: int = 20000
    """Pairs to make, where the corpus is a toy task."""
    toy_max_length: int = 12
    """Most symbols in a toy string."""

    def __post_init__(self):
        object.__setattr__(self, "corpora", tuple(self.corpora))

    def tables(self):
        """What is trained on, each with its place in the recipe.

        Returns:
            list of `(where, CorpusConfig)`: `[("data", …)]`, or one for each of
            `corpora`, as `("data.corpora[0]", …)`.
        """
        if self.corpora:
            return [(f"data.corpora[{i}]", c) for i, c in enumerate(self.corpora)]
        fields = [field.name for field in dataclasses.fields(CorpusConfig)]
        of_corpus = {key: getattr(self, key) for key in fields if hasattr(self, key)}
        return [("data", CorpusConfig(**of_corpus))]

    def corpus_names(self):
        """What `corpus` says of each that is trained on, a list of str."""
        return [table.corpus for _, table in self.tables()]

    def held_out(self):
        """Files of their own to validate and to test on.

        Returns:
            list of `(split, where, CorpusConfig)`, whose `corpus` and `target` are
            the file.
        """
        tables = self.tables()
        if self.corpora:
            own = dataclasses.replace(
                CorpusConfig(source_key=self.source_key, target_key=self.target_key),
                **{key: getattr(self, key) for key in HELD_OUT_KEYS},
            )
            tables = [("data", own), *tables]
        return [
            (
                split,
                f"{where}.{key}",
                dataclasses.replace(
                    table,
                    corpus=getattr(table, key),
                    target=getattr(table, f"{key}_target"),
                ),
            )
            for split, key in HELD_OUT.items()
            for where, table in tables
            if getattr(table, key)
        ]

    def tags(self):
        """The tags of the corpora, each once, as keys of a dict: to the language that
        the corpus's name says is its target, or "" ."""
        return {
            table.tag: fill_languages(table.corpus, "", "", table.swap)[1]
            for table in self.corpora
            if table.tag
        }

    def languages(self):
        """Source and target language; where not given, what the corpora's names say,
        if they agree on that side."""
        given = self.source_language, self.target_language
        found = [
            fill_languages(table.corpus, *given, table.swap)
            for _, table in self.tables()
        ]
        sides = zip(*found, strict=True)
        source, target = (
            side[0] if len(set(side)) == 1 else own
            for side, own in zip(sides, given, strict=True)
        )
        return source, target


# Splits that may have files of their own, and the keys that name them.
HELD_OUT = {"valid": "validation", "test": "test"}
HELD_OUT_KEYS = ("validation", "validation_target", "test", "test_target")


@dataclasses.dataclass(frozen=True)
class CaptionDataConfig:
    """What to learn from, where `task = "captioning"`."""

    corpus: str = ""
    """"scenes", or the path of a file or folder of captions: COCO's or Karpathy's JSON,
    Flickr's token file, CSV, JSON lines."""
    images: str = ""
    """The folder of images; beside the captions by default."""
    format: str = "auto"
    """What the file is; "auto" finds out. "csv" is a table with any separator."""
    language: str = "en"
    """ISO code of the captions."""
    fit: str = "pad"
    """How an image becomes a square: "pad" keeps all of it, "crop" takes the middle,
    "stretch" distorts."""
    valid_share: float = VALID_SHARE
    """Share of images held out for validation, by hash, where none are named."""
    test_share: float = TEST_SHARE
    """Share of images held out for the final score, likewise."""
    split_by: str = "image"
    """What the hash is of. With "caption", images that share one are on the same
    side."""
    max_target_length: int = 40
    """Captions with more tokens are skipped, and counted."""
    features: bool = True
    """Where the encoder is not trained and nothing is augmented, run it once over all
    images and keep the features."""
    flip: float = 0.0
    """Augmentation: probability of mirroring an image whose caption names no side."""
    shift: float = 0.0
    """Augmentation: images move by up to this share of their side, either way."""
    zoom: float = 0.0
    """Augmentation: they grow or shrink by up to this share."""
    brightness: float = 0.0
    """Augmentation: pixels are multiplied by one, more or less this share."""
    contrast: float = 0.0
    """Augmentation: so is their distance to the image's mean."""
    saturation: float = 0.0
    """Augmentation: so is their distance to grey."""
    scenes_count: int = 20000
    """Scenes to compose."""
    scenes_things: int = 60
    """Different things in them."""
    scenes_most: int = 4
    """Most things in one scene."""
    scenes_captions: int = 3
    """Captions of each."""
    scenes_artist: str = "noto"
    """Whose emoji."""

    def corpus_names(self):
        """As `DataConfig.corpus_names`."""
        return [self.corpus]
