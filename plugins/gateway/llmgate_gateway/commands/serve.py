"""`llmgate serve`: run the gateway on an address. Messages go to standard error.

Exit status: 0 stopped by a signal, 1 it cannot listen on the address, 2 the config or a flag is wrong.
"""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

    from llmgate_gateway.config import GatewayConfig
    from llmgate_gateway.server.reload import Source

__all__ = ["command"]

MAX_WORKERS = 256
SHOWN_MODELS = 50


class CannotListenError(Exception):
    """The gateway cannot listen on the address."""


class ServeCommand:
    """Serve a config, or a single model."""

    help = "serve the models of a config as an OpenAI-compatible gateway"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the flags."""
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--config", metavar="FILE", help="the config: a YAML file in the form of LiteLLM's")
        source.add_argument(
            "--model", metavar="MODEL", help="serve this one model string, whatever name a client sends"
        )
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument(
            "--port", type=_port, default=4000, help="port to listen on; 0 picks a free one (default: 4000)"
        )
        parser.add_argument(
            "--workers", type=_workers, default=1, metavar="N", help="number of worker processes (default: 1)"
        )
        parser.add_argument("--detailed_debug", "--detailed-debug", action="store_true", help="show outgoing calls")
        parser.add_argument("--reload", action="store_true", help="reload the config whenever its file changes")
        parser.add_argument(
            "--insecure-no-auth", action="store_true", help="let anyone who can reach the address use it without a key"
        )

    def run(self, given: argparse.Namespace) -> int:
        """Serve until a signal stops the process, and return the exit status."""
        if given.reload and given.config is None:
            return _usage("--reload needs --config: there is no file to watch")
        if given.workers > 1 and not hasattr(os, "fork"):
            return _usage("--workers: this system cannot fork; run several processes behind a load balancer instead")
        gc.disable()  # everything made until the start stays for good; collecting it only takes time
        try:
            return _run(given)
        finally:
            gc.enable()


def _run(given: argparse.Namespace) -> int:
    from llmgate_core.serving import errors  # imported here, so that --help and a wrong flag load nothing
    from llmgate_gateway.config import ConfigProblems
    from llmgate_gateway.server.reload import Source
    from llmgate_gateway.server.sockets import usable_descriptors

    usable_descriptors()
    source = Source(given.config, given.model, given.host, given.insecure_no_auth)
    try:
        config = source.load()
        source = source.started_with(config)
        if given.workers == 1:
            return _serve_alone(config, source, given)
        return _serve_by_workers(config, source, given)
    except CannotListenError as error:
        _say(f"llmgate: {error}")
        return 1
    except ConfigProblems as error:
        _say(*str(error).splitlines())  # file:line:col: what is wrong
        return 2
    except errors.LLMGateError as error:
        return _usage(str(error))


def _serve_alone(config: GatewayConfig, source: Source, given: argparse.Namespace) -> int:
    from llmgate_gateway.server.worker import (  # imported here, so that a wrong config does not load the server
        WorkerContext,
        build,
        serve,
    )

    context = WorkerContext()
    built = build(config, context, debug=given.detailed_debug)
    sockets = _listen(given)
    context.ready = partial(_announce, config, sockets, given)
    return serve(built, source, sockets, context=context, watch=given.reload, debug=given.detailed_debug)


def _serve_by_workers(config: GatewayConfig, source: Source, given: argparse.Namespace) -> int:
    from llmgate_gateway.app import Gateway
    from llmgate_gateway.server.supervisor import Supervisor

    Gateway(config)  # an error that every worker would meet is reported once, before any is started
    sockets = _listen(given)
    return Supervisor(
        config,
        source,
        sockets,
        workers=given.workers,
        watch=given.reload,
        debug=given.detailed_debug,
        announce=partial(_announce, config, sockets, given),
    ).run()


def _listen(given: argparse.Namespace) -> list[socket.socket]:
    from llmgate_core.serving import errors
    from llmgate_gateway.server.sockets import listen

    try:
        return listen(given.host, given.port)
    except errors.ConfigError as error:
        raise CannotListenError(str(error)) from None


def _announce(config: GatewayConfig, sockets: Sequence[socket.socket], given: argparse.Namespace) -> None:
    from llmgate_gateway.config import has_keys
    from llmgate_gateway.config.schema.fields import is_loopback
    from llmgate_gateway.server.sockets import url_of

    url = url_of(sockets)
    lines = [f"llmgate gateway listening on {url}"]
    names = list(dict.fromkeys(deployment.model_name for deployment in config.deployments))
    more = f" and {len(names) - SHOWN_MODELS} more" if len(names) > SHOWN_MODELS else ""
    lines.append(f"models: {', '.join(map(_printable, names[:SHOWN_MODELS]))}{more}")
    if given.workers > 1:
        lines.append(f"workers: {given.workers}")
    lines += [f"warning: {warning}" for warning in config.warnings]
    if not has_keys(config) and is_loopback(given.host):
        lines.append(f"warning: no key is set: anyone who can reach {url.partition('://')[2]} may use it")
    elif not has_keys(config):
        lines.append(
            "warning: no key is set: anyone who can reach this address can use it and spend your upstream keys"
        )
    _say(*lines)


def _usage(message: str) -> int:
    _say(*(f"llmgate: {line}" for line in message.splitlines()))
    return 2


def _say(*lines: str) -> None:
    from llmgate_core.serving import say_error  # imported here, as above

    for line in lines:
        say_error(line)


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)


def _port(text: str) -> int:
    return _number(text, 0, 65535, "a port must be a number from 0 to 65535")


def _workers(text: str) -> int:
    return _number(text, 1, MAX_WORKERS, f"the number of workers must be from 1 to {MAX_WORKERS}")


def _number(text: str, least: int, most: int, message: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(message)
    return number


command = ServeCommand()
