"""Files of credentials: where they are, what is in them, and what a service account's key signs.

The functions here read files and the clock; core calls them in a thread. Messages name no field as the files do, since
core masks every piece of a secret, and the content of a file is one.

Source: Google Cloud, "How Application Default Credentials works"; RFC 7523; google-auth 2.63.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from llmgate_core.plugin import decode, encode, errors, install_command

__all__ = ["ON_GOOGLE_CLOUD", "SCOPE", "account_assertion", "credentials_in", "found_credentials"]

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
LOGIN_URL = "https://oauth2.googleapis.com/token"
LOGIN_URLS = frozenset({LOGIN_URL, "https://accounts.google.com/o/oauth2/token", ""})
"""What a file may say of where tokens come from: nothing goes to any other host."""
LIFE_SECONDS = 3600
MAX_BYTES = 1024 * 1024
GCLOUD = Path(".config") / "gcloud"
FILE = "application_default_credentials.json"
PRODUCT_NAME = Path("/sys/class/dmi/id/product_name")
ON_GOOGLE_CLOUD: Final = "the machine is one of Google Cloud's"


def credentials_in(given: str) -> Mapping[str, Any]:
    """Return the credentials of a file, or of its content.

    Raises:
        ConfigError: it cannot be read, or is not such a file.
    """
    content = given if given.lstrip().startswith("{") else _content(Path(given))
    try:
        parsed: Any = decode(content)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict) or not isinstance(parsed.get("type"), str):
        raise errors.ConfigError("Google's credentials must be a file of theirs, or its content as JSON")
    return parsed


def found_credentials(folder: str | None) -> Mapping[str, Any] | str | None:
    """Return the credentials of gcloud's login, `ON_GOOGLE_CLOUD`, or None."""
    path = _path_of_login(folder)
    if path is not None:
        return credentials_in(str(path))
    try:
        name = PRODUCT_NAME.read_text()
    except OSError:
        return None
    return ON_GOOGLE_CLOUD if name.strip().startswith("Google") else None


def _path_of_login(folder: str | None) -> Path | None:
    """Return where gcloud keeps its login; None: it has none."""
    try:
        path = (Path(folder) if folder else Path.home() / GCLOUD) / FILE
        return path if path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # a name that no file has, or there is no home
        return None


def account_assertion(content: Mapping[str, Any]) -> str:
    """Return a JSON Web Token that is signed with a service account's key (RS256).

    Raises:
        ConfigError: the credentials lack a field, name another host, or `cryptography` is missing.
    """
    email, key_id, pem = (content.get(name) for name in ("client_email", "private_key_id", "private_key"))
    if not isinstance(email, str) or not isinstance(pem, str):
        raise errors.ConfigError("a service account needs its e-mail address and its private key")
    login = content.get("token_uri", "")
    if not isinstance(login, str) or login not in LOGIN_URLS:
        raise errors.ConfigError("the service account names another host for tokens than Google's")
    key = _key(pem)
    now = int(time.time())
    header = {"alg": "RS256", "typ": "JWT", **({"kid": key_id} if isinstance(key_id, str) else {})}
    claims = {"iss": email, "scope": SCOPE, "aud": LOGIN_URL, "iat": now, "exp": now + LIFE_SECONDS}
    signed = f"{_base64(encode(header))}.{_base64(encode(claims))}"
    return f"{signed}.{_base64(_signature(key, signed.encode()))}"


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise errors.ConfigError(f"the file of Google's credentials cannot be read: {reason}") from None
    if len(content) > MAX_BYTES:
        raise errors.ConfigError(f"the file of Google's credentials has more than {MAX_BYTES:,} bytes")
    return content


def _key(pem: str) -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        command = install_command("llmgate-vertex", "service-account")
        raise errors.ConfigError(f"a service account needs the package cryptography: {command}") from None
    try:
        key: Any = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        key = None  # the message may have a piece of it
    if not isinstance(key, RSAPrivateKey):
        raise errors.ConfigError("the key of a service account must be an RSA key in PEM")
    return key


def _signature(key: Any, content: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    signed: bytes = key.sign(content, padding.PKCS1v15(), hashes.SHA256())
    return signed


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
