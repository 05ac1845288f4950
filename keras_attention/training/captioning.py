"""What training has of its own where images are captioned."""

import dataclasses
from pathlib import Path
from typing import Any

import keras

from keras_attention.data.batches.caption_batches import CaptionBatches
from keras_attention.data.captions.features import compute_caption_features
from keras_attention.data.captions.formats import CaptionFiles
from keras_attention.data.captions.prepare import (
    prepare_captions,
    train_caption_tokenizer,
)
from keras_attention.data.captions.shared_captions import SplitByCaption
from keras_attention.data.images.augmentation import Augmentation
from keras_attention.data.report import SkipReport
from keras_attention.data.scenes import SCENES, Scenes, is_scenes
from keras_attention.data.splits import say_sample
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.decoding.programs import compiled
from keras_attention.evaluation.captioning import captions_line, evaluate_captions
from keras_attention.files import whole_file
from keras_attention.tasks.bundle_config import WEIGHTS
from keras_attention.tasks.captioner import Captioner
from keras_attention.training.corpus import counter, keep_tokenizers, warn_without_test
from keras_attention.training.recipe_keys import AUGMENTATIONS, METRICS


@dataclasses.dataclass(frozen=True)
class CaptionedCorpus:
    """The three splits of prepared captions, and what made ids of them."""

    prepared: Any
    """`PreparedCaptions`."""
    tokenizer: Tokenizer

    @property
    def train(self):
        return self.prepared.train

    @property
    def valid(self):
        return self.prepared.valid

    @property
    def test(self):
        return self.prepared.test


