"""The page on testing: its blocks are a conftest and tests that pass in a folder that knows nothing of ours."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from llmgate_core.testing import pytest_plugin
from tests.support.pages import BLOCK, GUIDE, named, rows

PAGE = GUIDE / "testing.md"


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    blocks = [block for block, _ in BLOCK.findall(PAGE.read_text("utf-8"))]
    (conftest,) = [block for block in blocks if block.startswith("pytest_plugins")]
    (tmp_path / "conftest.py").write_text(conftest, "utf-8")
    (tmp_path / "test_page.py").write_text("\n".join(block for block in blocks if block != conftest), "utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{len(re.findall('^def test_', PAGE.read_text('utf-8'), re.MULTILINE))} passed" in ended.stdout


def test_every_fixture_has_a_row_and_every_row_is_one() -> None:
    assert [name for row in rows(PAGE, "fixture") for name in named(row[0])] == sorted(pytest_plugin.__all__)
