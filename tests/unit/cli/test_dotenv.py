"""`.env`: what the file of the working directory may say, and what a file that was asked for may.

Whoever made the working directory is not trusted: a key of the user's own shell never goes where its file says.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core import ConfigError
from llmgate_core.cli.dotenv import MAX_BYTES, parse_dotenv
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.caller import chat
from tests.support.examples import examples

PROGRAM = str(Path(sys.executable).with_name("llmgate"))
SHELL_KEY, FILE_KEY = "sk-of-the-shell-1234567890", "sk-of-the-file-1234567890"
CHAT = ("chat", "openai/gpt-4o", "hello", "--no-stream")
SHOW = "import json, os, sys; from llmgate_core.cli import main; main(['models', '--prefix', '-']); "
SHOW += "print(json.dumps(dict(os.environ)))"
DANGEROUS = (
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "PATH_OF_MINE", "PYTHONPATH_OF_MINE", "PYTHONSTARTUP",
    "PIP_INDEX_URL", "PIP_CONFIG_FILE", "UV_INDEX_URL", "LLMGATE_PLUGINS", "LLMGATE_LOCAL_DIR", "LLMGATE_MASTER_KEY",
    "LLMGATE_LOCAL_OPENMP_FOLDER", "XDG_CACHE_HOME", "OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_ORGANIZATION",
    "OPENAI_PROJECT_ID", "OPENAI_ORG_ID", "A",
)  # fmt: skip


def environment(**values: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LLMGATE_"))}
    return {name: value for name, value in kept.items() if name not in DANGEROUS} | values


def llmgate(folder: Path, *arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments],
        cwd=folder, env=environment(**values), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def variables_after(folder: Path, **values: str) -> dict[str, str]:
    """Return the environment of a command after it has read the folder's `.env`."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", SHOW],
        cwd=folder, env=environment(**values), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_a_key_of_the_shell_does_not_go_where_the_file_says(folder: Path, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(chat()))
    (folder / ".env").write_text(f"OPENAI_BASE_URL={upstream.base_url}\n")

    done = llmgate(folder, "explain", "openai/gpt-4o", OPENAI_API_KEY=SHELL_KEY)

    assert done.returncode == 0
    assert "https://api.openai.com/v1" in done.stdout
    assert upstream.base_url not in done.stdout
    assert done.stderr == (
        "llmgate: .env of this directory: ignored OPENAI_BASE_URL (--env-file .env reads every variable)\n"
    )


def test_a_key_of_the_shell_does_not_go_there_beside_a_key_of_the_file_either(
    folder: Path, upstream: FakeUpstream
) -> None:
    (folder / ".env").write_text(f"OPENAI_API_KEY={FILE_KEY}\nOPENAI_BASE_URL={upstream.base_url}\n")

    shell = llmgate(folder, "explain", "openai/gpt-4o", OPENAI_API_KEY=SHELL_KEY)
    given_key = llmgate(folder, "explain", "openai/gpt-4o", "--param", f"api_key={SHELL_KEY}")
    given_header = llmgate(folder, "explain", "openai/gpt-4o", "--param", 'extra_headers={"x-key": "mine"}')

    for done in (shell, given_key, given_header):
        assert done.returncode == 0, done.stderr
        assert "https://api.openai.com/v1" in done.stdout
        assert "ignored" in done.stderr
        assert "OPENAI_BASE_URL" in done.stderr


def test_a_key_and_a_base_url_of_the_same_file_belong_together(folder: Path, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(chat("hi")))
    (folder / ".env").write_text(f"OPENAI_API_KEY={FILE_KEY}\nOPENAI_BASE_URL={upstream.base_url}\n")

    done = llmgate(folder, *CHAT)

    assert (done.returncode, done.stdout) == (0, "hi\n")
    assert done.stderr == "llmgate: .env of this directory: took OPENAI_API_KEY, OPENAI_BASE_URL\n"
    assert upstream.received[0]["headers"]["authorization"] == f"Bearer {FILE_KEY}"


def test_an_empty_key_in_the_file_brings_no_base_url(folder: Path, upstream: FakeUpstream) -> None:
    (folder / ".env").write_text(f"OPENAI_API_KEY=' '\nOPENAI_BASE_URL={upstream.base_url}\n")

    assert "OPENAI_BASE_URL" not in variables_after(folder)


