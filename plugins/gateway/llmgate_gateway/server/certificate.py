"""The gateway's own TLS certificate: read and checked at the start, and again on each reload.

Source: docs/gateway/deploy.md, "TLS".
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from llmgate_core.serving import errors

__all__ = ["Certificate"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of a certificate.

    Attributes:
        certfile: PEM, the server's certificate first, then its chain.
        keyfile: PEM, not encrypted; None: the key is in `certfile`.
    """

    certfile: str
    keyfile: str | None = None

    def check(self) -> None:
        """Read both files.

        Raises:
            ConfigError: one of them cannot be read, or they do not belong together.
        """
        self.server_context()

    def server_context(self) -> ssl.SSLContext:
        """Return what the handshakes of a server use.

        Raises:
            ConfigError: as `check`.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.load_into(context)
        return context

    def load_into(self, context: ssl.SSLContext) -> None:
        """Use the files for the handshakes from now on.

        Raises:
            ConfigError: as `check`.
        """
        try:
            context.load_cert_chain(self.certfile, self.keyfile, password=_refuse_password)
        except ssl.SSLError as error:
            reason = (error.reason or "not PEM").replace("_", " ").lower()
            raise errors.ConfigError(f"{self._names()}: not a certificate with its key: {reason}") from None
        except _EncryptedKeyError:
            raise errors.ConfigError(f"{self._names()}: the key is encrypted; decrypt it first") from None
        except OSError as error:
            raise errors.ConfigError(f"{self._names()}: {error.strerror}") from None

    def _names(self) -> str:
        key = "" if self.keyfile is None else f", --ssl-keyfile {self.keyfile}"
        return f"--ssl-certfile {self.certfile}{key}"


class _EncryptedKeyError(Exception):
    """The key needs a password."""


def _refuse_password() -> str:
    raise _EncryptedKeyError  # else OpenSSL would ask for one at the terminal
