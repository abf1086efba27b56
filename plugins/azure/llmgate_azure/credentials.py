"""How a call signs in: by key, by a token of the caller's, or by one that Entra ID gives out.

Pure: what reads files, needs the clock or waits is a function that core calls in a thread.

Source: Microsoft's "OAuth 2.0 client credentials flow on the Microsoft identity platform"; "Managed identities: use
managed identities on a virtual machine to acquire an access token"; azure-identity 1.27 for names and variables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from llmgate_azure import identity, secret_files
from llmgate_azure.addresses import is_dated
from llmgate_azure.provider import AUTHORITIES, SCOPES
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

__all__ = ["credentials_of"]

FORM = {"content-type": "application/x-www-form-urlencoded"}
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
METADATA_PATH = "/metadata/identity/oauth2/token"
METADATA_VERSION = "2018-02-01"
TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
SECONDS = re.compile(r"[0-9]{1,9}")
LONGEST_SECONDS = 999_999_999
"""A longer life says nothing: the token is kept until it is refused."""
WAYS = "set AZURE_API_KEY or pass api_key=; or sign in with Entra ID: provider_options azure_ad_token, or tenant_id, \
client_id and client_secret, or azure_credential such as managed_identity"


def credentials_of(route: Route) -> Credentials | None:
    """Return what fetches a token for a route; None: the key is enough.

    Raises:
        ConfigError: an option has a value that it cannot have, or one that belongs to it is missing.
        AuthenticationError: there is nothing to sign in with.
    """
    wanted = route.options.get("azure_credential", "").strip()
    source = _source_named(wanted) if wanted else _source_of(route)
    if source == "api_key":
        _require(route, source, "api_key")
        return None
    if source in SOURCES:
        return SOURCES[source](route)
    return _library_steps(route, source)


def _source_named(name: str) -> str:
    """Return the source that the option `azure_credential` names, in our spelling or in that of azure-identity.

    Raises:
        ConfigError: there is no such source.
    """
    source = ALIASES.get(name, name)
    if source == "api_key" or source in SOURCES or source in identity.CLASSES:
        return source
    known = ", ".join(("api_key", *SOURCES, *identity.CLASSES))
    raise errors.ConfigError(f"azure_credential must be one of {known}, not {name[:80]!r}")


def _source_of(route: Route) -> str:
    """Return the source for which everything is set. A ready token wins over a key, as in the openai SDK.

    Raises:
        AuthenticationError: there is none.
    """
    if "azure_ad_token" in route.secrets:
        return "azure_ad_token"
    if route.api_key is not None:
        return "api_key"
    if "tenant_id" in route.options and "client_id" in route.options:
        for option, source in (
            ("client_secret", "client_secret"),
            ("client_certificate_path", "certificate"),
            ("federated_token_file", "workload_identity"),
        ):
            if option in route.options or option in route.secrets:
                return source
    raise errors.AuthenticationError(
        f"nothing to sign in with for azure: {WAYS}", status_code=401, code="missing_api_key", provider=route.provider
    )


def _require(route: Route, source: str, *names: str) -> None:
    """Raise if an option that a source needs is not set."""
    given = {*route.options, *route.secrets, *(("api_key",) if route.api_key is not None else ())}
    missing = [name for name in names if name not in given]
    if missing:
        raise errors.ConfigError(f"to sign in by {source}, azure needs {' and '.join(missing)} too")


def _token_steps(route: Route) -> Credentials:
    _require(route, "azure_ad_token", "azure_ad_token")
    yield from ()
    token = route.secrets["azure_ad_token"]
    if not _is_token(token.reveal().strip()):
        raise errors.ConfigError("azure_ad_token is not a token that a header can have (it is not shown)")
    return Credential(Secret(token.reveal().strip()))


def _secret_steps(route: Route) -> Credentials:
    _require(route, "client_secret", "tenant_id", "client_id", "client_secret")
    return (yield from _exchanged(route, {"client_secret": route.secrets["client_secret"].reveal()}))


def _certificate_steps(route: Route) -> Credentials:
    _require(route, "certificate", "tenant_id", "client_id", "client_certificate_path")
    password = route.secrets.get("client_certificate_password")
    audience = f"https://{_authority(route)}{_token_path(route)}"
    sign = partial(
        secret_files.certificate_assertion,
        route.options["client_certificate_path"],
        None if password is None else password.reveal(),
        route.options["client_id"],
        audience,
    )
    assertion = yield Blocking(sign)
    fields = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    return (yield from _exchanged(route, fields))


def _workload_steps(route: Route) -> Credentials:
    _require(route, "workload_identity", "tenant_id", "client_id", "federated_token_file")
    assertion = yield Blocking(partial(secret_files.token_in, route.options["federated_token_file"]))
    fields = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    return (yield from _exchanged(route, fields))


def _managed_steps(route: Route) -> Credentials:
    """Ask the machine's metadata service, which answers managed identities on virtual machines and in clusters."""
    query = {"api-version": METADATA_VERSION, "resource": _scope(route).removesuffix("/.default")}
    if "client_id" in route.options:
        query["client_id"] = route.options["client_id"]
    answer = yield UpstreamRequest(
        "GET", METADATA_PATH, headers={"metadata": "true"}, query=query, origin=route.hosts[len(AUTHORITIES)]
    )
    return _credential_in(answer)


