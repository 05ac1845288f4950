"""Serve SavedModels over REST and gRPC, and clients that request predictions.

Reads exported models only and knows nothing of how they were trained: any SavedModel
is served. Neither this module nor the client imports TensorFlow.
"""

from typing import TYPE_CHECKING

from keras_attention.lazy import lazy_names

if TYPE_CHECKING:
    from keras_attention.serving.client.client import AsyncClient as AsyncClient
    from keras_attention.serving.client.client import Client as Client
    from keras_attention.serving.client.exchange import RetryPolicy as RetryPolicy
    from keras_attention.serving.client.results import ServedCaption as ServedCaption
    from keras_attention.serving.client.results import (
        ServedClassification as ServedClassification,
    )
    from keras_attention.serving.client.results import (
        ServedRegression as ServedRegression,
    )
    from keras_attention.serving.client.results import (
        ServedTranslation as ServedTranslation,
    )
    from keras_attention.serving.client.tls import Tls as Tls
    from keras_attention.serving.models.warmup import write_warmup as write_warmup
    from keras_attention.serving.server import Server as Server
    from keras_attention.serving.wire.errors import ServingError as ServingError

HOMES = {
    "AsyncClient": "client.client",
    "Client": "client.client",
    "RetryPolicy": "client.exchange",
    "ServedCaption": "client.results",
    "ServedClassification": "client.results",
    "ServedRegression": "client.results",
    "ServedTranslation": "client.results",
    "Server": "server",
    "ServingError": "wire.errors",
    "Tls": "client.tls",
    "write_warmup": "models.warmup",
}

__all__ = [*HOMES]
__getattr__, __dir__ = lazy_names(__name__, HOMES)
