"""Text in, arrays out: tokenizers, readers, prepared corpora, batches, toy tasks."""

from typing import TYPE_CHECKING

from keras_attention.lazy import lazy_names

if TYPE_CHECKING:
    from keras_attention.data.batches.caption_batches import (
        CaptionBatches as CaptionBatches,
    )
    from keras_attention.data.batches.subword_sampling import (
        SubwordSampling as SubwordSampling,
    )
    from keras_attention.data.batches.text_batches import TokenBatches as TokenBatches
    from keras_attention.data.captions.features import FeatureStore as FeatureStore
    from keras_attention.data.captions.features import (
        compute_caption_features as compute_caption_features,
    )
    from keras_attention.data.captions.formats import CaptionFiles as CaptionFiles
    from keras_attention.data.captions.prepare import (
        prepare_captions as prepare_captions,
    )
    from keras_attention.data.captions.prepare import (
        train_caption_tokenizer as train_caption_tokenizer,
    )
    from keras_attention.data.captions.shared_captions import (
        SplitByCaption as SplitByCaption,
    )
    from keras_attention.data.captions.store import CaptionCorpus as CaptionCorpus
    from keras_attention.data.corpora import corpus_path as corpus_path
    from keras_attention.data.corpora import shipped_corpora as shipped_corpora
    from keras_attention.data.images.augmentation import Augmentation as Augmentation
    from keras_attention.data.images.augmentation import names_a_side as names_a_side
    from keras_attention.data.report import SkipReport as SkipReport
    from keras_attention.data.text.direction import corpus_languages as corpus_languages
    from keras_attention.data.text.readers import Pair as Pair
    from keras_attention.data.text.readers import read_pairs as read_pairs
    from keras_attention.data.tokenizer import Tokenizer as Tokenizer

HOMES = {
    "Augmentation": "images.augmentation",
    "CaptionBatches": "batches.caption_batches",
    "CaptionCorpus": "captions.store",
    "CaptionFiles": "captions.formats",
    "FeatureStore": "captions.features",
    "Pair": "text.readers",
    "SkipReport": "report",
    "SplitByCaption": "captions.shared_captions",
    "SubwordSampling": "batches.subword_sampling",
    "TokenBatches": "batches.text_batches",
    "Tokenizer": "tokenizer",
    "compute_caption_features": "captions.features",
    "corpus_languages": "text.direction",
    "corpus_path": "corpora",
    "names_a_side": "images.augmentation",
    "prepare_captions": "captions.prepare",
    "read_pairs": "text.readers",
    "shipped_corpora": "corpora",
    "train_caption_tokenizer": "captions.prepare",
}

__all__ = [*HOMES]
__getattr__, __dir__ = lazy_names(__name__, HOMES)
