"""Providers that a user declares in a setting or a file: what serves them, and that they replace none silently."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from llmgate_gateway.app import create_app
from llmgate_gateway.config import ConfigProblems, GatewayConfig, check_routes, load_config, load_config_dict

from llmgate_core import (
    AsyncClient,
    Client,
    ConfigError,
    PluginConflictError,
    PluginError,
    PluginLoadError,
    PluginNotInstalledError,
    PluginPolicy,
    Settings,
    UnknownModelError,
)
from llmgate_core.registry.entry_points import installed_claims
from llmgate_core.testing import FakeUpstream, fake_upstream
from tests.support.openai_upstream import answered
from tests.support.plugin_site import PluginSite, provider_module

HI = [{"role": "user", "content": "hi"}]
KEY = "declared-canary-Qm42XkWz8p"
OURS = frozenset(claim.distribution for claim in installed_claims() if claim.family == "sources")
"""Distributions that are installed and have a source, which would be a second one."""
REPEATED = (
    b'{"acme": {"url": "https://a.invalid"}, "acme": {"url": "https://b.invalid"}}',
    b'{"acme": {"url": "https://a.invalid", "url": "https://b.invalid"}}',
)
"""Files of which readers may take one part or the other."""
SOURCE = """
from llmgate_core.plugin import DeclaredPlugin, OpenAICompatible, ProviderInfo

class Source:
    def mistakes(self, name, declared):
        if "boom" in declared:
            raise RuntimeError("boom")
        return [] if "url" in declared else [(("url",), "it is missing")]

    def plugins(self, name, declared):
        class Declared(OpenAICompatible):
            info = ProviderInfo(api=(1, 1), name=name, base_url=declared["url"], env_key=declared.get("key"))

        plugin = Declared()
        prefixes = [name, *declared.get("aliases", [])]
        return [DeclaredPlugin(plugin, "chat", prefix) for prefix in prefixes]

