"""Tries the package as it is installed: commands, data, pages of the documentation.

    PYTHON tools/try_installed.py [--scripts FOLDER] [--demo]

`make try-wheel` and a test run it with the Python that has a wheel of this clone. With
--demo it also trains, exports and serves for some seconds.
"""

import argparse
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent


def try_installed(scripts, demo=False):
    """Raises AssertionError or CalledProcessError for what an installation lacks."""
    import keras_attention

    home = Path(keras_attention.__file__).resolve().parent
    assert home.parent != CLONE, f"expected an installed package; this is {home}"
    version = metadata.version("keras-attention-models")
    assert keras_attention.__version__ == version, (home, version)
    try_data()
    try_commands(scripts, version)
    if demo:
        command(scripts, "keras-attention", "demo", "--minutes", "0.1")
        print("demo: trained, exported, served, translated")


def try_data():
    from keras_attention.data.corpora import corpus_path, shipped_corpora
    from keras_attention.data.scenes.things import files_digest, load_things
    from keras_attention.data.text.readers import read_pairs
    from keras_attention.documentation import page
    from keras_attention.serving.wire.protos import PredictRequest

    for name in shipped_corpora():
        print(f"{name}: {next(read_pairs(corpus_path(name))).source}")
    print(f"scenes: {len(load_things())} things, {files_digest()}")
    print(f"messages: {PredictRequest.DESCRIPTOR.full_name}")
    print(f"documentation: {page('training.md')}")


def try_commands(scripts, version):
    assert command(scripts, "keras-attention", "--version").strip() == version
    recipes = command(scripts, "keras-attention", "recipes")
    assert "demo" in recipes and "scenes-soft" in recipes, recipes
    server = command(scripts, "keras-attention-model-server", "--version")
    assert version in server, server
    print(f"recipes: {len(recipes.splitlines())} lines\n{server}", end="")


def command(scripts, name, *words):
    """What a command prints, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [str(scripts / name), *words],
            cwd=folder,
            check=True,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        ).stdout


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scripts", type=Path, default=Path(sys.executable).parent)
    parser.add_argument("--demo", action="store_true")
    options = parser.parse_args()
    try_installed(options.scripts.absolute(), options.demo)
