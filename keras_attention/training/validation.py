"""Free-running validation: what the model says when nobody holds its hand."""

import time
from typing import Any

import keras
import numpy as np

from keras_attention.files import read_arrays, whole_file
from keras_attention.training.accumulation import innermost


class FreeRunningValidation(keras.callbacks.Callback):
    """Decodes validation data after each round, and keeps the best weights.

    Teacher forcing shows the model the right words so far; its loss says little of
    how errors add up when it goes on from its own. Adds `val_` and the name of each
    score to the logs.

    Args:
        scores: function that returns a dict of floats, higher is better.
        metric: str. The score that decides which weights are best.
        keep: int. Weights of so many last rounds are kept, to be averaged.
        patience: int. Stop after so many rounds without a better score; 0 never.
        folder: path for weights.
    """

    def __init__(self, scores, metric, keep, patience, folder):
        super().__init__()
        self.scores = scores
        self.metric = metric
        self.keep = keep
        self.patience = patience
        self.folder = folder
        self.state: dict[str, Any] = {
            "best": None,
            "best_step": 0,
            "waited": 0,
            "recent": [],
        }
        self.step = lambda: 0  # the trainer's counter of batches

    def on_epoch_end(self, epoch, logs=None):
        step = self.step()
        trained = self._show_averaged_weights()
        began = time.monotonic()
        scores = self.scores()
        if logs is not None:
            logs.update({f"val_{name}": value for name, value in scores.items()})
            logs["validation_seconds"] = time.monotonic() - began
        self._keep(step, scores[self.metric])
        if trained is not None:
            for variable, value in zip(
                self.model.trainable_variables, trained, strict=True
            ):
                variable.assign(value)
        if self.patience and self.state["waited"] >= self.patience:
            self.model.stop_training = True

    def _show_averaged_weights(self):
        """With EMA, puts the averages into the model; returns what was there."""
        optimizer = self.model.optimizer
        if not innermost(optimizer).use_ema:
            return None
        variables = self.model.trainable_variables
        trained = [np.copy(np.asarray(variable)) for variable in variables]
        optimizer.finalize_variable_values(variables)
        return trained

    def _keep(self, step, value):
        state = self.state
        self.folder.mkdir(parents=True, exist_ok=True)
        save_weights(self.model, self.folder / f"step-{step}.npz")
        if state["best"] is None or value > state["best"]:
            state.update(best=value, best_step=step, waited=0)
        else:
            state["waited"] += 1
        if step not in state["recent"]:
            state["recent"] = [*state["recent"], step][-self.keep :]

    def delete_old(self):
        """Deletes weights that neither are the best nor among the last.

        To be called once the state that no longer names them is written.
        """
        wanted = {self.state["best_step"], *self.state["recent"]}
        for path in self.folder.glob("step-*.npz"):
            if int(path.stem[len("step-") :]) not in wanted:
                path.unlink()


def save_weights(model, path):
    """Writes a model's trainable weights, whole or not at all."""
    arrays = {f"{i:04d}": np.asarray(w) for i, w in enumerate(model.weights)}
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # allow_pickle stays False


def load_weights(model, *paths):
    """Puts the mean of saved weights into a model.

    Raises:
        ValueError: a file is damaged; it is named.
    """
    total: list[Any] = []
    for path in paths:
        arrays = read_arrays(path)
        values = [arrays[name].astype("float64") for name in sorted(arrays)]
        if not total:
            total = values
        else:
            total = [a + b for a, b in zip(total, values, strict=True)]
    for weight, value in zip(model.weights, total, strict=True):
        weight.assign((value / len(paths)).astype("float32"))
