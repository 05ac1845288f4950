"""What GitHub reads fits its schemas, and its commands are the Makefile's.

None of it can run here.
"""

import json
import re
import sys
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml"))
# By the names under which check-jsonschema ships them.
SCHEMAS = [
    *((path, "github-workflows") for path in WORKFLOWS),
    *(
        (path, "github-issue-config" if path.stem == "config" else "github-issue-forms")
        for path in FORMS
    ),
    (GITHUB / "dependabot.yml", "dependabot"),
]
MAKE = re.compile(r"\bmake((?: +[a-z][a-z-]*)+)")


def read(path):
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if True in document:  # YAML 1.1 reads the key `on` so
        document["on"] = document.pop(True)
    return document


def jobs():
    return [
        pytest.param(job, id=f"{path.stem}-{name}")
        for path in WORKFLOWS
        for name, job in read(path)["jobs"].items()
    ]


def steps(key):
    """All that steps have under a key, with their job."""
    return [
        (step[key], param.values[0])
        for param in jobs()
        for step in param.values[0].get("steps", [])
        if key in step
    ]


def targets():
    """What the Makefile can be asked for."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", "")
    named = set(re.search(r"^\.PHONY:(.*)$", text, re.MULTILINE)[1].split())
    assert named <= set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    return named


@pytest.mark.parametrize(
    ("path", "schema"), SCHEMAS, ids=lambda value: getattr(value, "name", value)
)
def test_what_github_reads_fits_its_schema(path, schema):
    folder = resources.files("check_jsonschema") / "builtin_schemas/vendor"
    schema = json.loads((folder / f"{schema}.json").read_text(encoding="utf-8"))
    jsonschema.validate(read(path), schema)


def test_workflows_run_commands_of_the_makefile_and_no_others():
    commands = [command for command, _ in steps("run")]
    assert {"make test", "make check-docs", "make try-wheel"} <= set(commands)
    for command in commands:
        assert re.fullmatch(r"make [a-z-]+", command), command
        assert command.removeprefix("make ") in targets(), command


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "Makefile"])
def test_pages_name_targets_that_the_makefile_has(page):
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    shown = [line.lstrip("# ") for line in lines if re.match(r"#? {4,}make ", line)]
    named = {MAKE.match(line)[1].split()[0] for line in shown if MAKE.match(line)}
    assert named and named <= targets()


def test_a_release_is_told_its_tag():
    told = [job for command, job in steps("run") if command == "make check-release"]
    assert [job["env"]["TAG"] for job in told] == ["${{ github.ref_name }}"]


def test_tests_run_on_every_python_that_the_package_says():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    said = [
        classifier.rsplit(" ", 1)[1]
        for classifier in project["project"]["classifiers"]
        if "Python :: 3." in classifier
    ]
    (job,) = (job for command, job in steps("run") if command == "make test")
    assert job["strategy"]["matrix"]["python"] == said


@pytest.mark.parametrize("job", jobs())
def test_jobs_end_and_may_write_nothing(job):
    if "uses" not in job:
        assert job["timeout-minutes"] <= 120
    # Publishing proves to PyPI who it is, and has no other right.
    assert set(job.get("permissions", {})) <= {"id-token"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read(path):
    assert read(path)["permissions"] == {"contents": "read"}


def test_actions_have_a_version():
    used = [action for action, _ in steps("uses")]
    assert used
    for action in used:
        assert re.search(r"@(v\d+|release/v\d+)$", action), action
