"""The sockets under the httpx wire: how httpcore, the engine of httpx, connects, reads and writes.

Only moves bytes. What it adds to httpcore's own sockets: waits that end when our deadline says so,
name look-ups that end too, a request that goes out in one piece, and a note of what came.

Source: rows R11, R12, R19, R26 and S11 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
from typing import TYPE_CHECKING, Any

import httpcore

from llmgate_core.contract.transport import Origin
from llmgate_core.transports.addresses import POLL_IN, POLL_OUT, Address, make_poll, open_socket, resolve
from llmgate_core.transports.failures import connect_failed, dns_failed
from llmgate_core.transports.httpx_exchange import (
    TrackedConnection,
    Trust,
    WireExchange,
    has_final_head,
    seconds_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Connection", "Network"]

GATHERED_BYTES = 64 * 1024  # a request up to this size goes out in one call
RECEIVE_BYTES = 64 * 1024

_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Network(httpcore.NetworkBackend):
    """Opens connections; httpcore passes a `WireExchange` as `timeout`."""

    def __init__(self) -> None:
        self.trust = Trust()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Any = None,
        local_address: str | None = None,  # noqa: ARG002  # never asked for
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002  # never asked for
    ) -> Connection:
        """Return a connection to the first address that takes one.

        Raises:
            APIConnectionError: no address, or none that answers. httpcore.ConnectTimeout: not in time.
        """
        exchange: WireExchange = timeout
        ends = exchange.start_connecting()
        origin = Origin("", host, port)
        try:
            addresses = resolve(origin, seconds_until(ends))
        except TimeoutError:
            raise httpcore.ConnectTimeout from None
        except OSError as error:
            raise dns_failed(origin, error) from error
        return Connection(_connect(origin, addresses, ends), self.trust, exchange)


def _connect(origin: Origin, addresses: list[Address], ends: float | None) -> socket.socket:
    failure: OSError = OSError(errno.EADDRNOTAVAIL, "no address")
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        wait = seconds_until(ends)
        sock = open_socket(address)
        try:
            sock.settimeout(None if wait is None else wait / left)  # a fair share for each address
            sock.connect(address[4])
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    if isinstance(failure, TimeoutError):
        raise httpcore.ConnectTimeout from None
    refused = connect_failed(origin, failure)
    refused.__context__ = failure  # httpcore takes causes off, but no contexts
    raise refused


class Connection(httpcore.NetworkStream, TrackedConnection):
    """A connected socket."""

    def __init__(self, sock: socket.socket, trust: Trust, exchange: WireExchange) -> None:
        super().__init__(trust)
        self._socket = sock
        self._poll = make_poll(sock)
        self._first = exchange  # of what a SOCKS proxy is told, where httpcore passes no timeout
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._early = b""  # what came while an upload went out

    def read(self, max_bytes: int, timeout: Any = None) -> bytes:
        """Send what waits, and return what comes.

        Raises:
            httpcore.ReadTimeout: nothing until `timeout.ends`. httpcore.ReadError: the connection broke.
        """
        exchange: WireExchange = timeout or self._first
        if self._unsent:
            self._flush(exchange)
        exchange.check_head()
        if self._early:
            data, self._early = self._early, b""
            return self._note(exchange, data)
        try:
            self._socket.settimeout(seconds_until(exchange.ends))
            data = self._socket.recv(max_bytes)
        except TimeoutError:
            raise httpcore.ReadTimeout from None
        except OSError as error:
            raise httpcore.ReadError from error
        return self._note(exchange, data)

    def write(self, buffer: bytes, timeout: Any = None) -> None:
        """Gather a request; small ones go out when their answer is read.

        Raises:
            httpcore.WriteTimeout: the upstream reads nothing. httpcore.WriteError: no more of an upload is
            wanted; httpcore then reads the answer.
        """
        exchange: WireExchange = timeout or self._first
        self._begin(exchange)
        self._unsent.append(buffer)
        self._unsent_bytes += len(buffer)
        if self._unsent_bytes > GATHERED_BYTES:
            self._flush(exchange)
            if self._spoilt and exchange.is_upload():
                raise httpcore.WriteError

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: Any = None
    ) -> Connection:
        """Return the connection with TLS.

        Raises:
            OSError: the handshake failed; nothing else here raises a bare one. httpcore.ConnectTimeout: not in time.
        """
        exchange: WireExchange = timeout
        try:
            self._socket.settimeout(seconds_until(exchange.connect_ends))
            secured = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except TimeoutError:
            self.close()
            raise httpcore.ConnectTimeout from None
        except OSError:  # before ValueError: a certificate that is not accepted is both
            self.close()
            raise
        except ValueError:
            self.close()
            raise OSError(errno.EINVAL, "not a host name") from None
        except BaseException:
            self.close()
            raise
        return Connection(secured, self._trust, exchange)

    def get_extra_info(self, info: str) -> Any:
        """Answer what httpcore asks: above all whether an idle connection is still good."""
        if info == "is_readable":
            return self._is_unfit() or self._socket.fileno() < 0 or bool(self._poll.poll(0))
        if info == "ssl_object":
            return self._socket if isinstance(self._socket, ssl.SSLSocket) else None
        return self._socket if info == "socket" else None

    def _flush(self, exchange: WireExchange) -> None:
        data, self._unsent, self._unsent_bytes = b"".join(self._unsent), [], 0
        if exchange.is_upload():
            self._upload(memoryview(data), exchange)
            exchange.start_waiting()
            return
        exchange.start_waiting()
        try:
            self._socket.settimeout(seconds_until(exchange.ends))
            self._socket.sendall(data)
        except TimeoutError:
            raise httpcore.WriteTimeout from None
        except OSError:
            self._spoilt = True  # the upstream reads no more, but its answer may be here already
        exchange.start_waiting()

    def _upload(self, data: memoryview, exchange: WireExchange) -> None:
        """Send a part of an upload as fast as the upstream reads; an early answer ends it."""
        self._socket.settimeout(0)
        self._poll.modify(self._socket.fileno(), POLL_IN | POLL_OUT)
        try:
            while data and not self._spoilt:
                exchange.start_sending()
                wait = seconds_until(exchange.ends)
                events = self._poll.poll(None if wait is None else wait * 1000)
                if not events:
                    raise httpcore.WriteTimeout
                if events[0][1] & ~POLL_OUT:
                    self._read_early()
                if events[0][1] & POLL_OUT and not self._spoilt:
                    with contextlib.suppress(*_NOT_NOW):
                        data = data[self._socket.send(data) :]
        except OSError:
            self._spoilt = True  # the upstream reads no more, but its answer may be here already
        finally:
            self._poll.modify(self._socket.fileno(), POLL_IN)

    def _read_early(self) -> None:
        """Read what comes before the request is out: an answer, a ticket of TLS, or the end."""
        with contextlib.suppress(*_NOT_NOW):
            data = self._socket.recv(RECEIVE_BYTES)
            self._early += data
            self._spoilt = not data or len(self._early) > RECEIVE_BYTES or has_final_head(self._early)
