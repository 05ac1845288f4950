"""Bundles that somebody edited."""

import json


def edit(path, **changes):
    """Changes keys of a bundle's config.json; None takes one out."""
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    config.update(changes)
    config = {key: value for key, value in config.items() if value is not None}
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
