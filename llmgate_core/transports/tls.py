"""TLS: which certificates to trust. A context is made once, and only when it is needed.

Verification is on unless the options turn it off.

Source: row R19 of docs/reliability.md; SSL_CERT_FILE and SSL_CERT_DIR as in the manual of
OpenSSL, SSL_CTX_load_verify_locations(3).
"""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

from llmgate_core.errors import ConfigError
from llmgate_core.settings.environment import read

if TYPE_CHECKING:
    from llmgate_core.transports.options import TransportOptions

__all__ = ["make_tls_context"]


def make_tls_context(options: TransportOptions, context_class: type[ssl.SSLContext] = ssl.SSLContext) -> ssl.SSLContext:
    """Return a context for HTTP/1.1 clients; about 20 ms, so make it once.

    Trusts the options' `ca_file`, else SSL_CERT_FILE or SSL_CERT_DIR, else certifi's certificates or the system's.

    Raises:
        ConfigError: the certificates to trust cannot be read.
    """
    context = context_class(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif path := options.ca_file or read("SSL_CERT_FILE") or read("SSL_CERT_DIR"):
        _trust(context, path)
    else:
        _trust_default(context)
    return context


def _trust(context: ssl.SSLContext, path: str) -> None:
    try:
        if os.path.isdir(path):
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except OSError as error:
        raise ConfigError(f"cannot read the certificates to trust from {path!r}: {error.strerror}") from error


def _trust_default(context: ssl.SSLContext) -> None:
    try:
        import certifi
    except ImportError:
        context.load_default_certs()
    else:
        context.load_verify_locations(cafile=certifi.where())
