"""A file of models that has its provider's name is read when a model of that provider is looked up, and not before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import Client, Settings, UnsupportedParamsError
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


def install(site: PluginSite, upstream: FakeUpstream, content: Any, name: str = "acme") -> Path:
    """Install a provider `acme` whose file of models is `acme.json`; return the file."""
    package = site.install("llmgate-acme", {"chat:acme": "plugin"}, source=provider_module("acme", upstream.base_url))
    file = site.folder / package / "models" / "acme.json"
    file.parent.mkdir()
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    points = site.folder / f"{package}-1.2.dist-info" / "entry_points.txt"
    points.write_text(points.read_text() + f"\n[llmgate.models]\n{name} = {package}:models/acme.json\n")
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


def test_a_file_of_another_name_is_read_with_the_client(site: PluginSite, upstream: FakeUpstream) -> None:
    file = install(site, upstream, ROWS, name="rows")
    with Client(settings=Settings(), api_key="k") as client:
        client.load()
        file.unlink()
        assert client.knows_model("large")
