"""Ways past the lock of plugins: code that RECORD does not list, files that change later or break the check."""

from __future__ import annotations

import json
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import Client, ConfigError, PluginLoadError, Settings
from llmgate_core.cli import main
from llmgate_core.testing import FakeUpstream
from tests.support.openai_upstream import answered
from tests.support.plugin_site import PluginSite, provider_module

HI = [{"role": "user", "content": "hi"}]
MODELS = {"provider": "acme", "models": {"acme-1": {"mode": "chat"}}}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PluginSite]:
    (tmp_path / "site").mkdir()
    yield PluginSite(tmp_path / "site", monkeypatch)
    forget()


@pytest.fixture
def source(fake_upstream: FakeUpstream) -> str:
    fake_upstream.otherwise = answered
    return provider_module("acme", fake_upstream.base_url, env_key="ACME_API_KEY")


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Lock what is installed when it is called; the lock holds from then on, and nothing of the plugins is imported."""

    def write() -> Path:
        path = tmp_path / "plugins.lock"
        assert main(["plugins", "lock", str(path)]) == 0
        monkeypatch.setenv("LLMGATE_PLUGINS_LOCK", str(path))
        forget()
        return path

    return write


def forget() -> None:
    for name in [name for name in sys.modules if name.startswith("llmgate_acme")]:
        del sys.modules[name]


def call(model: str = "acme/m") -> str:
    with Client(api_key="k", settings=Settings(), max_retries=0) as client:
        return str(client.completion(model, HI).choices[0].message.content)


def refusal() -> str:
    with pytest.raises(PluginLoadError) as caught:
        call()
    assert caught.value.distribution == "llmgate-acme"
    assert not [name for name in sys.modules if name.startswith("llmgate_acme")]
    return str(caught.value)


# --- code that Python prefers to what RECORD lists ---


def rearranged(site: PluginSite, module: str, source: str) -> Path:
    """Install Acme as one file, `module`, in place of a package; return the folder that has it."""
    package = site.install("llmgate-acme", {"chat:acme": "plugin"}, source="")
    metadata = site.folder / f"{package}-1.2.dist-info"
    shutil.rmtree(site.folder / package)
    path = site.folder / f"{module.replace('.', '/')}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(source)
    entry_points = metadata / "entry_points.txt"
    entry_points.write_text(entry_points.read_text().replace(package, module))
    write_record(site, metadata, [path])
    return path.parent


def write_record(site: PluginSite, metadata: Path, files: list[Path]) -> None:
    from tests.support.plugin_site import record_hash

    every = [*files, *(path for path in metadata.iterdir() if path.name != "RECORD")]
    rows = [f"{path.relative_to(site.folder)},sha256={record_hash(path)},1" for path in every]
    (metadata / "RECORD").write_text("\n".join([*rows, f"{metadata.name}/RECORD,,"]) + "\n")
    site._put_on_path()


@pytest.mark.parametrize("module", ["llmgate_acme", "llmgate_acme_space.plugin"])
@pytest.mark.parametrize("preferred", ["package", "compiled"])
def test_a_package_that_python_prefers_to_a_locked_module_is_refused(
    module: str, preferred: str, site: PluginSite, source: str, lock: Callable[[], Path]
) -> None:
    folder = rearranged(site, module, source)
    lock()
    assert call()
    forget()
    name = module.rpartition(".")[2]
    if preferred == "package":
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(source)
    else:
        (folder / f"{name}.abi3.so").write_bytes(b"")
    site._put_on_path()
    assert "is not in RECORD" in refusal()


def test_a_second_package_of_a_distribution_is_not_taken_from_another_folder(
    site: PluginSite, source: str, lock: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = site.install("llmgate-acme", {"chat:acme": "plugin"}, source=f"import llmgate_acme_wire\n{source}")
    wire = site.folder / "llmgate_acme_wire"
    wire.mkdir()
    (wire / "__init__.py").write_text("")
    files = [site.folder / package / "__init__.py", wire / "__init__.py"]
    write_record(site, site.folder / f"{package}-1.2.dist-info", files)
    lock()
    assert call()
    forget()
    shutil.copytree(wire, tmp_path / "earlier" / wire.name)
    monkeypatch.syspath_prepend(str(tmp_path / "earlier"))
    assert "llmgate_acme_wire would be imported from" in refusal()


def test_modules_that_cannot_be_read_are_not_locked(
    site: PluginSite, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = site.install("llmgate-acme", {"chat:acme": "plugin"}, source=source)
    archive = tmp_path / "acme.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for path in site.folder.rglob("*"):
            made.write(path, path.relative_to(site.folder))
    shutil.rmtree(site.folder / package)
    shutil.rmtree(site.folder / f"{package}-1.2.dist-info")
    monkeypatch.syspath_prepend(str(archive))
    assert main(["plugins", "lock", str(tmp_path / "plugins.lock")]) == 1
    assert "llmgate-acme is left out" in capsys.readouterr().err


def test_a_file_of_models_that_comes_later_is_refused(site: PluginSite, source: str, lock: Callable[[], Path]) -> None:
    package = site.install("llmgate-acme", {"chat:acme": "plugin"}, source=source, models=MODELS)
    models = site.folder / package / "models.json"
    models.unlink()
    site.write_record(package)
    lock()
    models.write_text(json.dumps(MODELS))
    site._put_on_path()
    assert refusal()
    assert "acme/acme-1" not in Client(settings=Settings()).preparer.catalogue.names()


def test_files_that_change_after_they_were_checked_are_refused(
    site: PluginSite, source: str, lock: Callable[[], Path]
) -> None:
    package = site.install("llmgate-acme", {"chat:acme": "plugin"}, source=source)
    site.write_record(package)
    lock()
    with Client(api_key="k", settings=Settings()) as client:
        assert client.preparer.router
        (site.folder / package / "__init__.py").write_text(f"{source}# changed\n")
        with pytest.raises(PluginLoadError, match="differs from RECORD"):
            client.completion("acme/m", HI)


# --- files that break the check: they fail alone, and at once ---


def with_record(content: bytes) -> Callable[[PluginSite, str], None]:
    def change(site: PluginSite, package: str) -> None:
        (site.folder / f"{package}-1.2.dist-info" / "RECORD").write_bytes(content)

    return change


def odd_name(site: PluginSite, package: str) -> None:
    (site.folder / package / os.fsdecode(b"\xff\xfe.py")).write_text("")


def pipe(site: PluginSite, package: str) -> None:
    (site.folder / package / "__init__.py").unlink()
    os.mkfifo(site.folder / package / "__init__.py")


def pipe_beside(site: PluginSite, package: str) -> None:
    os.mkfifo(site.folder / package / "more.py")


BREAKS: dict[str, Any] = {
    "a field of RECORD that is too long": with_record(b'"' + b"a" * 200_000 + b'",sha256=x,1\n'),
    "a RECORD that is not text": with_record(b"\xff\xfe,sha256=x,1\n"),
    "a path with NUL": with_record(b"llmgate_acme/\0.py,sha256=x,1\n"),
    "a name that is not text": odd_name,
    "a pipe": pipe,
    "a pipe beside": pipe_beside,
}


@pytest.mark.parametrize("is_recorded", [True, False], ids=["recorded", "in place"])
@pytest.mark.parametrize("change", BREAKS.values(), ids=BREAKS)
def test_files_that_break_the_check_fail_alone(
    change: Callable[[PluginSite, str], None],
    is_recorded: bool,
    site: PluginSite,
    source: str,
    lock: Callable[[], Path],
    capsys: pytest.CaptureFixture[str],
    fake_upstream: FakeUpstream,
) -> None:
    package = site.install("llmgate-acme", {"chat:acme": "plugin"}, source=source)
    other = source.replace("'acme'", "'calm'")
    site.install("llmgate-calm", {"chat:calm": "plugin"}, source=other)
    if is_recorded:
        site.write_record(package)
    path = lock()
    change(site, package)
    site._put_on_path()
    assert refusal()
    assert main(["plugins", "verify", str(path)]) == 1
    assert "llmgate-acme" in capsys.readouterr().out
    assert call("calm/m")


def test_links_that_lead_up_are_followed_once(site: PluginSite, source: str, lock: Callable[[], Path]) -> None:
    package = site.install("llmgate-acme", {"chat:acme": "plugin"}, source=source)
    site.write_record(package)
    for name in "abc":
        (site.folder / package / name).symlink_to(site.folder / package, target_is_directory=True)
    lock()
    assert call()


def damaged(what: str) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        record = next(item for item in data["distributions"] if item["name"] == "llmgate-acme")
        match what:
            case "claims of another type":
                record["claims"] = ["chat"]
            case "a group of another type":
                record["claims"] = {"chat": "acme"}
            case "a claim of another type":
                record["claims"]["chat"]["acme"] = ["llmgate_acme:plugin"]
            case "hosts that are text":
                record["hosts"] = "https://your-host.example"
            case "a distribution twice":
                data["distributions"].append({**record, "hosts": ["https://elsewhere.example"]})
            case "a record that is text":
                data["distributions"].append("llmgate-acme")

    change.__name__ = what
    return change


@pytest.mark.parametrize(
    "what",
    [
        "claims of another type",
        "a group of another type",
        "a claim of another type",
        "hosts that are text",
        "a distribution twice",
        "a record that is text",
    ],
)
def test_a_damaged_record_is_a_lock_that_cannot_be_read(
    what: str, site: PluginSite, source: str, lock: Callable[[], Path]
) -> None:
    site.install("llmgate-acme", {"chat:acme": "plugin"}, source=source)
    path = lock()
    data = json.loads(path.read_text())
    damaged(what)(data)
    path.write_text(json.dumps(data))
    with pytest.raises(ConfigError, match="is not a lock of plugins"):
        call()


def test_a_lock_that_is_a_pipe_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plugins.lock"
    os.mkfifo(path)
    monkeypatch.setenv("LLMGATE_PLUGINS_LOCK", str(path))
    with pytest.raises(ConfigError, match="is not a file"):
        call()


COMMAND = """
from llmgate_core.plugin import hookimpl
class Command:
    help = "greet"
    add_arguments = repr
    def run(self, given):
        return 0
class Log:
    @hookimpl
    def on_event(self, event):
        return None
command, log = Command(), Log()
"""


def test_what_is_refused_takes_no_name_of_a_command_or_an_extension(
    site: PluginSite, source: str, lock: Callable[[], Path]
) -> None:
    claims = {"commands:acme": "command", "extensions:acme-log": "log"}
    site.install("llmgate-acme", claims, source=COMMAND)
    lock()
    site.install("llmgate-stranger", {**claims, "commands:stranger": "command"})
    assert main(["acme"]) == 0
    assert main(["stranger"]) == 1  # why it is refused
    with Client(settings=Settings(), extensions=["acme-log"]) as client:
        client.load()
    assert "llmgate_stranger" not in sys.modules
