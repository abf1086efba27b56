"""Keep credentials, choose the call that fetches one, and note what each call uses. Nothing here waits or sends.

A token is kept for a plugin and everything that the plugin is given to fetch it with, so no key ever uses the token of
another one. One call at a time fetches it; `fetching.py` has the steps.

Source: RFC 6749, section 5.1, for `expires_in`; docs/plugins/credentials.md.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llmgate_core.calls.credentials.flights import Flight
from llmgate_core.calls.route_headers import RouteHeaders
from llmgate_core.contract.call import Route
from llmgate_core.contract.credential import Credential
from llmgate_core.errors import LLMGateError
from llmgate_core.registry.bound_plugin import BoundPlugin
from llmgate_core.secrets import Secret, SecretFinder
from llmgate_core.settings.header_syntax import HEADER_VALUE
from llmgate_core.transports.per_process import PerProcess

__all__ = ["CallCredentials", "CredentialFlight", "CredentialStore", "Kept", "checked_credential"]

MAX_KEPT = 1024  # bounded, since callers choose the keys
MARGIN_SECONDS = 60.0
MARGIN_SHARE = 0.1
"""A token is not used in the last tenth of its life, or its last minute if that is shorter: the request that has it
must arrive before it expires."""


@dataclass(slots=True, eq=False)
class Kept:
    """A credential, and what is made of it once.

    Attributes:
        credential: None: the plugin has said that the key is all that is needed.
        headers: of requests with the token in the place of the key.
        fresh_until: by the store's clock.
        plugin: whose it is; held, so that no later object gets its `id`.
    """

    credential: Credential | None
    headers: RouteHeaders
    fresh_until: float
    plugin: BoundPlugin
    finder: SecretFinder

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The token and what else came with it."""
        return _secrets_of(self.credential)

    def masked(self, raw_headers: Sequence[tuple[bytes, bytes]]) -> Sequence[tuple[bytes, bytes]]:
        """Return an answer's headers without the token, should the upstream repeat it."""
        values = [value.decode("latin-1") for _, value in raw_headers]
        if not any(map(self.finder.matches, values)):
            return raw_headers
        masked = (self.finder.mask(text).encode("latin-1") for text in values)
        return tuple((name, value) for (name, _), value in zip(raw_headers, masked, strict=True))


CredentialFlight = Flight["Kept | LLMGateError"]


@dataclass(slots=True)
class _ProcessState:
    """What one process keeps: both by a digest, so that no key is in them and each operation is one step."""

    kept: dict[bytes, Kept]
    flights: dict[bytes, CredentialFlight]


class CredentialStore:
    """The credentials of one client and of all made by its `with_options`. Thread-safe, and safe after `os.fork`.

    Args:
        clock: returns seconds from any beginning.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._states = PerProcess(lambda: _ProcessState({}, {}))

    def of_call(self, plugin: BoundPlugin, route: Route) -> CallCredentials:
        """Return what a call of a plugin with the hook `credentials` uses."""
        route = _route_of_credentials(route)
        return CallCredentials(self, plugin, route, _digest(plugin, route))

    def kept(self, key: bytes) -> Kept | None:
        """Return the credential that is kept and fresh."""
        kept = self._states.get().kept.get(key)
        return kept if kept is not None and self._clock() < kept.fresh_until else None

    def join(self, key: bytes, own: CredentialFlight) -> CredentialFlight:
        """Return the flight that fetches it, which is `own` if there was none."""
        return self._states.get().flights.setdefault(key, own)

    def put(self, key: bytes, kept: Kept) -> None:
        """Keep a credential. Of too many the oldest is forgotten."""
        credentials = self._states.get().kept
        credentials.pop(key, None)
        credentials[key] = kept
        while len(credentials) > MAX_KEPT:
            credentials.pop(next(iter(credentials)), None)

    def drop(self, key: bytes, refused: Kept) -> None:
        """Forget a credential that was refused; one that has replaced it stays."""
        credentials = self._states.get().kept
        if credentials.get(key) is refused:
            credentials.pop(key, None)

    def end(self, key: bytes, flight: CredentialFlight, outcome: Kept | LLMGateError | None) -> None:
        """End a flight: with a credential, with an error for all that wait, or None if another one has to fetch it."""
        flights = self._states.get().flights
        if flights.get(key) is flight:
            flights.pop(key, None)
        flight.end(outcome)

    def matches(self, text: str) -> bool:
        """Return whether a string has a piece of a token that is kept."""
        return any(kept.finder.matches(text) for kept in list(self._states.get().kept.values()))

    def fresh_until(self, asked: float, expires_in: float | None) -> float:
        """Return until when a credential is used that was asked for at `asked`."""
        if expires_in is None:
            return math.inf
        return asked + expires_in - min(MARGIN_SECONDS, MARGIN_SHARE * expires_in)

    def now(self) -> float:
        """Return the time by the store's clock."""
        return self._clock()


