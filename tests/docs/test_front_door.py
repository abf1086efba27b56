"""The pages that a newcomer reads first name what exists, install what can be installed, and fit the screen."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from llmgate_gateway.config import load_config_dict

from llmgate_core.testing import fake_upstream
from tests.support.openai_upstream import answered

ROOT = Path(__file__).resolve().parents[2]
FRONT = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGES.md")]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PLUGINS = sorted(ROOT.glob("plugins/*/README.md"))
EXAMPLES = sorted((ROOT / "examples").rglob("*.md"))
PAGES = [*FRONT, *DOCS, *PLUGINS, *EXAMPLES]
DECISIONS = sorted(path for path in (ROOT / "docs" / "decisions").glob("*.md") if path.name != "README.md")
NAMED_PATHS = [*FRONT, ROOT / "docs" / "README.md", ROOT / "docs" / "architecture.md", ROOT / "docs" / "reliability.md"]
NAMED_PATHS += DECISIONS
BASES = (ROOT, ROOT / "llmgate_core", ROOT / "plugins" / "gateway" / "llmgate_gateway", ROOT / "examples")
"""Where a path between backquotes may start."""

SPAN = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*/?")
SUFFIXES = (".py", ".md", ".toml", ".yml", ".lock", ".json", "/")
LINK = re.compile(r"\]\(([^)#:\s]+)(#[^)]*)?\)")
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INSTALL = re.compile(r"^pip install .*$", re.MULTILINE)
OWN_COMMANDS = r"llmgate (?:chat|explain|models|plugins|doctor)\b"
"""Commands that end by themselves; those that serve run in the tests of the gateway's pages."""
COMMAND_PAGES = [ROOT / "docs" / "command-line.md", ROOT / "docs" / "guide" / "parameters.md"]
MAX_COLUMNS = 120
FOREIGN_FILES = frozenset({"config.yaml", "CHANGES.md", "speech.wav"})
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text("utf-8"))


def paths_named(page: Path) -> list[str]:
    spans = [span for span in SPAN.findall(prose(page)) if PATH.fullmatch(span) and span.endswith(SUFFIXES)]
    return [span for span in spans if span not in FOREIGN_FILES and not span.startswith(("/", "local/", "openai/"))]


