"""The documentation runs, and its tables name what there is: no less, no more."""

from __future__ import annotations

import asyncio
import inspect
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from llmgate_openai_chat import plugin as openai_chat

import llmgate_core
from llmgate_core import Settings, errors, plugin
from llmgate_core.client.functions import default_async_client, default_client
from llmgate_core.settings.call_options import OPTION_NAMES
from llmgate_core.settings.environment import read
from llmgate_core.settings.foreign_arguments import RENAMED_ARGUMENTS
from llmgate_core.settings.options import POLICIES
from llmgate_core.testing import FakeUpstream, fake_upstream
from llmgate_core.transports.tls import CERTIFICATE_VARIABLES
from tests.support.openai_upstream import PNG, answered
from tests.support.pages import BLOCK, BOOK, GUIDE, all_rows, named, rows
from tests.support.paths import ROOT

GUIDES_OF_PLUGINS = sorted(ROOT.glob("plugins/*/README.md"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *GUIDES_OF_PLUGINS]
FILES = {"speech.wav": (ROOT / "demo" / "speech.wav").read_bytes(), "cube.png": PNG, "mask.png": PNG, "sea.png": PNG}
"""The files that programs of the guide open."""
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
ANOTHER_HOST = "https://your-host.example/v1"

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


# --- every block of Python runs, and prints what the page says ---


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeUpstream]:
    """Return what the pages' calls reach; the working directory has the files that they name."""
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    with fake_upstream() as running:
        running.otherwise = answered
        monkeypatch.setenv("OPENAI_API_KEY", "sk-docs-0123456789")
        monkeypatch.setenv("OPENAI_BASE_URL", running.base_url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-docs-0123456789")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", running.origin)
        monkeypatch.setenv("GEMINI_API_KEY", "AIza-docs-0123456789")
        monkeypatch.setenv("GEMINI_API_BASE", f"{running.origin}/v1beta")
        monkeypatch.setenv("AZURE_API_KEY", "key-docs-0123456789")
        monkeypatch.setenv("AZURE_API_BASE", running.origin)
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-docs-0123456789")
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", running.base_url)
        monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "ya29.docs-0123456789")
        monkeypatch.setenv("VERTEXAI_PROJECT", "my-project")
        monkeypatch.setenv("VERTEXAI_API_BASE", running.origin)
        yield running
        default_client().close()


async def finished(main: Any) -> None:
    try:
        await main()
    finally:
        await default_async_client().aclose()


def run_blocks(page: Path, upstream: FakeUpstream) -> list[tuple[str, str]]:
    """Run the page's blocks in one namespace, and `main` of those that define one.

    Returns what each block printed and what the page says that it prints, of those where it says so.
    """
    namespace: dict[str, Any] = {"__name__": "docs"}
    outputs = []
    for block, output in BLOCK.findall(page.read_text("utf-8")):
        namespace.pop("main", None)
        code = compile(block.replace(ANOTHER_HOST, upstream.base_url), str(page), "exec")
        printed = io.StringIO()
        with warnings.catch_warnings(), redirect_stdout(printed):
            warnings.simplefilter("ignore", UserWarning)  # of a loss, which some pages show
            exec(code, namespace)
            if "main" in namespace:
                asyncio.run(finished(namespace["main"]))
        if output:
            outputs.append((printed.getvalue(), output))
    return outputs


@each_page
def test_every_block_of_python_on_a_page_prints_what_the_page_says_and_leaves_the_settings_as_they_were(
    page: Path, upstream: FakeUpstream
) -> None:
    for printed, said in run_blocks(page, upstream):
        assert printed.splitlines() == said.splitlines()
    settings = Settings()
    assert {item.name: getattr(default_client().settings, item.name) for item in fields(settings)} == {
        item.name: getattr(settings, item.name) for item in fields(settings)
    }
    assert [request["path"] for request in upstream.received if not answered(request).status < 400] == []


def test_every_page_of_the_guide_has_a_program_and_the_calls_reach_the_upstream(upstream: FakeUpstream) -> None:
    pages = [ROOT / "README.md", ROOT / "docs" / "quickstart.md", *sorted(GUIDE.glob("*.md"))]
    assert [page.name for page in pages if not BLOCK.findall(page.read_text("utf-8"))] == []
    assert read("OPENAI_BASE_URL") == upstream.base_url
    quickstart = ROOT / "docs" / "quickstart.md"
    run_blocks(quickstart, upstream)
    assert len(upstream.received) == len(BLOCK.findall(quickstart.read_text("utf-8")))


@each_page
def test_a_page_of_the_guide_begins_with_its_task_and_ends_with_three_links_at_most(page: Path) -> None:
    if page.parent != GUIDE:
        return
    text = page.read_text("utf-8")
    assert re.match(r"# [A-Z].+\n\n.+", text)
    _, found, links = text.rpartition("\nSee also: ")
    assert found
    assert 1 <= len(LINK.findall(links)) <= 3


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    linked = LINK.findall(page.read_text("utf-8"))
    assert [target for target in linked if not (page.parent / target).exists()] == []


# --- tables name what there is ---


def test_every_error_class_has_one_row_and_every_row_a_class() -> None:
    classes = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.LLMGateError) and value.__module__ == errors.__name__
    }
    listed = [name for row in rows(GUIDE / "errors.md", "class") for name in named(row[0])]
    assert sorted(listed) == sorted(classes)


