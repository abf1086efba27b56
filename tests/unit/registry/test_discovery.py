"""Two hundred plugins are found, with their models, and none of them is imported before it is called."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from llmgate_core import Client, PluginLoadError, Settings
from llmgate_core.registry.entry_points import installed_claims

COUNT = 200


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install distributions whose packages cannot be imported."""
    for number in range(COUNT):
        name = f"llmgate_many_{number}"
        package, metadata = tmp_path / name, tmp_path / f"{name}-1.0.dist-info"
        package.mkdir()
        metadata.mkdir()
        (package / "__init__.py").write_text("raise RuntimeError('it was imported')\n")
        models = {"provider": f"many{number}", "models": {f"many{number}-large": {"mode": "chat"}}}
        (package / "models.json").write_text(json.dumps(models))
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [
            "# written by hand",
            "[console_scripts]",
            f"many{number} = {name}:main",
            "[llmgate.chat]",
            f"many{number} = {name}:plugin",
            "",
            "[llmgate.models]",
            f"; its models\nmany{number} = {name}:models.json",
        ]
        (metadata / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("many")
def test_two_hundred_plugins_are_found_and_none_is_imported() -> None:
    with Client(settings=Settings(), api_key="k") as client:
        client.load()
        found = {claim.prefix for claim in client.installed() if claim.family == "chat"}
        assert {f"many{number}" for number in range(COUNT)} <= found
        assert all(client.knows_model(f"many{number}-large") for number in range(COUNT))
        assert not any(name.startswith("llmgate_many_") for name in sys.modules)
        with pytest.raises(PluginLoadError, match="it was imported"):
            client.completion("many7/large", [{"role": "user", "content": "hi"}])


def test_no_file_of_our_models_is_read_before_a_model_of_its_provider_is_looked_up() -> None:
    ours = [claim for claim in installed_claims() if claim.family == "models"]
    assert ours
    assert [claim.value for claim in ours if not claim.value.endswith("/")] == []
