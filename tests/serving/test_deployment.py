"""What an operator deploys with Docker or Kubernetes is sound, as far as text can tell.

That our server starts with it is in test_deployed_server.py.
"""

import json
import re
from importlib import resources

import jsonschema
import kubernetes_validate
import pytest

from keras_attention.serving.commands import flags
from keras_attention.serving.config import read_models_config
from keras_attention.serving.text_configs import (
    read_batching_parameters,
    read_monitoring_config,
)
from tests.serving.deployments import (
    FOLDER,
    MANIFESTS,
    ROOT,
    VALUES,
    bind_mounts,
    compose,
    documents,
    kubernetes_container,
    kustomization,
    manifest,
    outside,
    pod,
)

DASHBOARD = FOLDER / "grafana/dashboards/serving.json"
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    FOLDER / "README.md",
]


def serving_commands():
    services = compose()["services"]
    return {
        "compose, cpu": services["serving"]["command"],
        "compose, gpu": services["serving-gpu"]["command"],
        "kubernetes": kubernetes_container()["args"],
    }


def test_docker_compose_fits_its_schema():
    folder = resources.files("check_jsonschema") / "builtin_schemas/vendor"
    schema = json.loads((folder / "compose-spec.json").read_text(encoding="utf-8"))
    jsonschema.validate(compose(), schema)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_kubernetes_manifests_fit_their_schemas(path):
    if path.name == VALUES:
        pytest.skip("the values of a chart have no schema")
    for document in documents(path):
        # The newest schemas, and those of a release that many clusters still run.
        for version in (kubernetes_validate.latest_version(), "1.30"):
            kubernetes_validate.validate(document, version, strict=True)


def test_a_fresh_clone_has_the_folders_that_are_mounted():
    """Folders only: a file is mounted as it is, and no editor can replace it."""
    for name, service in compose()["services"].items():
        for source, _ in bind_mounts(service):
            assert (ROOT / source).is_dir(), f"{name} mounts {source}"
    mounts = [m for c in pod()["initContainers"] for m in c["volumeMounts"]]
    mounts += kubernetes_container()["volumeMounts"]
    assert not any("subPath" in mount for mount in mounts)


def test_what_is_told_beside_the_compose_file_is_there():
    """Compose reads .env in its own folder, and starts nothing without a profile."""
    (line,) = re.findall(r"^COMPOSE_PROFILES=(.*)$", (ROOT / ".env").read_text(), re.M)
    services = compose()["services"].values()
    known = {profile for service in services for profile in service["profiles"]}
    assert set(line.split(",")) <= known == {"cpu", "gpu", "monitoring"}
    for service in services:
        inside = dict(bind_mounts(service))
        for argument in service.get("command", []):
            for source, mounted in inside.items():
                name = argument.partition("=")[2]
                if name.startswith(f"{mounted}/"):
                    path = ROOT / source / name.removeprefix(f"{mounted}/")
                    assert path.is_file(), argument


def test_sigterm_reaches_the_server():
    """Past the image's shell, and to a process that is not the first of its kind."""
    for name in ("serving", "serving-gpu"):
        service = compose()["services"][name]
        assert service["entrypoint"] == ["tensorflow_model_server"]
        assert service["init"] is True
    assert kubernetes_container()["command"] == ["tensorflow_model_server"]
    assert pod()["shareProcessNamespace"] is True
    for page in PAGES:
        for line in re.findall(r"^ *docker run .*", page.read_text("utf-8"), re.M):
            assert " --init " in line, page.name


def test_kustomize_names_files_that_are_there():
    document = kustomization()
    listed = set(document["resources"])
    for generator in document["configMapGenerator"]:
        listed.update(generator.get("files", []))
    assert all((FOLDER / path).exists() for path in listed)
    manifests = {f"kubernetes/{path.name}" for path in MANIFESTS} - {
        f"kubernetes/{VALUES}"
    }
    assert manifests <= listed


@pytest.mark.parametrize("name", serving_commands())
def test_our_parser_knows_every_flag(name):
    mounts = {"/serving": FOLDER}
    flags.parse([outside(flag, mounts, "=") for flag in serving_commands()[name]])


