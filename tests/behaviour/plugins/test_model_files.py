"""The files of a folder of models are read when a model of their provider is looked up, and not before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import Client, PluginLoadError, Settings, UnsupportedParamsError
from llmgate_core.cli import main
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.plugin_site import PluginSite, provider_module

HI = [{"role": "user", "content": "hi"}]
ROWS = {"provider": "acme", "prefix_by_mode": {"chat": "acme"}, "models": {"large": {"mode": "chat"}}}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginSite:
    return PluginSite(tmp_path, monkeypatch)


@pytest.fixture
def upstream() -> Any:
    with fake_upstream() as server:
        message = {"role": "assistant", "content": "Hello!"}
        server.otherwise = Answer.json({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        yield server


def install(site: PluginSite, upstream: FakeUpstream, content: Any, value: str = "models/") -> Path:
    """Install a provider `acme` that has the file of models `models/acme.json`; return the file."""
    package = site.install("llmgate-acme", {"chat:acme": "plugin"}, source=provider_module("acme", upstream.base_url))
    file = site.folder / package / "models" / "acme.json"
    file.parent.mkdir()
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    points = site.folder / f"{package}-1.2.dist-info" / "entry_points.txt"
    points.write_text(points.read_text() + f"\n[llmgate.models]\nacme = {package}:{value}\n")
    return file


def row(**facts: Any) -> dict[str, Any]:
    return {**ROWS, "models": {"large": {"mode": "chat", **facts}}}


def test_it_is_read_when_its_provider_is_called(site: PluginSite, upstream: FakeUpstream) -> None:
    file = install(site, upstream, "not yet written")
    with Client(settings=Settings(), api_key="k") as client:
        client.load()
        file.write_text(json.dumps(row(params={"temperature": "only_1"})))
        with pytest.raises(UnsupportedParamsError):
            client.completion("acme/large", HI, temperature=0.5)


def test_it_is_read_for_a_name_that_no_other_row_has(site: PluginSite, upstream: FakeUpstream) -> None:
    install(site, upstream, ROWS)
    with Client(settings=Settings(), api_key="k") as client:
        assert client.completion("large", HI).choices[0].message.content == "Hello!"
        assert client.knows_model("large")


def test_a_name_of_a_shipped_row_reads_no_file(site: PluginSite, upstream: FakeUpstream) -> None:
    file = install(site, upstream, {**ROWS, "models": {"gpt-4o": {"mode": "chat"}}})
    with Client(settings=Settings(), api_key="k") as client:
        assert client.resolve("chat", "gpt-4o").prefix == "openai"
        file.write_text(json.dumps(ROWS))
        assert client.knows_model("large")  # else it would hold the rows of the first file


def test_a_users_file_corrects_its_rows(site: PluginSite, upstream: FakeUpstream, tmp_path: Path) -> None:
    install(site, upstream, row(params={"temperature": "only_1"}))
    corrected = tmp_path / "corrected.json"
    corrected.write_text(json.dumps({"provider": "acme", "models": {"large": {"params": {"temperature": "free"}}}}))
    with Client(settings=Settings(catalogue_file=str(corrected)), api_key="k") as client:
        client.completion("acme/large", HI, temperature=0.5)
    assert upstream.received[0]["json"]["temperature"] == 0.5


@pytest.mark.parametrize("content", ["{", {"provider": "other", "models": {}}, {"provider": "acme", "models": []}])
def test_what_cannot_be_used_is_left_out_and_named(site: PluginSite, upstream: FakeUpstream, content: Any) -> None:
    install(site, upstream, content)
    with Client(settings=Settings(), api_key="k") as client:
        client.completion("acme/large", HI)
        (notice,) = [notice.message for notice in client.plugin_notices() if "acme" in notice.message]
    assert notice.startswith("llmgate-acme 1.2: its file of models")


def test_a_single_file_is_read_with_the_client(site: PluginSite, upstream: FakeUpstream) -> None:
    file = install(site, upstream, ROWS, "models/acme.json")
    with Client(settings=Settings(), api_key="k") as client:
        client.load()
        file.unlink()
        assert client.knows_model("large")


@pytest.mark.parametrize("value", ["missing/", "../", "/"])
def test_a_folder_that_is_not_there_is_named(site: PluginSite, upstream: FakeUpstream, value: str) -> None:
    install(site, upstream, ROWS, value)
    with pytest.warns(UserWarning, match=r"its file of models \S+ is left out"):
        Client(settings=Settings()).load()


def test_a_lock_covers_every_file_of_a_folder(
    site: PluginSite, upstream: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = install(site, upstream, ROWS)
    lock = tmp_path / "plugins.lock"
    assert main(["plugins", "lock", str(lock)]) == 0
    monkeypatch.setenv("LLMGATE_PLUGINS_LOCK", str(lock))
    with Client(settings=Settings(), api_key="k") as client:
        client.load()
        file.write_text(json.dumps(row(params={"temperature": "only_1"})))
        assert not client.knows_model("large")
        with pytest.raises(PluginLoadError):
            client.completion("acme/large", HI)
