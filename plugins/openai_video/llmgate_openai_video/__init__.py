"""OpenAI videos for llmgate."""

from __future__ import annotations

from typing import Any

from llmgate_core.plugin import Call, Exchange, OpenAICompatible, ParamRule, Route, hookimpl, provider_info
from llmgate_openai_video.values import FILES, INPUTS, OPERATIONS, PARAMS, VIDEO_JOB


class OpenAIVideo(OpenAICompatible):
    """Serves `openai/` in the family video: jobs that are created, polled, listed, downloaded, remixed and deleted."""

    info = provider_info("openai", operations=(f"video.{name}" for name in OPERATIONS))
    params, inputs, files = PARAMS, INPUTS, FILES

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


plugin = OpenAIVideo()

__all__ = ["plugin"]
