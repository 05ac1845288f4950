"""Our server, started as docker-compose.yml and the manifests start TensorFlow Serving.

There is no engine here: what it would do with paths and ports, this does by hand.
"""

import re
import shutil
import socket
import subprocess

import httpx
import pytest

from keras_attention.serving.commands import flags
from keras_attention.serving.config import VersionPolicy, read_models_config
from keras_attention.serving.server import Server
from tests.serving import deployments
from tests.serving.deployments import FOLDER, ROOT
from tests.serving.support import export_calculator

PAGES = [*sorted((ROOT / "docs").glob("*.md")), FOLDER / "README.md"]
SED = [
    line.strip()
    for page in PAGES
    for line in page.read_text(encoding="utf-8").splitlines()
    if line.startswith("    sed ")
]


@pytest.fixture(scope="module", params=["compose", "kubernetes"])
def deployed(request, tmp_path_factory):
    """A server, the container that it stands for, and the folder of the repository."""
    root = tmp_path_factory.mktemp(request.param)
    deployments.copy_of_the_repository(root)
    export_calculator(root / "saved_models" / "translator" / "1")
    suggest_labels(root / "serving" / "models.config")
    if request.param == "compose":
        container = deployments.composed("serving", root)
    else:
        container = deployments.deployed(root)
    for folder in container.mounts.values():
        for path in folder.glob("*.config"):
            text = path.read_text(encoding="utf-8")
            path.write_text(deployments.outside(text, container.mounts, '"'))
    program, *arguments = container.command
    assert program == "tensorflow_model_server"
    parsed = flags.parse(
        [deployments.outside(flag, container.mounts, "=") for flag in arguments]
    )
    with Server(parsed.models, parsed.options, grpc_port=0, rest_port=0) as server:
        yield server, parsed, root


def suggest_labels(path):
    """What the comments in models.config invite to, taken at their word."""
    text = path.read_text(encoding="utf-8")
    suggested = re.sub(r"# (version_labels \{)", r"\1", text)
    assert suggested.count('"canary"') == 1 and suggested != text
    path.write_text(suggested, encoding="utf-8")


def url(server, path):
    return f"http://127.0.0.1:{server.rest_port}{path}"


def test_it_serves_at_the_ports_that_are_published(deployed):
    server, parsed, _ = deployed
    ports = {parsed.options.grpc_port, parsed.options.rest_port}
    assert ports == {8500, 8501}
    published = deployments.compose()["services"]["serving"]["ports"]
    assert {int(port.rpartition(":")[2]) for port in published} == ports
    opened = deployments.kubernetes_container()["ports"]
    assert {port["containerPort"] for port in opened} == ports
    address = url(server, "/v1/models/translator:predict")
    response = httpx.post(address, json={"instances": [[1.0, 2.0]]})
    assert response.json() == {"predictions": [[2.0, 4.0]]}


def test_the_files_that_the_flags_name_are_read(deployed):
    server, parsed, _ = deployed
    batching = server.options.load.batching
    assert (batching.max_batch_size, batching.num_batch_threads) == (32, 4)
    assert parsed.options.monitoring_path == "/monitoring/prometheus/metrics"


def test_labels_that_are_suggested_wait_for_their_versions(deployed):
    """The original does not start with them, unless a flag lets it."""
    server, parsed, _ = deployed
    assert parsed.options.allow_labels_for_unavailable_versions
    body = {"instances": [[1.0, 2.0]]}
    stable = url(server, "/v1/models/translator/labels/stable:predict")
    assert httpx.post(stable, json=body).status_code == 200
    canary = url(server, "/v1/models/translator/labels/canary:predict")
    assert httpx.post(canary, json=body).status_code == 404


@pytest.mark.parametrize("service", ["serving", "serving-gpu"])
def test_the_health_command_of_compose(deployed, service):
    if shutil.which("bash") is None:
        pytest.skip("there is no bash here")
    kind, *command = deployments.compose()["services"][service]["healthcheck"]["test"]
    assert kind == "CMD"

    def healthy(port):
        words = [word.replace("/8501", f"/{port}") for word in command]
        return subprocess.run(words, capture_output=True, timeout=10).returncode == 0

    server, _, _ = deployed
    assert healthy(server.rest_port)
    assert not healthy(server.grpc_port)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert not healthy(unused.getsockname()[1])


@pytest.mark.parametrize("name", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_probes_of_kubernetes(deployed, name):
    server, _, _ = deployed
    container = deployments.kubernetes_container()
    (kind,) = {"httpGet", "tcpSocket"} & container[name].keys()
    probe = container[name][kind]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports[probe["port"]] == 8501
    if kind == "tcpSocket":
        socket.create_connection(("127.0.0.1", server.rest_port), 10).close()
    else:
        assert httpx.get(url(server, probe["path"])).status_code == 200


@pytest.mark.parametrize("line", SED)
def test_sed_lines_of_the_docs_change_a_file_that_is_mounted(tmp_path, line):
    if shutil.which("sed") is None:
        pytest.skip("there is no sed here")
    deployments.copy_of_the_repository(tmp_path)
    path = tmp_path / "serving" / "models.config"
    before = path.stat().st_ino, read_models_config(path)
    subprocess.run(["sh", "-ec", line], cwd=tmp_path, check=True)
    assert path.stat().st_ino != before[0]  # which a mounted file would not follow
    models = read_models_config(path)
    assert models != before[1]
    if "specific" in line:
        assert models["translator"].policy == VersionPolicy(specific=(1,))


def test_there_is_a_sed_line_for_going_back():
    assert any("specific" in line for line in SED)


def test_metrics_that_are_drawn_and_scaled_by_are_there(deployed):
    server, _, _ = deployed
    body = {"instances": [[1.0, 2.0]]}
    httpx.post(url(server, "/v1/models/translator:predict"), json=body)
    page = httpx.get(url(server, "/monitoring/prometheus/metrics")).text
    there = set(re.findall(r"^(:[\w:]+)\{", page, re.MULTILINE))
    for path in (
        FOLDER / "grafana/dashboards/serving.json",
        FOLDER / "kubernetes" / deployments.VALUES,
    ):
        requested = set(re.findall(r":tensorflow:[\w:]+", path.read_text("utf-8")))
        assert requested and requested <= there
