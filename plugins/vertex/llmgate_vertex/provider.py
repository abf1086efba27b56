"""What core needs to know of Vertex AI: addresses, variables, options; and what all of its endpoints have in common.

Source: Google Cloud, "Vertex AI locations" and "REST reference"; the variables are those of LiteLLM 1.110, google-genai
3.6 and the SDK anthropic 2.14. Checked 2026-11-29.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import (
    Credential,
    Credentials,
    Option,
    ProviderInfo,
    Route,
    UpstreamRequest,
    decode,
    errors,
    hookimpl,
)
from llmgate_vertex.credentials import credentials_of

__all__ = ["GLOBAL", "Vertex", "vertex_info"]

GLOBAL = "https://aiplatform.googleapis.com"
LOGIN = "https://oauth2.googleapis.com"
METADATA = "http://169.254.169.254"
MULTI_REGIONS = MappingProxyType({"us": 1, "eu": 2})
"""Location -> the place of its host among those of `vertex_info`."""
REGION = 0
PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]*")
LOCATION = re.compile(r"[a-z0-9][a-z0-9-]*")

OPTIONS = (
    Option(
        "vertex_project",
        env=("VERTEXAI_PROJECT", "VERTEX_PROJECT", "GOOGLE_CLOUD_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID"),
        help="the id of the project that calls are billed to",
    ),
    Option(
        "vertex_location",
        env=("VERTEXAI_LOCATION", "VERTEX_LOCATION", "GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION"),
        default="global",
        help="a region such as europe-west4, a multi-region (us, eu), or global",
    ),
    Option(
        "vertex_credentials",
        env=("VERTEXAI_CREDENTIALS", "VERTEX_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS"),
        secret=True,
        help="a file of credentials, or its content: of a service account, a user's login, or a federated identity",
    ),
    Option(
        "vertex_sign_in",
        env=("VERTEXAI_SIGN_IN",),
        help="metadata: ask the machine's metadata service; google_auth: let google-auth decide; none: by what is set",
    ),
    Option("vertex_quota_project", env=("GOOGLE_CLOUD_QUOTA_PROJECT",), help="the project whose quota is used"),
    Option("cloudsdk_config", env=("CLOUDSDK_CONFIG",), help="the folder of the gcloud command, if it is another one"),
)


def vertex_info(operations: Iterable[str] = ()) -> ProviderInfo:
    """Return the facts of the provider for a plugin that serves these operations besides `create`."""
    return ProviderInfo(
        api=(1, 1),
        name="vertex_ai",
        base_url=GLOBAL,
        env_key=("GOOGLE_OAUTH_ACCESS_TOKEN",),
        env_base_url=("VERTEXAI_API_BASE", "VERTEX_API_BASE", "ANTHROPIC_VERTEX_BASE_URL"),
        env_key_optional=True,  # a token is fetched; the hook `credentials` says what is missing
        operations=frozenset(operations),
        hosts=(
            "https://{vertex_location}-aiplatform.googleapis.com",
            "https://aiplatform.us.rep.googleapis.com",
            "https://aiplatform.eu.rep.googleapis.com",
            LOGIN,
            METADATA,
        ),
        domains=("googleapis.com",),
        options=OPTIONS,
    )


class Vertex:
    """What all of Vertex AI's endpoints have in common: address and authorization."""

    @hookimpl
    def base_url(self, route: Route) -> str:
        """Return the base URL of a project in a location; another address than Google's keeps its host.

        Raises:
            ConfigError: there is no project, or one of the two is malformed.
        """
        project, location = project_of(route), route.options["vertex_location"]
        if LOCATION.fullmatch(location) is None:
            raise errors.ConfigError(f"vertex_location must be a location such as europe-west4, not {location[:40]!r}")
        place = f"projects/{project}/locations/{location}"
        if route.base_url != GLOBAL:
            url, mark, query = route.base_url.partition("?")
            if "/projects/" in url:
                return route.base_url
            versioned = url if url.endswith(("/v1", "/v1beta1")) else f"{url}/v1"
            return f"{versioned}/{place}{mark}{query}"
        return f"{host_of(route, location)}/v1/{place}"

    @hookimpl
    def credentials(self, route: Route) -> Credentials | None:
        """Return what fetches a token; None: the key is one."""
        return credentials_of(route)

    @hookimpl
    def auth(self, request: UpstreamRequest, route: Route, credential: Credential | None) -> UpstreamRequest | None:
        """Return the request with the project whose quota it uses; None: core sends the token alone."""
        quota = route.options.get("vertex_quota_project")
        if quota is None and credential is not None:
            quota = credential.details.get("quota_project")
        token = route.api_key if credential is None else credential.token
        if not isinstance(quota, str) or PROJECT.fullmatch(quota) is None or token is None:
            return None
        return request.with_headers({"authorization": f"Bearer {token.reveal()}", "x-goog-user-project": quota})


def host_of(route: Route, location: str) -> str:
    """Return the host of a location."""
    return GLOBAL if location == "global" else route.hosts[MULTI_REGIONS.get(location, REGION)]


def project_of(route: Route) -> str:
    """Return the project: the option, else that of a service account whose content is given.

    Raises:
        ConfigError: there is none, or it is malformed.
    """
    project = route.options.get("vertex_project") or _project_in(route)
    if project is None:
        raise errors.ConfigError(
            "vertex_ai needs the option vertex_project: set VERTEXAI_PROJECT or GOOGLE_CLOUD_PROJECT"
        )
    if PROJECT.fullmatch(project) is None:
        raise errors.ConfigError(f"vertex_project must be the id of a project, not {project[:40]!r}")
    return project


def _project_in(route: Route) -> str | None:
    credentials = route.secrets.get("vertex_credentials")
    if credentials is None or not credentials.reveal().lstrip().startswith("{"):
        return None
    try:
        content: Any = decode(credentials.reveal())
    except ValueError:
        return None
    project = content.get("project_id")
    return project if isinstance(project, str) else None


def with_place(request: UpstreamRequest, path: str) -> UpstreamRequest:
    """Return a request with another path; its body stays the same object."""
    return replace(request, path=path)
