"""Clients of a model server, over REST or gRPC, without TensorFlow.

They work with this package's server and with TensorFlow Serving alike.
"""

import time
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from keras_attention.serving.client.calls import Calls
from keras_attention.serving.client.exchange import RetryPolicy, run, run_async
from keras_attention.serving.client.inference_methods import InferenceMethods
from keras_attention.serving.client.model_methods import ModelMethods
from keras_attention.serving.client.results import (
    ServedCaption,
    ServedClassification,
    ServedRegression,
    ServedTranslation,
)
from keras_attention.serving.client.task_methods import TaskMethods
from keras_attention.serving.client.transports import (
    AsyncGrpcTransport,
    AsyncHttpTransport,
    GrpcTransport,
    HttpTransport,
    check_address,
    check_url,
)
from keras_attention.serving.wire.signatures import Signature, VersionStatus

if TYPE_CHECKING:
    import numpy as np

    from keras_attention.serving.client.tls import Tls

# What methods return.
Arrays: TypeAlias = "dict[str, np.ndarray]"
Classifications = list[ServedClassification]
Regressions = list[ServedRegression]
Inferences = list[Classifications | Regressions]
Metadata = tuple[int, dict[str, Signature]]
Result = TypeVar("Result")
Awaited = Coroutine[Any, Any, Result]


class _Connected:
    """A client's transports; `_kinds` says which, by name."""

    _kinds: dict[str, type]

    def __init__(
        self,
        rest_url: str = "http://127.0.0.1:8501",
        grpc_target: str = "127.0.0.1:8500",
        timeout: float | None = 60.0,
        *,
        transport: str = "rest",
        retries: RetryPolicy = RetryPolicy(),  # noqa: B008 (a tuple)
        tls: "Tls | None" = None,
        headers: Mapping[str, str] | None = None,
        grpc_options: Mapping[str, Any] | None = None,
        keepalive: float | None = None,
    ) -> None:
        rest_url, grpc_target = check_url(rest_url), check_address(grpc_target)
        urls = {"rest": rest_url, "grpc": grpc_target}
        self._calls = Calls(urls, timeout, transport, retries)
        if tls is not None:
            tls.check()
        headers = dict(headers or {})
        options = dict(grpc_options or {})
        if keepalive is not None:
            options.setdefault("grpc.keepalive_time_ms", round(1000 * keepalive))
            options.setdefault("grpc.keepalive_permit_without_calls", 1)
            options.setdefault("grpc.http2.max_pings_without_data", 0)
        self._transports = {
            "rest": self._kinds["rest"](rest_url, tls, headers),
            "grpc": self._kinds["grpc"](grpc_target, tls, headers, options),
        }

    def _send(self, transport, request, seconds):
        return self._transports[transport].send(request, seconds)


class Client(
    _Connected,
    InferenceMethods[Arrays, Classifications, Regressions, Inferences],
    ModelMethods[Metadata, list[VersionStatus], list[str], int, None],
    TaskMethods[list[ServedTranslation], list[ServedCaption]],
):
    """Talks to a server of SavedModels. Threads may share it.

    Args:
        rest_url: str. Where REST is served; https:// for TLS.
        grpc_target: str, host and port, or "unix:" and a path. Where gRPC is served.
            Nothing is connected before it is used.
        timeout: float, seconds that a call may take, retries included; None for no
            deadline.
        transport: "rest" or "grpc", for calls that do not say.
        retries: `RetryPolicy`. How to retry when the server is UNAVAILABLE.
        tls: `Tls`, optional. Certificates for https://; gRPC uses TLS if it is given.
        headers: dict of str, optional, sent with every request; metadata in gRPC.
        grpc_options: dict, optional. Options of gRPC's channel, by their names.
        keepalive: float, optional. Seconds after which gRPC pings a silent server.
            Servers take more than a ping in 5 minutes as abuse, unless they are told.

    Raises:
        ValueError: an address, a transport or certificates that cannot be.
        ServingError: from every method, if the server refuses, fails or is not reached.

    Example:

    >>> from keras_attention.serving import Server
    >>> models = {"half_plus_two": "saved_models/half_plus_two"}
    >>> with Server(models, rest_port=0, grpc_port=0) as server:
    ...     rest_url = f"http://127.0.0.1:{server.rest_port}"
    ...     grpc_target = f"127.0.0.1:{server.grpc_port}"
    ...     with Client(rest_url, grpc_target, timeout=10.0) as client:
    ...         outputs = client.predict("half_plus_two", {"x": [[1.0], [2.0]]})
    >>> outputs["y"].tolist()
    [[2.5], [3.0]]

    References:
        TensorFlow Serving's [RESTful API](
        https://www.tensorflow.org/tfx/serving/api_rest); gRPC's is that of
        [tensorflow_serving/apis](
        https://github.com/tensorflow/serving/tree/master/tensorflow_serving/apis),
        whose `.proto` files the methods name.
    """

    _kinds = {"rest": HttpTransport, "grpc": GrpcTransport}
    _sleep = staticmethod(time.sleep)

    def _perform(self, steps):
        return run(steps, self)

    def close(self) -> None:
        """Closes all connections; requests in flight fail. `with` does so too."""
        for transport in self._transports.values():
            transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class AsyncClient(
    _Connected,
    InferenceMethods[
        Awaited[Arrays],
        Awaited[Classifications],
        Awaited[Regressions],
        Awaited[Inferences],
    ],
    ModelMethods[
        Awaited[Metadata],
        Awaited[list[VersionStatus]],
        Awaited[list[str]],
        Awaited[int],
        Awaited[None],
    ],
    TaskMethods[Awaited[list[ServedTranslation]], Awaited[list[ServedCaption]]],
):
    """Talks to a server of SavedModels from one asyncio loop.

    Args: those of `Client`. Its methods are the same too; each is awaited,
    which raises what `Client` raises.

    Example:

    >>> import asyncio
    >>> async def predict(rest_url, numbers):
    ...     async with AsyncClient(rest_url) as client:
    ...         requests = [
    ...             client.predict("half_plus_two", {"x": [[x]]}) for x in numbers
    ...         ]
    ...         return await asyncio.gather(*requests)
    >>> rest_url = f"http://127.0.0.1:{server.rest_port}"  # of a server that runs
    >>> outputs = asyncio.run(predict(rest_url, [1.0, 2.0]))
    >>> [each["y"].item() for each in outputs]
    [2.5, 3.0]
    """

    _kinds = {"rest": AsyncHttpTransport, "grpc": AsyncGrpcTransport}

    def _perform(self, steps):
        return run_async(steps, self)

    async def _sleep(self, seconds):
        import asyncio

        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Closes all connections; requests in flight fail. `async with` does so too."""
        for transport in self._transports.values():
            await transport.close()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()
