"""Everything that training must remember to go on exactly where it was.

A state is a folder `state-<step>`: arrays of all variables of the model (weights, and
the seeds of dropout) and of the optimizer (moments, iterations, loss scale, moving
averages), and the state of callbacks as JSON. It is written whole, then the one before
is deleted, so that a kill at any moment leaves one that can be read.
"""

import json
import shutil
from pathlib import Path

import numpy as np

from keras_attention.files import read_arrays, read_json, whole_folder

KIND = "state-"
CALLBACKS = "memory.json"  # So it was called when the first runs began, which go on.


def save_state(folder, step, model, callbacks):
    """Writes `folder/state-<step>` and deletes older ones.

    Args:
        folder: path.
        step: int. Batches trained on.
        model: compiled `keras.Model`, its optimizer built.
        callbacks: dict of what JSON can hold, their state.
    """
    folder = Path(folder)
    older = list(_states(folder))
    # What a kill left half-written.
    for path in folder.glob(f".{KIND}*"):
        shutil.rmtree(path)
    with whole_folder(folder / f"{KIND}{step}", overwrite=True) as new:
        arrays = {name: _portable(v) for name, v in _variables(model)}
        np.savez(new / "variables.npz", **arrays)
        (new / CALLBACKS).write_text(json.dumps(callbacks), encoding="utf-8")
    for at, path in older:
        if at != step:
            shutil.rmtree(path)


def load_state(folder, model):
    """Puts the newest state into a compiled model.

    Returns:
        `callbacks`, as they were saved; None if there is no state.

    Raises:
        ValueError: if the state is damaged, or of another model.
    """
    states = sorted(_states(Path(folder)))
    if not states:
        return None
    path = states[-1][1]
    callbacks, arrays = _whole(path)
    variables = list(_variables(model))
    ours, theirs = {name for name, _ in variables}, set(arrays)
    if ours != theirs:
        raise ValueError(
            f"{path} holds the state of another model or optimizer; it differs in "
            f"{sorted(ours ^ theirs)[:3]}. Resume with the recipe, and the version of "
            "this package, that began it"
        )
    for name, variable in variables:
        variable.assign(arrays[name].astype(np.asarray(variable).dtype))
    return callbacks


def _whole(path):
    try:
        return read_json(path / CALLBACKS), read_arrays(path / "variables.npz")
    except (ValueError, FileNotFoundError) as error:
        raise ValueError(
            f"the state to go on from cannot be read: {error}. Train anew, in another "
            "folder or with --force"
        ) from error


def _states(folder):
    if folder.is_dir():
        for path in folder.glob(f"{KIND}*"):
            yield int(path.name[len(KIND) :]), path


def _variables(model):
    # By place, not by path: paths count instances of a class within the process.
    for kind, variables in (
        ("model", model.variables),
        ("optimizer", model.optimizer.variables),
    ):
        for i, variable in enumerate(variables):
            yield f"{kind}.{i:04d}.{'x'.join(map(str, variable.shape))}", variable


def _portable(variable):
    array = np.asarray(variable)
    # NumPy files know no bfloat16; float32 holds all of it.
    return array.astype("float32") if array.dtype.name == "bfloat16" else array
