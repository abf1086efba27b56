"""`llmgate serve`: run the gateway on an address. Messages go to standard error.

Flags that are not given come from HOST, PORT and NUM_WORKERS. From its first line on, a signal ends it with status 0.

Exit status: 0 stopped by a signal, 1 it cannot listen on the address, 2 the config or a flag is wrong.
"""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from llmgate_gateway.server.start_signals import handle_early_signals, ignore_late_signals

if TYPE_CHECKING:
    import socket

    from llmgate_gateway.config import GatewayConfig
    from llmgate_gateway.server.certificate import Certificate
    from llmgate_gateway.server.reload import Source
    from llmgate_gateway.telemetry.start_messages import StartMessages

__all__ = ["FLAGS", "command"]

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
        source.add_argument(
            "--config", metavar="FILE", help="the config: a YAML file in the form of LiteLLM's; - reads standard input"
        )
        source.add_argument(
            "--model", metavar="MODEL", help="serve this one model string, whatever name a client sends"
        )
        parser.add_argument("--host", help="address to listen on (default: $HOST, else 127.0.0.1)")
        parser.add_argument(
            "--port", type=_port, help="port to listen on; 0 picks a free one (default: $PORT, else 4000)"
        )
        parser.add_argument("--uds", metavar="PATH", help="listen on a Unix socket instead of an address")
        parser.add_argument(
            "--workers", type=_workers, metavar="N", help="number of worker processes (default: $NUM_WORKERS, else 1)"
        )
        parser.add_argument("--ssl-certfile", metavar="FILE", help="serve TLS with this certificate (PEM)")
        parser.add_argument("--ssl-keyfile", metavar="FILE", help="its key, if the certificate's file has none")
        parser.add_argument("--detailed_debug", "--detailed-debug", action="store_true", help="show outgoing calls")
        parser.add_argument("--reload", action="store_true", help="reload the config whenever its file changes")
        parser.add_argument(
            "--insecure-no-auth", action="store_true", help="let anyone who can reach the address use it without a key"
        )

    def run(self, given: argparse.Namespace) -> int:
        """Serve until a signal stops the process, and return the exit status."""
        handle_early_signals()
        try:
            _complete(given)
        except argparse.ArgumentTypeError as error:
            return _usage(str(error))
        mistake = _contradiction(given)
        if mistake is not None:
            return _usage(mistake)
        gc.disable()  # everything made until the start stays for good; collecting it only takes time
        try:
            return _run(given)
        finally:
            gc.enable()
            ignore_late_signals()


def _complete(given: argparse.Namespace) -> None:
    """Take from the environment what no flag says.

    Raises:
        argparse.ArgumentTypeError: a variable has a value that its flag could not have.
    """
    given.ignored = given.uds is not None and (given.host is not None or given.port is not None)
    for name, variable, parse, default in FLAGS:
        if getattr(given, name) is None:
            value = os.environ.get(variable, "").strip()
            try:
                setattr(given, name, parse(value) if value else default)
            except argparse.ArgumentTypeError as error:
                raise argparse.ArgumentTypeError(f"{variable}: {error}") from None


def _contradiction(given: argparse.Namespace) -> str | None:
    """Return what is wrong with the flags as a whole."""
    if given.reload and given.config in (None, "-"):
        return "--reload needs --config FILE: there is no file to watch"
    if given.workers > 1 and not hasattr(os, "fork"):
        return "--workers: this system cannot fork; run several processes behind a load balancer instead"
    if given.ssl_keyfile is not None and given.ssl_certfile is None:
        return "--ssl-keyfile needs --ssl-certfile"
    return None


def _run(given: argparse.Namespace) -> int:
    from llmgate_core.serving import errors  # imported here, so that --help and a wrong flag load nothing
    from llmgate_gateway.config import ConfigProblems
    from llmgate_gateway.server.descriptors import raise_limit
    from llmgate_gateway.server.reload import Source
    from llmgate_gateway.server.sockets import remove_unix, usable_descriptors
    from llmgate_gateway.telemetry.start_messages import StartMessages

    usable_descriptors()
    given.open_files = raise_limit()
    host = "localhost" if given.uds is not None else given.host
    source = Source(given.config, given.model, host, given.insecure_no_auth, _certificate(given))
    messages = StartMessages()
    try:
        with messages.of_warnings():
            config = source.load()
        messages.take_format(config)
        serve = _serve_alone if given.workers == 1 else _serve_by_workers
        return serve(config, source.started_with(config), given, messages)
    except CannotListenError as error:
        messages.error(f"llmgate: {error}")
        return 1
    except ConfigProblems as error:
        messages.error(str(error))  # lines of file:line:col: what is wrong
        return 2
    except errors.LLMGateError as error:
        messages.error("\n".join(f"llmgate: {line}" for line in str(error).splitlines()))
        return 2
    finally:
        if given.uds is not None:
            remove_unix(given.uds)


