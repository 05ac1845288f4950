"""Serves REST with uvicorn, from a thread of its own."""

import threading
from concurrent import futures

import uvicorn

from keras_attention.serving.logs import get_logger
from keras_attention.serving.rest.app import RestApp
from keras_attention.serving.rest.connection import Connection
from keras_attention.serving.sockets import listen
from keras_attention.serving.tls import server_context

logger = get_logger(__name__)


class _Uvicorn(uvicorn.Server):
    """Tells when it listens, or why it does not."""

    def __init__(self, config):
        super().__init__(config)
        self.ready = futures.Future()

    async def startup(self, sockets=None):
        await super().startup(sockets)
        self.ready.set_result(None)


class RestServer:
    """Serves a core over REST.

    Args:
        core: `Core`.
        options: `ServerOptions`.
        requests: `Requests`.
        metrics: `Metrics`.

    Raises:
        OSError: if the port is taken.
        ValueError: if the certificates do not fit.
    """

    def __init__(self, core, options, requests, metrics):
        context = server_context(options.rest_ssl) if options.rest_ssl else None
        self._socket = listen("REST", options.host, options.rest_port)
        self.port = self._socket.getsockname()[1]
        self._app = RestApp(core, options, requests, metrics)
        config = uvicorn.Config(
            self._app,
            http=Connection,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="error",  # or every malformed request would fill the log
            access_log=False,
            proxy_headers=False,  # any client could forge another's address
            server_header=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=max(1, round(options.drain_seconds)),
        )
        config.load()
        config.ssl = context
        self._server = _Uvicorn(config)
        self._thread = threading.Thread(target=self._run, name="rest", daemon=True)
        self._thread.start()
        self._server.ready.result()

    def _run(self):
        try:
            self._server.run([self._socket])
        except BaseException as error:
            if self._server.ready.done():
                logger.exception("the REST server ends unexpectedly")
            else:
                self._server.ready.set_exception(error)

    def stop_accepting(self):
        """Closes the port and idle connections; in-flight requests finish."""
        self._app.stopping = True
        self._server.should_exit = True

    def stop(self, grace=10.0):
        """Waits up to `grace` seconds for in-flight requests, then closes them."""
        self.stop_accepting()
        self._thread.join(grace)
        self._server.force_exit = True
        self._thread.join()
        self._socket.close()
        self._app.close()
