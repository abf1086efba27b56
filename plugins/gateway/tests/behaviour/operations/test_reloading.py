"""Reloading in this process: what it holds up, and what it survives."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from llmgate_gateway.config import GatewayConfig, load_config_dict
from llmgate_gateway.server import worker as serving
from llmgate_gateway.server.operations import Operations
from llmgate_gateway.server.worker import GatewayServer, WorkerContext


class FakeSource:
    """Gives what a test says, or raises it."""

    path = "config.yaml"
    certificate = None

    def __init__(self) -> None:
        self.answers: list[GatewayConfig | Exception] = []

    def load(self) -> GatewayConfig:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeWatch:
    """A file that has changed at every look, so long as there is something to load."""

    def __init__(self, source: FakeSource) -> None:
        self._source = source

    def has_changed(self) -> bool:
        return bool(self._source.answers)


def config_of(name: str) -> GatewayConfig:
    params = {"model": "openai/gpt-4o", "api_key": "sk-test"}
    return load_config_dict({"model_list": [{"model_name": name, "params": params}]})


class Reloads:
    """A server whose file is watched; `until` runs it until something is so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(serving, "POLL_SECONDS", 0.001)
        config, self.source = config_of("first"), FakeSource()
        self.operations = Operations(config)
        self.gateway = self.operations.app(config)
        self._context = WorkerContext()

    def until(self, happened: Callable[[], bool]) -> None:
        asyncio.run(self._until(happened))

    async def _until(self, happened: Callable[[], bool]) -> None:
        source: Any = self.source
        server = GatewayServer(self.gateway, self.operations, source, context=self._context, watch=False, debug=False)
        watch: Any = FakeWatch(self.source)
        looking = asyncio.ensure_future(server._reload_on_change(watch))
        for _ in range(5000):
            if happened() or looking.done():
                break
            await asyncio.sleep(0.001)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        assert happened()

    @property
    def served(self) -> str:
        return self.gateway.config.deployments[0].model_name

    def counted(self) -> tuple[bool, bool]:
        text = self.operations.metrics.render()[0].decode()
        one = 'llmgate_config_reloads_total{result="%s"} 1.0'
        return one % "taken" in text, one % "refused" in text


@pytest.fixture
def reloads(monkeypatch: pytest.MonkeyPatch) -> Reloads:
    return Reloads(monkeypatch)


def test_an_unforeseen_failure_is_a_refused_reload_and_the_file_is_still_watched(
    reloads: Reloads, caplog: pytest.LogCaptureFixture
) -> None:
    reloads.source.answers += [ZeroDivisionError("a plugin's own fault"), config_of("second")]
    reloads.until(lambda: reloads.served == "second")
    assert reloads.counted() == (True, True)
    assert [record.exc_info is not None for record in caplog.records if "reloading failed" in record.message] == [True]


def test_a_failure_half_way_leaves_the_old_config(reloads: Reloads, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(reloads.operations, "reconfigure", fails)
    reloads.source.answers.append(config_of("second"))
    reloads.until(lambda: reloads.counted() == (False, True))
    assert reloads.served == "first"


def test_what_a_config_makes_is_not_built_on_the_event_loop(reloads: Reloads, monkeypatch: pytest.MonkeyPatch) -> None:
    builders: list[threading.Thread] = []

    def build(config: GatewayConfig) -> Any:
        builders.append(threading.current_thread())
        return prepare(config)

    prepare = reloads.gateway.prepare
    monkeypatch.setattr(reloads.gateway, "prepare", build)
    reloads.source.answers.append(config_of("second"))
    reloads.until(lambda: reloads.served == "second")
    assert len(builders) == 1
    assert builders[0] is not threading.main_thread()
