"""The model card: what a bundle is, how good, and how to use it."""


def model_card(task, config):
    """Markdown for a bundle's README, from what is known and nothing else."""
    title, class_name, example = task.card()
    training = task.training or {}
    model = config["model"]["config"]
    name = training.get("name", class_name.lower())
    lines = [
        f"# {name}: {title}",
        "",
        f"A {type(task.model).__name__} with "
        f"{task.model.count_params():,} parameters, made with "
        f"keras-attention-models {config['package_version']}.",
        "",
        "```python",
        f"from keras_attention import {class_name}",
        "",
        f'{class_name.lower()} = {class_name}.load("path/to/this/folder")',
        example,
        "```",
        "",
        "## Scores",
        "",
        *_table(_flat(task.metrics) or {"not measured": ""}),
        "",
        "## Model",
        "",
        *_table({key: value for key, value in model.items() if key != "dtype"}),
        "",
        "## Decoding by default",
        "",
        *_table(config["decoding"]),
    ]
    if training:
        lines += ["", "## Training", "", *_table(_flat(training))]
    lines += [
        "",
        "## Limits",
        "",
        f"{_data(training)}: what differs from it, in kind, language or length, gives "
        "worse output, without warning. Read what it writes before you rely on it.",
        "",
    ]
    return "\n".join(lines)


def _data(training):
    """What it learnt from, in words: of what it was tuned from too."""
    if "imported" in training:
        return "Trained elsewhere, on data that its makers name"
    began = training.get("start")
    while isinstance(began, dict):
        if "imported" in began:
            return (
                "Trained elsewhere, on data that its makers name, and then on the data "
                "named above"
            )
        began = began.get("start")
    return "Trained on the data named above and on nothing else"


def _flat(values, prefix=""):
    flat = {}
    for key, value in values.items():
        if isinstance(value, (list, tuple)) and any(isinstance(v, dict) for v in value):
            value = {str(i): item for i, item in enumerate(value)}
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def _table(values):
    rows = [f"| {key} | {_cell(value)} |" for key, value in values.items()]
    return ["| | |", "|---|---|", *rows]


def _cell(value):
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
