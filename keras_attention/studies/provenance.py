"""The end of a report: the commands and versions that made it."""

import platform


def made_by(results, command=""):
    """The section, in Markdown.

    Args:
        results: each has `run`, its folder's name, and `made`, its bundle's config.
        command: str. What was typed.

    Returns:
        str.
    """
    lines = ["## Provenance\n"]
    if command:
        lines += [f"    {command}\n"]
    lines += ["Each model can be made alone:\n"]
    lines += [
        f"    keras-attention train runs/{result.run}/recipe.toml --out NEW_FOLDER"
        for result in results
    ]
    made = sorted(
        {
            f"keras-attention-models {result.made['package_version']}, Keras "
            f"{result.made['keras_version']} on {result.made['training']['backend']}"
            for result in results
        }
    )
    lines += ["", f"{'; '.join(made)}; Python {platform.python_version()}.", ""]
    return "\n".join(lines)
