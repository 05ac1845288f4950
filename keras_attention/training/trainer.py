"""`Trainer`: a recipe and a folder in, a bundle out, by `compile` and `fit`."""

import inspect
import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from keras_attention.layers.scheduled_sampling import ScheduledSampling
from keras_attention.locks import locked
from keras_attention.models.families import FAMILIES
from keras_attention.models.options import check_options
from keras_attention.os_errors import writing
from keras_attention.tasks.bundle import load_bundle_weights
from keras_attention.training.accumulation import TokenAccumulation
from keras_attention.training.agreement import with_start
from keras_attention.training.callbacks import Bar, HistoryFile, Pace, Saver
from keras_attention.training.captioning import CaptioningTraining
from keras_attention.training.console import plain_console
from keras_attention.training.layerwise import LayerwiseAdam
from keras_attention.training.losses import LabelSmoothedCrossEntropy
from keras_attention.training.metrics import TokenAccuracy
from keras_attention.training.parts import freeze_parts, rate_factors
from keras_attention.training.recipe import Recipe, load_recipe
from keras_attention.training.recipe_keys import METRICS
from keras_attention.training.run_folder import START, claim_folder
from keras_attention.training.schedules import WarmupSchedule
from keras_attention.training.start import Start
from keras_attention.training.state import load_state
from keras_attention.training.toml import unknown
from keras_attention.training.translation import TranslationTraining
from keras_attention.training.validation import FreeRunningValidation, load_weights

if TYPE_CHECKING:
    from keras_attention.tasks.captioner import Captioner
    from keras_attention.tasks.translator import Translator


# What training has of its own in each task.
WORK: dict[str, Any] = {
    "translation": TranslationTraining,
    "captioning": CaptioningTraining,
}


