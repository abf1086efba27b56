"""How a call signs in: by a token of the caller's, or by one that Google gives out.

Pure: what reads files, needs the clock or waits is a function that core calls in a thread.

Source: Google Cloud, "Using OAuth 2.0 for server to server applications", "Application Default Credentials" and
"Authenticate workloads using service accounts" (metadata server); google-auth 2.63 for the forms of files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from llmgate_core.plugin import (
    Blocking,
    Credential,
    Credentials,
    Route,
    Secret,
    UpstreamRequest,
    UpstreamResponse,
    errors,
)
from llmgate_vertex import secret_files
from llmgate_vertex.google_auth import check_hosts, token_of

__all__ = ["credentials_of"]

FORM = {"content-type": "application/x-www-form-urlencoded"}
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LOGIN_PATH = "/token"
LONGEST_SECONDS = 999_999_999
"""A longer life says nothing: the token is kept until it is refused."""
METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
LOGIN_HOST, METADATA_HOST = -2, -1
"""Their places in the plugin's hosts."""
WAYS = "set GOOGLE_APPLICATION_CREDENTIALS, run `gcloud auth application-default login`, or set vertex_sign_in to \
metadata or google_auth"


def credentials_of(route: Route) -> Credentials | None:
    """Return what fetches a token for a route; None: the key is one.

    Raises:
        ConfigError: `vertex_sign_in` has another value.
    """
    named = route.options.get("vertex_sign_in", "")
    if named and named not in WAYS_BY_NAME:
        raise errors.ConfigError(f"vertex_sign_in must be one of {', '.join(WAYS_BY_NAME)}, not {named[:40]!r}")
    if named:
        return WAYS_BY_NAME[named](route)
    return None if route.api_key is not None else _found_steps(route)


def _found_steps(route: Route) -> Credentials:
    """Use the credentials that are given, else those of gcloud, else the machine's if it is one of Google's."""
    given = route.secrets.get("vertex_credentials")
    if given is not None:
        content = yield Blocking(partial(secret_files.credentials_in, given.reveal()))
    else:
        content = yield Blocking(partial(secret_files.found_credentials, route.options.get("cloudsdk_config")))
    if content == secret_files.ON_GOOGLE_CLOUD:
        return (yield from _metadata_steps(route))
    if content is None:
        raise errors.AuthenticationError(
            f"nothing to sign in with for vertex_ai: {WAYS}", status_code=401, code="missing_api_key"
        )
    steps = STEPS_OF_KIND.get(str(content.get("type")), _library_steps_of)
    return (yield from steps(route, content))


def _account_steps(route: Route, content: Mapping[str, Any]) -> Credentials:
    """Exchange an assertion that the service account's key signs."""
    assertion = yield Blocking(partial(secret_files.account_assertion, content))
    return (yield from _exchanged(route, {"grant_type": JWT_BEARER, "assertion": assertion}, content))


def _user_steps(route: Route, content: Mapping[str, Any]) -> Credentials:
    """Exchange the refresh token of a user's login."""
    names = ("client_id", "client_secret", "refresh_token")
    fields = {name: content.get(name) for name in names}
    if not all(isinstance(value, str) and value for value in fields.values()):
        raise errors.ConfigError("a user's login needs client id, client secret and refresh token")
    return (yield from _exchanged(route, {"grant_type": "refresh_token", **fields}, content))


def _exchanged(route: Route, fields: Mapping[str, Any], content: Mapping[str, Any]) -> Credentials:
    origin = route.hosts[LOGIN_HOST]
    answer = yield UpstreamRequest("POST", LOGIN_PATH, urlencode(fields).encode(), FORM, origin=origin)
    return _credential_in(answer, content.get("quota_project_id"))


def _metadata_steps(route: Route) -> Credentials:
    """Ask the machine's metadata service for a token of its service account."""
    answer = yield UpstreamRequest(
        "GET",
        METADATA_PATH,
        headers={"metadata-flavor": "Google"},
        query={"scopes": secret_files.SCOPE},
        origin=route.hosts[METADATA_HOST],
    )
    return _credential_in(answer, None)


def _library_steps(route: Route) -> Credentials:
    """Have google-auth find credentials."""
    given = route.secrets.get("vertex_credentials")
    content = None if given is None else (yield Blocking(partial(secret_files.credentials_in, given.reveal())))
    return (yield from _library_steps_of(route, content))


def _library_steps_of(route: Route, content: Mapping[str, Any] | None) -> Credentials:
    """Have google-auth get a token, by these credentials or by those that it finds."""
    check_hosts(content, route.hosts)
    token, seconds, quota = yield Blocking(partial(token_of, content, secret_files.SCOPE))
    return Credential(Secret(token), expires_in=seconds, details={"quota_project": quota} if quota else {})


def _credential_in(answer: UpstreamResponse, quota: object) -> Credential:
    """Return the token of an answer.

    Raises:
        APIResponseValidationError: there is none in it.
    """
    fields: Any = answer.json()
    token = fields.get("access_token") if isinstance(fields, dict) else None
    if not isinstance(token, str) or not token or not (token.isascii() and token.isprintable()):
        raise errors.APIResponseValidationError(
            f"HTTP {answer.status}: the answer has no access_token", status_code=answer.status
        )
    seconds: Any = fields.get("expires_in")
    life = float(seconds) if type(seconds) in (int, float) and 0 <= seconds <= LONGEST_SECONDS else None
    details = {"quota_project": quota} if isinstance(quota, str) else {}
    return Credential(Secret(token), expires_in=life, details=details)


WAYS_BY_NAME: Mapping[str, Callable[[Route], Credentials]] = MappingProxyType(
    {"metadata": _metadata_steps, "google_auth": _library_steps}
)
STEPS_OF_KIND: Mapping[str, Callable[[Route, Mapping[str, Any]], Credentials]] = MappingProxyType(
    {"service_account": _account_steps, "authorized_user": _user_steps}
)
"""`type` of a file of credentials -> the steps to a token; google-auth does the others."""
