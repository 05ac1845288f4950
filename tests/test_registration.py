"""Saved models load after `import keras_attention`; names are there when asked for."""

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_attention
from keras_attention import layers, models, training
from tests.keras_hub_presets import encoder_config

ROOT = Path(keras_attention.__file__).parent
PACKAGE = "keras_attention"


def registered_classes():
    """`{class: module}` of all classes that the sources decorate to be registered."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            decorators = getattr(node, "decorator_list", [])
            if any("register_keras_serializable" in ast.unparse(d) for d in decorators):
                module = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
                found[node.name] = module
    return found


def of_keras_hub():
    """Its encoder; none with Python 3.10, which KerasHub does not run on."""
    if importlib.util.find_spec("keras_hub") is None:
        return {}
    config = {"encoder_config": encoder_config("ViTBackbone")}
    return {"KerasHubBackbone": models.KerasHubBackbone("keras_hub:x", 32, 4, **config)}


def examples():
    """One object of each registered class."""
    image = {"encoder": "small-cnn", "image_size": 32, "grid_size": 4}
    return {
        "Application": models.Application("MobileNet", 32, 4),
        "BahdanauAttention": layers.BahdanauAttention(8),
        "EfficientNetLite0": models.EfficientNetLite0("efficientnet-lite0", 32, 4),
        "ImageRegions": models.ImageRegions(**image),
        **of_keras_hub(),
        "LabelSmoothedCrossEntropy": training.LabelSmoothedCrossEntropy(0.1),
        "LuongAttention": layers.LuongAttention("general"),
        "MultiHeadCrossAttention": layers.MultiHeadCrossAttention(2, 4),
        "MultiHeadSelfAttention": layers.MultiHeadSelfAttention(2, 4),
        "Orthogonal": layers.Orthogonal(),
        "RecurrentCaptioner": models.RecurrentCaptioner(9, **image, units=8),
        "RecurrentDecoder": layers.RecurrentDecoder(8),
        "RecurrentEncoder": layers.RecurrentEncoder(8),
        "RecurrentSeq2Seq": models.RecurrentSeq2Seq(9, 9, embedding_dim=8, units=8),
        "ScheduledSampling": layers.ScheduledSampling(),
        "SinePositionEncoding": layers.SinePositionEncoding(),
        "SmallCNN": models.SmallCNN("small-cnn", 32, 4),
        "SoftImageAttention": layers.SoftImageAttention(8),
        "Transformer": models.Transformer(9, 9, 1, 8, 2, 8),
        "TransformerCaptioner": models.TransformerCaptioner(
            9, **image, num_layers=1, model_dim=8, num_heads=2, feed_forward_dim=8
        ),
        "LayerwiseAdam": training.LayerwiseAdam([1.0, 0.1]),
        "TokenAccumulation": training.TokenAccumulation(keras.optimizers.Adam(), 2),
        "TokenAccuracy": training.TokenAccuracy(),
        "TransformerDecoderBlock": layers.TransformerDecoderBlock(8, 2, 8),
        "TransformerEncoderBlock": layers.TransformerEncoderBlock(8, 2, 8),
        "WarmupSchedule": training.WarmupSchedule(1e-3, 10),
    }


FRESH = """
import json, sys
import numpy as np
import keras_attention

assert not {"keras", "tensorflow", "jax"} & set(sys.modules)
import keras

folder, names = sys.argv[1], json.loads(sys.argv[2])
known = keras.saving.get_custom_objects()
print("at once:", *sorted(set(names) - set(known)))

for name, config in json.load(open(folder + "/objects.json")).items():
    assert type(keras.saving.deserialize_keras_object(config)).__name__ == name
model = keras.saving.load_model(folder + "/model.keras")
assert type(model.loss).__name__ == "LabelSmoothedCrossEntropy"
inputs = dict(np.load(folder + "/inputs.npz"))
np.savez(folder + "/outputs.npz", model(inputs))
for file in ("/layer.keras", "/layer.h5"):
    keras.saving.load_model(folder + file)


def forget(*others):
    for name in [*sys.modules]:
        if name.split(".")[0] == "keras_attention" or name in others:
            del sys.modules[name]
    known.clear()


# Keras before this package, and each module of it first, without either.
forget()
import keras_attention
print("keras first:", *sorted(set(names) - set(known)))
for module in sorted(set(names.values())):
    forget("keras")
    __import__(module)
    print(module, "first:", *sorted(set(names) - set(known)))
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """What a fresh process says, and the numbers of the model that it loaded."""
    folder = tmp_path_factory.mktemp("saved")
    objects = {
        name: keras.saving.serialize_keras_object(value)
        for name, value in examples().items()
    }
    (folder / "objects.json").write_text(json.dumps(objects))

    ids = np.array([[4, 5, 3]], "int32")
    inputs = {"source_ids": ids, "target_ids": ids}
    model = examples()["Transformer"]
    schedule = training.WarmupSchedule(1e-3, 10)
    loss = training.LabelSmoothedCrossEntropy(0.1)
    model.compile(keras.optimizers.Adam(schedule), loss)
    expected = keras.ops.convert_to_numpy(model(inputs))
    model.optimizer.build(model.trainable_variables)
    model.save(folder / "model.keras")
    np.savez(folder / "inputs.npz", **inputs)

    value = keras.Input((None, 8))
    attention = layers.MultiHeadSelfAttention(2, 4)
    layer = keras.Model(value, attention(value))
    layer.save(folder / "layer.keras")
    layer.save(folder / "layer.h5")

    names = {f"{PACKAGE}>{k}": module for k, module in registered_classes().items()}
    command = [sys.executable, "-c", FRESH, str(folder), json.dumps(names)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    with np.load(folder / "outputs.npz") as outputs:
        return result.stdout, outputs["arr_0"], expected


def test_a_saved_model_loads_in_a_fresh_process(fresh):
    _, actual, expected = fresh
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_every_class_is_known_whatever_is_imported_first(fresh):
    lines, _, _ = fresh
    assert [line for line in lines.splitlines() if not line.endswith(":")] == []
    assert "keras_attention.layers.luong first:" in lines


def test_every_registered_class_has_an_example_here():
    found = set(examples())
    if importlib.util.find_spec("keras_hub") is None:
        found.add("KerasHubBackbone")
    assert found == set(registered_classes())


def test_every_registered_class_is_listed_by_its_package():
    for name, module in registered_classes().items():
        package = sys.modules[module.rsplit(".", 1)[0]]
        assert name in package.__all__ and name in dir(package), (name, module)
        assert getattr(package, name) is getattr(sys.modules[module], name)


def test_packages_and_their_names_are_attributes():
    assert keras_attention.models.Transformer is models.Transformer
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    for name in packages - {"cli"}:
        assert name in dir(keras_attention)
        assert getattr(keras_attention, name).__name__ == f"keras_attention.{name}"


@pytest.mark.parametrize("package", [layers, models, training])
def test_an_unknown_name_of_a_package_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'; it has "):
        _ = package.Nothing