class Trainer:
    """Trains what a recipe describes.

    Args:
        recipe: `Recipe`, or a name or path for `load_recipe`.
        folder: path of the run, made by `run`.
        console: `rich.console.Console` for progress; standard error by default.

    Raises:
        ValueError: as `load_recipe`.

    Example:

    >>> trainer = Trainer("reverse", "runs/reverse")
    >>> trainer.recipe.training.max_steps > 0
    True
    >>> translator = trainer.run()  # doctest: +SKIP
    """

    def __init__(
        self, recipe: Recipe | str | Path, folder: str | Path, console: Any = None
    ) -> None:
        if isinstance(recipe, (str, Path)):
            recipe = load_recipe(recipe)
        self.recipe = recipe
        self.folder = Path(folder)
        self.console = console or plain_console()
        self.work = WORK[self.recipe.task](self.recipe, self.console)
        self.start: Start | None = None

    def run(
        self, resume: bool = False, force: bool = False
    ) -> "Translator | Captioner":
        """Trains, validates, scores, and writes `bundle/`.

        Args:
            resume: bool. Go on where a run in this folder was stopped or killed; the
                weights at the end are those of a run that never was.
            force: bool. Delete a run in this folder and begin anew.

        Returns:
            `Translator` or `Captioner`, with its `metrics`.

        Raises:
            ValueError: if the folder is in use, or of another recipe; or the recipe
                names a model, a corpus or a bundle to start from that cannot be.
        """
        self._open_start(resume, force)
        options = self._model_options()
        self.work.check()
        with writing(self.folder), locked(self.folder, "training"):
            claim_folder(self.folder, self.recipe, resume, force)
            self._keep_start()
            return self._trained(options)

    def _trained(self, options):
        keras.utils.set_random_seed(self.recipe.training.seed)
        corpus = self.work.prepare(self.folder / "data", options)
        model = self._built_model(corpus, options)
        task = self.work.wrap(model, corpus, self.folder / "data")
        batches, valid_batches = self.work.batches(corpus)
        self._describe(model, corpus, batches)
        self._compile(model)
        validation = self._validation(task, corpus)
        training = self.recipe.training
        pace = Pace(training.max_steps, training.max_minutes, batches)
        validation.step = lambda: pace.step
        first_round = self._restore(model, pace, validation, batches)
        reason = self._end(pace, validation)
        if reason:
            self.console.print(f"nothing is left to train: {reason}")
        else:
            self._fit(model, batches, valid_batches, first_round, pace, validation)
            reason = self._end(pace, validation)
            self.console.print(f"training ends after step {pace.step:,}: {reason}")
        self._take_best_weights(model, validation)
        task.training = self._summary(pace, model, corpus)
        task.metrics = self.work.final_scores(task, corpus)
        task.save(self.folder / "bundle", overwrite=True)
        return task

    def prepare(self) -> str:
        """Reads and tokenises the corpus into the folder itself, without training.

        Returns:
            str. What there is, in words.

        Raises:
            ValueError: as `run`.
        """
        self._open_start()
        options = self._model_options()
        self.work.check()
        with writing(self.folder), locked(self.folder, "preparing a corpus"):
            return self.work.describe(self.work.prepare(self.folder, options))

    def _open_start(self, resume=False, force=False):
        """Finds the bundle to start from, and lets it say what the recipe does not."""
        given = self.recipe.training.start
        if not given:
            return
        kept, kind = self.folder / START, self.work.task_class
        if resume and kept.is_dir():
            start = Start(kept, kind)
            began = load_recipe(self.folder / "recipe.toml").training.start
            # The same path may hold another bundle by now; the run has its own.
            if given != began and not start.is_same(Start(given, kind)):
                raise ValueError(
                    f"{self.folder} was begun from another bundle, {began}, than "
                    f"training.start={given}; resume with that, or choose another "
                    "folder"
                )
        else:
            start = Start(given, kind)
            if force and start.path.resolve().is_relative_to(self.folder.resolve()):
                raise ValueError(
                    f"training.start={given} lies in {self.folder}, which --force "
                    "deletes; choose another folder"
                )
        self.start = start
        self.recipe = with_start(self.recipe, start)
        self.work = WORK[self.recipe.task](self.recipe, self.console, start)

    def _keep_start(self):
        kept = self.folder / START
        if self.start and self.start.path != kept:
            self.start = self.work.start = self.start.keep(kept)

    def _model_options(self):
        """What the recipe says of the model, checked before anything slow begins."""
        config = self.recipe.model
        model_class, presets = FAMILIES[self.recipe.task][config.family]
        if config.preset not in presets:
            what = f"model.preset {config.preset!r}"
            raise ValueError(unknown(what, config.preset, list(presets)))
        known = set(inspect.signature(model_class.__init__).parameters)
        # The tokenizers say the sizes of vocabularies.
        known -= {"self", "kwargs", *self.work.sizes()}
        for key in config.options:
            if key not in known:
                names = ["family", "preset", *sorted(known)]
                raise ValueError(unknown(f"key {key!r} in [model]", key, names))
        defaults = self.work.default_options()
        options = {**defaults, **presets[config.preset], **config.options}
        # Without weights yet: combinations that cannot be are found out here.
        model = self._model(self.work.sizes(), options)
        if not model.attends:
            self._check_blind()
        self._check_compilation(model)
        return options

    def _check_compilation(self, model):
        """Refuses XLA before the corpus is read, where Keras would go on without it.

        "auto" asks Keras, which asks each layer the same.
        """
        if self.recipe.training.jit_compile != "true" or model.trains_compiled:
            return
        if keras.backend.backend() == "tensorflow":
            raise ValueError(
                'training.jit_compile="true": TensorFlow has kernels of its own for '
                "the recurrences of this model on this GPU, which XLA cannot compile; "
                'set training.jit_compile to "auto" or "false", or train with '
                "KERAS_BACKEND=jax"
            )

    def _check_blind(self):
        """Refuses what only attention can do, where there is none."""
        if self.recipe.decoding.unknown == "copy":
            raise ValueError(
                "decoding.unknown copies the source word with the most attention; this "
                'model has no attention: take another model.attention than "none", or '
                'set decoding.unknown to "forbid"'
            )
        for table, key, purpose in (
            ("training", "guided_alignment", "draws attention to alignments"),
            ("training", "doubly_stochastic", "spreads attention"),
            ("decoding", "coverage_penalty", "counts where attention has been"),
        ):
            if getattr(getattr(self.recipe, table), key):
                raise ValueError(
                    f"{table}.{key} {purpose}, and this model has none: take another "
                    f'model.attention than "none", or set {table}.{key} to 0'
                )

    def _model(self, sizes, options):
        family = self.recipe.model.family
        model_class, _ = FAMILIES[self.recipe.task][family]
        try:
            check_options(model_class, options)
            return model_class(
                **sizes, dtype=self.recipe.training.precision, name=family, **options
            )
        except (TypeError, ValueError) as error:
            raise ValueError(f"[model] does not describe a model: {error}") from error

    def _built_model(self, corpus, options):
        sizes = self.work.sizes(corpus)
        if self.start:
            sizes = self.start.sizes(sizes)
        model = self._model(sizes, options)
        training = self.recipe.training
        model.guided_alignment = training.guided_alignment
        model.doubly_stochastic = training.doubly_stochastic
        if training.scheduled_sampling != "none":
            model.scheduled_sampling = ScheduledSampling(
                training.scheduled_sampling,
                training.sampling_half_steps,
                training.sampling_least,
            )
        model.build()
        model.built = True
        if self.start:
            load_bundle_weights(self.start.path, model)
        freeze_parts(model, training.freeze)
        return model

    def _describe(self, model, corpus, batches):
        shapes = ", ".join("×".join(map(str, shape)) for shape in batches.shapes)
        counts = model.parameter_counts().items()
        parts = ", ".join(f"{part} {count:,}" for part, count in counts)
        self.console.print(
            f"{self.work.describe(corpus)}; {model.count_params():,} parameters "
            f"({parts}); {len(batches.shapes)} batch shapes "
            f"({self.work.batch_shape}): {shapes}",
        )
        if self.start:
            self.console.print(f"starting from {self.recipe.training.start}")
        if self.recipe.training.freeze:
            count = sum(math.prod(v.shape) for v in model.trainable_variables)
            self.console.print(f"{count:,} parameters are trained, the rest is frozen")

    def _compile(self, model):
        training = self.recipe.training
        # Optimizers count updates, and so do their schedules and moving averages.
        accumulated = training.accumulation_steps
        options: dict[str, Any] = {
            "learning_rate": WarmupSchedule(
                training.learning_rate,
                training.warmup_steps,
                training.schedule,
                training.max_steps // accumulated,
            ),
            "beta_1": training.beta_1,
            "beta_2": training.beta_2,
            "epsilon": training.epsilon,
            "global_clipnorm": training.clip_norm or None,
            "use_ema": training.ema_momentum > 0,
        }
        if training.ema_momentum:
            options["ema_momentum"] = training.ema_momentum
        if training.optimizer == "adamw":
            options["weight_decay"] = training.weight_decay
        if training.rates:
            factors = rate_factors(model, training.rates)
            optimizer = LayerwiseAdam(factors, **options)
        elif training.optimizer == "adamw":
            optimizer = keras.optimizers.AdamW(**options)
        else:
            optimizer = keras.optimizers.Adam(**options)
        if accumulated > 1:
            optimizer = TokenAccumulation(optimizer, accumulated)
        model.compile(
            optimizer=optimizer,
            loss=LabelSmoothedCrossEntropy(training.label_smoothing),
            weighted_metrics=[TokenAccuracy(name="accuracy")],
            jit_compile=_jit_compile(training.jit_compile),
        )
        model.optimizer.build(model.trainable_variables)

    def _validation(self, task, corpus):
        training = self.recipe.training
        return FreeRunningValidation(
            self.work.validation(task, corpus),
            self.recipe.validation_metric,
            max(training.average_checkpoints, 1),
            training.patience,
            self.folder / "weights",
        )

    def _restore(self, model, pace, validation, batches):
        callbacks = load_state(self.folder / "state", model)
        if callbacks is None:
            return 0
        pace.state.update(callbacks["pace"])
        validation.state.update(callbacks["validation"])
        batches.first_step = pace.step
        self.console.print(f"resuming after step {pace.step:,}")
        return callbacks["round"]

    def _end(self, pace, validation):
        """Why there is no more training, "" where there is."""
        training = self.recipe.training
        minutes = pace.state["seconds"] / 60
        waited = validation.state["waited"]
        if pace.step >= training.max_steps:
            return f"training.max_steps={training.max_steps} are done"
        if training.max_minutes and minutes >= training.max_minutes:
            return f"training.max_minutes={training.max_minutes:g} are over"
        if training.patience and waited >= training.patience:
            return (
                f"training.patience={training.patience}, and {waited} validations "
                "had no better score"
            )
        return ""

    def _fit(self, model, batches, valid_batches, first_round, pace, validation):
        training = self.recipe.training
        metrics = METRICS[self.recipe.task]
        bar = Bar(pace, metrics, self.console)
        left = training.max_steps - pace.step
        try:
            model.fit(
                batches,
                initial_epoch=first_round,
                epochs=first_round + math.ceil(left / training.validate_every),
                validation_data=valid_batches,
                # The order of batches is `TokenBatches`' own, so that it can resume.
                shuffle=False,
                verbose=0,
                callbacks=[
                    pace,
                    validation,
                    HistoryFile(self.folder / "history.csv", pace, metrics),
                    bar,
                    *_tensorboard(self.folder / "logs", self.console),
                    # Last: what it saves, all others have done.
                    Saver(self.folder / "state", pace, validation),
                ],
            )
        except KeyboardInterrupt:
            bar.close()
            self.console.print(
                f"stopped at step {pace.step:,}; --resume goes on from the last "
                f"validation, with the same result as if nothing had happened",
            )
            raise
        finally:
            bar.close()

    def _take_best_weights(self, model, validation):
        """The best round's weights, or the mean of the last if that scores better."""
        state, folder = validation.state, self.folder / "weights"
        load_weights(model, folder / f"step-{state['best_step']}.npz")
        if len(state["recent"]) < 2 or validation.keep < 2:
            return
        paths = [folder / f"step-{step}.npz" for step in state["recent"]]
        load_weights(model, *paths)
        averaged = validation.scores()[validation.metric]
        self.console.print(
            f"mean of the last {len(paths)} rounds: {validation.metric} "
            f"{averaged:.2f}, best round: {state['best']:.2f}",
        )
        if averaged < state["best"]:
            load_weights(model, folder / f"step-{state['best_step']}.npz")

    def _summary(self, pace, model, corpus):
        recipe = self.recipe
        began = self.start and self.start.summary(recipe.training.start)
        return {
            "name": recipe.name,
            "corpus": recipe.data.corpus,
            **({"start": began} if began else {}),
            **self.work.summary(corpus),
            "steps": pace.step,
            "minutes": round(pace.state["seconds"] / 60, 1),
            "target_tokens": pace.state["tokens"],
            "parameters": model.count_params(),
            "parameters_of": model.parameter_counts(),
            "backend": keras.backend.backend(),
            "recipe": recipe.to_tables(),
        }


def _tensorboard(folder, console):
    """The callback, where TensorFlow is there to write its files."""
    if find_spec("tensorflow") is None or find_spec("tensorboard") is None:
        console.print("no TensorBoard logs: TensorFlow or TensorBoard is not installed")
        return []
    return [keras.callbacks.TensorBoard(folder, write_graph=False, profile_batch=0)]


def _jit_compile(choice):
    if choice != "auto":
        return choice == "true"
    if keras.backend.backend() != "tensorflow":
        return "auto"
    import tensorflow as tf

    # On CPUs, XLA took half as many tokens a second as TensorFlow's own kernels.
    return "auto" if tf.config.list_physical_devices("GPU") else False
