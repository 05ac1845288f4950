"""Serve SavedModels over REST and gRPC, and clients that request predictions.

Reads exported models only and knows nothing of how they were trained: any SavedModel
is served. Neither this module nor the client imports TensorFlow.
"""

from importlib import import_module

_HOMES = {
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
}

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return __all__
