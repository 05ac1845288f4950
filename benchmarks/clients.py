"""Clients of a server that is measured, in a process of their own.

They send bytes that were made before, over connections that stay open, so that it is
the server that takes the time. No TensorFlow is imported.
"""

import itertools
import json
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

_DATA, _HEADERS, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 1, 4, 6, 8
_ACK, _END_STREAM, _END_HEADERS = 1, 1, 4


def rest_caller(port, path, body):
    """Returns a function that sends one request, over a connection that stays open.

    Args:
        port: int.
        path: str, of the URL.
        body: str, JSON.
    """
    body = body.encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    request = head.encode() + body
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send():
        connection.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += more(connection)
        headers, _, content = received.partition(b"\r\n\r\n")
        assert headers.startswith(b"HTTP/1.1 200"), received
        length = int(headers.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(content) < length:
            content += more(connection)

    return send


def more(connection):
    part = connection.recv(65536)
    if not part:
        raise ConnectionError("the server closed the connection")
    return part


def grpc_caller(port, model, row):
    """As `rest_caller`, of a model and one row of numbers.

    Speaks just enough HTTP/2: Python's own gRPC client would take longer than the
    server that is measured.
    """
    from keras_attention.serving.wire import protos, tensors

    request = protos.PredictRequest()
    request.model_spec.name = model
    row = np.array([json.loads(row)], np.float32)
    tensors.fill(request.inputs["x"], row, compact=True)
    content = request.SerializeToString()
    message = b"\0" + struct.pack(">I", len(content)) + content
    path = b"/tensorflow.serving.PredictionService/Predict"
    # HPACK: POST, http, then literals by their place in the static table.
    headers = b"\x83\x86\x04" + bytes([len(path)]) + path + b"\x01\x01x"
    headers += b"\x0f\x10\x10application/grpc" + b"\x00\x02te\x08trailers"

    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(_SETTINGS, 0, 0))
    reader = connection.makefile("rb", buffering=65536)
    streams = itertools.count(1, 2)

    def send():
        stream = next(streams)
        connection.sendall(
            frame(_HEADERS, _END_HEADERS, stream, headers)
            + frame(_DATA, _END_STREAM, stream, message)
        )
        received = 0
        while True:
            head = reader.read(9)
            kind, flags = head[3], head[4]
            payload = reader.read(int.from_bytes(head[:3], "big"))
            if kind == _DATA:
                received += len(payload)
            elif kind in (_SETTINGS, _PING) and not flags & _ACK:
                response = payload if kind == _PING else b""
                connection.sendall(frame(kind, _ACK, 0, response))
            elif kind == _HEADERS and flags & _END_STREAM:
                assert received > 5, "refused"
                grant = struct.pack(">I", received)
                connection.sendall(frame(_WINDOW_UPDATE, 0, 0, grant))
                return

    return send


def frame(kind, flags, stream, payload=b""):
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags])
    return head + struct.pack(">I", stream) + payload


def load(transport, port, clients, seconds, *request):
    """Prints the latencies, in seconds, of all responses that clients got in time."""
    make = {"rest": rest_caller, "grpc": grpc_caller}[transport]
    latencies, errors = [], []

    def run():
        try:
            send = make(port, *request)
            send()
            ready.wait()
            end = time.perf_counter() + seconds
            while (start := time.perf_counter()) < end:
                send()
                latencies.append(time.perf_counter() - start)
        except threading.BrokenBarrierError:
            pass  # Another client failed.
        except Exception:
            errors.append(traceback.format_exc())
            ready.abort()

    ready = threading.Barrier(clients)
    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        sys.exit(errors[0])
    print(json.dumps(latencies))


def send_from_outside(transport, port, clients, seconds, *request):
    """Latencies of so many clients, who send the same request for so long.

    Args:
        transport: "rest" or "grpc".
        port: int.
        clients: int.
        seconds: float.
        *request: of `rest_caller` a path and a body, of `grpc_caller` a model and a
            row, JSON.

    Returns:
        list of float, seconds.
    """
    arguments = [transport, str(port), str(clients), str(seconds), *request]
    result = subprocess.run(
        [sys.executable, __file__, *arguments], capture_output=True, text=True
    )
    if result.returncode:
        raise RuntimeError(f"the clients failed:\n{result.stderr}")
    return json.loads(result.stdout)


if __name__ == "__main__":
    transport, port, clients, seconds, *request = sys.argv[1:]
    load(transport, int(port), int(clients), float(seconds), *request)
