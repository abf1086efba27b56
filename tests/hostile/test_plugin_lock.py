"""The lock of plugins: what is not in it, or not as it was, is refused before any of its code runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import Client, ConfigError, PluginLoadError, Settings
from llmgate_core.cli import main
from llmgate_core.testing import FakeUpstream
from tests.support.gateway_process import GatewayProcess, clean_environment
from tests.support.openai_upstream import answered
from tests.support.paths import ROOT
from tests.support.plugin_site import PluginSite, provider_module

HI = [{"role": "user", "content": "hi"}]
ROUTES = {"chat:acme": "plugin", "extensions:acme-log": "log", "commands:acme": "command"}
ADDED = """
class Log:
    pass
class Command:
    help = "greet"
    add_arguments = repr
    def run(self, given):
        return 0
log, command = Log(), Command()
"""
WITNESS = """
import os, sys
def hook(event, arguments):
    if event == "exec" and "llmgate_acme" in getattr(arguments[0], "co_filename", ""):
        with open(os.environ["WITNESS"], "a") as file:
            file.write(arguments[0].co_filename + "\\n")
sys.addaudithook(hook)
"""
CALL = """
from llmgate_core import Client, PluginLoadError
for family in ("chat", "responses"):
    try:
        client = Client(api_key="k")
        client.completion("acme/m", [{"role": "user", "content": "hi"}])
    except PluginLoadError as error:
        print(error)
try:
    Client(extensions=["acme-log"]).load()
except PluginLoadError as error:
    print(error)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginSite:
    (tmp_path / "site").mkdir()
    return PluginSite(tmp_path / "site", monkeypatch)


def acme_source(fake_upstream: FakeUpstream, **more: Any) -> str:
    return provider_module("acme", fake_upstream.base_url, **{"env_key": "ACME_API_KEY", **more}) + ADDED


