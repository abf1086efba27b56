"""What authorizes requests besides the key: a token that is fetched, kept and renewed. Pure data."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmgate_core.secrets import Secret

if TYPE_CHECKING:
    from llmgate_core.contract.upstream import UpstreamRequest

__all__ = ["Blocking", "Credential", "Credentials"]


@dataclass(frozen=True, slots=True)
class Blocking:
    """Yielded by the hook `credentials`: call a function in a thread, and send back what it returns.

    For what waits, reads a file or needs the clock: a key file, a signed assertion, another library's credentials. Core
    waits as long as the call's deadline allows; the thread itself cannot be stopped.

    Attributes:
        function: takes no arguments. An error of llmgate's that it raises is the caller's; any other is a
            `PluginError`, whose message is not shown, since it may have a secret in it.
    """

    function: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Credential:
    """A token that the hook `credentials` has fetched. No string shows it.

    Attributes:
        token: sent in place of the key, unless the hook `auth` does something else with it. A string becomes a
            `Secret`, here and in `secrets`.
        expires_in: seconds until it expires; core fetches another one a little earlier. None: it is kept until an
            upstream answers 401.
        secrets: further secrets that came with it, such as a session key; by name.
        details: whatever else the hook `auth` needs; not secret.
    """

    token: Secret
    expires_in: float | None = None
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "token", _secret(self.token))
        secrets: Any = self.secrets
        if isinstance(secrets, Mapping) and any(isinstance(value, str) for value in secrets.values()):
            object.__setattr__(self, "secrets", {name: _secret(value) for name, value in self.secrets.items()})


def _secret(value: Any) -> Any:
    """Return a string as a `Secret`; core judges everything else."""
    return Secret(value) if isinstance(value, str) else value


Credentials = Generator["UpstreamRequest | Blocking", Any, Credential]
"""Yields the requests to send and receives the `UpstreamResponse` to each, or yields a `Blocking` and receives what its
function returns; returns the credential. The requests carry no key."""
