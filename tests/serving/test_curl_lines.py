"""Every curl line of the documentation works; docs/client.md has its own test."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from keras_attention.serving.config import ServedModelConfig
from keras_attention.serving.server import Server
from tests.serving.models.support import MeanColour, export_module, png
from tests.serving.support import with_httpx

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/serving-rest.md"
ADDRESS = "http://127.0.0.1:8501"
BLOCK = re.compile(r"^```bash\n(.*?)^```\n(?:\n```json\n(.*?)^```)?", re.M | re.S)
# A command ends where the next one begins, or the block.
COMMAND = re.compile(r"^(?:curl|echo) .*?(?=^curl |\Z)", re.M | re.S)
LINES = [
    (command.strip(), response and json.loads(response))
    for block, response in BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    for command in COMMAND.findall(block)
]


@pytest.fixture(scope="module")
def url(models):
    config = ServedModelConfig(str(models / "half"), version_labels={"stable": 1})
    with Server({"half_plus_two": config}, grpc_port=None, rest_port=0) as server:
        yield f"http://127.0.0.1:{server.rest_port}"


def with_curl(command):
    """Runs a line as a shell does."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    command = f"set -o pipefail; {command}".replace("curl ", "curl -sS ")
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("run", [with_curl, with_httpx])
@pytest.mark.parametrize(("command", "response"), LINES, ids=lambda v: str(v)[:40])
def test_lines_return_what_the_page_says(url, run, command, response):
    text = run(command.replace(ADDRESS, url))
    if response:
        assert json.loads(text) == response
    else:
        assert text == "" or "error" not in json.loads(text)


def test_the_page_has_lines():
    assert len(LINES) >= 10


# The other pages, whose lines stand in indented blocks and name models of their own;
# that of m2m100 is run by tests/conversion/test_m2m100.py, which has such a model.
INDENTED = re.compile(r"^ {4}(?:curl|echo) .*(?:(?<=[\\|])\n {4}.*)*", re.M)
OTHERS = [
    (page.name, line)
    for page in [*sorted((ROOT / "docs").glob("*.md")), ROOT / "serving/README.md"]
    if page.name not in ("client.md", PAGE.name)
    for line in INDENTED.findall(page.read_text(encoding="utf-8"))
    if "curl " in line and "/m2m100:" not in line
]


@pytest.fixture(scope="module")
def other_url(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    export_module(MeanColour(), folder / "1")
    translator = models / "translator"
    names = {
        "translator": translator,
        "my-en-de": translator,
        "opus-en-de": translator,
        "captions": ServedModelConfig(str(translator), version_labels={"canary": 1}),
        "my-captions": folder,
    }
    with Server(names, grpc_port=None, rest_port=0) as server:
        yield f"http://127.0.0.1:{server.rest_port}"


@pytest.mark.parametrize(("page", "line"), OTHERS)
def test_lines_of_other_pages_work(other_url, page, line):
    image = base64.b64encode(png((1, 2, 3))).decode()
    line = line.replace("'$(base64 -w0 beach.jpg)'", image)
    document = json.loads(with_httpx(line.replace(ADDRESS, other_url).strip()))
    assert "error" not in document


def test_other_pages_have_lines():
    pages = {"serving.md", "captioning.md", "import.md", "README.md"}
    assert {page for page, _ in OTHERS} >= pages