def test_a_base_url_that_two_providers_share_needs_the_keys_of_both(folder: Path, upstream: FakeUpstream) -> None:
    site = folder / "site"
    site.mkdir()
    (site / "shares.py").write_text(
        "from llmgate_core.plugin import OpenAICompatible, ProviderInfo\n"
        "class Plugin(OpenAICompatible):\n"
        "    info = ProviderInfo(api=(1, 0), name='shares', base_url='https://shares.example/v1',\n"
        "        env_key='SHARES_API_KEY', env_base_url=('OPENAI_BASE_URL',))\n"
        "plugin = Plugin()\n"
    )
    metadata = site / "shares-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: shares\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[llmgate.chat]\nshares = shares:plugin\n")
    own_key = f"OPENAI_API_KEY={FILE_KEY}\nOPENAI_BASE_URL={upstream.base_url}\n"
    (folder / ".env").write_text(own_key)

    alone = llmgate(folder, "explain", "shares/m", PYTHONPATH=str(site), SHARES_API_KEY=SHELL_KEY)
    (folder / ".env").write_text(f"{own_key}SHARES_API_KEY={FILE_KEY}\n")
    together = llmgate(folder, "explain", "shares/m", PYTHONPATH=str(site))

    assert "https://shares.example/v1" in alone.stdout
    assert "took OPENAI_API_KEY; ignored OPENAI_BASE_URL" in alone.stderr
    assert upstream.base_url in together.stdout


@pytest.mark.parametrize("key", [{}, {"OPENAI_API_KEY": SHELL_KEY}], ids=["no key", "key"])
def test_nothing_that_redirects_or_runs_code_counts(folder: Path, key: dict[str, str]) -> None:
    lines = [f"{name}=http://127.0.0.1:9/evil" for name in DANGEROUS]
    (folder / ".env").write_text("\n".join(["LLMGATE_LOCAL_QUIET=1", *lines, ""]))

    after = variables_after(folder, **key)
    said = llmgate(folder, "models", "--prefix", "-", **key).stderr

    assert [name for name in DANGEROUS if after.get(name) == "http://127.0.0.1:9/evil"] == []
    assert after["LLMGATE_LOCAL_QUIET"] == "1"
    assert "took LLMGATE_LOCAL_QUIET; ignored HTTP_PROXY, HTTPS_PROXY" in said
    assert all(name in said for name in DANGEROUS)
    assert "evil" not in said
    assert said.count("\n") == 1


def test_a_file_of_many_or_long_names_is_still_one_short_line(folder: Path) -> None:
    (folder / ".env").write_text("".join(f"{'N' * 100}{number}=1\n" for number in range(60)))

    said = llmgate(folder, "models", "--prefix", "-").stderr

    assert said.count("\n") == 1
    assert said.count("N" * 60 + "...") == 50
    assert "and 10 more" in said


def test_a_command_of_another_distribution_gets_keys_only(folder: Path) -> None:
    (folder / ".env").write_text(f"OPENAI_API_KEY={FILE_KEY}\nOPENAI_BASE_URL=http://127.0.0.1:9\nTEAM_KEY=x\n")
    (folder / "config.yaml").write_text(
        "model_list: [{model_name: m, litellm_params: {model: openai/gpt-4o, api_key: os.environ/TEAM_KEY}}]\n"
    )

    implicit = llmgate(folder, "config", "check", "config.yaml")
    explicit = llmgate(folder, "--env-file", ".env", "config", "check", "config.yaml")

    assert implicit.returncode == 2
    assert "took OPENAI_API_KEY; ignored OPENAI_BASE_URL, TEAM_KEY" in implicit.stderr
    assert "TEAM_KEY" in implicit.stderr.splitlines()[1]
    assert (explicit.returncode, explicit.stderr) == (0, "")


def test_a_file_that_was_asked_for_gives_every_variable(folder: Path, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(chat("hi")))
    (folder / "mine.env").write_text(f"OPENAI_BASE_URL={upstream.base_url}\n")

    done = llmgate(folder, "--env-file", "mine.env", *CHAT, OPENAI_API_KEY=SHELL_KEY)

    assert (done.returncode, done.stdout, done.stderr) == (0, "hi\n", "")
    assert upstream.received[0]["headers"]["authorization"] == f"Bearer {SHELL_KEY}"


