"""Find out whose request it is, and keep out web pages where no key does."""

from __future__ import annotations

from collections.abc import Awaitable

from llmgate_gateway.access.browsers import check_page
from llmgate_gateway.access.keys import OTHER_HEADERS, KeyRing, wrong_key
from llmgate_gateway.config.schema.general import GeneralSettings
from llmgate_gateway.http.caller import Caller
from llmgate_gateway.http.request import REQUEST_ID, ClientRequest

__all__ = ["FRESH_SECONDS", "authenticate", "check_key_again"]

AUTHORIZATION = b"authorization"
FRESH_SECONDS = 1.0
"""How long a key that was checked counts as checked, of waiting for the client."""


async def authenticate(request: ClientRequest, keys: KeyRing, general: GeneralSettings, *, is_open: bool) -> None:
    """Set the caller of a request.

    Args:
        request: its head has been checked.
        keys: of the config that serves it.
        general: which pages may call a gateway without keys, and by which names.
        is_open: what it asks for is served without a key.

    Raises:
        RefusedError: 401, or 403 for a web page of another origin where no key is needed.
    """
    caller = await _caller_of(request, keys)
    if caller is None and not is_open:
        raise wrong_key()
    request_id = request.record.request_id.encode()
    request.extra_headers.append((b"x-llmgate-request-id", request_id))  # not before: every 401 is the same
    if REQUEST_ID in request.headers:
        request.echo_id()
    if keys.is_open and not is_open:
        check_page(request.scope, request.headers, general.cors, general.allowed_hosts)
    if caller is not None:
        request.caller, request.record.client, request.is_authenticated = caller, caller.name, True


async def check_key_again(request: ClientRequest, keys: KeyRing) -> None:
    """Check the key of a request whose body has taken longer than `FRESH_SECONDS`: it may have been revoked since.

    Args:
        request: its body is whole.
        keys: of the config that is served by now.

    Raises:
        RefusedError: 401.
    """
    if request.is_authenticated and await _caller_of(request, keys) is None:
        raise wrong_key()


def _caller_of(request: ClientRequest, keys: KeyRing) -> Awaitable[Caller | None]:
    others = () if OTHER_HEADERS.isdisjoint(request.headers) else [request.values(name) for name in OTHER_HEADERS]
    return keys.caller_of(request.values(AUTHORIZATION), others)
