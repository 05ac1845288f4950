"""What docker-compose.yml and serving/ say, read as the engines would."""

import shutil
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "serving"
MANIFESTS = sorted((FOLDER / "kubernetes").glob("*.yaml"))
VALUES = "prometheus-adapter.yaml"  # of a chart, no manifest


class Container(NamedTuple):
    """A server as an engine starts it."""

    command: list[str]  # what is run, and its arguments
    mounts: dict[str, Path]  # folders inside, by their paths, to those outside


def documents(path):
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def compose():
    (document,) = documents(ROOT / "docker-compose.yml")
    return document


def bind_mounts(service):
    """Pairs of a path that counts from the compose file's folder, and one inside."""
    mounts = [volume.split(":")[:2] for volume in service.get("volumes", [])]
    return [(source, inside) for source, inside in mounts if source.startswith(".")]


def manifest(kind):
    return next(
        document
        for path in MANIFESTS
        for document in documents(path)
        if document.get("kind") == kind
    )


def pod():
    return manifest("Deployment")["spec"]["template"]["spec"]


def kubernetes_container():
    (container,) = pod()["containers"]
    return container


def kustomization():
    (document,) = documents(FOLDER / "kustomization.yaml")
    return document


def copy_of_the_repository(folder):
    """What a clone has of all this, where a test may edit it."""
    for name in ("docker-compose.yml", ".env"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(FOLDER, folder / "serving")
    (folder / "saved_models").mkdir()
    shutil.copy(ROOT / "saved_models" / ".gitkeep", folder / "saved_models")


def composed(service, root):
    """A service of docker-compose.yml, if that lay in `root`."""
    service = compose()["services"][service]
    mounts = {inside: root / source for source, inside in bind_mounts(service)}
    return Container([*service["entrypoint"], *service["command"]], mounts)


def deployed(root):
    """The server of the pod: its configMap is made of files, an init container brings
    the models."""
    container = kubernetes_container()
    volumes = {volume["name"]: volume for volume in pod()["volumes"]}
    mounts = {}
    for mount in container["volumeMounts"]:
        volume = volumes[mount["name"]]
        if "configMap" in volume:
            folder = root / "configMap"
            folder.mkdir(exist_ok=True)
            for generator in kustomization()["configMapGenerator"]:
                if generator["name"] == volume["configMap"]["name"]:
                    for name in generator["files"]:
                        shutil.copy(root / "serving" / name, folder)
            mounts[mount["mountPath"]] = folder
        elif mount["name"] == "models":
            mounts[mount["mountPath"]] = root / "saved_models"
    return Container([*container["command"], *container["args"]], mounts)


def outside(text, mounts, before):
    """A text with paths inside exchanged for those outside, where `before` precedes."""
    for inside, folder in mounts.items():
        text = text.replace(f"{before}{inside}/", f"{before}{folder}/")
    return text
