"""An in-house server: a POST makes a job, whose lines come from a second host, with a token of a third one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from llmgate_core.plugin import (
    Credential,
    JsonObject,
    ProviderInfo,
    SSEEvent,
    StreamAnswer,
    UpstreamRequest,
    decode,
    errors,
    hookimpl,
)

__all__ = ["JobsElsewhere"]


class JobsElsewhere:
    def __init__(self, login: str, streams: str) -> None:
        self.info = ProviderInfo(
            api=(1, 1), name="jobs", base_url="https://jobs.example", env_key="JOBS_SECRET", hosts=(login, streams)
        )

    @hookimpl
    def credentials(self, route: Any) -> Iterator[UpstreamRequest]:
        form = urlencode({"grant_type": "client_credentials", "client_secret": route.api_key.reveal()}).encode()
        kind = {"content-type": "application/x-www-form-urlencoded"}
        answer: Any = yield UpstreamRequest("POST", "/token", form, kind, origin=route.hosts[0])
        return Credential(**answer.json())

    @hookimpl
    def auth(self, request: UpstreamRequest, credential: Credential) -> UpstreamRequest:
        """Core adds a token for the base URL alone; the second host wants it too."""
        return request.with_headers({"authorization": f"Bearer {credential.token.reveal()}"})

    @hookimpl
    def transform_request(self, call: Any, route: Any) -> UpstreamRequest:
        body = {name: value for name, value in call.body.items() if name not in ("stream", "stream_options")}
        return UpstreamRequest("POST", "/jobs", {"model": route.model, **body})

    @hookimpl
    def transform_response(self, response: Any) -> JsonObject:
        lines = [checked(decode(line)) for line in response.content.splitlines()]
        last: JsonObject = lines[-1] if lines else {}
        text = "".join(line.get("text") or "" for line in lines)
        choice = {"message": {"content": text}, "finish_reason": last.get("stop")}
        return {"choices": [choice], "usage": last.get("usage")}

    @hookimpl
    def exchange(self, call: Any, route: Any) -> Iterator[UpstreamRequest]:
        answer: Any = yield self.transform_request(call, route)
        events = UpstreamRequest("GET", f"/jobs/{answer.json()['id']}/events", origin=route.hosts[1])
        if call.stream:
            return StreamAnswer(events)
        return self.transform_response((yield events))

    @hookimpl
    def stream_parser(self) -> Lines:
        return Lines()


class Lines:
    framing = "lines"
    done = False

    def feed(self, event: SSEEvent) -> Sequence[JsonObject]:
        line = checked(decode(event.data.encode()))
        self.done = "stop" in line
        delta = {"content": line["text"]} if "text" in line else {}
        return [{"choices": [{"delta": delta, "finish_reason": line.get("stop")}], "usage": line.get("usage")}]

    def close(self) -> Sequence[JsonObject]:
        return []


def checked(line: Any) -> JsonObject:
    if not isinstance(line, dict) or not isinstance(line.get("text", ""), str | None):
        raise errors.APIResponseValidationError("a line is not an object with the field text")
    return line