@pytest.mark.parametrize("page", NAMED_PATHS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    assert [name for name in paths_named(page) if not any((base / name).exists() for base in BASES)] == []


def test_the_tour_names_enough_paths_for_that_to_mean_something() -> None:
    assert len(paths_named(ROOT / "docs" / "architecture.md")) > 15


@pytest.mark.parametrize("package", BASES[1:3], ids=lambda package: package.name)
def test_the_tour_names_every_room(package: Path) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rooms = [path.parent.name for path in package.glob("*/__init__.py")]
    assert rooms
    assert [room for room in rooms if not re.search(rf"\b{room}\b", text)] == []


def test_the_supported_pythons_are_the_same_wherever_they_are_named() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))["jobs"]
    tested = jobs["test"]["strategy"]["matrix"]["python"]
    required = re.search(r'^requires-python = ">=(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert required
    assert required[1] == tested[0] == jobs["lowest"]["steps"][1]["with"]["python-version"]
    assert f"Python {tested[0]} to {tested[-1]}" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert f"Python {tested[0]} or newer" in (ROOT / "README.md").read_text("utf-8")


@each_page
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(page: Path) -> None:
    broken = []
    for target, anchor in LINK.findall(page.read_text("utf-8")):
        file = page.parent / target
        if not file.exists() or (anchor and anchor[1:] not in anchors(file)):
            broken.append(target + anchor)
    assert broken == []


def anchors(page: Path) -> list[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]


def test_every_make_target_that_a_page_names_is_one() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    files = [*PAGES, *(ROOT / ".github").rglob("*.*"), ROOT / ".pre-commit-config.yaml", ROOT / ".ci" / "run"]
    named = {
        name for file in files for name in re.findall(r"(?:`|run: |^)make ([a-z-]+)", file.read_text("utf-8"), re.M)
    }
    assert named - targets == set()


@each_page
def test_nothing_is_installed_from_an_index_that_does_not_have_it(page: Path) -> None:
    """Until the first release, ours come from a checkout."""
    lines = re.findall(r"^.*pip install.*$", page.read_text("utf-8"), re.MULTILINE)
    assert [line for line in lines if re.search(r"install [^#`]*\bllmgate[-\[]", line)] == []


@each_page
def test_what_is_installed_from_a_checkout_is_there_with_its_extras(page: Path) -> None:
    for argument in (word for line in INSTALL.findall(page.read_text("utf-8")) for word in arguments_of(line)):
        folder, extras = re.fullmatch(r"([^\[]+)(?:\[(.+)\])?", argument).groups()  # type: ignore[union-attr]
        text = (ROOT / folder / "pyproject.toml").read_text("utf-8")
        assert [name for name in (extras or "").split(",") if name and f"\n{name} = [" not in text] == [], argument


def arguments_of(line: str) -> list[str]:
    """Return the paths of a `pip install` line; those of a pattern stand for themselves in the next test."""
    words = shlex.split(line, comments=True)[2:]
    return [word for word in words if word.startswith(".") and "*" not in word]


@pytest.mark.parametrize("line", INSTALL.findall((ROOT / "README.md").read_text("utf-8")))
def test_the_install_lines_of_the_readme_install(line: str) -> None:
    """Resolved and built, not installed; what they depend on is here already."""
    flags = "--dry-run --no-index --no-build-isolation --quiet --disable-pip-version-check"
    command = f"{sys.executable} -m {line.replace('pip install', f'pip install {flags}')}"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Would install llmgate" in done.stdout or "already" in done.stdout or not done.stdout


@pytest.mark.parametrize("page", COMMAND_PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_run(page: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if re.search(OWN_COMMANDS, line)]
    assert lines
    with fake_upstream() as upstream:
        upstream.otherwise = answered
        variables = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "sk-docs-0123456789"}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        for line in lines:
            done = subprocess.run(
                line.replace("git diff", "echo a diff"),
                shell=True,
                cwd=tmp_path,
                env={**os.environ, **variables, "PATH": path},
                capture_output=True,
                text=True,
                timeout=60,
            )
            refused = "explain" in line and "not supported" in done.stdout
            assert done.returncode == int(refused), done.stderr
            assert done.stdout


@each_page
def test_no_line_of_prose_is_longer_than_a_screen(page: Path) -> None:
    lines = [line for line in prose(page).splitlines() if not line.startswith(("|", "`", "http"))]
    assert [line for line in lines if len(line) > MAX_COLUMNS] == []


def test_every_decision_has_its_headings_and_a_row_in_the_index() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text("utf-8")
    for page in DECISIONS:
        text = page.read_text("utf-8")
        title, since = re.match(r"# (.+)\n\nSince (\d{4}-\d\d-\d\d)\.\n", text).groups()  # type: ignore[union-attr]
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], page.name
        assert f"| [{title}]({page.name}) | {since} |" in index


def test_every_page_of_docs_is_linked_from_the_index_or_from_the_first_page_of_the_book() -> None:
    index = ROOT / "docs" / "README.md"
    tables = [index, ROOT / "docs" / "plugins" / "README.md"]
    found = [(page, target) for page in tables for target, _ in LINK.findall(page.read_text("utf-8"))]
    linked = {(page.parent / target).resolve() for page, target in found}
    of_users = [
        page for page in [*DOCS, *PLUGINS] if page.parent.name not in ("internal", "decisions") and page != index
    ]
    assert [str(page.relative_to(ROOT)) for page in of_users if page.resolve() not in linked] == []


@pytest.mark.parametrize("command", ["chat", "models", "plugins", "explain", "doctor"])
def test_the_page_of_the_command_line_names_every_option_of_a_command_and_no_other(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "llmgate_core", command, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    page = (ROOT / "docs" / "command-line.md").read_text("utf-8")
    rows = re.findall(r"^\| `(--[\w-]+)` \| (.+?) \|", page, re.MULTILINE)
    shared = {"--json"}
    listed = {option for option, commands in rows if f"`{command}`" in commands} | shared
    assert listed == set(re.findall(r"^  .*?(--[\w-]+)", done.stdout, re.MULTILINE)) - {"--help"}


def test_every_config_in_the_guide_is_one_that_the_gateway_takes() -> None:
    configs = [block for page in DOCS for block in YAML.findall(page.read_text("utf-8")) if page.parent.name == "guide"]
    assert configs
    for config in configs:
        assert load_config_dict(yaml.safe_load(config)).warnings == ()


def test_the_reference_is_what_the_signatures_say() -> None:
    done = subprocess.run(
        [sys.executable, "tools/make_reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
