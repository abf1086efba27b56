"""The programs of the README run with the real models, and print what they say."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from llmgate_local.provider import LocalModels

README = Path(__file__).resolve().parents[1] / "README.md"


@pytest.mark.slow
def test_every_program_of_the_readme_runs_and_prints_what_it_says(
    local: LocalModels, speech: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faster_whisper", reason="the extra `transcription` is not installed")
    (tmp_path / "speech.wav").write_bytes(speech)
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    for block in re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        with redirect_stdout(printed):
            exec(block, {"__name__": "readme"})
    assert printed.getvalue().splitlines() == [
        "The capital of France is Paris.",
        "The quick brown fox jump over the lazy dog. My favorite number is 42.",
    ]
