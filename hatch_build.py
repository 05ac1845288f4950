"""What a build adds to pyproject.toml: links that work where they are read, and docs.

Where the repository lies on the web is written nowhere: releases are built on GitHub,
whose workflows have the address in their environment, and a fork names itself. Other
builds have no address to give, and their links become the plain words.
"""

import os
import re
import shutil
import tempfile
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!\w+:|#)([^)\s]+)\)")
# From a page of docs/ to what is not installed with it.
OUTSIDE_LINK = re.compile(r"(!?)\[([^\]]*)\]\(\.\./([^)\s]+)\)")


class Links(MetadataHookInterface):
    """The README and the project's links, for the page on PyPI."""

    def update(self, metadata):
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        repository, tag = repository_address(), f"v{metadata['version']}"
        text = with_whole_links(readme, repository, tag)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = project_urls(repository, tag)


class Docs(BuildHookInterface):
    """The pages of docs/, which a clone has above the package, and a user inside.

    Links to files that are not installed lead to the repository.
    """

    def initialize(self, version, build_data):
        if version == "editable":
            return
        # An sdist has the address in its metadata, wherever it is built.
        repository = self.metadata.core.urls.get("Source", "")
        tag = f"v{self.metadata.version}"
        self.folder = tempfile.TemporaryDirectory()
        docs = Path(self.folder.name, "docs")
        shutil.copytree(Path(self.root, "docs"), docs)
        for page in docs.glob("*.md"):
            text = page.read_text(encoding="utf-8")
            text = with_whole_links(text, repository, tag, OUTSIDE_LINK)
            page.write_text(text, encoding="utf-8")
        build_data["force_include"][str(docs)] = "keras_attention/docs"

    def finalize(self, version, build_data, artifact_path):
        if version != "editable":
            self.folder.cleanup()


def repository_address():
    """Where the repository of this build is on the web; "" where it cannot be known."""
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    name = os.environ.get("GITHUB_REPOSITORY", "")
    return name and f"{server}/{name}"


def project_urls(repository, tag):
    """`[project.urls]`, of the files as they were at this tag."""
    if not repository:
        return {}
    return {
        "Source": repository,
        "Documentation": f"{repository}/blob/{tag}/README.md#documentation",
        "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }


def with_whole_links(text, repository, tag, links=RELATIVE_LINK):
    """Markdown whose links from file to file lead to the repository, or are gone."""

    def whole(match):
        image, words, target = match.groups()
        if not repository:
            return words
        kind = "raw" if image else "blob"
        return f"{image}[{words}]({repository}/{kind}/{tag}/{target})"

    return links.sub(whole, text)