class CallCredentials:
    """The credentials that one call uses: at most two, since a refused one is replaced once.

    Attributes:
        route: as the hook `credentials` gets it.
        key: what they are kept by.
        secrets: of all that were used.
        failure: why none could be fetched.
        is_renewed: one was refused and replaced.
        repeats: requests that were sent once more, with the new one.
    """

    __slots__ = ("failure", "is_renewed", "key", "plugin", "repeats", "route", "secrets", "store")

    def __init__(self, store: CredentialStore, plugin: BoundPlugin, route: Route, key: bytes) -> None:
        self.store = store
        self.plugin = plugin
        self.route = route
        self.key = key
        self.secrets: tuple[Secret, ...] = ()
        self.failure: LLMGateError | None = None
        self.is_renewed = False
        self.repeats = 0

    def kept_as(self, credential: Credential | None, asked: float) -> Kept:
        """Return a credential as it is kept; `asked` is when it was asked for, by the store's clock."""
        route = self.route if credential is None else replace(self.route, api_key=credential.token)
        expires_in = None if credential is None else credential.expires_in
        fresh_until = self.store.fresh_until(asked, expires_in)
        finder = SecretFinder(_secrets_of(credential))
        return Kept(credential, RouteHeaders(route, self.plugin.info), fresh_until, self.plugin, finder)

    def use(self, kept: Kept) -> Kept:
        """Note that the call uses a credential, so that its secrets are masked."""
        self.secrets = tuple(dict.fromkeys((*self.secrets, *kept.secrets)))
        return kept

    def __repr__(self) -> str:
        return f"CallCredentials({self.plugin.name})"


def _secrets_of(credential: Credential | None) -> tuple[Secret, ...]:
    return () if credential is None else (credential.token, *credential.secrets.values())


def checked_credential(plugin: BoundPlugin, value: object) -> Credential:
    """Return what the hook `credentials` ended with.

    Raises:
        PluginError: it is not a credential that can be used.
    """
    if not isinstance(value, Credential):
        raise plugin.error("credentials", f"hook credentials ended with {type(value).__name__}, not a Credential")
    problem = _problem_of(value)
    if problem is not None:
        raise plugin.error("credentials", f"hook credentials ended with a Credential whose {problem}")
    return value


def _problem_of(credential: Any) -> str | None:
    """Return what is wrong with a credential: nothing has checked what its types promise."""
    token, expires_in = credential.token, credential.expires_in
    if not isinstance(token, Secret):
        return f"token is {type(token).__name__}, not a Secret"
    if not token:
        return "token is empty"
    if HEADER_VALUE.fullmatch(token.reveal()) is None:
        return "token has characters that a header cannot have (it is not shown)"
    is_number = isinstance(expires_in, (int, float)) and not isinstance(expires_in, bool)
    if expires_in is not None and not (is_number and math.isfinite(expires_in)):
        return f"expires_in is {type(expires_in).__name__}, not a number of seconds or None"
    if not isinstance(credential.secrets, Mapping) or not isinstance(credential.details, Mapping):
        return "secrets and details must be mappings"
    if not all(isinstance(secret, Secret) for secret in credential.secrets.values()):
        return "secrets are not all of the type Secret"
    return None


def _route_of_credentials(route: Route) -> Route:
    """Return the route without what differs between two calls that share a credential."""
    return Route(
        provider=route.provider,
        prefix="",
        family="",
        model="",
        base_url=route.base_url,
        api_key=route.api_key,
        organization=route.organization,
        project=route.project,
        is_provider_host=route.is_provider_host,
        options=route.options,
        secrets=route.secrets,
        hosts=route.hosts,
    )


def _digest(plugin: BoundPlugin, route: Route) -> bytes:
    """Return a name for a plugin and everything that its hook `credentials` sees."""
    said = [
        id(plugin.instance),
        route.provider,
        route.base_url,
        None if route.api_key is None else route.api_key.reveal(),
        route.organization,
        route.project,
        sorted(route.options.items()),
        sorted((name, secret.reveal()) for name, secret in route.secrets.items()),
        route.hosts,
    ]
    return hashlib.sha256(repr(said).encode()).digest()
