"""OpenAI transcription, translation and speech for llmgate."""

from __future__ import annotations

from llmgate_core.plugin import (
    Call,
    JsonObject,
    OpenAICompatible,
    Route,
    UpstreamResponse,
    hookimpl,
    provider_info,
    read_transcript,
)
from llmgate_openai_audio.values import FILES, INPUTS, PARAMS, REQUIRES


class OpenAIAudio(OpenAICompatible):
    """Serves `openai/` in the families transcription, translation and speech."""

    info = provider_info("openai")
    params, inputs, requires, files = PARAMS, INPUTS, REQUIRES, FILES

    @hookimpl
    def transform_response(self, call: Call, route: Route, response: UpstreamResponse) -> JsonObject | UpstreamResponse:
        """Return the answer itself, or a plain transcript in an object."""
        return read_transcript(call, route, response)


plugin = OpenAIAudio()

__all__ = ["plugin"]
