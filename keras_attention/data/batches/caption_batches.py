"""Batches of images and captions, in a few fixed shapes, in a known order."""

from typing import TYPE_CHECKING, Any

import numpy as np

from keras_attention.data.batches.text_batches import TokenBatches

if TYPE_CHECKING:
    from keras_attention.data.captions.store import CaptionCorpus
    from keras_attention.data.images.augmentation import Augmentation


class CaptionBatches(TokenBatches):
    """Feeds captioned images to `fit`, `evaluate` or a loop of one's own.

        images        uint8               (B, S, S, 3)
        features      float32, instead    (B, N, N, D)
        windows       int32, if not whole (B, 4)
        decoder input START u v w 0 0     (B, T)
        labels        u v w END 0 0       (B, T)
        sample_weight 1 1 1 1   0 0       (B, T)

    Each caption comes once in a data epoch, its image with it, so that an image
    comes as often as it has captions. What `TokenBatches` promises holds here: few
    shapes, and batches that `seed` and the step decide, augmentation included.
    Rows that fill up a batch repeat its images, with captions that are padding,
    so that statistics of a batch (of batch normalisation) are those of images.

    Args:
        corpus: `CaptionCorpus`.
        tokens_per_batch: int. Most positions of a batch, padding counted: `B × T`.
        augment: `Augmentation`, optional: what is changed about images, anew each
            time that they come.
        features: bool. Whether inputs hold the corpus's features instead of its
            images; by default, if it has any.
        **options: of `TokenBatches`: `max_shapes`, `seed`, `shuffle`,
            `steps_per_epoch`, `first_step`, and those for Keras.

    Raises:
        ValueError: an empty corpus, one without the features asked for, features that
            shall be augmented, or what `TokenBatches` refuses.

    Example:

    >>> from keras_attention.data import CaptionCorpus, Tokenizer
    >>> from keras_attention.data.scenes import Scenes
    >>> scenes = Scenes(count=6, image_size=32)
    >>> words = [text for scene in scenes for text in scene.captions]
    >>> tokenizer = Tokenizer.train(words, 60, model_type="word")
    >>> corpus = CaptionCorpus.from_examples(scenes, tokenizer)
    >>> batches = CaptionBatches(corpus, tokens_per_batch=64, max_shapes=1)
    >>> inputs, labels, sample_weight = batches[0]
    >>> batch_size, length = labels.shape
    >>> inputs["images"].shape == (batch_size, 32, 32, 3), batch_size * length <= 64
    (True, True)
    """

    def __init__(
        self,
        corpus: "CaptionCorpus",
        tokens_per_batch: int = 4096,
        augment: "Augmentation | None" = None,
        features: Any = None,
        **options: Any,
    ) -> None:
        features = corpus.features is not None if features is None else features
        if features and corpus.features is None:
            raise ValueError(
                "expected a corpus with features; received one without: compute them "
                "and call attach_features, or leave out features=True"
            )
        if features and augment is not None:
            raise ValueError(
                "augment changes images, whose features are fixed here; received "
                "both: leave out augment, or train on images"
            )
        super().__init__(corpus, tokens_per_batch, **options)
        self.augment = augment
        self.features = features
        self._may_flip: np.ndarray | None = None

    def _lengths(self):
        # An image shall weigh nothing, and bucket lengths must differ on both sides.
        lengths = self.corpus.target_lengths + 1
        return lengths, lengths

    def _source(self, rows, shape, step):
        numbers = self.corpus.image_of[np.resize(rows, shape.batch_size)]
        inputs = {}
        if self.corpus.windows is not None:
            inputs["windows"] = np.asarray(self.corpus.windows[numbers])
        if self.features:
            features = np.asarray(self.corpus.features[numbers])
            return {"features": features.astype("float32"), **inputs}
        inputs["images"] = np.asarray(self.corpus.images[numbers])
        if self.augment is None:
            return inputs
        rng = np.random.default_rng([self.seed, step, 1])
        if self._may_flip is None:  # Their captions staying true.
            self._may_flip = self.augment.flippable(self.corpus)
        flippable = np.resize(self._may_flip[rows], shape.batch_size)
        return self.augment(inputs, rng, flippable)
