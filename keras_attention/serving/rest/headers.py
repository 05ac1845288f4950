"""Checks the request line and the headers of an HTTP request."""

import re

from keras_attention.serving.wire.errors import http_error

_VERSIONS = ("1.0", "1.1")
# A name, an IPv4 address or an IPv6 one in brackets, and a port; or nothing.
_HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]*|\[[\da-fA-F:.v]+\])(?::\d*)?")


def check_head(version, headers):
    """Finds what must be rejected, by RFC 9112.

    The parser has rejected by then what leaves open where the request ends, but for
    codings that are unknown.

    Args:
        version: str, as in "1.1".
        headers: list of pairs of bytes, names in lower case.

    Returns:
        `ServingError`, or None.
    """
    if version not in _VERSIONS:
        return http_error(
            505, f"Expected HTTP/1.1 or HTTP/1.0, received HTTP/{version}"
        )
    hosts, codings = [], []
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"transfer-encoding":
            codings += [coding.strip() for coding in value.lower().split(b",")]
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        return http_error(400, f"Expected one Host header, received {len(hosts)}")
    if hosts and not _HOST.fullmatch(hosts[0]):
        text = f"Expected a Host header with a host and a port, received {_show(hosts)}"
        return http_error(400, text)
    if codings and version == "1.0":
        text = f"Expected no Transfer-Encoding with HTTP/1.0, received {_show(codings)}"
        return http_error(400, text)
    if codings and codings != [b"chunked"]:
        text = "Expected no Transfer-Encoding other than chunked, received "
        return http_error(501, text + _show(codings))
    return None


def _show(values):
    return repr(b", ".join(values).decode("latin-1"))
