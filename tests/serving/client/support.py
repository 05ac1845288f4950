"""Servers that say what a test tells them, and certificates for them."""

import json
import threading
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import trustme


@contextmanager
def http_server(*responses, context=None):
    """Responds to requests in turn, with the last response for ever.

    Args:
        *responses: `(status, headers, body)`; the body is bytes, or what is to be JSON.
        context: `ssl.SSLContext`, optional.

    Yields:
        `(url, requests)`; requests is a list of `(method, path, headers, body)`.
    """
    left = list(responses)
    requests: list[tuple] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self):
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length)
            requests.append((self.command, self.path, self.headers, body))
            status, headers, content = left.pop(0) if len(left) > 1 else left[0]
            if not isinstance(content, bytes):
                headers = {"Content-Type": "application/json", **headers}
                content = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Length": len(content), **headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = respond

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        scheme = "http" if context is None else "https"
        try:
            yield f"{scheme}://127.0.0.1:{server.server_port}", requests
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def grpc_server(respond, credentials=None, address="127.0.0.1:0"):
    """Responds to every call with the bytes of `respond(method, body, context)`.

    Args:
        respond: function of the method's last name, the bytes sent and the context; it
            returns a message.
        credentials: of gRPC, optional.

    Yields:
        The target.
    """

    class Handler(grpc.GenericRpcHandler):
        def service(self, details):
            name = details.method.rpartition("/")[-1]
            return grpc.unary_unary_rpc_method_handler(
                lambda body, context: respond(name, body, context).SerializeToString()
            )

    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[Handler()])
    if credentials is None:
        port = server.add_insecure_port(address)
    else:
        port = server.add_secure_port(address, credentials)
    server.start()
    try:
        yield address if address.startswith("unix:") else f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def make_certificates(folder):
    """Writes ca.pem, and for server and client their .pem and .key, all new."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for name in ("server", "client"):
        issued = authority.issue_cert("127.0.0.1", "localhost", common_name=name)
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
        for i, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(folder / f"{name}.pem", append=i > 0)
