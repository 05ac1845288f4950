"""Clients of a model server, over REST or gRPC, without TensorFlow.

They work with this package's server and with TensorFlow Serving alike.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keras_attention.serving.client.calls import Calls
from keras_attention.serving.client.exchange import RetryPolicy, run, run_async
from keras_attention.serving.client.methods import ClientMethods
from keras_attention.serving.client.transports import (
    AsyncGrpcTransport,
    AsyncHttpTransport,
    GrpcTransport,
    HttpTransport,
    check_address,
    check_url,
)

if TYPE_CHECKING:
    from keras_attention.serving.client.tls import Tls


class _Connected(ClientMethods):
    """A client with its transports; `_kinds` says which, by name."""

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
        grpc_options: Any = None,
        keepalive: Any = None,
    ) -> None:
        rest_url, grpc_target = check_url(rest_url), check_address(grpc_target)
        urls = {"rest": rest_url, "grpc": grpc_target}
        super().__init__(Calls(urls, timeout, transport, retries))
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


class Client(_Connected):
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
        ServingError: from every method, if the server fails or is not reached.

    Example:

    ```python
    with Client("http://127.0.0.1:8501") as client:
        outputs = client.predict("translator", {"text": ["Good morning."]})
        print(outputs["text"][0], outputs["score"][0])
    ```
    """

    _kinds = {"rest": HttpTransport, "grpc": GrpcTransport}
    _sleep = staticmethod(time.sleep)

    def _perform(self, steps):
        return run(steps, self)

    def close(self) -> None:
        for transport in self._transports.values():
            transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class AsyncClient(_Connected):
    """Talks to a server of SavedModels from one asyncio loop.

    Args: those of `Client`. Its methods are the same too; each is awaited.

    Example:

    ```python
    async with AsyncClient("http://127.0.0.1:8501") as client:
        await client.wait_until_ready("translator")
        requests = [client.translate(text, "translator") for text in texts]
        results = await asyncio.gather(*requests)
    ```
    """

    _kinds = {"rest": AsyncHttpTransport, "grpc": AsyncGrpcTransport}

    def _perform(self, steps):
        return run_async(steps, self)

    async def _sleep(self, seconds):
        import asyncio

        await asyncio.sleep(seconds)

    async def close(self) -> None:
        for transport in self._transports.values():
            await transport.close()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()