def _library_steps(route: Route, name: str) -> Credentials:
    """Have azure-identity get a token, by one of its classes."""
    token, seconds = yield Blocking(partial(identity.token_of, name, _scope(route), route.options.get("client_id")))
    return Credential(Secret(token), expires_in=seconds)


def _exchanged(route: Route, proof: Mapping[str, str]) -> Credentials:
    """Exchange what proves the application's identity for a token."""
    fields = {
        "grant_type": "client_credentials",
        "client_id": route.options["client_id"],
        "scope": _scope(route),
        **proof,
    }
    origin = route.hosts[AUTHORITIES.index(_authority(route))]
    answer = yield UpstreamRequest("POST", _token_path(route), urlencode(fields).encode(), FORM, origin=origin)
    return _credential_in(answer)


def _token_path(route: Route) -> str:
    tenant = route.options["tenant_id"]
    if TENANT.fullmatch(tenant) is None:
        raise errors.ConfigError("tenant_id must be the id or a domain of a directory (its value is not shown)")
    return f"/{tenant}/oauth2/v2.0/token"


def _authority(route: Route) -> str:
    """Return the host that gives out tokens; azure-identity's variable has it as a URL.

    Raises:
        ConfigError: it is not one of Azure's.
    """
    host = route.options["azure_authority"].removeprefix("https://").rstrip("/").lower()
    if host not in AUTHORITIES:
        raise errors.ConfigError(f"azure_authority must be one of {', '.join(AUTHORITIES)}, not {host[:80]!r}")
    return host


def _scope(route: Route) -> str:
    if "azure_scope" in route.options:
        return route.options["azure_scope"]
    authority = _authority(route)
    is_v1 = not is_dated(route.base_url) and authority == AUTHORITIES[0]
    return SCOPES["v1" if is_v1 else authority]


def _credential_in(answer: UpstreamResponse) -> Credential:
    """Return the token of an answer. Its life may be a number or, of the metadata service, a string.

    Raises:
        APIResponseValidationError: there is none in it.
    """
    fields: Any = answer.json()
    token = fields.get("access_token") if isinstance(fields, dict) else None
    if not isinstance(token, str) or not _is_token(token):
        raise errors.APIResponseValidationError(
            f"HTTP {answer.status}: the answer has no access_token", status_code=answer.status
        )
    return Credential(Secret(token), expires_in=_seconds(fields.get("expires_in")))


def _is_token(text: str) -> bool:
    """Return whether a header can have it as a token."""
    return bool(text) and text.isascii() and text.isprintable()


def _seconds(value: object) -> float | None:
    if isinstance(value, str) and SECONDS.fullmatch(value):
        return float(value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    is_life = is_number and isinstance(value, (int, float)) and 0 <= value <= LONGEST_SECONDS
    return float(value) if is_life and isinstance(value, (int, float)) else None


SOURCES: Mapping[str, Callable[[Route], Credentials]] = MappingProxyType(
    {
        "azure_ad_token": _token_steps,
        "client_secret": _secret_steps,
        "certificate": _certificate_steps,
        "workload_identity": _workload_steps,
        "managed_identity": _managed_steps,
    }
)
"""How to sign in -> the steps to a token."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "ClientSecretCredential": "client_secret",
        "CertificateCredential": "certificate",
        "WorkloadIdentityCredential": "workload_identity",
        "ManagedIdentityCredential": "managed_identity",
        "azure_identity": "DefaultAzureCredential",
    }
)
"""Names of azure-identity's classes, which LiteLLM takes too -> the source that does the same here."""
