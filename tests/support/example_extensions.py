"""The extensions of `examples/extensions`, installed for the time of a test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

__all__ = ["EXAMPLES", "install_examples"]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "extensions"
GROUP = '[project.entry-points."llmgate.extensions"]\n'


def install_examples(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the package on the path, with the metadata that its `pyproject.toml` makes."""
    project = (EXAMPLES / "pyproject.toml").read_text("utf-8")
    entries = project.partition(GROUP)[2].partition("\n\n")[0].replace('"', "")
    metadata = folder / "llmgate_example_extensions-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: llmgate-example-extensions\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text(f"[llmgate.extensions]\n{entries}\n")
    for name in [name for name in sys.modules if name.startswith("llmgate_example_extensions")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.syspath_prepend(str(folder))
