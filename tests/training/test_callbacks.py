"""Counting, stopping, showing and telling, without a model that learns."""

import csv
import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from keras_attention.training import callbacks
from keras_attention.training.callbacks import Bar, HistoryFile, Pace

METRICS = ("bleu", "chrf", "exact")


class Clock:
    """Time that passes when told to."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(callbacks, "time", clock)
    return clock


def model():
    return SimpleNamespace(
        stop_training=False, optimizer=SimpleNamespace(learning_rate=0.25)
    )


def pace(max_steps=100, max_minutes=0.0):
    batches = SimpleNamespace(target_tokens_at=lambda step: 10 + step)
    pace = Pace(max_steps, max_minutes, batches)
    pace.set_model(model())
    return pace


def train(pace, clock, count, waiting=0.25, working=0.75):
    """`count` batches of a second each."""
    pace.on_epoch_begin(0)
    for batch in range(count):
        clock.now += waiting
        pace.on_train_batch_begin(batch)
        clock.now += working
        pace.on_train_batch_end(batch, {"loss": 2.5})


def test_pace_counts_steps_tokens_and_waiting(clock):
    counting = pace()
    train(counting, clock, 4)
    logs = {}
    counting.on_epoch_end(0, logs)
    assert logs == {
        "step": 4,
        "tokens_per_second": pytest.approx((10 + 11 + 12 + 13) / 4),
        "waiting_share": pytest.approx(0.25),
    }


def test_pace_does_not_count_what_validation_takes(clock):
    counting = pace()
    train(counting, clock, 2)
    clock.now += 1000
    train(counting, clock, 2)
    assert counting.state["seconds"] == pytest.approx(4)


@pytest.mark.parametrize(("count", "stops"), [(3, False), (4, True)])
def test_pace_stops_at_max_steps(clock, count, stops):
    counting = pace(max_steps=4)
    train(counting, clock, count)
    assert counting.model.stop_training is stops


@pytest.mark.parametrize(("count", "stops"), [(60, False), (61, True)])
def test_pace_stops_when_the_minutes_are_over(clock, count, stops):
    counting = pace(max_minutes=1.0)
    train(counting, clock, count)
    assert counting.model.stop_training is stops


def test_pace_counts_on_after_a_resume(clock):
    counting = pace(max_minutes=1.0)
    counting.state.update(step=7, seconds=59.5, tokens=5, waiting=0.0)
    train(counting, clock, 1)
    assert counting.step == 8
    assert counting.state["tokens"] == 5 + 17
    assert counting.model.stop_training is True


def history(path, counting):
    told = HistoryFile(path, counting, METRICS)
    told.set_model(model())
    return told


def test_history_keeps_its_columns_and_gives_others_their_own(tmp_path, clock):
    counting = pace()
    told = history(tmp_path / "history.csv", counting)
    told.on_train_begin()
    counting.state["step"] = 8
    told.on_epoch_end(0, {"loss": 1 / 3, "val_bleu": 20.0})
    known = told.path.read_text().splitlines()[0].split(",")
    counting.state["step"] = 16
    told.on_epoch_end(1, {"val_bleu": 30.0, "val_ter": 40.0})

    again = history(told.path, counting)  # as after a kill
    again.on_train_begin()
    counting.state["step"] = 24
    again.on_epoch_end(2, {"val_ter": 50.0, "val_comet": 60.0})

    with told.path.open(newline="") as file:
        first, second, third = csv.DictReader(file)
    assert [*first] == [*known, "val_ter", "val_comet"]
    assert (first["step"], first["loss"], first["val_bleu"]) == ("8", "0.333333", "20")
    assert (first["val_loss"], first["learning_rate"]) == ("", "0.25")
    assert (first["val_ter"], first["val_comet"]) == ("", "")
    assert (second["step"], second["val_bleu"], second["val_ter"]) == ("16", "30", "40")
    assert (third["step"], third["val_ter"], third["val_comet"]) == ("24", "50", "60")


def test_history_forgets_what_a_kill_has_undone(tmp_path, clock):
    path = tmp_path / "history.csv"
    counting = pace()
    told = history(path, counting)
    told.on_train_begin()
    for step in (8, 16, 24):
        counting.state["step"] = step
        told.on_epoch_end(0, {"loss": 1.0})
    with path.open("a") as file:
        file.write("32,1.0,0.")  # the kill came here

    counting.state["step"] = 16  # as the state says
    history(path, counting).on_train_begin()
    steps = [line.split(",")[0] for line in path.read_text().splitlines()]
    assert steps == ["step", "8", "16"]


def shown(terminal, counting, clock, show_batches=3):
    """What a console shows of one round."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100, highlight=False)
    bar = Bar(counting, METRICS, console)
    bar.on_train_begin()
    try:
        train(counting, clock, show_batches)
        bar.on_train_batch_end(show_batches - 1, {"loss": 2.5})
        if bar.progress is not None:
            bar.progress.refresh()
        logs = {"loss": 2.5, "val_accuracy": 0.5, "val_ter": 40.0, "val_bleu": 31.416}
        bar.on_epoch_end(0, {**logs, "tokens_per_second": 11})
    finally:
        bar.on_train_end()
        bar.close()
    return file.getvalue()


def test_a_terminal_sees_a_bar(clock):
    text = shown(True, pace(max_steps=12), clock)
    assert " 3/12" in text
    assert "loss 2.500  11 tokens/s" in text
    assert "\x1b[?25l" in text  # the cursor goes …
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # … and comes back


def test_a_bar_of_minutes_counts_seconds(clock):
    assert " 3/120" in shown(True, pace(max_minutes=2.0), clock)


@pytest.mark.parametrize("terminal", [False, True])
def test_each_round_has_its_line(clock, terminal):
    text = shown(terminal, pace(), clock)
    assert "step 3  loss 2.50  val_bleu 31.42  val_ter 40.00  11 tokens/s" in text


def test_a_file_sees_lines_alone(clock):
    assert shown(False, pace(), clock).count("\n") == 1
