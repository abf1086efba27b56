"""Files that are made from others are up to date, and what is made of a method is complete."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import llmgate_core
from llmgate_core.settings.settings import Settings

ROOT = Path(__file__).parent.parent.parent
CORE = ROOT / "llmgate_core"


@pytest.mark.parametrize("tool", ["make_twins.py", "make_stubs.py"])
def test_what_is_made_from_other_files_is_up_to_date(tool: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / tool, "--check"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, ""), "run make twins"


def test_no_room_is_called_like_a_setting_or_a_public_name() -> None:
    # else `from llmgate_core import plugins` would give a module or a setting, whichever was touched first
    rooms = {path.stem for path in CORE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms & {*llmgate_core.__all__, *(field.name for field in fields(Settings))} == set()
