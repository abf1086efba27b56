"""TLS: which certificates to trust. A context is made once, and only when it is needed.

Verification is on unless the options turn it off.

Source: row R19 of docs/reliability.md; SSL_CERT_FILE and SSL_CERT_DIR as in the manual of
OpenSSL, SSL_CTX_load_verify_locations(3).
"""

from __future__ import annotations

import contextlib
import os
import ssl
import sys
import threading
from typing import TYPE_CHECKING

from llmgate_core.errors import ConfigError
from llmgate_core.settings.environment import read
from llmgate_core.transports.failures import is_out_of_descriptors, out_of_descriptors

if TYPE_CHECKING:
    from llmgate_core.transports.options import TransportOptions

__all__ = ["CERTIFICATE_VARIABLES", "TLSContext", "make_tls_context"]

CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


class TLSContext:
    """The context of one transport, made when it is first needed."""

    def __init__(self, options: TransportOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def get(self) -> ssl.SSLContext:
        """Return the context.

        Raises:
            ConfigError: the certificates to trust cannot be read.
        """
        with self._lock:
            if self._context is None:
                self._context = make_tls_context(self._options)
            return self._context


def make_tls_context(options: TransportOptions, context_class: type[ssl.SSLContext] = ssl.SSLContext) -> ssl.SSLContext:
    """Return a context for HTTP/1.1 clients; about 20 ms, so make it once.

    Trusts the options' `ca_file`; else SSL_CERT_FILE and SSL_CERT_DIR; else certifi's certificates and the system's.

    Raises:
        ConfigError: the certificates to trust cannot be read.
    """
    context = context_class(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif options.ca_file:
        _trust(context, options.ca_file, "ca_file")
    elif variables := [name for name in CERTIFICATE_VARIABLES if read(name)]:
        for name in variables:
            _trust(context, read(name) or "", name)
    else:
        _trust_default(context)
    return context


def _trust(context: ssl.SSLContext, path: str, source: str) -> None:
    """Trust the certificates of a file or a directory; `source` is what names it."""
    reason = "there is no certificate in it"
    try:
        if os.path.isdir(path):
            context.load_verify_locations(capath=path)
            return
        context.load_verify_locations(cafile=path)
        if context.cert_store_stats()["x509"]:
            return
    except ssl.SSLError:
        reason = "it is not a PEM file of certificates"
    except OSError as error:
        if is_out_of_descriptors(error):
            raise out_of_descriptors() from error
        reason = error.strerror or type(error).__name__
    raise ConfigError(f"cannot read the certificates to trust from {path!r}, which {source} names: {reason}")


def _trust_default(context: ssl.SSLContext) -> None:
    """Trust certifi's certificates where it is installed, and the system's: an authority that is added there counts."""
    try:
        with contextlib.suppress(ImportError):
            import certifi

            context.load_verify_locations(cafile=certifi.where())
        context.set_default_verify_paths()
        if sys.platform == "win32":
            context.load_default_certs()
    except OSError as error:
        if is_out_of_descriptors(error):
            raise out_of_descriptors() from error
        raise ConfigError(f"cannot read the certificates to trust: {error.strerror}") from error
