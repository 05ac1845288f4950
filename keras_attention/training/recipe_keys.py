"""The keys of a recipe, with their meanings, defaults, choices and bounds.

Each table is a frozen dataclass with a sentence under each field.
"""

import dataclasses
import math

from keras_attention import choices as words
from keras_attention.data.captions.formats import FORMATS
from keras_attention.data.captions.shared_captions import SPLIT_BY
from keras_attention.data.images.augmentation import Augmentation
from keras_attention.data.images.fit import FITS
from keras_attention.data.scenes.things import ARTIST_CHOICES, LANGUAGES
from keras_attention.data.tokenizer import MODEL_TYPES
from keras_attention.training.data_keys import CaptionDataConfig, DataConfig


@dataclasses.dataclass(frozen=True)
class TokenizerConfig:
    """How text becomes ids (SentencePiece)."""

    type: str = "unigram"
    """Kind of SentencePiece model."""
    vocabulary_size: int = 8000
    """Subwords, special tokens included; of each side where not shared."""
    shared: bool = True
    """One vocabulary for both languages; embeddings are then shared too."""
    character_coverage: float = 1.0
    """Share of characters that get a subword of their own; 0.9995 suits Chinese and
    Japanese."""
    byte_fallback: bool = True
    """Spell unknown characters as bytes, so that nothing is lost."""
    model: str = ""
    """Path of a SentencePiece model to use in place of training one; the keys above
    then say nothing, but for `shared`. Special tokens are renumbered as needed."""
    target_model: str = ""
    """One for the target side, where not `shared`."""
    user_defined_symbols: tuple[str, ...] = ()
    """Texts that stay whole, as ["<name>", "<url>"]; tags of corpora are among them by
    themselves."""
    sampling_alpha: float = 0.0
    """Subword regularisation (Kudo, 2018) of a unigram model: in training, sentences
    are cut anew each time that they come, into a segmentation drawn by its probability
    to the power of this; 0.1 to 0.5 are usual, 0 is off."""
    bpe_dropout: float = 0.0
    """BPE-dropout (Provilkov et al., 2020): the share of merges that are left out in
    training, anew each time; 0.1 is usual, 0 is off."""

    def __post_init__(self):
        symbols = tuple(self.user_defined_symbols)
        object.__setattr__(self, "user_defined_symbols", symbols)

    @property
    def samples(self):
        """Whether segmentations are drawn in training."""
        return self.sampling_alpha > 0 or self.bpe_dropout > 0


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Which model; keys of the family's class, such as `norm_first`, go here too."""

    family: str = "transformer"
    """Kind of model."""
    preset: str = "small"
    """Named sizes of the family, which follow below."""
    options: dict = dataclasses.field(default_factory=dict)
    """What overrides the preset."""


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How `compile` and `fit` are called."""

    start: str = ""
    """The folder of a bundle to start from (fine-tuning): its weights and tokenizers
    are kept, and [model] and [tokenizer] may be left out."""
    freeze: tuple[str, ...] = ()
    """Parts that are not trained, ["encoder_*"]: names of layers as `summary()` shows
    them, or patterns of such names."""
    rates: dict = dataclasses.field(default_factory=dict)
    """What multiplies the learning rate of parts, {"decoder_*" = 0.1}; others have 1
    (discriminative fine-tuning: Howard & Ruder, 2018)."""
    max_steps: int = 10000
    """Batches to train on; updates, times accumulation_steps."""
    max_minutes: float = 0.0
    """Stop after so much time, tokenising not counted; 0, or inf, is no limit."""
    batch_tokens: int = 4096
    """Tokens in a batch, padding included, on the longer side."""
    max_shapes: int = 8
    """Batch shapes, each of which may be compiled once."""
    optimizer: str = "adam"
    """Which; "adamw" has weight_decay."""
    learning_rate: float = 1e-3
    """The highest that the schedule reaches."""
    schedule: str = "inverse_sqrt"
    """How the rate falls after the warm-up ("inverse_sqrt": Vaswani et al., 2017)."""
    warmup_steps: int = 1000
    """Updates over which the rate rises from zero."""
    beta_1: float = 0.9
    """Of Adam."""
    beta_2: float = 0.98
    """Of Adam."""
    epsilon: float = 1e-8
    """Of Adam: Keras's, which is ε̂ of Kingma & Ba, 2015, section 2."""
    weight_decay: float = 0.0
    """Of AdamW."""
    label_smoothing: float = 0.1
    """Share of probability spread over the vocabulary (Szegedy et al., 2016)."""
    clip_norm: float = 1.0
    """Largest global norm of a gradient; 0, or inf, is no limit."""
    accumulation_steps: int = 1
    """Batches whose gradients make one update, each token counting the same. Updates
    go on over validations; batches short of one at the end of training are left out."""
    precision: str = "float32"
    """Keras dtype policy."""
    ema_momentum: float = 0.0
    """Keep a moving average of the weights, and validate and save that; 0 is off."""
    average_checkpoints: int = 1
    """Average the weights of the last so many validations, if that scores better."""
    validate_every: int = 500
    """Steps between validations; state is saved as often."""
    validation_sentences: int = 200
    """Validation sentences, or images, that are decoded greedily and scored; of more,
    a hash chooses so many."""
    test_sentences: int = 0
    """Test sentences, or images, decoded for the final score, chosen by a hash; 0 is
    all of them."""
    validation_metric: str = ""
    """The score that decides the best checkpoint; by default the first. "object_f1" is
    of scenes."""
    patience: int = 0
    """Stop after so many validations without a better score; 0 never does."""
    guided_alignment: float = 0.0
    """Weight of the loss that draws attention to given alignments (Chen et al., 2016;
    Garg et al., 2019); 0 is off."""
    doubly_stochastic: float = 0.0
    """λ of the loss that wants all regions of an image attended to (Xu et al., 2015);
    0 is off."""
    encoder_weights: str = "pretrained"
    """How an image encoder begins; one that has no pretrained weights is "random".
    With `start`, as the bundle's does."""
    scheduled_sampling: str = "none"
    """How fast a recurrent model is made to go on from its own words in training
    (Bengio et al., 2015); "none" is never."""
    sampling_half_steps: int = 2000
    """Steps after which half of the words it is shown are its own."""
    sampling_least: float = 0.0
    """The share of right words does not fall below this."""
    jit_compile: str = "auto"
    """Whether `fit` compiles with XLA."""
    seed: int = 1
    """Of weights, dropout and the order of batches."""

    def __post_init__(self):
        for name in ("max_minutes", "clip_norm"):
            if getattr(self, name) == math.inf:
                object.__setattr__(self, name, 0.0)


