"""TLS for the fast transport: whom to trust, made once and only when it is needed.

Reads certificates, nothing else; no environment. Verification is on unless the caller says no.

Source: row R19 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

import os
import ssl

__all__ = ["make_tls_context"]


def make_tls_context(*, verify: bool, ca_file: str | None) -> ssl.SSLContext:
    """Return a context for HTTP/1.1 clients; about 20 ms, so make it once.

    `ca_file` may be a file or a directory; None: certifi's certificates, or the system's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca_file is None:
        _trust_default(context)
    elif os.path.isdir(ca_file):
        context.load_verify_locations(capath=ca_file)
    else:
        context.load_verify_locations(cafile=ca_file)
    return context


def _trust_default(context: ssl.SSLContext) -> None:
    try:
        import certifi
    except ImportError:
        context.load_default_certs()
    else:
        context.load_verify_locations(cafile=certifi.where())
