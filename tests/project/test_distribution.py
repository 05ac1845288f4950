"""What is built holds what it is for: the wheel its users, the sdist its tests."""

import os
import re
import runpy
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import keras_attention

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://github.com/someone/attention"
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Made by running what is there.
LEFT = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"}


def build(target, root, folder, **environment):
    """Builds an "sdist" or a "wheel" of the sources at `root`; returns its path."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GITHUB_")}
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder]
    subprocess.run(command, cwd=root, env={**clean, **environment}, check=True)
    (path,) = Path(folder).iterdir()
    return path


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The sdist as GitHub's workflow builds it, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    name = REPOSITORY.removeprefix("https://github.com/")
    with tarfile.open(build("sdist", ROOT, folder, GITHUB_REPOSITORY=name)) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    return unpacked


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """The wheel of that sdist, built where nobody knows of GitHub."""
    return build("wheel", sdist, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A prefix under which the wheel lies, without what it depends on."""
    prefix = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "installer", "--prefix", prefix, wheel]
    subprocess.run(command, check=True)
    return prefix


def site_packages(prefix):
    (home,) = prefix.rglob("keras_attention/__init__.py")
    return home.parents[1]


def files(folder):
    """Paths of all files, relative to the folder."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in paths if not LEFT & set(path.parts)}


@pytest.mark.parametrize(
    "name",
    [".github", "benchmarks", "docs", "keras_attention", "serving", "tests", "tools"],
)
def test_the_sdist_holds_what_a_clone_does(sdist, name):
    assert files(sdist / name) == files(ROOT / name)


@pytest.mark.parametrize(
    "name",
    ".ci/run .env .gitignore docker-compose.yml hatch_build.py Makefile NOTICE "
    "CONTRIBUTING.md SECURITY.md CODE_OF_CONDUCT.md saved_models/.gitkeep".split(),
)
def test_the_sdist_holds_what_stands_at_the_top(sdist, name):
    assert (sdist / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.slow  # collecting imports TensorFlow
def test_the_tests_of_the_sdist_collect(sdist):
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p"]
    done = subprocess.run(
        [*command, "no:cacheprovider"], cwd=sdist, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"\d{3,}.* tests? collected", done.stdout)


def test_the_wheel_holds_the_package_and_its_pages(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {n for n in archive.namelist() if n.startswith("keras_attention/")}
    package = {f"keras_attention/{name}" for name in files(ROOT / "keras_attention")}
    assert held == package | {
        f"keras_attention/docs/{name}" for name in files(ROOT / "docs")
    }


def test_the_wheel_works_where_it_is_installed(installed, tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "tools/try_installed.py",
            "--scripts",
            installed / "bin",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site_packages(installed))},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert str(installed) in done.stdout  # where the pages are


def test_pypi_is_told_where_things_are(installed):
    (found,) = metadata.distributions(
        name="keras-attention-models", path=[str(site_packages(installed))]
    )
    urls = dict(u.split(", ", 1) for u in found.metadata.get_all("Project-URL"))
    assert {"Source", "Documentation", "Changelog", "Issues"} <= set(urls)
    assert urls["Source"] == REPOSITORY
    # Links in the README, and images, are those of this version.
    tag = f"v{keras_attention.__version__}"
    inside = re.compile(rf"{REPOSITORY}/(?:blob|raw)/{tag}/([^#]+)")
    targets = LINK.findall(found.metadata.get_payload())
    targets += [urls["Documentation"], urls["Changelog"]]
    assert all(target.startswith("https://") for target in targets)
    ours = [match[1] for match in map(inside.match, targets) if match]
    assert any(name.endswith(".png") for name in ours)
    assert not [name for name in ours if not (ROOT / name).is_file()]


def test_installed_pages_link_to_what_is_installed_or_in_the_repository(installed):
    docs = site_packages(installed) / "keras_attention/docs"
    pages = [page.read_text(encoding="utf-8") for page in docs.glob("*.md")]
    targets = {target for page in pages for target in LINK.findall(page)}
    tag = f"v{keras_attention.__version__}"
    inside = re.compile(rf"{REPOSITORY}/blob/{tag}/([^#]+)")
    ours = [match[1] for match in map(inside.match, targets) if match]
    assert "serving/README.md" in ours
    assert all((ROOT / name).is_file() for name in ours)
    near = [t.partition("#")[0] for t in targets if not re.match(r"\w+:|#", t)]
    assert not [name for name in near if not (docs / name).is_file()]


def test_without_an_address_links_are_their_words():
    with_whole_links = runpy.run_path(str(ROOT / "hatch_build.py"))["with_whole_links"]
    text = "[page](docs/a.md#b) [above](#b) [site](https://a.b) ![heat](docs/a.png)"
    expected = "page [above](#b) [site](https://a.b) heat"
    assert with_whole_links(text, "", "v1") == expected
