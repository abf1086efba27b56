"""The pages about providers: programs print what they say, configs load, the table is that of the rows."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from llmgate_gateway.config import load_config_dict
from llmgate_providers.declared import source
from llmgate_providers.rows import row_names, shipped_row

from llmgate_core.cli import main
from tests.support.pages import BLOCK, all_rows, named
from tests.support.paths import ROOT

FOLDER = ROOT / "docs" / "providers"
PAGE, FRONT = FOLDER / "openai-compatible.md", FOLDER / "README.md"
TEXT = PAGE.read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use an empty config directory and no variable of a provider."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in row_names():
        row = shipped_row(name)
        for variable in (*row.env_key, *row.env_base_url, "LLMGATE_PROVIDERS"):
            monkeypatch.delenv(variable, raising=False)


def test_every_program_of_the_page_prints_what_it_says() -> None:
    names: dict[str, object] = {}
    found = BLOCK.findall(TEXT)
    assert len(found) == 5
    for program, output in found:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(program, PAGE.name, "exec"), names)  # the page's own
        assert printed.getvalue() == output


def test_the_commands_of_the_page_work(capsys: pytest.CaptureFixture[str]) -> None:
    add = next(block for block in blocks("sh") if "provider add" in block)
    for line in add.splitlines():
        assert main(shlex.split(line)[1:]) == 0, line
    assert "acme/" in capsys.readouterr().out


def test_the_rows_and_configs_of_the_page_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", "acme-key")
    (declared,) = map(json.loads, blocks("json"))
    (config,) = map(yaml.safe_load, blocks("yaml"))
    for rows in (declared, config["providers"]):
        for name, row in rows.items():
            assert source.mistakes(name, row) == []
    assert load_config_dict(config).providers == config["providers"]


def test_the_servers_of_ones_own_machine_are_as_their_rows_say() -> None:
    for prefixes, default, variables in all_rows(PAGE, "prefix"):
        row = shipped_row(named(prefixes)[0].strip("/"))
        assert named(default) == [row.base_url]
        assert named(variables) == list(row.env_base_url)


def test_the_table_has_every_row() -> None:
    done = subprocess.run(
        [sys.executable, "tools/make_provider_table.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_front_page_links_pages_that_exist() -> None:
    for page in (FRONT, PAGE):
        for link in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), (page.name, link)
