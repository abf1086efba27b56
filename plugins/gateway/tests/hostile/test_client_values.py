"""No value of a client is in anything that the gateway writes about itself, wherever in a request it stands.

Not tested: the name of a model, which operators need, and which is in the log and the traces as `requested_model`.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmgate_gateway import GatewayTransport, Operations
from llmgate_gateway.config.litellm.fates import request_params
from llmgate_gateway.telemetry.log_setup import LOGGERS
from llmgate_gateway.telemetry.tracing import Tracer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from llmgate_core.serving import ENDPOINTS, FAMILIES
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.examples import examples

CANARY = "canary4711"
MODELS = {
    "chat": ("openai/gpt-4o", "openai/gpt-5", "openai/responses/gpt-5"),
    "responses": ("openai/gpt-4o", "openai/chat/gpt-4o"),
    "text_completion": ("openai/gpt-3.5-turbo-instruct",),
    "embedding": ("openai/text-embedding-3-small",),
    "transcription": ("openai/whisper-1",),
    "translation": ("openai/whisper-1",),
    "speech": ("openai/tts-1",),
    "image": ("openai/gpt-image-1",),
    "video": ("openai/sora-2",),
    "moderation": ("openai/omni-moderation-latest",),
}
VALUES = (CANARY, [CANARY], {CANARY: CANARY}, [1, CANARY], [{"type": CANARY, CANARY: [CANARY]}], 0.5, None, True)
INPUTS: dict[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": CANARY}]},
    "responses": {"input": CANARY},
    "text_completion": {"prompt": CANARY},
    "embedding": {"input": CANARY},
    "speech": {"input": CANARY, "voice": "alloy"},
    "image": {"prompt": CANARY},
    "video": {"prompt": CANARY},
    "moderation": {"input": CANARY},
}


class Sinks:
    """A gateway, and everything that it writes."""

    def __init__(self, upstream: FakeUpstream, folder: Path, policy: str) -> None:
        self.log = folder / f"{policy}.log"
        self.messages: list[bytes] = []
        self.spans = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.spans))
        params = {"api_key": "sk-upstream-0123456789", "api_base": upstream.base_url, "max_retries": 0}
        names = {name for models in MODELS.values() for name in models}
        config = {
            "model_list": [{"model_name": name, "params": {"model": name, **params}} for name in sorted(names)],
            "settings": {"param_policy": policy},
            "general_settings": {"log": {"file": str(self.log)}, "passthrough": sorted(names)[0]},
        }
        self._operations = Operations(config, tracer=Tracer(provider))
        from llmgate_gateway.telemetry.log_setup import set_up_logging

        app = self._operations.app(config)
        set_up_logging(app.config, self.messages.append, debug=False)
        self.client = httpx.Client(transport=GatewayTransport(app), base_url="http://localhost")

    def written(self) -> str:
        """Return all of it so far."""
        self._operations._output.flush()
        log = self.log.read_text() if self.log.exists() else ""
        spans = "".join(span.to_json() for span in self.spans.get_finished_spans())
        return log + b"".join(self.messages).decode() + spans + self._operations.metrics.render()[0].decode()

    def close(self) -> None:
        self.client.close()
        self._operations.close()


@pytest.fixture(scope="module")
def sinks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Sinks]]:
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger, logger.handlers, logger.propagate, logger.level) for logger in loggers]
    folder = tmp_path_factory.mktemp("sinks")
    with fake_upstream() as upstream:
        upstream.otherwise = Answer.json({"error": {"message": CANARY, "type": CANARY, "param": CANARY}}, 400)
        made = {policy: Sinks(upstream, folder, policy) for policy in ("error", "drop", "forward")}
        yield made
        for one in made.values():
            one.close()
    logging.captureWarnings(capture=False)
    for logger, handlers, propagate, level in before:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    family = draw(st.sampled_from(sorted(MODELS)))
    operation = draw(st.sampled_from(sorted(ENDPOINTS[family])))
    endpoint = ENDPOINTS[family][operation]
    model = draw(st.sampled_from(MODELS[family]))
    names = st.sampled_from([*sorted(request_params()), CANARY, "stream"])
    fields = draw(st.dictionaries(names, st.sampled_from(VALUES), max_size=4))
    path = "/".join(CANARY if part.startswith("{") else part for part in endpoint.path.split("/"))
    path = draw(st.sampled_from([f"/v1{path}", path, f"/v1{path}", f"/v1{path}/{CANARY}", f"/v1/files/{CANARY}"]))
    headers = {"x-canary": CANARY, "user-agent": CANARY, "authorization": f"Bearer {CANARY}", "traceparent": CANARY}
    return {
        "method": endpoint.method,
        "path": path,
        "query": draw(st.sampled_from(["", f"?{CANARY}={CANARY}", f"?model={model}&after={CANARY}"])),
        "headers": draw(st.sampled_from([{}, headers])),
        "fields": {"model": model, **INPUTS.get(family, {}), **fields},
        "files": FAMILIES[family].files,
        "as_form": draw(st.booleans()) and bool(FAMILIES[family].files),
    }


@examples(150)
@given(policy=st.sampled_from(["error", "drop", "forward"]), request=requests())
def test_no_value_of_a_client_is_written(sinks: dict[str, Sinks], policy: str, request: dict[str, Any]) -> None:
    gateway = sinks[policy]
    fields: dict[str, Any] = request["fields"]
    if request["as_form"]:
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
        files = {next(iter(request["files"])): (f"{CANARY}.wav", b"RIFF" + CANARY.encode(), f"audio/{CANARY}")}
        body: dict[str, Any] = {"data": texts, "files": files}
    else:
        body = {"json": fields}
    if request["method"] == "GET":
        body = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gateway.client.request(
            request["method"], request["path"] + request["query"], headers=request["headers"], **body
        )
    assert CANARY not in "".join(str(warning.message) for warning in caught)
    assert CANARY not in gateway.written()


@pytest.mark.parametrize("content", [b"{", b"canary4711", b'{"model": canary4711}', b"\xffcanary4711", b'"canary4711"'])
def test_a_body_that_is_not_valid_is_not_written(sinks: dict[str, Sinks], content: bytes) -> None:
    gateway = sinks["error"]
    kinds = ("application/json", f"text/{CANARY}", f"multipart/form-data; boundary={CANARY}", "application/json; a=b")
    for kind in kinds:
        for path in ("/v1/chat/completions", "/v1/audio/transcriptions", f"/{CANARY}"):
            gateway.client.post(path, content=content, headers={"content-type": kind})
    assert CANARY not in gateway.written()
