"""The child: `llmgate_local.server chat|embeddings|transcription`, one model on a loopback port.

Reads its key as the first line of standard input, and ends when that input ends or when its
parent is gone. Prints `{"port": N}` on standard output once it is ready; the output of
libraries goes to standard error, which is the log.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from llmgate_local.openmp import load_openmp

__all__ = ["main"]

CONTEXT_TOKENS = 8192  # shared by the slots
SLOTS = 2
PROMPT_CACHE_MIB = 64
LOG_WARNINGS = 2
PARENT_POLL_SECONDS = 1.0


def main(arguments: list[str] | None = None) -> None:
    """Serve until the parent ends. Never returns."""
    parser = argparse.ArgumentParser(prog="llmgate_local.server", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", choices=("chat", "embeddings", "transcription"))
    parser.add_argument("--weights", type=Path, help="GGUF file of the chat model")
    parser.add_argument("--openmp", type=Path, help="a copy of libgomp.so.1, for a machine that has none")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    options = parser.parse_args(arguments)
    if options.openmp is not None:
        load_openmp(options.openmp)
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    key = sys.stdin.readline().strip()
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if options.model == "chat":
        port, server = _serve_chat(options.weights, key, options.port)
    elif options.model == "embeddings":
        port, server = _serve_embeddings(key, options.port)
    else:
        port, server = _serve_transcription(key, options.port)
    with report:
        json.dump({"port": port}, report)
        report.write("\n")
    threading.Event().wait()  # keeps `server` alive, with its threads
    del server


def _end_with_parent(parent: int) -> None:
    """End when the input ends or the parent has gone: a fork of the parent may keep the pipe open."""

    def watch_input() -> None:
        while os.read(0, 1024):
            pass
        os._exit(0)

    threading.Thread(target=watch_input, daemon=True).start()
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(PARENT_POLL_SECONDS)
    os._exit(0)


def _serve_chat(weights: Path, key: str, port: int) -> tuple[int, object]:
    """Start llama.cpp's own HTTP server; return its port, and the object that keeps it alive."""
    # imported by name, because the compiled module has no types
    xllamacpp: Any = importlib.import_module("xllamacpp")

    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.model_alias = {"smollm2"}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.api_keys = [key]
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = SLOTS
    params.cache_ram_mib = PROMPT_CACHE_MIB
    # One thread: with more threads than idle cores llama.cpp busy-waits and is many times slower.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.use_jinja = True
    params.chat_template = Path(__file__).with_name("chat_template.jinja").read_text(encoding="utf-8")
    params.ui = False
    params.verbosity = LOG_WARNINGS
    try:
        server = xllamacpp.Server(params)
    except RuntimeError:
        sys.exit(1)  # llama.cpp has logged the reason, and the parent's error quotes the log
    return int(server.listening_address.rpartition(":")[2]), server


def _serve_embeddings(key: str, port: int) -> tuple[int, object]:
    """Start the embedding model's server in a thread; return its port, and the server."""
    from llmgate_local.embeddings import EmbeddingServer

    server = EmbeddingServer(key, port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port, server


def _serve_transcription(key: str, port: int) -> tuple[int, object]:
    """Start the speech model's server in a thread; return its port, and the server."""
    from llmgate_local.transcription import TranscriptionServer

    server = TranscriptionServer(key, port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port, server


if __name__ == "__main__":
    main()
