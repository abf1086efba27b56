"""The kit's own rules: what a class of checks may say, what comes out of a run, and where it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from llmgate_core.cli import main
from llmgate_core.plugin import hookimpl
from llmgate_core.testing import Capabilities, ChatConformance, Wire, results_of
from llmgate_core.testing.conformance.base import checks_of
from llmgate_core.testing.conformance.families import CONFORMANCE
from tests.kit.quill import Quill, plugin
from tests.kit.quill_wire import WIRE
from tests.kit.tables import PAGES, owner_of, page_with_table
from tests.support.paths import ROOT

PLUGINS_OFF = ("-p", "no:langsmith_plugin", "-p", "no:schemathesis", "-p", "no:hypothesispytest")
TEST_FILE = """
from llmgate_core.testing import Capabilities, ChatConformance, Wire

class TestAcme(ChatConformance):
    plugin = "llmgate_openai_chat:plugin"
    wire = Wire.openai_chat()
    known_failures = {"test_images": "not yet"}
"""


def class_of(**attributes: Any) -> type[ChatConformance]:
    """Return a class of checks for the reference plugin."""
    return type("TestMine", (ChatConformance,), {"plugin": plugin, "__module__": __name__, **attributes})


# --- what a class may say ---


def test_a_check_cannot_be_replaced() -> None:
    with pytest.raises(TypeError, match=r"test_text.*known_failures"):
        class_of(test_text=lambda self: None)


@pytest.mark.parametrize(
    ("known", "named"), [({"test_txt": "later"}, "test_txt"), ({"test_text": " "}, "reason"), ({"text": "x"}, "text")]
)
def test_a_known_failure_names_a_check_and_its_reason(known: dict[str, str], named: str) -> None:
    with pytest.raises(TypeError, match=named):
        class_of(known_failures=known)


def test_a_wire_is_a_wire() -> None:
    with pytest.raises(TypeError, match="Wire"):
        class_of(wire={"whole": {}})


class NoText(Quill):
    @hookimpl
    def transform_response(self, call: Any, route: Any, response: Any) -> Any:
        return {"choices": [{"index": 0, "message": {"role": "assistant"}, "finish_reason": "stop"}]}


def test_a_known_failure_must_fail() -> None:
    known = {"known_failures": {"test_text": "issue 12"}, "wire": WIRE}
    (failing,) = results_of(class_of(plugin=NoText(), **known), "test_text")
    assert (failing.outcome, failing.reason) == ("known failure", "issue 12")
    (passing,) = results_of(class_of(**known), "test_text")
    assert passing.outcome == "failed"
    assert "issue 12" in passing.findings[0]


def test_what_is_not_checked_says_why() -> None:
    (without_wire,) = results_of(class_of(), "test_text")
    (unclaimed,) = results_of(class_of(wire=WIRE), "test_reasoning")
    assert (without_wire.outcome, unclaimed.outcome) == ("not applicable", "not applicable")
    assert "wire" in without_wire.reason
    assert "reasoning" in unclaimed.reason


def test_a_capability_that_is_not_claimed_must_be_refused_or_forwarded() -> None:
    class Drops(Quill):
        def tools_of(self, given: Any, route: Any) -> Any:
            return {}

    (dropped,) = results_of(class_of(plugin=Drops(), wire=WIRE), "test_tool_call")
    (sent,) = results_of(class_of(wire=WIRE), "test_tool_call")
    assert (dropped.outcome, sent.outcome) == ("failed", "passed")


def test_recorded_answers_bring_their_own_reply() -> None:
    from llmgate_core.testing import Reply

    recorded = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Bonjour"}}]}
    wire = Wire(lambda reply: recorded, replies={"text": Reply("text", "Bonjour")})
    cls = class_of(plugin="llmgate_openai_chat:plugin", wire=wire)
    (result,) = results_of(cls, "test_text")
    assert all(not finding.startswith("text:") for finding in result.findings)


# --- the checks themselves ---


def test_every_check_says_what_it_holds_and_what_to_do() -> None:
    checks = {name for kind in CONFORMANCE.values() for name in checks_of(kind)}
    docstrings = {name: getattr(owner_of(name), name).__doc__.strip().split("\n\n") for name in checks}
    assert {name for name, parts in docstrings.items() if len(parts) < 2 or not parts[0].endswith(".")} == set()


def test_no_two_classes_of_checks_define_the_same_helper() -> None:
    bases = {base for kind in CONFORMANCE.values() for base in kind.__mro__ if base.__module__.startswith("llmgate")}
    owners: dict[str, set[str]] = {}
    for base in bases:
        for name in vars(base):
            if not name.startswith("_") and name not in ("family", "samples"):
                owners.setdefault(name, set()).add(base.__name__)
    assert {name: kinds for name, kinds in owners.items() if len(kinds) > 1} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_of_the_pages_are_those_of_the_code(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text == page_with_table(text, PAGES[page]()), "write it with: python -m tests.kit.tables"


# --- where it runs ---


def test_the_kit_is_imported_without_pytest() -> None:
    code = (
        "import sys, llmgate_core; assert 'llmgate_core.testing' not in sys.modules\n"
        "from llmgate_core.testing import Answer; assert 'llmgate_core.testing.conformance' not in sys.modules\n"
        "from llmgate_core.testing import ChatConformance; assert 'pytest' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize(
    "processes", [[], pytest.param(["-n", "2"], marks=pytest.mark.exhaustive)], ids=["alone", "xdist"]
)
def test_pytest_writes_the_report(tmp_path: Path, processes: list[str]) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["llmgate_core.testing.pytest_plugin"]\n')
    (tmp_path / "test_acme.py").write_text(TEST_FILE)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *PLUGINS_OFF,
        "--rootdir",
        str(tmp_path),
        *processes,
    ]
    selected = ["-k", "test_text or test_images or test_reasoning or test_loads", "--llmgate-report=report.json"]
    ended = subprocess.run([*command, *selected], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    (run,) = report["runs"]
    outcomes = {row["check"]: row["outcome"] for row in run["checks"]}
    assert ended.returncode == 1, ended.stdout + ended.stderr  # test_images passes, and so is no known failure
    assert outcomes == {
        "test_text": "passed",
        "test_images": "failed",
        "test_reasoning": "not applicable",
        "test_loads": "passed",
    }
    assert report["counts"] == {"failed": 1, "not applicable": 1, "passed": 2}
    assert run["plugin"] == "llmgate_openai_chat:plugin"


@pytest.mark.slow
def test_plugin_check_runs_what_the_plugin_allows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "check", "llmgate-openai-moderation", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["counts"].get("failed", 0) == 0
    assert report["counts"]["passed"] > 30
    assert report["runs"][0]["distribution"] == "llmgate-openai-moderation"


def test_plugin_check_of_what_is_not_installed_names_what_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "check", "llmgate-nothing"]) == 2
    assert "llmgate-openai-chat" in capsys.readouterr().err


def test_capabilities_are_those_of_the_page() -> None:
    page = (ROOT / "docs" / "plugins" / "testing.md").read_text("utf-8")
    assert [name for name in Capabilities.__slots__ if f"`{name}`" not in page] == []
