"""Tokens by google-auth, an extra: for federated and impersonated identities, and for all that it finds itself.

The function here waits; core calls it in a thread.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from llmgate_core.plugin import errors, install_command

__all__ = ["token_of"]

FEDERATED = "external_account"
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
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request
    except ImportError:
        command = install_command("llmgate-vertex", "google-auth")
        raise errors.ConfigError(f"these credentials need the package google-auth: {command}") from None
    try:
        credentials = _found(google.auth, scope) if content is None else _loaded(google.auth, content, scope)
        credentials.refresh(Request())
    except (GoogleAuthError, ValueError) as error:
        kind = type(error).__name__  # its message may have a piece of the credentials
        raise errors.AuthenticationError(
            f"google-auth got no token: {kind}", status_code=401, code="credential_not_fetched"
        ) from None
    return credentials.token, _seconds_until(credentials.expiry), getattr(credentials, "quota_project_id", None)


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
