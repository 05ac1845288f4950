"""What the head of an HTTP request must be like, whatever is asked."""

import re

from keras_attention.serving.wire.errors import http_error

_VERSIONS = ("1.0", "1.1")
# A name, an IPv4 address or an IPv6 one in brackets, and a port; or nothing.
_HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]*|\[[\da-fA-F:.v]+\])(?::\d*)?")


def check_head(version, headers):
    """Finds what must not be answered, as RFC 9112 has it.

    The parser has refused by then what leaves open where the request ends, but for
    codings that are unknown.

    Args:
        version: str, as in "1.1".
        headers: list of pairs of bytes, names in lower case.

    Returns:
        `ServingError`, or None.
    """
    if version not in _VERSIONS:
        return http_error(505, f"HTTP/{version} is not spoken here, HTTP/1.1 is")
    hosts, codings = [], []
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"transfer-encoding":
            codings += [coding.strip() for coding in value.lower().split(b",")]
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        return http_error(400, f"Expected one Host header, received {len(hosts)}")
    if hosts and not _HOST.fullmatch(hosts[0]):
        return http_error(400, "Expected a Host header with a host and a port")
    if codings and version == "1.0":
        return http_error(400, "Expected no Transfer-Encoding with HTTP/1.0")
    if codings and codings != [b"chunked"]:
        return http_error(501, "Expected no other Transfer-Encoding than chunked")
    return None
