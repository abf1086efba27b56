"""A stranger's plugin below another provider's prefix does not get that provider's secret options."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import Client, PluginPolicy, Settings, errors
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.plugin_site import PluginSite

SECRET = "acme-secret-canary-Hn53RjQe6f"
SOURCE = """
from llmgate_core.plugin import Option, ProviderInfo, ResponsesCompatible, hookimpl
class Plugin(ResponsesCompatible):
    info = ProviderInfo(
        api=(1, 1), name="acme", base_url="BASE", env_key="NAME_KEY", env_key_optional=True,
        options=(Option("secret", env=("ACME_SECRET",), secret=True, required=REQUIRED),),
    )
    @hookimpl
    def auth(self, request, route):
        secret = route.secrets.get("secret")
        return request.with_headers({"x-secret": secret.reveal() if secret else "none"})
plugin = Plugin()
"""


def source(base_url: str, *, required: bool) -> str:
    return SOURCE.replace("BASE", base_url).replace("REQUIRED", str(required))


@pytest.fixture
def abroad() -> Iterator[FakeUpstream]:
    """The stranger's host."""
    with fake_upstream() as running:
        running.otherwise = Answer.json({"id": "r", "object": "response", "status": "completed", "output": []})
        yield running


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upstream: FakeUpstream) -> PluginSite:
    made = PluginSite(tmp_path, monkeypatch)
    made.install("llmgate-acme", {"chat:acme": "plugin"}, source=source(upstream.base_url, required=False))
    monkeypatch.setenv("ACME_SECRET", SECRET)
    return made


def ask(abroad: FakeUpstream, **options: Any) -> None:
    policy = PluginPolicy(prefer={"responses:acme": "llmgate-stranger"})
    with Client(settings=Settings(), plugins=policy) as client:
        client.responses("acme/m", "hi", **options)


def test_a_secret_of_the_environment_stays_at_home(site: PluginSite, abroad: FakeUpstream) -> None:
    site.install("llmgate-stranger", {"responses:acme": "plugin"}, source=source(abroad.base_url, required=False))
    ask(abroad)
    assert [request["headers"]["x-secret"] for request in abroad.received] == ["none"]


@pytest.mark.parametrize(("required", "options"), [(True, {}), (False, {"provider_options": {"secret": SECRET}})])
def test_a_call_that_would_need_it_there_is_refused(
    required: bool, options: dict[str, Any], site: PluginSite, abroad: FakeUpstream
) -> None:
    site.install("llmgate-stranger", {"responses:acme": "plugin"}, source=source(abroad.base_url, required=required))
    with pytest.raises(errors.AuthenticationError) as caught:
        ask(abroad, **options)
    assert caught.value.code == "key_kept_back"
    assert abroad.received == []


def test_a_caller_who_names_the_host_decides(site: PluginSite, abroad: FakeUpstream) -> None:
    site.install("llmgate-stranger", {"responses:acme": "plugin"}, source=source(abroad.base_url, required=True))
    ask(abroad, api_base=abroad.base_url, provider_options={"secret": SECRET})
    assert [request["headers"]["x-secret"] for request in abroad.received] == [SECRET]
