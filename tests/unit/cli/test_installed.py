"""Commands that other distributions bring, group `llmgate.commands`, and what is said where one is missing."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
from pathlib import Path

import pytest

import llmgate_core
from llmgate_core.plugin import install_command

ROOT = Path(llmgate_core.__file__).resolve().parents[1]
COMMAND = """
import json, os

class Greet:
    help = "greet somebody"

    def add_arguments(self, parser):
        parser.add_argument("name", nargs="?")
        parser.add_argument("--config")
        parser.add_argument("--model")

    def run(self, given):
        print(json.dumps({"name": given.name, "config": given.config, "model": given.model, "A": os.environ.get("A")}))
        return 7

command = Greet()
"""
RAISES = "from llmgate_core import {error}\nclass Command:\n    help = 'fail'\n    add_arguments = repr\n"
RAISES += "    def run(self, given):\n        raise {error}('it broke')\ncommand = Command()\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a folder for distributions that the command line finds."""
    folder = tmp_path / "path"
    folder.mkdir()
    return folder


def install(path: Path, name: str, code: str, **commands: str) -> None:
    """Put a distribution into `path`: a module and what its entry points say."""
    (path / f"{name}.py").write_text(code)
    metadata = path / f"{name}-1.5.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.5\n")
    lines = [f"{command} = {value}" for command, value in commands.items()]
    (metadata / "entry_points.txt").write_text("\n".join(["[llmgate.commands]", *lines, ""]))


def llmgate(path: Path, *arguments: str, alone: bool = False) -> subprocess.CompletedProcess[str]:
    """Run the command line with the distributions in `path`; `alone`: with no others but core's own needs."""
    python = [sys.executable, "-S"] if alone else [sys.executable]
    places = [str(path), str(ROOT), *([str(without_gateway(path))] if alone else [])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    environment.pop("LLMGATE_PLUGINS", None)
    return subprocess.run(
        [*python, "-m", "llmgate_core", *arguments],
        capture_output=True,
        text=True,
        cwd=path,
        env=environment,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def without_gateway(path: Path) -> Path:
    """Return a folder that has what is installed here, but for the gateway."""
    folder = path.parent / "site"
    if not folder.exists():
        folder.mkdir()
        places = [Path(place) for place in site.getsitepackages()]  # Debian's Python names some that do not exist
        for item in (item for place in places if place.is_dir() for item in place.iterdir()):
            if not item.name.startswith("llmgate_gateway") and not (folder / item.name).exists():
                (folder / item.name).symlink_to(item)
    return folder


def test_a_command_runs_with_its_arguments_and_its_status_is_ours(path: Path) -> None:
    install(path, "greeting", COMMAND, greet="greeting:command")
    (path / "variables").write_text("A=from the file\n")

    done = llmgate(path, "--env-file", "variables", "greet", "Ada", "--config", "x")

    assert (done.returncode, done.stderr) == (7, "")
    assert json.loads(done.stdout) == {"name": "Ada", "config": "x", "model": None, "A": "from the file"}


def test_the_help_lists_every_command_and_imports_none(path: Path) -> None:
    install(path, "greeting", "raise RuntimeError('imported')", greet="greeting:command")

    done = llmgate(path, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    for line in ("chat ", "doctor ", "serve ", "greet ", "from greeting"):
        assert line in done.stdout


def test_the_help_of_a_command_is_its_own(path: Path) -> None:
    install(path, "greeting", COMMAND, greet="greeting:command")
    done = llmgate(path, "greet", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "greet somebody" in done.stdout
    assert "--config CONFIG" in done.stdout


def test_a_wrong_argument_is_bad_usage(path: Path) -> None:
    install(path, "greeting", COMMAND, greet="greeting:command")
    done = llmgate(path, "greet", "--loudly")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unrecognized arguments: --loudly" in done.stderr


@pytest.mark.parametrize(
    ("code", "value", "why"),
    [
        ("import there_is_no_such_module", "broken:command", "No module named 'there_is_no_such_module'"),
        ("raise SystemExit(3)", "broken:command", "SystemExit: 3"),
        ("", "broken:command", "module broken has no 'command'"),
        ("command = object()", "broken:command", "lacks help, add_arguments or run"),
    ],
)
def test_a_broken_command_fails_alone_with_its_distribution_named(path: Path, code: str, value: str, why: str) -> None:
    install(path, "broken", code, broken=value)
    install(path, "greeting", COMMAND, greet="greeting:command")

    failed = llmgate(path, "broken")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("llmgate: ")
    assert "broken" in failed.stderr
    assert why in failed.stderr
    assert "Traceback" not in failed.stderr

    assert llmgate(path, "greet").returncode == 7
    assert llmgate(path, "models", "--prefix", "gpt-4o").returncode == 0


@pytest.mark.parametrize(("error", "status"), [("APIError", 1), ("ConfigError", 2)])
def test_an_error_of_ours_is_one_line_and_a_status(path: Path, error: str, status: int) -> None:
    install(path, "failing", RAISES.format(error=error), fail="failing:command")
    done = llmgate(path, "fail")
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "llmgate: it broke\n")


@pytest.mark.parametrize("name", ["serve", "config", "migrate"])
def test_a_command_of_the_gateway_without_the_gateway_says_what_to_install(path: Path, name: str) -> None:
    done = llmgate(path, name, alone=True)
    assert (done.returncode, done.stdout) == (2, "")
    command = install_command("llmgate-gateway")
    assert done.stderr == f"llmgate: the command '{name}' comes with llmgate-gateway: {command}\n"


@pytest.mark.parametrize("words", [("--config", "x.yaml"), ("--model", "openai/gpt-4o"), ("--model=m", "--config=x")])
def test_a_config_or_a_model_without_a_command_means_serve(path: Path, words: tuple[str, ...]) -> None:
    missing = llmgate(path, *words, alone=True)
    command = install_command("llmgate-gateway")
    assert missing.stderr == f"llmgate: the command 'serve' comes with llmgate-gateway: {command}\n"

    install(path, "serving", COMMAND, serve="serving:command")
    short, whole = llmgate(path, *words, alone=True), llmgate(path, "serve", *words, alone=True)

    assert (short.returncode, short.stdout, short.stderr) == (whole.returncode, whole.stdout, whole.stderr)
    assert short.returncode == 7
    given = json.loads(short.stdout)
    assert {given["config"], given["model"]} <= {"x.yaml", "x", "openai/gpt-4o", "m", None}
    assert given["config"] or given["model"]


def test_the_gateway_that_is_installed_takes_both_spellings(path: Path) -> None:
    short, whole = llmgate(path, "--config", "no.yaml"), llmgate(path, "serve", "--config", "no.yaml")
    assert (short.returncode, short.stderr) == (whole.returncode, whole.stderr)
    assert short.returncode == 2
    assert "no.yaml" in short.stderr


def test_a_command_of_core_asks_no_other_distribution(path: Path) -> None:
    install(path, "shadow", COMMAND, chat="shadow:command", models="shadow:command")
    done = llmgate(path, "models", "--prefix", "gpt-4o-2024-05", "--json")
    assert done.returncode == 0
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == ["gpt-4o-2024-05-13"]


def test_a_command_named_like_one_of_core_disturbs_nothing(path: Path) -> None:
    install(path, "shadow", COMMAND, models="shadow:command", greet="shadow:command")
    assert llmgate(path, "greet").returncode == 7
    done = llmgate(path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
