"""Where the pages of the documentation are, for messages that send readers to one."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
# Installed, they lie inside the package; in a clone, above it.
FOLDERS = (_PACKAGE / "docs", _PACKAGE.parent / "docs")


def page(name):
    """The path of a page that whoever reads the message has.

    Args:
        name: str, as "training.md".

    Raises:
        FileNotFoundError: no such page.
    """
    for folder in FOLDERS:
        if (folder / name).is_file():
            return folder / name
    places = " or ".join(map(str, FOLDERS))
    raise FileNotFoundError(f"expected the page {name} in {places}; it is in neither")
