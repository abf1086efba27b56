"""The checks of packaging, on throw-away distributions: each mistake is found by its check."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from llmgate_core.cli import main
from llmgate_core.testing import ChatConformance, results_of
from tests.support.plugin_site import PluginSite

SOURCE = """
from llmgate_core.plugin import OpenAICompatible, ProviderInfo

class Acme(OpenAICompatible):
    info = ProviderInfo(api=(1, 1), name="acme", base_url="https://api.acme.example/v1", env_key="ACME_API_KEY")

plugin = Acme()
"""
METADATA = """Metadata-Version: 2.4
Name: llmgate-acme
Version: 1.2
Summary: Acme for llmgate
License-Expression: Apache-2.0
Requires-Python: >=3.10
Requires-Dist: llmgate-core>=0.1

Set ACME_API_KEY and call acme/large.
"""


def change(old: str, new: str) -> Callable[[Path], None]:
    """Return a change of the metadata."""

    def apply(site: Path) -> None:
        file = site / "llmgate_acme-1.2.dist-info" / "METADATA"
        file.write_text(METADATA.replace(old, new))

    return apply


def without_marker(site: Path) -> None:
    (site / "llmgate_acme" / "py.typed").unlink()


def with_pth(site: Path) -> None:
    (site / "acme.pth").write_text("import acme\n")
    (site / "llmgate_acme-1.2.dist-info" / "RECORD").write_text("acme.pth,,\nllmgate_acme/__init__.py,,\n")


def appended(line: str) -> Callable[[Path], None]:
    """Return a change of the package."""

    def apply(site: Path) -> None:
        file = site / "llmgate_acme" / "__init__.py"
        file.write_text(file.read_text() + line)

    return apply


def rows_of_another(site: Path) -> None:
    (site / "llmgate_acme" / "models.json").write_text('{"provider": "openai", "models": {"x": {"mode": "chat"}}}')
    with (site / "llmgate_acme-1.2.dist-info" / "entry_points.txt").open("a") as file:
        file.write("\n[llmgate.models]\nacme = llmgate_acme:models.json\n")


ENTRY = {"chat:acme": "plugin"}
MISTAKES: dict[str, tuple[str, dict[str, str], Callable[[Path], None] | None]] = {
    "a class": ("test_entry_points", {"chat:acme": "Acme"}, None),
    "no such attribute": ("test_entry_points", {"chat:acme": "plugn"}, None),
    "a prefix with capitals": ("test_entry_points", {"chat:Acme": "plugin"}, None),
    "a misspelt group": ("test_entry_points", {"chats:acme": "plugin"}, None),
    "another's prefix": ("test_ownership", {"chat:openai/acme": "plugin"}, None),
    "an upper bound": ("test_metadata", ENTRY, change("llmgate-core>=0.1", "llmgate-core<0.2,>=0.1")),
    "no dependency": ("test_metadata", ENTRY, change("Requires-Dist: llmgate-core>=0.1\n", "")),
    "no summary": ("test_metadata", ENTRY, change("Summary: Acme for llmgate\n", "")),
    "no py.typed": ("test_typed", ENTRY, without_marker),
    "a pth file": ("test_no_pth_file", ENTRY, with_pth),
    "rows of another provider": ("test_models_file", ENTRY, rows_of_another),
    "a variable is not named": ("test_readme", ENTRY, change("ACME_API_KEY", "a key")),
    "no model string": ("test_readme", ENTRY, change("acme/large", "it")),
    "no README": ("test_readme", ENTRY, change("Set ACME_API_KEY and call acme/large.", "")),
    "a pydantic model": (
        "test_import_cost",
        ENTRY,
        appended("import pydantic\nclass Answer(pydantic.BaseModel):\n    text: str\n"),
    ),
    "a connection": (
        "test_import_cost",
        ENTRY,
        appended("import socket\ntry:\n    socket.getaddrinfo('localhost', 1)\nexcept OSError:\n    pass\n"),
    ),
    "many modules": ("test_import_cost", ENTRY, appended("import hypothesis.strategies\n")),
}


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, entry_points: dict[str, str]) -> type[ChatConformance]:
    """Install a distribution that keeps the rules, and return its class of checks."""
    package = PluginSite(folder, monkeypatch).install("llmgate-acme", entry_points, source=SOURCE)
    (folder / package / "py.typed").touch()
    (folder / f"{package}-1.2.dist-info" / "METADATA").write_text(METADATA)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    attributes = {"plugin": "llmgate_acme:plugin", "distribution": "llmgate-acme", "__module__": __name__}
    return type("TestAcme", (ChatConformance,), attributes)


def test_of_a_plugin_that_does_not_load_nothing_else_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installed(tmp_path, monkeypatch, ENTRY)
    appended("import there_is_no_such_module\n")(tmp_path)
    assert main(["plugin", "check", "llmgate-acme", "--json"]) == 1
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    outcomes = {row["check"]: row["outcome"] for row in run["checks"]}
    assert outcomes["test_loads"] == "failed"
    assert "test_text" not in outcomes
    assert "test_metadata" in outcomes


CHECKS = sorted({check for check, _, _ in MISTAKES.values()})


def test_a_distribution_that_keeps_the_rules_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = results_of(installed(tmp_path, monkeypatch, ENTRY), *CHECKS)
    assert {result.check: result.findings for result in results if result.outcome == "failed"} == {}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check, entry_points, apply = MISTAKES[mistake]
    cls = installed(tmp_path, monkeypatch, entry_points)
    if apply is not None:
        apply(tmp_path)
    (result,) = results_of(cls, check)
    assert result.outcome == "failed"
    assert result.findings
