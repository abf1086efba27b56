"""Gateways in processes of their own, and upstreams on the loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.gateway_process import GatewayProcess

WHOLE = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


class ServingGateway(GatewayProcess):
    """A gateway that an operator started, and requests to it; made by `Gateways.start`."""

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Send one request on a connection of its own."""
        with contextlib.closing(self.connection()) as connection:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"content-type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def chat(self, **fields: Any) -> tuple[int, dict[str, str], bytes]:
        return self.ask("POST", "/v1/chat/completions", chat_body(**fields))

    def stream(self, **fields: Any) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Begin a streamed chat call; the head of its answer has come."""
        connection = self.connection()
        body = json.dumps(chat_body(stream=True, **fields))
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        return connection, connection.getresponse()

    def records(self) -> list[dict[str, Any]]:
        """The lines of standard output, all of which must be JSON."""
        return [json.loads(line) for line in self.out]


def chat_body(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}


@pytest.fixture
def upstream(fake_upstream: FakeUpstream) -> FakeUpstream:
    fake_upstream.otherwise = Answer.json(WHOLE)
    return fake_upstream


class Gateways:
    """Starts gateways for one test."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "config.yaml"
        self.running: list[ServingGateway] = []

    def write(self, upstream: FakeUpstream | None, general: str = "", **others: str) -> None:
        """Write the config: one model `m`, served by an upstream."""
        base_url = "http://127.0.0.1:9/v1" if upstream is None else upstream.base_url
        lines = [
            "model_list:",
            "  - model_name: m",
            "    params:",
            "      {model: openai/gpt-4o, api_key: os.environ/UPSTREAM_KEY, max_retries: 0,",
            f"      api_base: '{base_url}'}}",
        ]
        if general:
            lines.append(f"general_settings: {{{general}}}")
        self.config.write_text("\n".join([*lines, *(f"{name}: {value}" for name, value in others.items())]) + "\n")

    def start(
        self, *flags: str, wait: bool = True, config: bool = True, port: int | None = 0, **environment: str
    ) -> ServingGateway:
        """Start one with the config that was written."""
        given = ["--config", str(self.config)] if config else []
        given += [] if port is None else ["--port", str(port)]
        keys = {"UPSTREAM_KEY": "sk-upstream-0123456789abcdef"}
        gateway = ServingGateway(
            ["serve", *given, *flags], folder=self.config.parent, environment={**keys, **environment}
        )
        self.running.append(gateway)
        if wait:
            gateway.wait_started()
        return gateway

    def until(self, happened: Callable[[], Any], seconds: float = 10.0) -> Any:
        """Ask again and again until something is true, at most this long."""
        ends = time.monotonic() + seconds
        while not (found := happened()):
            if time.monotonic() > ends:
                raise TimeoutError("it did not happen in time")
            time.sleep(0.01)
        return found

    def close(self) -> None:
        for gateway in self.running:
            gateway.close()


@pytest.fixture
def gateways(tmp_path: Path) -> Iterator[Gateways]:
    """Every gateway that was started is gone at the end of the test."""
    gateways = Gateways(tmp_path)
    yield gateways
    gateways.close()


@pytest.fixture(scope="module")
def shared_gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    """The same, for a whole module."""
    gateways = Gateways(tmp_path_factory.mktemp("gateways"))
    yield gateways
    gateways.close()


@pytest.fixture(scope="module")
def shared_upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as upstream:
        upstream.otherwise = Answer.json(WHOLE)
        yield upstream
