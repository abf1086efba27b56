"""Check the certificates that a config trusts when it is read, so that a wrong path is found before the first request.

Source: docs/gateway/configure.md, `ca_file`.
"""

from __future__ import annotations

import os
import ssl

from llmgate_core.serving import errors

__all__ = ["check_ca_file"]


def check_ca_file(path: str) -> None:
    """Read a file of certificates; of a directory only whether there is one.

    Raises:
        ConfigError: it cannot be read, or holds no certificate.
    """
    try:
        if os.path.isdir(path):
            return
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise errors.ConfigError(f"ca_file: {path!r} has no certificate in PEM") from None
    except OSError as error:
        raise errors.ConfigError(f"ca_file: cannot read {path!r}: {error.strerror}") from None
