"""Errors and status codes, for both protocols."""

import enum


class Code(enum.IntEnum):
    """The status codes of gRPC, which REST translates."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


HTTP_STATUS = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}

# The code of each HTTP status, for server and client. Several codes
# share one status; a client is told the commonest. Those without a code of their own
# above come from the connection, from HTTP alone, or from what stands before a server.
CODE_OF_HTTP_STATUS = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    405: Code.UNIMPLEMENTED,  # method not allowed
    406: Code.UNIMPLEMENTED,  # not acceptable
    407: Code.UNAUTHENTICATED,  # to a proxy
    408: Code.DEADLINE_EXCEEDED,  # the request did not arrive in time
    409: Code.ABORTED,
    411: Code.INVALID_ARGUMENT,  # length required
    413: Code.RESOURCE_EXHAUSTED,  # content too large
    414: Code.RESOURCE_EXHAUSTED,  # URI too long
    415: Code.UNIMPLEMENTED,  # unsupported type or coding of the content
    417: Code.UNIMPLEMENTED,  # expectation failed
    429: Code.RESOURCE_EXHAUSTED,
    431: Code.RESOURCE_EXHAUSTED,  # header fields too large
    499: Code.CANCELLED,
    500: Code.INTERNAL,
    501: Code.UNIMPLEMENTED,
    502: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
    505: Code.UNIMPLEMENTED,  # HTTP version not supported
}

_MAX_MESSAGE = (
    1024  # bytes that are sent, as TensorFlow Serving truncates them over gRPC
)


class ServingError(Exception):
    """A request that failed.

    Args:
        code: `Code`, gRPC's status code, or its number, 0 to 16.
        message: str. What the protocol says, word for word.
        hint: str. What to do about it, or more than strangers may know; for people,
            and never sent over the wire.
        http_status: int, optional. Where REST has a finer word than the code; by
            default the one that goes with the code, as 404 with NOT_FOUND.

    Each is an attribute too. `str` gives all but the HTTP status.

    Raises:
        ValueError: `code` is no number of a `Code`.

    Example:

    >>> try:
    ...     client.status("nobody")
    ... except ServingError as error:
    ...     print(error.code.name, error.http_status, error.message)
    NOT_FOUND 404 Could not find any versions of model nobody

    References:
        gRPC's [status codes](https://grpc.github.io/grpc/core/md_doc_statuscodes.html);
        HTTP's in [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110), section 15.
    """

    def __init__(
        self,
        code: Code | int,
        message: str,
        hint: str = "",
        http_status: int | None = None,
    ) -> None:
        super().__init__(code, message, hint)
        self.code = Code(code)
        self.message = message
        self.hint = hint
        self.http_status = http_status or HTTP_STATUS[self.code]

    def __str__(self) -> str:
        text = f"{self.code.name}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text

    def sent(self) -> str:
        """The message as it goes over the wire, cut after 1024 bytes of UTF-8.

        What it quotes may be of any length, and TensorFlow Serving cuts it so. Bytes
        count, not characters: gRPC sends other than ASCII threefold, and clients refuse
        what passes 8 KiB.
        """
        content = self.message.encode(errors="replace")
        if len(content) <= _MAX_MESSAGE:
            return content.decode()
        return content[:_MAX_MESSAGE].decode(errors="ignore") + "...TRUNCATED"


def http_error(status, message):
    """An error with an HTTP status of its own."""
    return ServingError(CODE_OF_HTTP_STATUS[status], message, http_status=status)


def invalid_argument(message):
    return ServingError(Code.INVALID_ARGUMENT, message)


def not_found(message):
    return ServingError(Code.NOT_FOUND, message)
