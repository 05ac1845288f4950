"""A recipe to study, that trains in seconds."""

import dataclasses

from keras_attention.training.recipe import ModelConfig
from tests.training.support import tiny_recipe


def studied_recipe(model=None, **training):
    """Copies strings with a very small recurrent model that attends."""
    options = {"embedding_dim": 12, "units": 16, **(model or {})}
    training = {"validation_metric": "exact", **training}
    return dataclasses.replace(
        tiny_recipe(**training), model=ModelConfig("recurrent", "tiny", options)
    )
