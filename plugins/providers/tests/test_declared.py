"""Rows that users write: what they serve in the SDK and in a gateway, and what is wrong with others."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from llmgate_providers.declared import may_be_plain, source
from llmgate_providers.rows import row_names, shipped_row

from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.running_gateway import running_gateway

HI = [{"role": "user", "content": "hi"}]
CHAT = {"choices": [{"message": {"content": "Hello!"}, "finish_reason": "stop"}], "id": "1", "created": 1, "model": "m"}
VECTOR = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "m"}
URL = "https://acme.example/v1"
SECRET = "sk-canary-9Xv3Tq7LmB"


def serve(request: Any) -> Answer:
    return Answer.json(VECTOR if request["path"].endswith("/embeddings") else CHAT)


@pytest.fixture
def upstream(fake_upstream: FakeUpstream) -> FakeUpstream:
    fake_upstream.otherwise = serve
    return fake_upstream


def rows(upstream: FakeUpstream, **more: Any) -> dict[str, Any]:
    row = {"base_url": upstream.base_url, "env_key": ["ACME_KEY"], "families": ["chat", "embedding"], **more}
    return {"acme": row}


def call(mode: str, given: Settings, function: str, *arguments: Any, **more: Any) -> Any:
    if mode == "sync":
        with Client(settings=given) as client:
            return getattr(client, function)(*arguments, **more)

    async def ask() -> Any:
        async with AsyncClient(settings=given) as client:
            return await getattr(client, function)(*arguments, **more)

    return asyncio.run(ask())


# --- what they serve ---


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_row_serves_its_families_with_its_key_and_its_quirks(
    mode: str, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_KEY", SECRET)
    quirk = {"do": "rename", "params": {"max_completion_tokens": "max_tokens"}, "reason": "Acme knows only max_tokens"}
    given = Settings(providers=rows(upstream, quirks=[quirk], aliases=["acme-2"]))
    answer = call(mode, given, "completion", "acme-2/m", HI, max_completion_tokens=5)
    assert upstream.received[0]["json"]["max_tokens"] == 5
    (entry,) = answer.ledger
    assert (entry.action, entry.source) == ("renamed", "the row acme")
    assert call(mode, given, "embedding", "acme/m", "hi").data[0].embedding == [0.5]
    assert {sent["headers"]["authorization"] for sent in upstream.received} == {f"Bearer {SECRET}"}


def test_a_family_may_be_at_another_base(upstream: FakeUpstream) -> None:
    with fake_upstream() as other:
        other.otherwise = serve
        families = {"chat": {}, "embedding": {"base_url": other.base_url}}
        given = Settings(providers=rows(upstream, families=families, key_optional=True))
        call("sync", given, "completion", "acme/m", HI)
        call("sync", given, "embedding", "acme/m", "hi")
        assert [len(upstream.received), len(other.received)] == [1, 1]


def test_a_gateway_serves_a_row_of_its_config(upstream: FakeUpstream) -> None:
    params = {"model": "acme/m", "api_key": SECRET}
    config = {"model_list": [{"model_name": "m", "litellm_params": params}], "providers": rows(upstream)}
    with running_gateway(config) as gateway:
        assert gateway.chat().json()["choices"][0]["message"]["content"] == "Hello!"
    assert upstream.received[0]["headers"]["authorization"] == f"Bearer {SECRET}"


def test_a_server_without_a_row_needs_an_api_base_and_no_key(
    upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    for prefix in ("openai_compatible", "custom_openai", "openai_like"):
        call("sync", Settings(), "completion", f"{prefix}/m", HI, api_base=upstream.base_url)
        with pytest.raises(Exception, match="host"):
            call("sync", Settings(), "completion", f"{prefix}/m", HI)
    assert all("authorization" not in sent["headers"] for sent in upstream.received)
    assert len(upstream.received) == 3


@pytest.mark.parametrize("name", [name for name in row_names() if shipped_row(name).is_local])
def test_a_server_of_ones_own_needs_no_key(name: str, upstream: FakeUpstream) -> None:
    row = shipped_row(name)
    assert row.key_optional
    if "chat" in row.families:
        call("sync", Settings(), "completion", f"{name}/m", HI, api_base=upstream.base_url)
        assert "authorization" not in upstream.received[0]["headers"]


# --- what is wrong ---


@pytest.mark.parametrize(
    ("row", "path"),
    [
        ({}, ("base_url",)),
        ({"base_url": "acme.example"}, ("base_url",)),
        ({"base_url": "http://acme.example/v1"}, ("base_url",)),
        (
            {"base_url": URL, "families": {"chat": {"base_url": "http://acme.example"}}},
            ("families", "chat", "base_url"),
        ),
        ({"base_url": URL, "families": {"chat": {"plugin": "os:system"}}}, ("families", "chat", "plugin")),
        ({"base_url": URL, "families": {}}, ("families",)),
        ({"base_url": URL, "families": ["chats"]}, ("families", "chats")),
        ({"base_url": URL, "families": [7]}, ("families",)),
        ({"base_url": URL, "families": 7}, ("families",)),
        ({"base_url": URL, "env_key": SECRET}, ("env_key",)),
        ({"base_url": URL, "env_key": [SECRET]}, ("env_key", 0)),
        ({"base_url": URL, "api_key": SECRET}, ("api_key",)),
        ({"base_url": URL, "name": "other"}, ("name",)),
        ({"base_url": URL, "tier": "verified"}, ("tier",)),
        ({"base_url": URL, "quirks": [{"do": "renames"}]}, ("quirks", 0, "do")),
        (
            {"base_url": URL, "quirks": [{"do": "refuse", "params": ["n"], "reason": "r", "models": "("}]},
            ("quirks", 0, "models"),
        ),
        ({"base_url": f"https://{SECRET}@acme.example"}, ()),
    ],
)
def test_a_mistake_names_its_place_and_no_value(row: dict[str, Any], path: tuple[Any, ...]) -> None:
    with Client(settings=Settings(providers={"acme": row})) as client:
        problems = client.declared_problems()
    assert problems
    assert problems[0].path[: len(path)] == path
    assert SECRET not in str(problems)
    assert client.declared_prefixes() == frozenset()


def test_a_config_shows_the_line_of_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "model_list:\n  - {model_name: m, litellm_params: {model: acme/m}}\n"
        f"providers:\n  acme:\n    base_url: {URL}\n    env_key: [{SECRET}]\n"
    )
    path.chmod(0o600)
    command = [sys.executable, "-m", "llmgate_core", "config", "check", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "config.yaml:6:" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("gpu-box", True),
        ("box.local", True),
        ("box.lan", True),
        ("10.0.0.7", True),
        ("192.168.1.2", True),
        ("fd00::1", True),
        ("8.8.8.8", False),
        ("169.254.169.254", False),
        ("acme.example", False),
        ("local.example", False),
        ("", False),
        ("134744072", False),
        ("0x08080808", False),
        ("metadata.google.internal", False),
        ("fd00:ec2::254", False),
        ("::ffff:169.254.169.254", False),
        ("::ffff:8.8.8.8", False),
        ("::ffff:127.0.0.1", True),
    ],
)
def test_http_is_for_this_machine_and_private_networks(host: str, wanted: bool) -> None:
    assert may_be_plain(host) == wanted


def test_what_is_made_for_the_command_has_no_mistake() -> None:
    for variables in ((), ("ACME_KEY", "ACME_TOKEN")):
        row = source.declaration(base_url=URL, key_variables=variables, families=("chat", "rerank"))
        assert source.mistakes("acme", row) == []


def test_a_line_end_is_part_of_no_name_and_no_variable() -> None:
    assert [path for path, _ in source.mistakes("acme\n", {"base_url": URL, "key_optional": True})] == [("name",)]
    assert source.mistakes("acme", {"base_url": f"{URL}\n", "key_optional": True})
    assert source.mistakes("acme", {"base_url": URL, "env_key": ["ACME_KEY\n"]})
