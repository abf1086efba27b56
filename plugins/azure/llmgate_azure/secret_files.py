"""Files that prove an application's identity: a certificate, or a token that something else renews.

The functions here read files and the clock; core calls them in a thread.

Source: Microsoft's "Microsoft identity platform application authentication certificate credentials".
"""

from __future__ import annotations

import base64
import hashlib
import time
import uuid
from pathlib import Path
from typing import Any

from llmgate_core.plugin import encode, errors, install_command

__all__ = ["certificate_assertion", "token_in"]

LIFE_SECONDS = 600
MAX_BYTES = 1024 * 1024


def token_in(path: str) -> str:
    """Return the token in a file.

    Raises:
        ConfigError: the file cannot be read, or is empty.
    """
    token = _content(path, "federated_token_file").decode("utf-8", "replace").strip()
    if not token or not token.isascii() or not token.isprintable():
        raise errors.ConfigError("the file of federated_token_file holds no token")
    return token


def certificate_assertion(path: str, password: str | None, client_id: str, audience: str) -> str:
    """Return a JSON Web Token that is signed with a certificate's key (PS256).

    Args:
        path: a file with certificate and key, PEM or PKCS 12.
        password: what it is encrypted with; None: it is not.
        client_id: the application.
        audience: the URL of the token's endpoint.

    Raises:
        ConfigError: the file cannot be read, holds no certificate with an RSA key, or `cryptography` is missing.
    """
    key, certificate = _loaded(_content(path, "client_certificate_path"), password)
    now = int(time.time())
    header = {"alg": "PS256", "typ": "JWT", "x5t#S256": _base64(hashlib.sha256(certificate).digest())}
    claims = {
        "aud": audience,
        "iss": client_id,
        "sub": client_id,
        "jti": str(uuid.uuid4()),
        "nbf": now,
        "iat": now,
        "exp": now + LIFE_SECONDS,
    }
    signed = f"{_base64(encode(header))}.{_base64(encode(claims))}"
    return f"{signed}.{_base64(_signature(key, signed.encode()))}"


def _content(path: str, option: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise errors.ConfigError(f"the file of {option} cannot be read: {reason}") from None
    if len(content) > MAX_BYTES:
        raise errors.ConfigError(f"the file of {option} has more than {MAX_BYTES:,} bytes")
    return content


def _loaded(content: bytes, password: str | None) -> tuple[Any, bytes]:
    """Return the key, and the certificate in DER.

    Raises:
        ConfigError: they are not in the file, or `cryptography` is missing.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import pkcs12
    except ImportError:
        command = install_command("llmgate-azure", "certificate")
        raise errors.ConfigError(f"a certificate needs the package cryptography: {command}") from None
    secret = None if password is None else password.encode()
    try:
        if b"-----BEGIN" in content:
            key: Any = serialization.load_pem_private_key(content, secret)
            certificate: Any = x509.load_pem_x509_certificate(content)
        else:
            key, certificate, _ = pkcs12.load_key_and_certificates(content, secret)
    except (ValueError, TypeError):
        key = certificate = None  # the message may have a piece of the file in it
    if not isinstance(key, RSAPrivateKey) or certificate is None:
        raise errors.ConfigError(
            "the file of client_certificate_path must hold a certificate and its RSA key, as PEM or PKCS 12, and "
            "client_certificate_password what it is encrypted with"
        )
    return key, certificate.public_bytes(serialization.Encoding.DER)


def _signature(key: Any, content: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    digest = hashes.SHA256()
    signed: bytes = key.sign(content, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    return signed


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