def _certificate(given: argparse.Namespace) -> Certificate | None:
    if given.ssl_certfile is None:
        return None
    from llmgate_gateway.server.certificate import Certificate

    return Certificate(given.ssl_certfile, given.ssl_keyfile)


def _serve_alone(config: GatewayConfig, source: Source, given: argparse.Namespace, messages: StartMessages) -> int:
    from llmgate_gateway.server.worker import (  # imported here, so that a wrong config does not load the server
        WorkerContext,
        build,
        serve,
    )

    context = WorkerContext()
    built = build(config, context, debug=given.detailed_debug)
    sockets = _listen(given)
    context.ready = _announcement(config, sockets, given, messages)
    return serve(built, source, sockets, context=context, watch=given.reload, debug=given.detailed_debug)


def _serve_by_workers(config: GatewayConfig, source: Source, given: argparse.Namespace, messages: StartMessages) -> int:
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
        announce=_announcement(config, sockets, given, messages),
    ).run()


def _listen(given: argparse.Namespace) -> list[socket.socket]:
    from llmgate_core.serving import errors
    from llmgate_gateway.server.sockets import listen, listen_unix

    try:
        return listen(given.host, given.port) if given.uds is None else listen_unix(given.uds)
    except errors.ConfigError as error:
        raise CannotListenError(str(error)) from None


def _announcement(
    config: GatewayConfig, sockets: list[socket.socket], given: argparse.Namespace, messages: StartMessages
) -> Callable[[], None]:
    """Return what announces that requests are accepted; its lines are settled now, while the sockets are open."""
    from llmgate_gateway.server.descriptors import shortage
    from llmgate_gateway.server.sockets import url_of

    url = url_of(sockets, scheme="http" if given.ssl_certfile is None else "https")
    names = list(dict.fromkeys(deployment.model_name for deployment in config.deployments))
    more = f" and {len(names) - SHOWN_MODELS} more" if len(names) > SHOWN_MODELS else ""
    lines = [f"llmgate gateway listening on {url}"]
    lines.append(f"models: {', '.join(map(_printable, names[:SHOWN_MODELS]))}{more}")
    if given.workers > 1:
        lines.append(f"workers: {given.workers}")
    warnings = [*messages.warnings, *config.warnings]
    if given.ignored:
        warnings.append("--host and --port have no effect together with --uds")
    if (too_few := shortage(given.open_files, config.general.limits.max_in_flight)) is not None:
        warnings.append(too_few)
    warnings += _open_to_all(config, given, url)
    return partial(messages.announce, lines, warnings)


def _open_to_all(config: GatewayConfig, given: argparse.Namespace, url: str) -> list[str]:
    """Return the warning of a gateway without keys."""
    from llmgate_gateway.config import has_keys
    from llmgate_gateway.config.schema.fields import is_loopback

    if has_keys(config):
        return []
    if given.uds is not None or is_loopback(given.host):
        return [f"no key is set: anyone who can reach {url.partition('://')[2] or url} may use it"]
    return ["no key is set: anyone who can reach this address can use it and spend your upstream keys"]


def _usage(message: str) -> int:
    from llmgate_gateway.telemetry.start_messages import StartMessages

    StartMessages().error("\n".join(f"llmgate: {line}" for line in message.splitlines()))
    return 2


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


FLAGS: tuple[tuple[str, str, Callable[[str], object], object], ...] = (
    ("host", "HOST", str, "127.0.0.1"),
    ("port", "PORT", _port, 4000),
    ("workers", "NUM_WORKERS", _workers, 1),
)
"""Flag, the variable that stands for it, how its value is read, and the default."""

command = ServeCommand()
