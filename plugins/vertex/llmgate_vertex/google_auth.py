"""Tokens by google-auth, an extra: for federated and impersonated identities, and for all that it finds itself.

The function here waits; core calls it in a thread.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timezone
from typing import Any

from llmgate_core.plugin import errors, install_command

__all__ = ["check_hosts", "token_of"]

FEDERATED = "external_account"
URLS = ("token_uri", "token_url", "token_info_url", "service_account_impersonation_url")
"""The fields of credentials that say where secrets and tokens are sent."""
GOOGLE_URL = re.compile(r"https://(?:[a-z0-9-]+\.)*(?:googleapis\.com|accounts\.google\.com)/", re.ASCII)
IDENTITY_POOL = "identity_pool"
MODULES = (("aws", "environment_id"), ("pluggable", "executable"))
"""Modules of google-auth -> what the source of a federated identity has, by which it is known."""


def token_of(content: Mapping[str, Any] | None, scope: str) -> tuple[str, float | None, str | None]:
    """Return a token, the seconds until it expires, and the project whose quota it uses.

    Args:
        content: of a file of credentials; None: google-auth looks for some.
        scope: what the token is asked for.

    Raises:
        ConfigError: google-auth is not installed. AuthenticationError: it got no token.
    """
    try:
        import google.auth
        from google.auth.transport.requests import Request
    except ImportError:
        command = install_command("llmgate-vertex", "google-auth")
        raise errors.ConfigError(f"these credentials need the package google-auth: {command}") from None
    try:
        credentials = _found(google.auth, scope) if content is None else _loaded(google.auth, content, scope)
        credentials.refresh(Request())
    except Exception as error:  # noqa: BLE001  # another library's: a malformed file makes it raise anything
        raise _failure(type(error).__name__) from None  # its message may have a piece of the credentials
    token: Any = credentials.token
    if not isinstance(token, str) or not token or not (token.isascii() and token.isprintable()):
        raise _failure("what it got is not a token")
    return token, _seconds_until(credentials.expiry), getattr(credentials, "quota_project_id", None)


def _failure(what: str) -> errors.AuthenticationError:
    return errors.AuthenticationError(
        f"google-auth got no token: {what}", status_code=401, code="credential_not_fetched"
    )


def check_hosts(content: object, origins: Collection[str]) -> None:
    """Raise if credentials, or those that they lead to, would be sent to a host that is not Google's.

    Args:
        content: of a file of credentials.
        origins: further ones that they may be sent to.

    Raises:
        ConfigError: a URL in them is not one of Google's.
    """
    while isinstance(content, Mapping):
        for url in (content.get(name) for name in URLS):
            if url is not None and not (isinstance(url, str) and _may_be_sent_to(url, origins)):
                raise errors.ConfigError("Google's credentials name another host for tokens than Google's")
        content = content.get("source_credentials")


def _may_be_sent_to(url: str, origins: Collection[str]) -> bool:
    return GOOGLE_URL.match(url) is not None or any(url.startswith(f"{origin}/") for origin in origins)


def _found(library: Any, scope: str) -> Any:
    return library.default(scopes=[scope])[0]


def _loaded(library: Any, content: Mapping[str, Any], scope: str) -> Any:
    """Return the library's credentials of a file. Its own function would look the project up, in another service."""
    if content.get("type") != FEDERATED:
        return library.load_credentials_from_dict(dict(content), scopes=[scope])[0]
    source = content.get("credential_source")
    module = next((name for name, field in MODULES if isinstance(source, Mapping) and field in source), IDENTITY_POOL)
    federated: Any = importlib.import_module(f"google.auth.{module}")
    return federated.Credentials.from_info(dict(content), scopes=[scope])


def _seconds_until(expiry: datetime | None) -> float | None:
    if expiry is None:
        return None
    now = datetime.now(timezone.utc)
    ends = expiry.replace(tzinfo=timezone.utc) if expiry.tzinfo is None else expiry
    return max(0.0, (ends - now).total_seconds())