@pytest.fixture
def acme(site: PluginSite, fake_upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install Acme's distribution with a RECORD, and return the folder of its package."""
    fake_upstream.otherwise = answered
    models = {"provider": "acme", "models": {"acme-1": {"mode": "chat"}}}
    package = site.install("llmgate-acme", ROUTES, source=acme_source(fake_upstream), models=models)
    site.write_record(package)
    return site.folder / package


@pytest.fixture
def lock(acme: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lock what is installed, and return the lock, which holds from here on."""
    path = tmp_path / "plugins.lock"
    assert main(["plugins", "lock", str(path)]) == 0
    monkeypatch.setenv("LLMGATE_PLUGINS_LOCK", str(path))
    return path


def call() -> str:
    with Client(api_key="k", settings=Settings(), max_retries=0) as client:
        return str(client.completion("acme/m", HI).choices[0].message.content)


def refused(run: Callable[[], Any] = call) -> str:
    with pytest.raises(PluginLoadError) as caught:
        run()
    assert caught.value.distribution == "llmgate-acme"
    assert "llmgate plugins lock" in str(caught.value)
    return str(caught.value)


@pytest.mark.usefixtures("lock")
def test_what_is_as_it_was_locked_serves(capsys: pytest.CaptureFixture[str]) -> None:
    assert call()
    assert main(["plugins", "verify"]) == 0
    assert main(["acme"]) == 0
    assert capsys.readouterr().err.count("no lock can prevent") == 0


def change_code(site: PluginSite, acme: Path) -> str:
    (acme / "__init__.py").write_text((acme / "__init__.py").read_text() + "# more\n")
    return "llmgate_acme/__init__.py differs from RECORD"


def remove_file(site: PluginSite, acme: Path) -> str:
    (acme / "models.json").unlink()
    return "llmgate_acme/models.json is missing"


def add_module(site: PluginSite, acme: Path) -> str:
    (acme / "below").mkdir()
    (acme / "below" / "more.py").write_text("")
    return "llmgate_acme/below/more.py is not in RECORD"


def add_compiled(site: PluginSite, acme: Path) -> str:
    (acme / "more.pyc").write_bytes(b"")
    return "llmgate_acme/more.pyc is not in RECORD"


def change_record(site: PluginSite, acme: Path) -> str:
    change_code(site, acme)
    site.write_record(acme.name)
    return "its files are not those that were locked"


def claim_more(site: PluginSite, acme: Path) -> str:
    entry_points = site.folder / f"{acme.name}-1.2.dist-info" / "entry_points.txt"
    entry_points.write_text(entry_points.read_text() + "\n[llmgate.embedding]\nacme = llmgate_acme:plugin\n")
    site.write_record(acme.name)
    return "its claim embedding acme = llmgate_acme:plugin is not locked"


def lead_elsewhere(site: PluginSite, acme: Path) -> str:
    entry_points = site.folder / f"{acme.name}-1.2.dist-info" / "entry_points.txt"
    entry_points.write_text(entry_points.read_text().replace("acme = llmgate_acme:plugin", "acme = os:path"))
    site.write_record(acme.name)
    return "its claim chat acme = os:path is not locked"


def another_version(site: PluginSite, acme: Path) -> str:
    (site.folder / f"{acme.name}-1.2.dist-info").rename(site.folder / f"{acme.name}-1.3.dist-info")
    site._put_on_path()
    return "its version is 1.3, and 1.2 is locked"


def shadow(site: PluginSite, acme: Path) -> str:
    other = site.folder.parent / "other"
    shutil.copytree(acme, other / acme.name)
    site._monkeypatch.syspath_prepend(str(other))
    return "llmgate_acme would be imported from"


def start_file(site: PluginSite, acme: Path) -> str:
    (site.folder / "acme.pth").write_text("import os\n")
    record = site.folder / f"{acme.name}-1.2.dist-info" / "RECORD"
    record.write_text(f"acme.pth,sha256=x,10\n{record.read_text()}")
    site._put_on_path()
    return "acme.pth differs from RECORD"


CHANGES = [
    change_code,
    remove_file,
    add_module,
    add_compiled,
    change_record,
    claim_more,
    lead_elsewhere,
    another_version,
    shadow,
    start_file,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_was_changed_is_refused_and_named(
    change: Callable[[PluginSite, Path], str],
    site: PluginSite,
    acme: Path,
    lock: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    site._put_on_path()
    reason = change(site, acme)
    sys.modules.pop("llmgate_acme", None)  # `lock` imported it
    assert reason in refused()
    assert reason in refused(Client(settings=Settings(), extensions=["acme-log"]).load)
    assert main(["acme"]) == 1
    assert reason in capsys.readouterr().err
    assert main(["plugins", "verify"]) == 1
    assert reason in capsys.readouterr().out
    assert "llmgate_acme" not in sys.modules
    assert "acme/acme-1" not in Client(settings=Settings()).preparer.catalogue.names()


def test_what_is_not_in_the_lock_is_refused_and_takes_nothing_from_what_is(
    site: PluginSite, lock: Path, fake_upstream: FakeUpstream
) -> None:
    source = acme_source(fake_upstream)
    site.install("llmgate-stranger", {"chat:acme": "plugin", "chat:stranger": "plugin"}, source=source)
    assert call()  # without the lock, the two would dispute the prefix
    with pytest.raises(PluginLoadError, match=r"llmgate-stranger 1\.2 is not in the lock"):
        Client(settings=Settings(), api_key="k").completion("stranger/m", HI)
    assert "llmgate_stranger" not in sys.modules


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"env_key": "OPENAI_API_KEY"}, "the variable of a key 'OPENAI_API_KEY' is not locked"),
        ({"host": "https://elsewhere.example/v1"}, "the host 'https://elsewhere.example/v1' is not locked"),
    ],
    ids=["variable", "host"],
)
def test_hosts_and_variables_that_a_plugin_did_not_have_when_it_was_locked_are_refused(
    acme: Path, lock: Path, more: dict[str, str], reason: str, fake_upstream: FakeUpstream
) -> None:
    data = json.loads(lock.read_text())
    record = next(item for item in data["distributions"] if item["name"] == "llmgate-acme")
    assert (record["hosts"], record["key_variables"]) == ([fake_upstream.base_url], ["ACME_API_KEY"])
    record["hosts" if "host" in more else "key_variables"] = []
    lock.write_text(json.dumps(data))
    was = {"hosts": fake_upstream.base_url, "key_variables": "ACME_API_KEY"}
    value = was["hosts" if "host" in more else "key_variables"]
    assert repr(value) in refused()
    assert reason.split("'", maxsplit=1)[0] in refused()
    assert fake_upstream.received == []


BROKEN_LOCKS = {
    "missing": None,
    "not JSON": "{",
    "a list": "[]",
    "another format": '{"format": 2, "distributions": []}',
    "no distributions": '{"format": 1}',
    "a record without a hash": '{"format": 1, "distributions": [{"name": "a", "version": "1"}]}',
    "a number for a name": '{"format": 1, "distributions": [{"name": 5, "version": "1", "hash": "x", "claims": {}, '
    '"hosts": [], "key_variables": [], "option_variables": [], "other_variables": []}]}',
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("content", BROKEN_LOCKS.values(), ids=BROKEN_LOCKS)
def test_a_lock_that_cannot_be_read_lets_nothing_run(lock: Path, content: str | None) -> None:
    lock.unlink() if content is None else lock.write_text(content)
    with pytest.raises(ConfigError, match=r"plugins\.lock"):
        call()
    assert main(["plugins", "verify"]) == 2
    assert main(["plugins", "lock"]) == 0  # the way out
    assert call()


def test_a_lock_of_the_working_directory_counts_only_if_it_is_named(
    acme: Path, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLMGATE_PLUGINS_LOCK")
    monkeypatch.setenv("LLMGATE_PLUGINS_LOCKED", "1")
    with pytest.raises(ConfigError, match="LLMGATE_PLUGINS_LOCK"):
        call()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))  # an environment of the same directory
    assert call()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "below" / ".venv"))
    with pytest.raises(ConfigError):
        call()
    monkeypatch.setenv("LLMGATE_PLUGINS_LOCK", "plugins.lock")
    assert call()


@pytest.mark.parametrize("word", ["0", "false", "1", "true", "maybe"])
def test_the_switch_has_two_positions(lock: Path, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lock.write_text('{"format": 1, "distributions": []}')
    monkeypatch.setenv("LLMGATE_PLUGINS_LOCKED", word)
    if word in ("0", "false"):
        assert call()
    else:
        with pytest.raises(ConfigError if word == "maybe" else PluginLoadError):
            call()


def test_one_wheel_has_one_hash_whatever_its_installer_adds(site: PluginSite, acme: Path, lock: Path) -> None:
    metadata = site.folder / f"{acme.name}-1.2.dist-info"
    (metadata / "INSTALLER").write_text("another\n")
    record = metadata / "RECORD"
    added = f"{metadata.name}/INSTALLER,sha256=x,8\n../../bin/acme,sha256=y,9\n/etc/passwd,sha256=z,9\n"
    record.write_text(added + record.read_text())
    site._put_on_path()
    assert call()


def test_what_is_installed_in_place_is_hashed_itself(
    site: PluginSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_upstream: FakeUpstream
) -> None:
    fake_upstream.otherwise = answered
    package = site.install("llmgate-acme", ROUTES, source=acme_source(fake_upstream))  # it has no RECORD
    path = tmp_path / "plugins.lock"
    assert main(["plugins", "lock", str(path)]) == 0
    monkeypatch.setenv("LLMGATE_PLUGINS_LOCK", str(path))
    assert call()
    (site.folder / package / "more.py").write_text("")
    site._put_on_path()
    assert "its files are not those that were locked" in refused()


def test_a_second_lock_shows_what_changed(site: PluginSite, acme: Path, lock: Path, capsys: Any) -> None:
    claim_more(site, acme)
    capsys.readouterr()
    assert main(["plugins", "lock", "--json"]) == 0
    rows = {row["distribution"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert rows["llmgate-acme"]["what"] == "changed"
    assert "now embedding acme" in rows["llmgate-acme"]["change"]
    assert rows["llmgate-openai-chat"]["what"] == "same"


def test_a_plugin_that_cannot_be_read_is_left_out_of_the_lock(site: PluginSite, tmp_path: Path, capsys: Any) -> None:
    site.install("llmgate-broken", {"chat:broken": "plugin"})
    path = tmp_path / "plugins.lock"
    assert main(["plugins", "lock", str(path)]) == 1
    assert "llmgate-broken is left out" in capsys.readouterr().err
    names = [item["name"] for item in json.loads(path.read_text())["distributions"]]
    assert "llmgate-broken" not in names
    assert names == sorted(names)


# --- no code of a refused plugin runs: an audit hook of every process sees what Python executes ---


@pytest.fixture
def watched(site: PluginSite, acme: Path, lock: Path, tmp_path: Path) -> dict[str, str]:
    """Return an environment in which each process writes down the code of Acme's that it executes."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(WITNESS)
    path = ":".join([str(hooks), str(site.folder), str(ROOT)])
    return clean_environment(
        PYTHONPATH=path, WITNESS=str(tmp_path / "witness"), LLMGATE_PLUGINS_LOCK=str(lock), ACME_API_KEY="k"
    )


def config(folder: Path) -> str:
    path = folder / "config.yaml"
    model = {"model_name": "acme", "params": {"model": "acme/m", "api_key": "k"}}
    path.write_text(json.dumps({"model_list": [model]}))
    path.chmod(0o600)
    return str(path)


def outputs(folder: Path, environment: dict[str, str], *, refuses: bool) -> list[str]:
    """Do everything that would run the plugin's code, each in a process of its own; return what was said."""
    commands = [
        ["-c", CALL],
        ["-m", "llmgate_core", "chat", "acme/m", "hi"],
        ["-m", "llmgate_core", "acme"],
        ["-m", "llmgate_core", "plugins"],
        ["-m", "llmgate_core", "config", "check", config(folder)],
    ]
    said = []
    for command in commands:
        done = subprocess.run(
            [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
        )
        said.append(done.stdout + done.stderr)
    gateway = GatewayProcess(
        ["serve", "--config", config(folder), "--port", "0"], folder=folder, environment=environment
    )
    try:
        if refuses:
            assert gateway.end() != 0
        else:
            gateway.wait_started()
    finally:
        gateway.close()
    return [*said, "".join(gateway.err)]


@pytest.mark.slow
def test_no_code_of_a_refused_plugin_runs(acme: Path, watched: dict[str, str], tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    outputs(tmp_path, watched, refuses=False)
    assert "llmgate_acme" in witness.read_text()  # the hook sees it where it may run
    witness.unlink()
    (acme / "more.py").write_text("")
    for said in outputs(tmp_path, watched, refuses=True):
        assert "llmgate_acme/more.py is not in RECORD" in said
    assert not witness.exists()


@pytest.mark.slow
def test_verify_imports_no_plugin_even_where_a_dotenv_has_keys(watched: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ACME_API_KEY=k\nFURTHER=1\n")
    command = [sys.executable, "-m", "llmgate_core", "plugins", "verify"]
    done = subprocess.run(command, cwd=tmp_path, env=watched, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "witness").exists()