source = Source()
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginSite:
    monkeypatch.delenv("LLMGATE_PROVIDERS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "site").mkdir()
    return PluginSite(tmp_path / "site", monkeypatch)


@pytest.fixture
def source(site: PluginSite) -> str:
    """Install a distribution that makes plugins of declarations, and return its package."""
    return site.install("their-source", {"sources:providers": "source"}, source=SOURCE)


@pytest.fixture
def host() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        running.otherwise = answered
        yield running


def settings(policy: PluginPolicy | None = None, **more: Any) -> Settings:
    return Settings(plugins=policy or PluginPolicy(block=OURS), **more)


def written(path: Path, content: object) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    path.chmod(0o644)
    return str(path)


def answer_of(mode: str, model: str, given: Settings) -> Any:
    if mode == "sync":
        with Client(settings=given) as client:
            return client.completion(model, HI)

    async def ask() -> Any:
        async with AsyncClient(settings=given) as client:
            return await client.completion(model, HI)

    return asyncio.run(ask())


def raised(given: Settings, model: str = "acme/large") -> Exception:
    with Client(settings=given) as client, pytest.raises(Exception) as caught:  # noqa: PT011  # judged by the caller
        client.completion(model, HI)
    return caught.value


# --- what serves ---


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("where", ["setting", "file", "variable", "default"])
def test_a_declared_provider_gets_its_calls_and_its_key(
    mode: str, where: str, source: str, host: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DECLARED_KEY", KEY)
    declared = {"acme": {"url": host.base_url, "key": "DECLARED_KEY", "aliases": ["acme-2"]}}
    given: dict[str, Any] = {"providers": declared} if where == "setting" else {}
    if where == "file":
        given["providers_file"] = written(tmp_path / "mine.json", declared)
    elif where == "variable":
        monkeypatch.setenv("LLMGATE_PROVIDERS", written(tmp_path / "mine.json", declared))
    elif where == "default":
        written(tmp_path / "config" / "llmgate" / "providers.json", declared)
    for prefix in ("acme", "acme-2"):
        assert answer_of(mode, f"{prefix}/large", settings(**given)).choices
        sent = host.received[-1]
        assert sent["json"]["model"] == "large"
        assert sent["headers"]["authorization"] == f"Bearer {KEY}"


def test_the_setting_wins_over_the_file(source: str, host: FakeUpstream, tmp_path: Path) -> None:
    name = written(tmp_path / "mine.json", {"acme": {"url": "https://acme.invalid"}})
    assert answer_of("sync", "acme/large", settings(providers={"acme": {"url": host.base_url}}, providers_file=name))


def test_a_client_reads_the_declarations_again_when_a_setting_changes(source: str, host: FakeUpstream) -> None:
    given = settings()
    with Client(settings=given) as client:
        with pytest.raises(UnknownModelError):
            client.completion("acme/large", HI)
        given.providers = {"acme": {"url": host.base_url}}
        assert client.completion("acme/large", HI).choices


def test_responses_are_bridged_over_a_declared_chat(source: str, host: FakeUpstream) -> None:
    with Client(settings=settings(providers={"acme": {"url": host.base_url}})) as client:
        assert client.responses("acme/large", "hi").output_text


def test_without_a_declaration_the_source_is_not_imported(source: str) -> None:
    with Client(settings=settings()) as client:
        client.load()
    assert source not in sys.modules


# --- what is refused ---


def test_a_declared_prefix_does_not_replace_an_installed_one(source: str, site: PluginSite, host: FakeUpstream) -> None:
    site.install("acme-dist", {"chat:acme": "plugin"}, source=provider_module("acme", "https://acme.invalid"))
    declared = {"acme": {"url": host.base_url}}
    error = raised(settings(providers=declared))
    assert isinstance(error, (PluginConflictError, ConfigError))
    assert "acme-dist" in str(error)
    assert "replace" in str(error)
    assert host.received == []
    assert answer_of("sync", "acme/large", settings(providers={"acme": {**declared["acme"], "replace": True}}))
    assert len(host.received) == 1
    blocked = PluginPolicy(block=OURS | {"acme-dist"})
    assert answer_of("sync", "acme/large", settings(blocked, providers=declared))


def test_an_alias_does_not_replace_an_installed_prefix_either(source: str, host: FakeUpstream) -> None:
    error = raised(settings(providers={"acme": {"url": host.base_url, "aliases": ["openai"]}}), "openai/gpt-4o")
    assert isinstance(error, PluginConflictError)
    assert host.received == []


def test_a_mistake_fails_the_calls_of_its_prefix_only(source: str, host: FakeUpstream) -> None:
    given = settings(providers={"acme": {}, "fine": {"url": host.base_url}})
    assert isinstance(raised(given), ConfigError)
    assert "acme.url" in str(raised(given))
    assert answer_of("sync", "fine/large", given)
    with Client(settings=given) as client:
        (problem,) = client.declared_problems()
        assert problem.path == ("url",)
        assert any(notice.subject == "provider" for notice in client.plugin_notices())
        assert client.declared_prefixes() == {"fine"}


def test_a_source_that_fails_is_a_plugin_error(source: str, host: FakeUpstream) -> None:
    error = raised(settings(providers={"acme": {"boom": 1}}))
    assert isinstance(error, ConfigError)
    assert "RuntimeError" in str(error)


def test_two_declarations_of_one_prefix_fail_the_second(source: str, host: FakeUpstream) -> None:
    first, second = {"url": host.base_url}, {"url": "https://acme.invalid", "aliases": ["acme"]}
    error = raised(settings(providers={"acme": first, "other": second}), "other/large")
    assert "acme" in str(error)


def test_a_source_is_subject_to_the_policy_and_may_be_missing(source: str, host: FakeUpstream) -> None:
    declared = {"acme": {"url": host.base_url}}
    error = raised(settings(PluginPolicy(block=OURS | {"their-source"}), providers=declared))
    assert isinstance(error, PluginNotInstalledError)
    assert error.distribution == "llmgate-providers"


def test_a_source_is_subject_to_the_lock(
    source: str, host: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = written(tmp_path / "plugins.lock", {"format": 1, "distributions": []})
    monkeypatch.setenv("LLMGATE_PLUGINS_LOCK", lock)
    assert isinstance(raised(settings(providers={"acme": {"url": host.base_url}})), PluginError)
    assert source not in sys.modules


def test_two_sources_are_a_conflict(source: str, site: PluginSite, host: FakeUpstream) -> None:
    site.install("other-source", {"sources:providers": "source"}, source=SOURCE)
    assert isinstance(raised(settings(providers={"acme": {"url": host.base_url}})), PluginConflictError)


def test_a_broken_source_is_a_load_error(site: PluginSite) -> None:
    site.install("their-source", {"sources:providers": "source"})
    assert isinstance(raised(settings(providers={"acme": {}})), PluginLoadError)


# --- files ---


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"acme": 1}', b'{"acme": {"replace": "yes"}}', b"\xff", b"[" * 100_000, *REPEATED]
)
def test_a_file_that_is_not_one_of_providers_is_an_error(content: bytes, source: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    error = raised(settings(providers_file=str(path)))
    assert isinstance(error, ConfigError)
    assert "mine.json" in str(error)


@pytest.mark.parametrize("name", ["missing.json", "", "with\0zero"])
def test_a_file_that_is_named_must_exist(name: str, source: str, tmp_path: Path) -> None:
    assert isinstance(raised(settings(providers_file=str(tmp_path / name))), ConfigError)


def test_the_default_file_counts_only_if_others_cannot_write_it(
    source: str, host: FakeUpstream, tmp_path: Path
) -> None:
    path = Path(written(tmp_path / "config" / "llmgate" / "providers.json", {"acme": {"url": host.base_url}}))
    assert answer_of("sync", "acme/large", settings())
    path.chmod(0o666)
    assert isinstance(raised(settings()), ConfigError)
    path.chmod(0o644)
    path.parent.chmod(0o777)
    assert isinstance(raised(settings()), ConfigError)
    path.parent.chmod(0o755)
    assert answer_of("sync", "acme/large", settings())


def test_the_default_file_of_another_user_does_not_count(
    source: str, host: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = written(tmp_path / "config" / "llmgate" / "providers.json", {"acme": {"url": host.base_url}})
    owner = Path(name).stat().st_uid
    if owner == 0:
        os.chown(name, 1, -1)  # what the superuser has written would count for everybody
    else:
        monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    assert isinstance(raised(settings()), ConfigError)
    assert host.received == []
    assert answer_of("sync", "acme/large", settings(providers_file=name))


def test_under_a_lock_the_default_file_is_not_read(
    source: str, host: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "config" / "llmgate" / "providers.json", {"acme": {"url": host.base_url}})
    lock = written(tmp_path / "plugins.lock", {"format": 1, "distributions": []})
    monkeypatch.setenv("LLMGATE_PLUGINS_LOCK", lock)
    with Client(settings=settings()) as client:
        assert client.declared_problems() == ()


def test_the_file_of_the_working_directory_is_not_read(
    source: str, host: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "here" / "providers.json", {"acme": {"url": host.base_url}})
    written(tmp_path / "here" / "llmgate" / "providers.json", {"acme": {"url": host.base_url}})
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_CONFIG_HOME", ".")
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    with Client(settings=settings()) as client:
        assert client.declared_prefixes() == frozenset()


def test_no_repr_shows_what_is_declared(source: str, host: FakeUpstream) -> None:
    with Client(settings=settings(providers={"acme": {"key": KEY}})) as client:
        (problem,) = client.declared_problems()
    assert KEY not in repr(problem)
    assert KEY not in str(problem)


# --- in a gateway ---


def config_file(path: Path, declared: object, model: str = "acme/large") -> str:
    params = {"model": model, "api_key": KEY}
    config = {"model_list": [{"model_name": "m", "litellm_params": params}], "providers": declared}
    config["plugins"] = {"block": sorted(OURS)}
    path.write_text(json.dumps(config, indent=1))  # JSON is YAML
    path.chmod(0o644)
    return str(path)


def test_a_config_names_file_line_and_column_of_a_mistake(source: str, tmp_path: Path) -> None:
    name = config_file(tmp_path / "config.yaml", {"acme": {"key": "K"}, "fine": {"url": "https://acme.invalid"}})
    with pytest.raises(ConfigProblems) as caught:
        load_config(name, plugins=True)
    (problem, *_) = [each for each in caught.value.problems if each.path == "providers.acme"]
    lines = Path(name).read_text().splitlines()
    assert '"acme"' in lines[problem.line - 1]
    with pytest.raises(ConfigProblems):
        check_routes(load_config(name))


@pytest.mark.parametrize("declared", [[], {"acme": 1}, {"acme": []}, "acme"])
def test_a_config_whose_providers_are_no_mapping_is_refused(declared: object, source: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigProblems):
        load_config(config_file(tmp_path / "config.yaml", declared), plugins=True)


def test_a_gateway_serves_declared_providers_and_takes_new_ones_at_a_reload(
    source: str, host: FakeUpstream, tmp_path: Path
) -> None:
    def config(url: str, prefix: str) -> GatewayConfig:
        path = config_file(tmp_path / "config.yaml", {prefix: {"url": url}}, f"{prefix}/large")
        return load_config_dict(json.loads(Path(path).read_text()))

    async def work(other: FakeUpstream) -> None:
        app = create_app(config(host.base_url, "acme"))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            body = {"model": "m", "messages": HI}
            assert (await client.post("/v1/chat/completions", json=body)).status_code == 200
            app.reconfigure(config(other.base_url, "other"))
            assert (await client.post("/v1/chat/completions", json=body)).status_code == 200
        await app.aclose()

    with fake_upstream() as other:
        other.otherwise = answered
        asyncio.run(work(other))
        assert [len(each.received) for each in (host, other)] == [1, 1]
    assert host.received[-1]["headers"]["authorization"] == f"Bearer {KEY}"
