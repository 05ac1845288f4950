"""Sockets to listen at."""

import socket


def listen(protocol, host, port):
    """Binds a socket.

    Args:
        protocol: str, for the error.
        host: str. The address to listen at.
        port: int; 0 picks a free one.

    Returns:
        `socket.socket`, bound.

    Raises:
        OSError: if that cannot be; the message says what to do.
    """
    try:
        # The first address of a name is the one to listen at.
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # asyncio turns Nagle's delay off only where the protocol is spelled out; with
        # it every response takes 40 ms.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Those it accepts take this over: peers that vanish are noticed.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            listening.bind(address)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise OSError(
            f"cannot listen for {protocol} at {host}:{port}: {error}; is the port "
            "taken? Choose another, or 0 for any free one"
        ) from error
    return listening
