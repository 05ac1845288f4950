"""A run's folder: whose it is, whether it may be used, what of it may be deleted.

<folder>/recipe.toml      the recipe
         start/           the bundle that it started from, if any
         data/            tokenizers and tokenised corpus
         state/           where to go on after a kill
         weights/         best and last weights
         logs/            TensorBoard
         history.csv      scores of each round
         bundle/          the result; see `keras_attention.tasks.bundle`
"""

import shutil
from pathlib import Path

from keras_attention.files import write_whole
from keras_attention.training.recipe import load_recipe

# Tells the copy that a run keeps from a recipe that somebody wrote into a folder.
FIRST_LINE = "# A run of keras-attention: its recipe, with all defaults."
START = "start"
CONTENT = (
    START,
    "data",
    "state",
    "weights",
    "logs",
    "history.csv",
    "bundle",
    "recipe.toml",
)


def claim_folder(folder, recipe, resume=False, force=False):
    """Makes `folder` that of a run of `recipe`, and keeps the recipe in it.

    Args:
        folder: path.
        recipe: `Recipe`.
        resume: bool. Go on with a run that is there; without one, begin.
        force: bool. Delete the run that is there, and nothing else in the folder.

    Raises:
        ValueError: if the folder is somebody else's, if it holds a run and neither
            `resume` nor `force` is said, or if that run has another recipe.
    """
    folder = Path(folder)
    kept = folder / "recipe.toml"
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not _is_run(kept):
            raise ValueError(
                f"{folder} holds something else than a training run; choose another "
                "folder"
            )
        if force:
            delete_run(folder)
        elif _has_begun(folder):
            if not resume:
                raise ValueError(
                    f"{folder} holds a run already; pass --resume to go on with it, "
                    "--force to delete it and begin anew, or choose another folder"
                )
            _check_same(recipe, load_recipe(kept), kept)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(kept, f"{FIRST_LINE}\n\n{recipe.to_toml()}")


def delete_run(folder):
    """Deletes what a run wrote, its recipe last; what else is there stays."""
    for name in CONTENT:
        path = Path(folder) / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _is_run(kept):
    if not kept.is_file():
        return False
    with kept.open(encoding="utf-8", errors="replace") as file:
        return file.readline().strip() == FIRST_LINE


def _has_begun(folder):
    """Whether something would be lost. A wrong path in a recipe loses nothing."""
    data = folder / "data"
    content = [folder / name for name in CONTENT if name not in ("data", "recipe.toml")]
    return any(path.exists() for path in content) or (
        data.exists() and any(data.iterdir())
    )


def _check_same(recipe, began, kept):
    ours, theirs = recipe.fingerprint(), began.fingerprint()
    differ = [
        f"{table}.{key}" if key else table
        for table in ours
        for key in _differences(ours[table], theirs[table])
    ]
    if differ:
        raise ValueError(
            f"{kept.parent} was begun with another recipe, which differs in "
            f"{', '.join(differ)}; resume with the recipe that began it, {kept}, or "
            "choose another folder"
        )


def _differences(ours, theirs):
    if not isinstance(ours, dict):
        return [] if ours == theirs else [""]
    keys = {**ours, **theirs}
    return [key for key in keys if ours.get(key) != theirs.get(key)]
