"""Decide whose request it is: a key's, anybody's, or nobody's.

Keys are kept as SHA-256 digests only, and every one of them is compared, in constant time, on the
one path that all requests take. A bearer token is the only form: nothing is read from a query
string or another header.

Source: rows S2 to S4 of the reliability catalogue in docs/architecture.md; RFC 6750, section 2.1.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from llmgate_core.serving import Secret
from llmgate_gateway.config import GatewayConfig
from llmgate_gateway.http.caller import ANYBODY, Caller
from llmgate_gateway.http.responses import RefusedError, error_reply, refuse

__all__ = ["KeyRing", "forbidden_model", "wrong_key"]

BEARER = b"bearer "
MASTER = "master"
MESSAGE = "Incorrect or missing API key. Send the key of this gateway as a bearer token: 'Authorization: Bearer KEY'."
WRONG_KEY = error_reply(
    401,
    MESSAGE,
    code="invalid_api_key",
    headers=((b"www-authenticate", b"Bearer"),),
)


class KeyRing:
    """The keys of one config. Nothing in it changes."""

    def __init__(self, config: GatewayConfig) -> None:
        general = config.general
        keys: list[tuple[bytes, Caller]] = []
        if general.master_key is not None:
            keys.append((_digest_of(general.master_key), Caller(MASTER)))
        keys += [(_digest_of(key.key), Caller(key.name, key.models, key.limits.max_in_flight)) for key in general.keys]
        self._keys = tuple(keys)

    @property
    def is_open(self) -> bool:
        """Whether no key is asked for."""
        return not self._keys

    def client_of(self, authorization: Sequence[bytes]) -> Caller | None:
        """Return who sends a request with these `authorization` headers; None: nobody that we know."""
        if not self._keys:
            return ANYBODY
        presented = hashlib.sha256(_token_of(authorization)).digest()
        found: Caller | None = None
        for digest, client in self._keys:  # all of them, so that time tells nothing
            if hmac.compare_digest(digest, presented):
                found = client
        return found

    def __repr__(self) -> str:
        return f"KeyRing({len(self._keys)} keys)"


def wrong_key(*, close: bool = False) -> RefusedError:
    """Return the one answer to every key that is wrong, in whatever way."""
    return RefusedError(WRONG_KEY, code="invalid_api_key", close=close)


def forbidden_model(model: str) -> RefusedError:
    """Return the answer to a good key that may not use a model."""
    return refuse(403, f"This key may not use the model {model[:200]!r}.", code="model_not_allowed", param="model")


def _token_of(authorization: Sequence[bytes]) -> bytes:
    """Return the bearer token; of anything else nothing, which no key is equal to."""
    if len(authorization) != 1 or authorization[0][:7].lower() != BEARER:
        return b""
    return authorization[0][7:].strip(b" ")


def _digest_of(key: Secret) -> bytes:
    return hashlib.sha256(key.reveal().encode()).digest()
