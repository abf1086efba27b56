"""Where a call goes: the v1 API or a dated one, whatever form of the address was copied from a portal.

Pure. The v1 API is `RESOURCE/openai/v1/...` with the deployment as the body's model; a dated one is
`RESOURCE/openai/deployments/DEPLOYMENT/...?api-version=DATE`, or without the deployment for the Responses API.

Source: Microsoft's "Azure OpenAI in Azure AI Foundry Models API lifecycle"; openai-python 3.54, `AzureOpenAI`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

from llmgate_core.plugin import Call, Route, UpstreamRequest, errors, path_segment

__all__ = ["base_url_of", "is_dated", "located"]

DATED = re.compile(r"\d{4}-\d{2}-\d{2}(?:-[a-z]+)?")
V1_VERSIONS = frozenset({"", "v1", "latest", "preview"})
VERSION = "api-version"
IN_A_DEPLOYMENT = frozenset(
    {
        ("chat", "create"),
        ("text_completion", "create"),
        ("embedding", "create"),
        ("transcription", "create"),
        ("translation", "create"),
        ("speech", "create"),
        ("image", "create"),
        ("image", "edit"),
    }
)
"""What a dated API has below a deployment."""
ENDPOINTS = frozenset(
    {
        "chat/completions",
        "completions",
        "embeddings",
        "audio/transcriptions",
        "audio/translations",
        "audio/speech",
        "images/generations",
        "images/edits",
        "videos",
        "responses",
    }
)
"""Ends of addresses as portals show them; the call adds its own."""
INFERENCE = ("/models", "/models/chat/completions", "/models/embeddings")


@dataclass(frozen=True, slots=True)
class Address:
    """An address as somebody wrote it.

    Attributes:
        root: scheme, host and the path before `/openai`.
        api: `v1`, `dated`, or empty: it does not say.
        deployment: the one that it names; empty: none.
        version: its `api-version`; empty: none.
        query: the rest of its query.
    """

    root: str
    api: str
    deployment: str
    version: str
    query: str


def base_url_of(route: Route) -> str:
    """Return the base URL of a route's API; a dated one ends with `/openai`.

    Raises:
        ConfigError: the address or the version is not one of Azure OpenAI's, or they contradict each other.
    """
    address = _parsed(route.base_url)
    version = route.options.get("api_version", "").strip().lower() or address.version
    _check(address, version, route.model)
    if version in V1_VERSIONS:
        return _with_query(f"{address.root}/openai/v1", version if version == "preview" else "", address.query)
    return _with_query(f"{address.root}/openai", version, address.query)


def is_dated(base_url: str) -> bool:
    """Return whether a base URL is that of a dated API."""
    return base_url.partition("?")[0].endswith("/openai")


def located(request: UpstreamRequest, call: Call, route: Route) -> UpstreamRequest:
    """Return a request at its place: of a dated API below the deployment. The body stays the same object.

    Raises:
        BadRequestError: the deployment's name cannot be a part of a path.
    """
    if not is_dated(route.base_url) or (call.family, call.operation) not in IN_A_DEPLOYMENT:
        return request
    return replace(request, path=f"/deployments/{path_segment('model', route.model)}{request.path}")


def _with_query(url: str, version: str, query: str) -> str:
    pairs = [part for part in (query, f"{VERSION}={version}" if version else "") if part]
    return f"{url}?{'&'.join(pairs)}" if pairs else url


def _parsed(base_url: str) -> Address:
    """Return the parts of an address: a host, or what a portal shows of an endpoint.

    Raises:
        ConfigError: it is an address of something else.
    """
    url, _, query = base_url.partition("?")
    pairs = [pair for pair in query.split("&") if pair]
    versions = [unquote(pair.partition("=")[2]) for pair in pairs if pair.partition("=")[0].lower() == VERSION]
    rest = "&".join(pair for pair in pairs if pair.partition("=")[0].lower() != VERSION)
    root, mark, path = f"{url.rstrip('/')}/".rpartition("/openai/")
    root, path = (root, path.rstrip("/")) if mark else (path.rstrip("/"), "")
    api, deployment, end = _path_parts(path)
    if end and end not in ENDPOINTS:
        raise errors.ConfigError(
            f"api_base has the path /openai/{path[:80]}, which Azure OpenAI does not have: write the address of the "
            "resource alone, as in https://RESOURCE.openai.azure.com"
        )
    if not mark and root.endswith(INFERENCE):
        raise errors.ConfigError(
            "api_base is that of the model inference API (/models), which Azure has replaced: leave the path out, as "
            "in https://RESOURCE.services.ai.azure.com"
        )
    return Address(root, api, deployment, (versions or [""])[0].strip().lower(), rest)


def _path_parts(path: str) -> tuple[str, str, str]:
    """Return API, deployment and endpoint of the path behind `/openai/`."""
    first, _, rest = path.partition("/")
    if first == "v1":
        return "v1", "", rest
    if first == "deployments":
        deployment, _, end = rest.partition("/")
        return "dated", unquote(deployment), end
    return "", "", path


def _check(address: Address, version: str, model: str) -> None:
    """Raise if address, version and model do not fit together."""
    if version not in V1_VERSIONS and DATED.fullmatch(version) is None:
        raise errors.ConfigError(
            f"api_version must be v1, preview, latest or a date such as 2024-10-21, not {version[:40]!r}"
        )
    if address.api == "v1" and version not in V1_VERSIONS:
        raise errors.ConfigError(
            f"api_base names the v1 API, and api_version {version} a dated one: leave one of them out (the variables "
            "are AZURE_API_VERSION and OPENAI_API_VERSION)"
        )
    if address.api == "dated" and version in V1_VERSIONS:
        raise errors.ConfigError(
            "api_base names a deployment, as the dated APIs have them: give their api_version too, such as "
            "2024-10-21, or leave the path out of api_base"
        )
    if address.deployment and model and address.deployment != model:
        raise errors.ConfigError(
            f"api_base names the deployment {address.deployment[:80]!r} and the call {model[:80]!r}: leave the path "
            "out of api_base"
        )