class CaptioningTraining:
    """Corpus, batches and scores of a recipe that captions.

    Args:
        recipe: `Recipe`.
        console: `rich.console.Console`, for progress.
        start: `Start`, optional. The bundle whose tokenizer and encoder are kept.
    """

    task_class = Captioner
    batch_shape = "rows×image×target"

    def __init__(self, recipe, console, start=None):
        self.recipe = recipe
        self.console = console
        self.start = start

    @property
    def is_of_scenes(self):
        """Whether images are composed, and not somebody's."""
        return is_scenes(self.recipe.data.corpus)

    def check(self):
        """Raises ValueError for what can be found wrong before anything is written."""
        if self.is_of_scenes:
            self.examples(128)
            if self.recipe.data.split_by != "image":
                raise ValueError(
                    "data.split_by is of files, and scenes have splits of their own; "
                    f'received "{self.recipe.data.split_by}". Leave it out'
                )
            return
        images = self.recipe.data.images
        if Path(images).is_file():
            raise ValueError(f"data.images: {images} is a file; give its folder")
        for key in ("corpus", "images"):
            name = getattr(self.recipe.data, key)
            if name and not Path(name).exists():
                hint = f' (or take the shipped "{SCENES}")' if key == "corpus" else ""
                raise ValueError(
                    f"data.{key}: there is no file or folder {name} (from "
                    f"{Path.cwd()}){hint}"
                )

    def default_options(self):
        """What [model] says where the recipe does not."""
        return {}

    def sizes(self, corpus=None):
        """Arguments of the model that the corpus decides; made-up ones without it."""
        size = 9 if corpus is None else corpus.tokenizer.vocabulary_size
        return {"target_vocabulary_size": size}

    def examples(self, image_size, **changes):
        """The captioned images of the recipe, to be read as often as needed.

        Args:
            image_size: int. Of scenes.
            **changes: arguments of `Scenes` that differ from the recipe's.
        """
        data = self.recipe.data
        if not self.is_of_scenes:
            files = CaptionFiles(
                data.corpus,
                images=data.images or None,
                captions_format=data.format,
            )
            if data.split_by == "caption":
                return SplitByCaption(files, data.valid_share, data.test_share)
            return files
        scenes = {
            "count": data.scenes_count,
            "seed": self.recipe.training.seed,
            "artist": data.scenes_artist,
            "language": data.language,
            "image_size": image_size,
            "max_objects": data.scenes_most,
            "captions_per_image": data.scenes_captions,
            "num_things": data.scenes_things,
        }
        return Scenes(**{**scenes, **changes})

    def prepare(self, folder, options):
        """Decodes images and tokenises captions, or opens what was prepared before.

        Args:
            folder: path.
            options: dict. Arguments of the model, `image_size` among them.
        """
        data = self.recipe.data
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        image_size = options.get("image_size", 128)
        report = SkipReport()
        examples = self.examples(image_size)
        tokenizer = self._tokenizer(folder / "target.model", examples)
        with counter(self.console) as progress:
            task = progress.add_task("reading images", done=0)
            corpus = prepare_captions(
                examples,
                folder / "corpus",
                tokenizer=tokenizer,
                image_size=image_size,
                fit=data.fit,
                max_target_length=data.max_target_length,
                valid_share=data.valid_share,
                test_share=data.test_share,
                report=report,
                progress=lambda done: progress.update(task, done=done),
            )
        if report.num_skipped or report.notes:
            self.console.print(report.summary())
        if not len(corpus.valid):
            together = data.split_by == "caption" and not self.is_of_scenes
            raise ValueError(
                f"no image for validation among the {corpus.train.num_images:,} for "
                "training"
                + (": those that share a caption are on one side" if together else "")
                + "; raise data.valid_share, or give more data"
            )
        warn_without_test(len(corpus.test), self.console)
        return CaptionedCorpus(corpus, tokenizer)

    def _tokenizer(self, path, examples):
        if self.start:
            keep_tokenizers(self.start.tokenizers.values(), [path])
        elif not path.exists():
            config, data = self.recipe.tokenizer, self.recipe.data
            with counter(self.console) as progress:
                progress.add_task("training the tokenizer", done="")
                tokenizer = train_caption_tokenizer(
                    examples.undrawn() if self.is_of_scenes else examples,
                    config.vocabulary_size,
                    valid_share=data.valid_share,
                    test_share=data.test_share,
                    model_type=config.type,
                    character_coverage=config.character_coverage,
                    byte_fallback=config.byte_fallback,
                )
            with whole_file(path) as temporary:
                tokenizer.save(temporary)
        return Tokenizer.load(path)

    def wrap(self, model, corpus, folder):
        """The `Captioner` around a model in training, whose encoder is ready."""
        training, data = self.recipe.training, self.recipe.data
        encoder = model.image_encoder
        pretrained = training.encoder_weights == "pretrained" and not self.start
        if pretrained and encoder.has_pretrained:
            encoder.load_pretrained()
        if self.keeps_features(model):
            self._compute_features(encoder, corpus, folder)
        most = 2 * data.max_target_length
        if self.start:
            most = max(most, self.start.decoding.max_length)
        decoding = self.recipe.decoding
        return Captioner(
            model,
            corpus.tokenizer,
            decoding.replace(max_length=min(decoding.max_length, most)),
            fit=data.fit,
            language=data.language,
        )

    def keeps_features(self, model):
        """Whether the encoder says the same of an image each time."""
        data = self.recipe.data
        return data.features and not model.train_encoder and self.augmentation() is None

    def augmentation(self):
        """`Augmentation`, or None where the recipe asks for none."""
        values = {name: getattr(self.recipe.data, name) for name in AUGMENTATIONS}
        return Augmentation(**values) if any(values.values()) else None

    def _compute_features(self, encoder, corpus, folder):
        run = compiled(encoder, encoder)
        weights = self.recipe.training.encoder_weights
        seed = f" {self.recipe.training.seed}" if weights == "random" else ""
        if self.start:
            weights = f"start {self.start.sums[WEIGHTS]}"
        with counter(self.console) as progress:
            task = progress.add_task("computing features", done="")
            compute_caption_features(
                lambda images: keras.ops.convert_to_numpy(run(images)),
                corpus.prepared,
                Path(folder) / "features",
                f"{encoder.encoder_name} {encoder.grid_size} {weights}{seed}",
                progress=lambda done, total: progress.update(
                    task, done=f"{done:,} of {total:,}"
                ),
            )

    def describe(self, corpus):
        """How much data there is, in words."""
        train, valid, test = (
            f"{len(split.images):,}"
            for split in (corpus.train, corpus.valid, corpus.test)
        )
        return (
            f"{train} training images with {len(corpus.train):,} captions, "
            f"{valid} validation, {test} test"
        )

    def summary(self, corpus):
        """The same, for the model card."""
        return {
            "training_pictures": corpus.train.num_images,
            "training_captions": len(corpus.train),
        }

    def batches(self, corpus):
        """`(training, validation)`, both `CaptionBatches`."""
        training = self.recipe.training
        common = {
            "tokens_per_batch": training.batch_tokens,
            "max_shapes": training.max_shapes,
        }
        train = CaptionBatches(
            corpus.train,
            seed=training.seed,
            steps_per_epoch=training.validate_every,
            augment=self.augmentation(),
            **common,
        )
        return train, CaptionBatches(corpus.valid, shuffle=False, **common)

    def validation(self, captioner, corpus):
        """A function that captions validation images and scores them, a dict."""
        count = self.recipe.training.validation_sentences
        wanted = METRICS[self.recipe.task]
        if self.console is not None:
            what = say_sample(count, corpus.valid.num_images, "images")
            self.console.print(f"validation captions {what}")

        def scores():
            found = evaluate_captions(
                captioner, corpus.valid, count, attention=False, beam=1, n_best=1
            )
            return {name: found[name] for name in wanted if name in found}

        return scores

    def final_scores(self, captioner, corpus):
        """Scores of the test split, for `metrics.json`."""
        split = "test" if len(corpus.test) else "valid"
        count = self.recipe.training.test_sentences
        images = getattr(corpus, split)
        return {
            "split": split,
            "pictures": min(count or images.num_images, images.num_images),
            "pictures_in_split": images.num_images,
            "model": evaluate_captions(captioner, images, count, console=self.console),
        }

    @staticmethod
    def score_lines(metrics):
        """Scores for people."""
        lines = [
            f"{name:18} {captions_line(scores)}"
            for name, scores in metrics.items()
            if isinstance(scores, dict)
        ]
        count = metrics["model"]["pictures"]
        counts = metrics["pictures"], metrics["pictures_in_split"]
        some = counts[0] < counts[1]
        hint = f" ({say_sample(*counts, 'images')})" if some else ""
        return [
            *lines,
            f"{count} images of {metrics['split']}{hint}",
        ]

    @staticmethod
    def example(bundle):
        """A command to try next."""
        return f"keras-attention caption {bundle} image.jpg"
