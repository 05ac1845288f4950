"""From captioned pictures in files to arrays on disk.

examples = CaptionFiles("captions.csv", images="pictures")
tokenizer = train_caption_tokenizer(examples, 8000)
corpus = prepare_captions(examples, "prepared", tokenizer=tokenizer)
corpus.train, corpus.valid, corpus.test
"""

from keras_attention.data.caption_store import CaptionCorpus, PreparedCaptions
from keras_attention.data.caption_writer import (
    prepare_captions,
    train_caption_tokenizer,
)
from keras_attention.data.captioned_image import CaptionedImage

__all__ = [
    "CaptionCorpus",
    "CaptionedImage",
    "PreparedCaptions",
    "prepare_captions",
    "train_caption_tokenizer",
]