def test_every_argument_and_every_setting_has_one_row_and_every_row_is_one() -> None:
    table = rows(GUIDE / "options.md", "argument")
    arguments = [name for row in table for name in named(row[0])]
    settings = [name for row in table for name in named(row[0] if row[1] == "same" else row[1])]
    assert sorted(arguments) == sorted(OPTION_NAMES)
    assert sorted(settings) == sorted(item.name for item in fields(Settings))


def test_the_names_of_other_libraries_are_those_that_are_refused() -> None:
    table = rows(GUIDE / "options.md", "there")
    assert {named(row[0])[0]: row[1] for row in table} == dict(RENAMED_ARGUMENTS)


def test_the_variables_of_the_options_page_are_those_that_are_read() -> None:
    info = openai_chat.info
    wanted = [str(info.env_key), *info.env_base_url, *info.env_organization, *info.env_project]
    listed = [name for row in rows(GUIDE / "options.md", "argument") for name in named(row[2])]
    assert listed == [*wanted, *CERTIFICATE_VARIABLES, "LLMGATE_PLUGINS", "LLMGATE_PROVIDERS"]


def test_every_argument_and_every_setting_has_a_heading() -> None:
    headings = re.findall(r"^### `(\w+)`$", (GUIDE / "options.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(OPTION_NAMES | {item.name for item in fields(Settings)})


def test_every_name_of_the_authors_surface_has_one_row_and_every_row_is_one() -> None:
    listed = [name for row in all_rows(BOOK / "names.md", "names") for name in named(row[0])]
    assert sorted(listed) == sorted(plugin.__all__)


def test_every_table_of_a_plugin_has_a_row() -> None:
    listed = [name for row in rows(BOOK / "tables.md", "attribute") for name in named(row[0])]
    assert listed == list(plugin.OpenAICompatible.__annotations__)


def test_every_method_of_a_ledger_has_a_row() -> None:
    listed = [name.partition("(")[0] for row in rows(BOOK / "hooks.md", "of a `Ledger`") for name in named(row[0])]
    methods = [name for name, value in vars(plugin.Ledger).items() if inspect.isfunction(value) and name[0] != "_"]
    assert sorted(listed) == sorted(methods)


def test_every_policy_and_every_action_of_the_ledger_is_told() -> None:
    assert [name for row in rows(GUIDE / "parameters.md", "`param_policy`") for name in named(row[0])] == list(POLICIES)
    (actions,) = (row[1] for row in rows(GUIDE / "parameters.md", "field") if row[0] == "`action`")
    documented = re.search(r"action: (`.+`)\.", inspect.getdoc(plugin.LedgerEntry) or "")
    assert documented
    assert named(actions) == named(documented[1])


def test_every_function_of_the_module_is_told_in_the_guide() -> None:
    text = "\n".join(page.read_text("utf-8") for page in GUIDE.glob("*.md"))
    functions = [name for name in llmgate_core.__all__ if inspect.isfunction(getattr(llmgate_core, name))]
    sync = [name for name in functions if not inspect.iscoroutinefunction(getattr(llmgate_core, name))]
    assert [name for name in sync if not re.search(rf"\b{name}\b", text)] == []


def test_every_public_name_is_in_the_change_note() -> None:
    note = (ROOT / "CHANGES.md").read_text("utf-8")
    public = {name for name in (*llmgate_core.__all__, *plugin.__all__) if not is_twin(name)}
    told = set(re.findall(r"`(\w+)`", note))
    assert sorted(name for name in public - told if not is_error(name)) == []


def is_twin(name: str) -> bool:
    return name.startswith("a") and name[1:] in llmgate_core.__all__


def is_error(name: str) -> bool:
    return name == "Timeout" or name in vars(errors)


def test_every_row_of_the_reliability_catalogue_that_a_source_names_is_there() -> None:
    rows_there = {name for row in all_rows(ROOT / "docs" / "reliability.md", "id") for name in row[0].split(", ")}
    named_rows: dict[str, set[str]] = {}
    for path in [*ROOT.glob("llmgate_core/**/*.py"), *ROOT.glob("plugins/*/llmgate_*/**/*.py")]:
        head = path.read_text("utf-8").partition('"""\n\nfrom')[0]
        for letter, first, last in re.findall(r"\b([RS])(\d+)(?: to [RS](\d+))?\b", head):
            for number in range(int(first), int(last or first) + 1):
                named_rows.setdefault(f"{letter}{number}", set()).add(path.name)
    assert named_rows
    assert {name: files for name, files in named_rows.items() if name not in rows_there} == {}


# --- the capabilities and their tests ---


def numbers(text: str) -> list[str]:
    """Return `A1-A3, A7` spelled out."""
    found: list[str] = []
    for part in text.split(", "):
        first, _, last = part.replace("A", "").partition("-")
        found += [f"A{number}" for number in range(int(first), int(last or first) + 1)]
    return found


SDK = numbers("A1-A117")


def test_every_capability_of_the_sdk_has_a_row_with_a_test_or_says_not_yet() -> None:
    table = rows(ROOT / "docs" / "internal" / "capabilities.md", "id")
    assert [row[0] for row in table] == SDK
    assert [row[0] for row in table if not named(row[2]) and not row[2].startswith("not yet: ")] == []


def test_every_test_that_a_capability_names_exists() -> None:
    missing = []
    for row in rows(ROOT / "docs" / "internal" / "capabilities.md", "id"):
        for name in named(row[2]):
            path, _, function = name.partition("::")
            file = ROOT / path
            if not file.is_file() or f"def {function}(" not in file.read_text("utf-8"):
                missing.append((row[0], name))
    assert missing == []
