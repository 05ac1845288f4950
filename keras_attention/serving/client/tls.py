"""A client's TLS certificates."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import ssl


Pem = str | bytes | Path


class Tls(NamedTuple):
    """How a client verifies its server, and authenticates itself (mutual TLS).

    Each is a PEM file's path, or its content as bytes.
    """

    ca: Pem | None = None
    """CAs to trust; by default, the system's."""
    certificate: Pem | None = None
    """The client's own, for servers that require one; with its chain to the CA."""
    key: Pem | None = None
    """The key of `certificate`."""

    def check(self) -> None:
        """Raises ValueError unless certificate and key come together."""
        if (self.certificate is None) != (self.key is None):
            given = "key" if self.certificate is None else "certificate"
            raise ValueError(
                "a client's certificate and key come together; received only the "
                f"{given}"
            )

    def context(self) -> "ssl.SSLContext":
        """For HTTP."""
        import ssl
        import tempfile

        try:
            context = ssl.create_default_context()
            if self.ca is not None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.load_verify_locations(cadata=_read(self.ca).decode())
            if self.certificate is not None:
                # The module reads certificates from files only. Nobody else may look
                # into this folder, which is removed at once.
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / "client.pem"
                    path.write_bytes(_read(self.key) + b"\n" + _read(self.certificate))
                    context.load_cert_chain(path)
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise ValueError(
                "ca, certificate and key must be PEM files, or their bytes, and the "
                f"key that of the certificate: {error}"
            ) from error
        return context

    def credentials(self) -> Any:
        """For gRPC."""
        import grpc

        return grpc.ssl_channel_credentials(
            root_certificates=_read(self.ca),
            private_key=_read(self.key),
            certificate_chain=_read(self.certificate),
        )


def _read(pem):
    if pem is None or isinstance(pem, bytes):
        return pem
    return Path(pem).read_bytes()