DATA_TABLES = {"translation": DataConfig, "captioning": CaptionDataConfig}
AUGMENTATIONS = tuple(field.name for field in dataclasses.fields(Augmentation))
# What may decide the best checkpoint; the first, unless something else is said.
METRICS = {
    "translation": ("bleu", "chrf", "exact"),
    "captioning": ("cider", "bleu4", "rouge_l", "object_f1"),
}

# Keys of [tokenizer] that captions do not have.
OF_TRANSLATION = (
    "model",
    "target_model",
    "user_defined_symbols",
    "sampling_alpha",
    "bpe_dropout",
)

# The least that numbers may be, by table; those of [data] may be of one task only.
LEAST_OF_DATA = {
    "max_source_length": 1,
    "max_target_length": 1,
    "toy_count": 1,
    "toy_max_length": 1,
    "scenes_count": 1,
    "scenes_things": 1,
    "scenes_most": 1,
    "scenes_captions": 1,
}
LEAST = {
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
    "doubly_stochastic": 0,
    "sampling_half_steps": 1,
    "validate_every": 1,
    "validation_sentences": 1,
    "test_sentences": 0,
    "patience": 0,
    "seed": 0,
}
# Those that are at least 0 and below 1.
BELOW_ONE = (
    "label_smoothing",
    "ema_momentum",
    "beta_1",
    "beta_2",
    "sampling_least",
)


def choices(task, of_scenes=False):
    """The words that keys of a recipe may hold, a dict from "table.key" to tuples.

    The lists stand beside what implements them; this says only where they are used.

    Args:
        task: str.
        of_scenes: bool. Whether the images are scenes, not somebody's.
    """
    known = {
        "model.family": tuple(words.FAMILIES[task]),
        "tokenizer.type": MODEL_TYPES,
        "training.optimizer": words.OPTIMIZERS,
        "training.schedule": words.DECAYS,
        "training.precision": words.PRECISIONS,
        "training.scheduled_sampling": ("none", *words.SAMPLING_SCHEDULES),
        "training.validation_metric": ("", *METRICS[task]),
        "training.jit_compile": words.COMPILATIONS,
        "training.encoder_weights": words.ENCODER_WEIGHTS,
    }
    if task == "captioning":
        known |= {
            "data.fit": FITS,
            "data.format": FORMATS,
            "data.split_by": SPLIT_BY,
            "data.scenes_artist": ARTIST_CHOICES,
        }
    if of_scenes:
        known["data.language"] = LANGUAGES
    return known
