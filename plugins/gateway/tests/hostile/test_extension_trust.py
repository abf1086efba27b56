"""Two distributions that bring the same extension of the gateway, or one that the config blocks: neither is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from llmgate_gateway.app import create_app
from llmgate_gateway.config import ConfigProblems, load_config, load_config_dict

from llmgate_core.serving import errors
from tests.support.plugin_site import PluginSite

ENTRY = {"model_name": "m", "params": {"model": "openai/gpt-4o", "api_key": "sk-x"}}
USES: dict[str, dict[str, Any]] = {
    "middleware": {"middleware": ["guard"]},
    "stores": {"stores": {"counters": "guard"}},
    "dialects": {"dialects": ["openai", "guard"]},
}
each_kind = pytest.mark.parametrize("kind", USES)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginSite:
    return PluginSite(tmp_path, monkeypatch)


def content_for(kind: str, **plugins: Any) -> dict[str, Any]:
    return {"model_list": [ENTRY], "general_settings": USES[kind], "plugins": plugins}


@each_kind
def test_an_extension_of_two_distributions_is_refused_and_both_are_named(site: PluginSite, kind: str) -> None:
    site.install("first", {f"gateway.{kind}:guard": "guard"})
    site.install("second", {f"gateway.{kind}:guard": "guard"})
    with pytest.raises(ConfigProblems, match=r"'guard' is an extension of first 1\.2 and second 1\.2; block all but"):
        load_config(content_for(kind), environment={}, plugins=True)
    with pytest.raises(errors.PluginConflictError, match=r"first 1\.2 and second 1\.2"):
        create_app(load_config_dict(content_for(kind), environment={}))


@each_kind
@pytest.mark.parametrize("choice", [{"block": ["First"]}, {"allow": ["second", "llmgate-openai-chat"]}], ids=str)
def test_blocking_one_leaves_the_other(site: PluginSite, kind: str, choice: dict[str, Any]) -> None:
    site.install("first", {f"gateway.{kind}:guard": "guard"})
    site.install("second", {f"gateway.{kind}:guard": "guard"}, source="raise RuntimeError('it is the second')\n")
    with pytest.raises(ConfigProblems, match=r"second 1\.2 cannot be used: .*it is the second"):
        load_config(content_for(kind, **choice), environment={}, plugins=True)
    with pytest.raises(errors.PluginLoadError) as caught:
        create_app(load_config_dict(content_for(kind, **choice), environment={}))
    assert caught.value.distribution == "second"


@each_kind
def test_an_extension_that_is_blocked_is_not_loaded(site: PluginSite, kind: str) -> None:
    site.install("first", {f"gateway.{kind}:guard": "guard"})
    with pytest.raises(ConfigProblems, match="nothing installed and allowed has 'guard'"):
        load_config(content_for(kind, block=["first"]), environment={}, plugins=True)
    with pytest.raises(errors.ConfigError, match="nothing installed and allowed has 'guard'"):
        create_app(load_config_dict(content_for(kind, block=["first"]), environment={}))