def test_one_image_for_all_and_new_enough_for_the_text_steps():
    images = {
        compose()["services"]["serving"]["image"],
        compose()["services"]["serving-gpu"]["image"].removesuffix("-gpu"),
        kubernetes_container()["image"],
    }
    (image,) = images
    version = image.removeprefix("tensorflow/serving:")
    assert tuple(map(int, version.split("."))) >= (2, 20, 0)
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"tensorflow/serving:[\d.]+\d", readme)) == images


def test_both_deployments_give_the_same_flags():
    commands = serving_commands()
    assert len({tuple(command) for command in commands.values()}) == 1


def test_config_files_are_read_by_our_readers():
    assert read_models_config(FOLDER / "models.config").keys() == {"translator"}
    assert read_batching_parameters(FOLDER / "batching.config").max_batch_size == 32
    path = read_monitoring_config(FOLDER / "monitoring.config")
    assert path == "/monitoring/prometheus/metrics"
    (prometheus,) = documents(FOLDER / "prometheus.yml")
    (job,) = prometheus["scrape_configs"]
    scraped = manifest("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert job["metrics_path"] == path == scraped["prometheus.io/path"]


def test_pods_cannot_do_more_than_they_must():
    spec = pod()
    assert spec["securityContext"]["runAsNonRoot"]
    assert not spec["automountServiceAccountToken"]
    for each in spec["containers"] + spec["initContainers"]:
        context = each["securityContext"]
        assert context["readOnlyRootFilesystem"], each["name"]
        assert not context["allowPrivilegeEscalation"], each["name"]
        assert context["capabilities"]["drop"] == ["ALL"], each["name"]
        assert "limits" in each["resources"], each["name"]


def test_what_selects_pods_selects_these():
    labels = manifest("Deployment")["spec"]["template"]["metadata"]["labels"]
    budget = manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]
    service = manifest("Service")["spec"]["selector"]
    assert budget == service == labels
    ports = {port["name"] for port in kubernetes_container()["ports"]}
    for port in manifest("Service")["spec"]["ports"]:
        assert port["targetPort"] in ports
    target = manifest("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert target["name"] == manifest("Deployment")["metadata"]["name"]


def test_every_panel_draws_what_the_official_image_counts():
    """Those whose names docs/serving-operations.md has from TensorFlow Serving."""
    page = (ROOT / "docs/serving-operations.md").read_text(encoding="utf-8")
    section = page.partition("## Metrics")[2]
    theirs, _, ours = section.partition("beyond TensorFlow Serving")
    names = set(re.findall(r"^\| `(:tensorflow:[\w:]+)`", theirs, re.M))
    assert ":tensorflow:serving:request_count" in names
    assert ":tensorflow:serving:signature_request_count" in ours
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    requested = {panel["title"]: json.dumps(panel["targets"]) for panel in panels}
    requested["the autoscaler"] = (FOLDER / "kubernetes" / VALUES).read_text("utf-8")
    for title, text in requested.items():
        pattern = r"(:tensorflow:[\w:]+?)(?:_bucket|_sum|_count)?(?![\w:])"
        found = set(re.findall(pattern, text))
        # request_count is a counter, whose name ends so by itself.
        found = {name if name in names else f"{name}_count" for name in found}
        assert found and found <= names, title


def test_the_dashboard_is_whole():
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    (source,) = documents(FOLDER / "grafana/provisioning/datasources/prometheus.yml")
    uid = source["datasources"][0]["uid"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(
        dashboard["panels"]
    )
    for panel in dashboard["panels"]:
        assert panel["title"] and panel["description"] and panel["datasource"]["uid"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == uid
            assert target["expr"].count("(") == target["expr"].count(")")
    (provider,) = documents(FOLDER / "grafana/provisioning/dashboards/serving.yml")
    folder = provider["providers"][0]["options"]["path"]
    mounted = dict(bind_mounts(compose()["services"]["grafana"]))
    assert mounted["./serving/grafana/dashboards"] == folder
    assert mounted["./serving/grafana/provisioning"] == "/etc/grafana/provisioning"
