"""The plugins: what OpenAI's endpoints take, at Azure's addresses and with Azure's ways to sign in.

Pure. Parameters are judged as OpenAI's plugins judge them, where `base_model` says which model a deployment is.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from llmgate_azure.addresses import base_url_of, located
from llmgate_azure.credentials import credentials_of
from llmgate_azure.failures import filtered
from llmgate_azure.provider import azure_info
from llmgate_core.plugin import (
    OPENAI_FILES,
    OPENAI_INPUTS,
    OPENAI_PARAMETERS,
    OPENAI_REQUIREMENTS,
    Call,
    Credential,
    Credentials,
    Exchange,
    Job,
    JsonObject,
    OpenAICompatible,
    ParamRule,
    ResponsesCompatible,
    Route,
    UpstreamRequest,
    UpstreamResponse,
    ValueRule,
    errors,
    hookimpl,
    judge_chat,
    read_transcript,
)

__all__ = ["AzureAudio", "AzureOpenAI", "AzureResponses", "AzureVideo"]

CHAT_OPERATIONS = ("retrieve", "update", "delete", "list", "messages")
RESPONSES_OPERATIONS = ("retrieve", "cancel", "delete", "input_items", "input_tokens", "compact")
VIDEO_OPERATIONS = ("retrieve", "list", "content", "remix", "delete")
AUDIO = ("transcription", "translation", "speech")
OTHERS_FIELDS = MappingProxyType(
    {
        name: f"{name} is a field of other servers' answers; the requests of OpenAI's models do not have it"
        for name in ("reasoning_content", "reasoning_details", "reasoning", "images")
    }
)
VIDEO_JOB = Job(
    "/videos/{id}",
    poll_seconds=5.0,
    completed=frozenset({"completed"}),
    failed=frozenset({"failed", "expired", "cancelled", "canceled"}),
)


class Azure(OpenAICompatible):
    """What all of Azure's endpoints have in common: address, authorization and errors."""

    encodes_vectors = True

    @hookimpl
    def base_url(self, route: Route) -> str:
        """Return the base URL of the API that address and `api_version` stand for."""
        return base_url_of(route)

    @hookimpl
    def credentials(self, route: Route) -> Credentials | None:
        """Return what fetches a token of Entra ID; None: there is a key."""
        return credentials_of(route)

    @hookimpl
    def auth(self, request: UpstreamRequest, credential: Credential | None) -> UpstreamRequest | None:
        """Return the request with a token, which goes into another header than a key."""
        if credential is None:
            return None
        return request.with_headers({"authorization": f"Bearer {credential.token.reveal()}"})

    @hookimpl
    def map_error(self, response: UpstreamResponse, error: errors.APIError) -> errors.APIError | None:
        """Return the error of a content filter, with what it found."""
        return filtered(response, error)


class AzureOpenAI(Azure):
    """Serves `azure/` in the families chat, text_completion, embedding and image."""

    info = azure_info([*(f"chat.{name}" for name in CHAT_OPERATIONS), "image.edit"])
    params = MappingProxyType(
        {
            "chat": OPENAI_PARAMETERS["chat"],
            "text_completion": OPENAI_PARAMETERS["text_completion"],
            "embedding": OPENAI_PARAMETERS["embedding"],
            "image": MappingProxyType({**OPENAI_PARAMETERS["image"], **OPENAI_PARAMETERS["image.edit"]}),
        }
    )
    inputs = MappingProxyType(
        {"image": MappingProxyType({**OPENAI_INPUTS["image"], "image": ValueRule(("file", "object", "list"), high=16)})}
    )
    requires = MappingProxyType({"image": OPENAI_REQUIREMENTS["image"]})
    files = MappingProxyType({"image.edit": OPENAI_FILES["image.edit"]})
    unsupported_in_messages = OTHERS_FIELDS

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Send the body to the operation's path, of a dated API below the deployment."""
        return located(super().transform_request(call, route), call, route)

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge one parameter as for OpenAI's own endpoint of the base model."""
        return (
            judge_chat(route, param, value) if route.family == "chat" else super().supports_param(route, param, value)
        )


class AzureResponses(Azure, ResponsesCompatible):
    """Serves `azure/` and `azure/responses/` in the family responses, and chat at the latter: the bridge."""

    info = azure_info(f"responses.{name}" for name in RESPONSES_OPERATIONS)
    params = MappingProxyType({"responses": OPENAI_PARAMETERS["responses"]})


class AzureAudio(Azure):
    """Serves `azure/` in the families transcription, translation and speech."""

    info = azure_info()
    params = MappingProxyType({family: OPENAI_PARAMETERS[family] for family in AUDIO})
    inputs = MappingProxyType({family: OPENAI_INPUTS[family] for family in AUDIO})
    requires = MappingProxyType({"transcription": OPENAI_REQUIREMENTS["transcription"]})
    files = MappingProxyType({name: OPENAI_FILES[name] for name in ("transcription.create", "translation.create")})

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Send the body to the operation's path, of a dated API below the deployment."""
        return located(super().transform_request(call, route), call, route)

    @hookimpl
    def transform_response(self, call: Call, route: Route, response: UpstreamResponse) -> JsonObject | UpstreamResponse:
        """Return the answer itself, or a plain transcript in an object."""
        return read_transcript(call, route, response)


class AzureVideo(Azure):
    """Serves `azure/` in the family video: jobs that are created, polled, listed, downloaded, remixed and deleted."""

    info = azure_info(f"video.{name}" for name in VIDEO_OPERATIONS)
    params = MappingProxyType(
        {
            "video": MappingProxyType(
                {
                    **OPENAI_PARAMETERS["video"],
                    **OPENAI_PARAMETERS["video.list"],
                    **OPENAI_PARAMETERS["video.content"],
                }
            )
        }
    )
    inputs = MappingProxyType({"video": OPENAI_INPUTS["video"]})
    files = MappingProxyType({"video.create": OPENAI_FILES["video.create"]})

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge one parameter; a whole number of seconds is sent as the string that the API has for it."""
        if route.facts is None or param != "seconds" or type(value) is not int:
            return super().supports_param(route, param, value)
        reason = f"the API takes it as a string: '{value}'"
        as_string = ParamRule(replaces=True, replace=str(value), reason=reason, source=self.source)
        return super().supports_param(route, param, str(value)) or as_string

    @hookimpl
    def exchange(self, call: Call, route: Route) -> Exchange | None:
        """Return the steps of a call that waits for its video; None: one request, one answer."""
        if not call.wait or call.operation not in ("create", "remix"):
            return None
        return VIDEO_JOB.steps(call, route, self.transform_request(call, route))