def test_variables_that_are_set_already_are_not_mentioned(folder: Path) -> None:
    (folder / ".env").write_text(f"OPENAI_API_KEY={FILE_KEY}\n")

    assert llmgate(folder, "models", "--prefix", "-", OPENAI_API_KEY=SHELL_KEY).stderr == ""


@pytest.mark.parametrize("options", [(), ("--env-file", ".env")], ids=["implicit", "explicit"])
@pytest.mark.parametrize("command", [("models",), ("config", "schema")], ids=["core", "gateway"])
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_fifo_is_refused_without_being_opened(
    folder: Path, options: tuple[str, ...], command: tuple[str, ...]
) -> None:
    os.mkfifo(folder / ".env")

    done = llmgate(folder, *options, *command)  # the time limit of the run would end a command that hangs

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "llmgate: .env is not a regular file, and was not opened\n"


@pytest.mark.parametrize("options", [(), ("--env-file", ".env")], ids=["implicit", "explicit"])
def test_a_socket_a_large_file_and_one_that_is_not_text_are_refused(folder: Path, options: tuple[str, ...]) -> None:
    file = folder / ".env"
    contents = {
        b"A" * MAX_BYTES + b"=1": "llmgate: .env has more than 64 KiB, and was not read\n",
        b"A=\xff\n": "llmgate: .env cannot be read: UnicodeDecodeError\n",
        b"A=1\n\nsk-secret\n": "llmgate: .env:3: expected a line like NAME=value\n",
        b"A=1\nB=a\0b\n": "llmgate: .env:2: expected a line like NAME=value\n",
    }
    for content, error in contents.items():
        file.write_bytes(content)
        done = llmgate(folder, *options, "models")
        assert (done.returncode, done.stdout, done.stderr) == (2, "", error)

    file.unlink()
    with socket.socket(socket.AF_UNIX) as bound:
        here = Path.cwd()
        os.chdir(folder)  # the path of a socket has a length limit
        try:
            bound.bind(".env")
        finally:
            os.chdir(here)
    assert llmgate(folder, *options, "models").stderr == "llmgate: .env is not a regular file, and was not opened\n"


def test_a_directory_of_that_name_is_another_programs(folder: Path) -> None:
    (folder / ".env").mkdir()

    assert llmgate(folder, "models", "--prefix", "-").returncode == 0


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_a_file_of_any_editor_is_read(folder: Path, mark: bytes, end: bytes) -> None:
    (folder / ".env").write_bytes(mark + end.join([f"OPENAI_API_KEY={FILE_KEY}".encode(), b"LLMGATE_LOCAL_QUIET=1"]))

    after = variables_after(folder)

    assert (after["OPENAI_API_KEY"], after["LLMGATE_LOCAL_QUIET"]) == (FILE_KEY, "1")


def test_dotenv_understands_the_usual_lines_and_names_a_wrong_one_without_its_value() -> None:
    text = "A=1\n\nexport B = two # words\nC='x # y'\nD=\"\"\n"
    assert parse_dotenv(text, ".env") == {"A": "1", "B": "two", "C": "x # y", "D": ""}
    with pytest.raises(ConfigError) as caught:
        parse_dotenv("A=1\nsk-secret\n", ".env")
    assert str(caught.value).startswith(".env:2: ")
    assert "sk-secret" not in str(caught.value)


@given(text=st.text(alphabet="AB_='\"# \n\r\0\x0b\u2028é$", max_size=40))
@examples(200)
def test_any_text_gives_variables_that_an_environment_takes_or_names_a_line(text: str) -> None:
    try:
        variables = parse_dotenv(text, ".env")
    except ConfigError as error:
        variables, line = {}, int(str(error).split(":")[1])
        assert line <= text.count("\n") + text.count("\r") + 1
    for name, value in variables.items():
        assert "=" not in name
        assert "\0" not in name + value


def test_a_file_of_known_keys_imports_no_other_plugin() -> None:
    probe = (
        "import sys; from llmgate_core.cli.working_directory import trusted_variables\n"
        "print(trusted_variables({'OPENAI_API_KEY': 'k'}, brings_key=True), 'llmgate_local' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60)
    assert done.stdout == "{'OPENAI_API_KEY': 'k'} False\n"
