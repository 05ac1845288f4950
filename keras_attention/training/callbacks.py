"""Callbacks that count, show, stop and save."""

import csv
import io
import math
import time

import keras
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from keras_attention.files import write_whole
from keras_attention.training.console import plain_console
from keras_attention.training.state import save_state


class Pace(keras.callbacks.Callback):
    """Counts batches and time, and stops training when either is used up.

    Args:
        max_steps: int. Batches, over all sittings.
        max_minutes: float. Minutes of training, over all sittings; 0 is no limit.
        batches: `TokenBatches`, asked how many target tokens a step holds.
    """

    def __init__(self, max_steps, max_minutes, batches):
        super().__init__()
        self.max_steps = max_steps
        self.max_minutes = max_minutes
        self.batches = batches
        self.state = {"step": 0, "seconds": 0.0, "tokens": 0, "waiting": 0.0}
        self._batch_ended = self._batch_began = math.nan  # No batch yet.

    @property
    def step(self):
        return self.state["step"]

    def on_epoch_begin(self, epoch, logs=None):
        self._batch_ended = time.monotonic()

    def on_train_batch_begin(self, batch, logs=None):
        self._batch_began = time.monotonic()
        self.state["waiting"] += self._batch_began - self._batch_ended

    def on_train_batch_end(self, batch, logs=None):
        state = self.state
        now = time.monotonic()
        state["seconds"] += now - self._batch_ended
        self._batch_ended = now
        state["tokens"] += self.batches.target_tokens_at(state["step"])
        state["step"] += 1
        out_of_time = self.max_minutes and state["seconds"] > 60 * self.max_minutes
        if state["step"] >= self.max_steps or out_of_time:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            seconds = max(self.state["seconds"], 1e-9)
            logs["step"] = self.state["step"]
            logs["tokens_per_second"] = self.state["tokens"] / seconds
            logs["waiting_share"] = self.state["waiting"] / seconds


class Saver(keras.callbacks.Callback):
    """Saves the exact state after each round.

    Args:
        folder: path.
        pace: `Pace`.
        validation: `FreeRunningValidation`.
    """

    def __init__(self, folder, pace, validation):
        super().__init__()
        self.folder = folder
        self.pace = pace
        self.validation = validation

    def on_epoch_end(self, epoch, logs=None):
        callbacks = {
            "round": epoch + 1,
            "pace": self.pace.state,
            "validation": self.validation.state,
        }
        save_state(self.folder, self.pace.step, self.model, callbacks)
        self.validation.delete_old()


class HistoryFile(keras.callbacks.Callback):
    """Appends the logs of each round to a CSV file.

    Its first columns are always the same. What else is logged gets a column of its own,
    which rounds before leave empty.

    Args:
        path: path of the file.
        pace: `Pace`.
        metrics: names of the usual scores of validation.
    """

    def __init__(self, path, pace, metrics):
        super().__init__()
        self.path = path
        self.pace = pace
        self.columns = [
            *"step loss accuracy val_loss val_accuracy".split(),
            *(f"val_{metric}" for metric in metrics),
            *"learning_rate tokens_per_second waiting_share validation_seconds".split(),
        ]

    def on_train_begin(self, logs=None):
        """Drops the rounds that a kill has undone: they will be told again."""
        rows = [row for row in self._rows() if int(row["step"]) <= self.pace.step]
        self._write(rows)

    def _rows(self):
        """The rows of the file that are whole, each a dict."""
        if not self.path.exists():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            header, *rows = [*csv.reader(file)] or [[]]
        self.columns += [name for name in header if name not in self.columns]
        return [
            dict(zip(header, row, strict=True))
            for row in rows
            if len(row) == len(header) and row[0].isdecimal()
        ]

    def _write(self, rows):
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(rows)
        write_whole(self.path, text.getvalue())

    def on_epoch_end(self, epoch, logs=None):
        row = {key: _number(value) for key, value in (logs or {}).items()}
        row["step"] = str(self.pace.step)
        row["learning_rate"] = _number(self.model.optimizer.learning_rate)
        new = [name for name in row if name not in self.columns]
        if new:
            rows = self._rows()
            self.columns += new
            self._write(rows)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns).writerow(row)


def _number(value):
    return f"{float(value):.6g}"


class Bar(keras.callbacks.Callback):
    """One progress bar for the whole training, and a line for each validation.

    Args:
        pace: `Pace`.
        metrics: names of the scores of validation that come first; others follow.
        console: `rich.console.Console`; where no terminal is, only lines are written.
    """

    def __init__(self, pace, metrics, console=None):
        super().__init__()
        self.metrics = metrics
        self.pace = pace
        self.console = console or plain_console()
        self.progress = None

    def on_train_begin(self, logs=None):
        if not self.console.is_terminal:
            return
        self.progress = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=self.console,
        )
        self.progress.start()
        self.task = self.progress.add_task("", total=self._total(), figures="")

    def _total(self):
        if self.pace.max_minutes:
            return round(60 * self.pace.max_minutes)
        return self.pace.max_steps

    def _done(self):
        if self.pace.max_minutes:
            return round(self.pace.state["seconds"])
        return self.pace.step

    def on_train_batch_end(self, batch, logs=None):
        if self.progress is not None and logs:
            speed = self.pace.state["tokens"] / max(self.pace.state["seconds"], 1e-9)
            figures = f"loss {float(logs['loss']):.3f}  {speed:,.0f} tokens/s"
            self.progress.update(self.task, completed=self._done(), figures=figures)

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        names = ["loss", "val_loss", *(f"val_{metric}" for metric in self.metrics)]
        scores = [name for name in logs if name.startswith("val_")]
        names += [name for name in scores if name not in (*names, "val_accuracy")]
        figures = "  ".join(
            f"{name} {float(logs[name]):.2f}" for name in names if name in logs
        )
        speed = f"{logs.get('tokens_per_second', 0):,.0f} tokens/s"
        self.console.print(f"step {self.pace.step:,}  {figures}  {speed}")

    def on_train_end(self, logs=None):
        self.close()

    def close(self):
        """Gives the terminal back; safe to call twice."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None
