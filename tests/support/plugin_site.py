"""Throw-away distributions of plugins: a package and its metadata in a folder that is put on the path."""

from __future__ import annotations

import hashlib
import json
import sys
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

__all__ = ["MODELS_FILE", "PluginSite", "provider_module"]

MODELS_FILE = "models.json"


def provider_module(name: str, base_url: str, *, env_key: str | None = None) -> str:
    """Return the source of a plugin that speaks OpenAI's API at `base_url`."""
    return (
        "from llmgate_core.plugin import OpenAICompatible, ProviderInfo, ResponsesCompatible\n"
        f"INFO = ProviderInfo(api=(1, 0), name={name!r}, base_url={base_url!r}, env_key={env_key!r})\n"
        "class Compatible(OpenAICompatible):\n    info = INFO\n"
        "class Responses(ResponsesCompatible):\n    info = INFO\n"
        "plugin, responses = Compatible(), Responses()\n"
    )


def record_hash(path: Path) -> str:
    """Return the hash of a file as RECORD writes it."""
    return urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()


class PluginSite:
    """A folder of distributions. `install` adds one, which a client that is made afterwards finds."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._count = 0

    def install(
        self,
        distribution: str,
        entry_points: Mapping[str, str],
        *,
        source: str = "raise RuntimeError('it was imported')\n",
        models: Any = None,
    ) -> str:
        """Install a distribution, and return the name of its package.

        Args:
            distribution: its name, whose version is 1.2.
            entry_points: `family:prefix` -> attribute of the package, such as `plugin`.
            source: of the package.
            models: content of its file of models, as bytes or as what JSON is made of; None: it has none.
        """
        package = distribution.replace("-", "_")
        self._monkeypatch.delitem(sys.modules, package, raising=False)
        folder = self.folder / package
        folder.mkdir()
        (folder / "__init__.py").write_text(source)
        lines: dict[str, list[str]] = {}
        for route, attribute in entry_points.items():
            family, _, prefix = route.partition(":")
            lines.setdefault(family, []).append(f"{prefix} = {package}:{attribute}")
        if models is not None:
            content = models if isinstance(models, bytes) else json.dumps(models).encode()
            (folder / MODELS_FILE).write_bytes(content)
            lines.setdefault("models", []).append(f"{package} = {package}:{MODELS_FILE}")
        metadata = self.folder / f"{package}-1.2.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        sections = [f"[llmgate.{family}]\n" + "\n".join(names) for family, names in lines.items()]
        (metadata / "entry_points.txt").write_text("\n\n".join(sections) + "\n")
        self._put_on_path()
        return package

    def write_record(self, package: str) -> None:
        """Write the RECORD of a distribution, as an installer does: every file and its hash."""
        metadata = self.folder / f"{package}-1.2.dist-info"
        files = [path for folder in (self.folder / package, metadata) for path in sorted(folder.rglob("*"))]
        lines = [
            f"{path.relative_to(self.folder).as_posix()},sha256={record_hash(path)},{path.stat().st_size}"
            for path in files
            if path.is_file() and "__pycache__" not in path.parts and path.name != "RECORD"
        ]
        lines += [f"{metadata.name}/RECORD,,", f"{package}/__pycache__/__init__.cpython-311.pyc,,"]
        (metadata / "RECORD").write_text("\n".join(lines) + "\n")
        self._put_on_path()

    def _put_on_path(self) -> None:
        """Put the folder on the path under a spelling that is new, since what is installed is read once per path."""
        self._count += 1
        self._monkeypatch.syspath_prepend(f"{self.folder}/{'./' * self._count}")
