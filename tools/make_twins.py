"""Make the synchronous twin of each asynchronous module. `make twins` writes them, `make check` compares.

If two modules differ only by what is awaited, the asynchronous one is written by hand, and its twin is made by
renaming tokens. A line that ends with `# async only` is left out; one that ends with `# sync: …` is replaced by the
code after the colon.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import textwrap
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TWINS = {
    "llmgate_core/calls/async_driver.py": "llmgate_core/calls/sync_driver.py",
    "llmgate_core/reading/async_stream.py": "llmgate_core/reading/sync_stream.py",
    "llmgate_core/client/async_caller.py": "llmgate_core/client/caller.py",
    "llmgate_core/client/async_client.py": "llmgate_core/client/sync_client.py",
    "llmgate_core/client/async_media_calls.py": "llmgate_core/client/media_calls.py",
    "llmgate_core/client/async_message_calls.py": "llmgate_core/client/message_calls.py",
    "llmgate_core/client/async_score_calls.py": "llmgate_core/client/score_calls.py",
    "llmgate_core/client/async_text_calls.py": "llmgate_core/client/text_calls.py",
    "llmgate_core/transports/async_lanes.py": "llmgate_core/transports/sync_lanes.py",
    "llmgate_core/transports/async_slots.py": "llmgate_core/transports/sync_slots.py",
    "llmgate_core/transports/async_upload.py": "llmgate_core/transports/sync_upload.py",
    "llmgate_core/transports/http1/async_connect.py": "llmgate_core/transports/http1/sync_connect.py",
    "llmgate_core/transports/http1/async_transport.py": "llmgate_core/transports/http1/sync_transport.py",
    "llmgate_core/transports/in_process/async_transport.py": "llmgate_core/transports/in_process/sync_transport.py",
    "llmgate_core/transports/user_client/async_transport.py": "llmgate_core/transports/user_client/sync_transport.py",
}
"""Asynchronous module -> synchronous module, both relative to the checkout."""

WORDS = {
    "AsyncCaller": "Caller",
    "AsyncByteStream": "SyncByteStream",
    "AsyncClient": "Client",
    "AsyncClientTransport": "ClientTransport",
    "AsyncConnection": "Connection",
    "AsyncDecodedResponse": "DecodedResponse",
    "AsyncHTTP1Response": "HTTP1Response",
    "AsyncHTTP1Transport": "HTTP1Transport",
    "AsyncHTTPTransport": "HTTPTransport",
    "AsyncHTTPXTransport": "HTTPXTransport",
    "AsyncInProcessResponse": "InProcessResponse",
    "AsyncInProcessTransport": "InProcessTransport",
    "AsyncLane": "Lane",
    "AsyncLaneStream": "LaneStream",
    "AsyncMediaCalls": "MediaCalls",
    "AsyncMessageCalls": "MessageCalls",
    "AsyncScoreCalls": "ScoreCalls",
    "AsyncSlots": "Slots",
    "AsyncTextCalls": "TextCalls",
    "AsyncUserClientResponse": "UserClientResponse",
    "AsyncUserClientTransport": "UserClientTransport",
    "An asynchronous": "A synchronous",
    "AsyncTransportSelector": "TransportSelector",
    "Each event loop has its own": "Threads share its",
    "async_caller": "caller",
    "async_connect": "sync_connect",
    "async_connection": "sync_connection",
    "async_driver": "sync_driver",
    "async_lanes": "sync_lanes",
    "async_media_calls": "media_calls",
    "async_message_calls": "message_calls",
    "async_score_calls": "score_calls",
    "async_slots": "sync_slots",
    "async_text_calls": "text_calls",
    "async_transport": "sync_transport",
    "async_upload": "sync_upload",
    "of the running event loop": "of this client",
    "AsyncIterator": "Iterator",
    "AsyncGenerator": "Generator",
    "AsyncStream": "Stream",
    "AsyncStreamBase": "StreamBase",
    "AsyncTransport": "Transport",
    "AsyncTransportResponse": "TransportResponse",
    "AsyncUpload": "Upload",
    "StopAsyncIteration": "StopIteration",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "ablocks": "blocks",
    "aclose": "close",
    "afinish": "finish",
    "ag_frame": "gi_frame",
    "ag_running": "gi_running",
    "aiter": "iter",
    "aiter_bytes": "iter_bytes",
    "arun": "run",
    "async_stream": "sync_stream",
    "awrite_block": "write_block",
    "anext": "next",
    "aopened": "opened",
    "aread_block": "read_block",
    "an `AsyncStream": "a `Stream",
    "asend": "send",
    "atrace": "trace",
    "await_end": "wait",
    "await_future": "wait_for_future",
    "awatch": "watch",
    "handle_async_request": "handle_request",
    "asynchronous": "synchronous",
    "asynchronously": "synchronously",
}
"""Names and words of an asynchronous module -> those of its twin, in code, strings and comments alike."""

WORD = re.compile(r"\b(" + "|".join(sorted(WORDS, key=len, reverse=True)) + r")\b")
ASYNC_ONLY = re.compile(r"^.*# async only$\n?", re.MULTILINE)
SYNC_LINE = re.compile(r"^( *).*# sync: (.*)$", re.MULTILINE)


def twin_of(source: str, name: str) -> str:
    """Return the synchronous form of a module's source; `name` is the module's path, for the first line."""
    source = SYNC_LINE.sub(r"\1\2", ASYNC_ONLY.sub("", source))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    origin = f"Made from {name} by tools/make_twins.py: edit that file, then run `make twins`."
    parts = [f"# {row}\n" for row in textwrap.wrap(origin, 118)]
    line, column = 1, 0
    lines = source.splitlines(keepends=True)
    skip_space = False
    for kind, text, (start_line, start_column), (end_line, end_column), _ in tokens:
        gap = _between(lines, (line, column), (start_line, start_column))
        parts.append("" if skip_space else gap)
        skip_space = kind == tokenize.NAME and text in ("async", "await")
        if not skip_space:
            parts.append(_renamed(text))
        line, column = end_line, end_column
    return "".join(parts)


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    """Return the text between two positions, which holds white space and line continuations only."""
    (first, left), (last, right) = start, end
    if first == last:
        return lines[first - 1][left:right] if first <= len(lines) else ""
    rows = [lines[first - 1][left:], *lines[first : last - 1], lines[last - 1][:right] if last <= len(lines) else ""]
    return "".join(rows)


def _renamed(text: str) -> str:
    return WORD.sub(lambda match: WORDS[match.group()], text)


def formatted(content: str, path: Path) -> str:
    """Return `content` formatted, with its imports sorted and without unused ones."""
    ruff = str(Path(sys.executable).with_name("ruff"))
    for arguments in (["check", "--quiet", "--select", "I,F401", "--fix"], ["format", "--quiet"]):
        done = subprocess.run(
            [ruff, *arguments, "--stdin-filename", str(path), "-"],
            input=content, capture_output=True, text=True, check=True, cwd=ROOT,
        )  # fmt: skip
        content = done.stdout
    return content


def stale_twins() -> dict[Path, str]:
    """Return the path of every twin that differs from what its source makes, and its correct content."""
    stale = {}
    for source, target in TWINS.items():
        path = ROOT / target
        content = formatted(twin_of((ROOT / source).read_text(encoding="utf-8"), source), path)
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            stale[path] = content
    return stale


def main() -> int:
    """Write the twins, or with `--check` only compare them. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a twin is not up to date")
    arguments = parser.parse_args()
    stale = stale_twins()
    for path, content in stale.items():
        if not arguments.check:
            path.write_text(content, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {'not up to date, run make twins' if arguments.check else 'written'}")
    return int(bool(stale) and arguments.check)


if __name__ == "__main__":
    sys.exit(main())
