"""Tokens by azure-identity, an extra: for a developer's own login, and for every source that has no steps here.

The function here waits; core calls it in a thread. An object of the library keeps a cache, so one is made each time
that core wants a token, which is when the last one expires.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import errors, install_command

__all__ = ["CLASSES", "token_of"]

CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "DefaultAzureCredential": "managed_identity_client_id",
        "EnvironmentCredential": "",
        "AzureCliCredential": "",
        "AzureDeveloperCliCredential": "",
        "AzurePowerShellCredential": "",
    }
)
"""The classes that may be named -> their argument for the client id."""
MAX_MESSAGE = 300


def token_of(name: str, scope: str, client_id: str | None) -> tuple[str, float]:
    """Return a token and the seconds until it expires.

    Raises:
        ConfigError: azure-identity is not installed. AuthenticationError: it found no way to sign in.
    """
    try:
        from azure import identity
        from azure.core.exceptions import ClientAuthenticationError
    except ImportError:
        command = install_command("llmgate-azure", "identity")
        raise errors.ConfigError(f"{name} needs the package azure-identity: {command}") from None
    argument = CLASSES[name]
    arguments = {argument: client_id} if argument and client_id else {}
    made: Any = getattr(identity, name)
    try:
        with made(**arguments) as credential:
            token = credential.get_token(scope)
    except ClientAuthenticationError as error:
        raise _failure(name, " ".join(str(error.message).split())[:MAX_MESSAGE]) from None
    except Exception as error:  # noqa: BLE001  # another library's, whose message may show a secret
        raise _failure(name, type(error).__name__) from None
    return token.token, max(0.0, token.expires_on - time.time())


def _failure(name: str, said: str) -> errors.AuthenticationError:
    message = f"{name} of azure-identity got no token: {said}"
    return errors.AuthenticationError(message, status_code=401, code="credential_not_fetched")
