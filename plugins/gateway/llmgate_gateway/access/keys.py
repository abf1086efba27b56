"""Authenticate a request by its key: the bearer token, or the header `x-api-key` or `api-key` of other APIs' clients.

Only the SHA-256 digests of keys are stored, and keys are looked up by them. That takes the same work for every key,
valid or not, first or last. A dictionary stops comparing at the first byte that differs, but it compares digests: an
attacker who measures that learns at most how many bytes of two digests agree, and cannot choose a key whose digest
agrees in one more byte without trying keys at random. So timing reveals nothing about any byte of a key.

Source: rows S2 to S4 of docs/reliability.md; RFC 6750, section 2.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from llmgate_core.serving import Secret
from llmgate_gateway.access.stores import KeyStore
from llmgate_gateway.config import GatewayConfig
from llmgate_gateway.config.schema.general import ClientKey
from llmgate_gateway.http.caller import ANYBODY, Caller
from llmgate_gateway.http.responses import ErrorFacts, RefusedError, refuse

__all__ = ["OTHER_HEADERS", "KeyRing", "forbidden_model", "wrong_key"]

BEARER = b"bearer "
OTHER_HEADERS = frozenset({b"x-api-key", b"api-key"})
"""How clients of Anthropic's and Azure's APIs send a key."""
MASTER = "master"
WRONG_KEY = ErrorFacts(
    401,
    "Incorrect or missing API key. Send the key of this gateway as a bearer token: 'Authorization: Bearer KEY'.",
    code="invalid_api_key",
    headers=((b"www-authenticate", b"Bearer"),),
)


class KeyRing:
    """The keys of one config, and the store that is asked for all others.

    Args:
        store: for keys that the config does not list; None: there are no others.

    Attributes:
        is_open: requests need no key.
    """

    def __init__(self, config: GatewayConfig, store: KeyStore | None = None) -> None:
        self._callers = _callers_of(config)
        self._store = store
        self.is_open = not self._callers and store is None

    async def caller_of(self, authorization: Sequence[bytes], others: Sequence[Sequence[bytes]] = ()) -> Caller | None:
        """Return whose key a request has, or None if it has no valid one.

        Args:
            authorization: the values of its header `Authorization`.
            others: those of each header of `OTHER_HEADERS`; empty: the request has none of these headers.
        """
        if self.is_open:
            return ANYBODY
        digest = sha256(_token_of(authorization, others)).digest()
        caller = self._callers.get(digest)
        if caller is None and self._store is not None:
            caller = await self._store.find(digest)
        return caller

    def __repr__(self) -> str:
        return f"KeyRing({len(self._callers)} keys)"


def wrong_key(*, close: bool = False) -> RefusedError:
    """Return the one answer to every key that is wrong, in whatever way."""
    return RefusedError(WRONG_KEY, close=close)


def forbidden_model(model: str) -> RefusedError:
    """Return the answer to a valid key that may not use a model."""
    return refuse(403, f"This key may not use the model {model[:200]!r}.", code="model_not_allowed", param="model")


def _callers_of(config: GatewayConfig) -> Mapping[bytes, Caller]:
    """Return the digest of each key of a config -> its owner."""
    general = config.general
    callers = {_digest_of(key.key): _caller(key) for key in general.keys}
    if general.master_key is not None:
        callers[_digest_of(general.master_key)] = Caller(MASTER, reads_metrics=True)
    return callers


def _caller(key: ClientKey) -> Caller:
    return Caller(key.name, key.models, key.limits.max_in_flight, key.passthrough, key.metrics)


def _token_of(authorization: Sequence[bytes], others: Sequence[Sequence[bytes]]) -> bytes:
    """Return the one key that a request presents; empty, which matches no key, if it presents no key or different ones.

    A client may send its key in several headers, but no header twice. An `Authorization` of another scheme is that of a
    proxy on the way if another header has a key.
    """
    if len(authorization) == 1 and not others:
        value = authorization[0]
        return value[7:].strip(b" ") if value[:7].lower() == BEARER else b""
    if any(len(values) > 1 for values in (authorization, *others)):
        return b""
    tokens = {value[7:].strip(b" ") for value in authorization if value[:7].lower() == BEARER}
    tokens.update(value.strip(b" ") for values in others for value in values)
    return tokens.pop() if len(tokens) == 1 else b""


def _digest_of(key: Secret) -> bytes:
    return sha256(key.reveal().encode()).digest()
