# Made from llmgate_core/transports/http1/async_connect.py by tools/make_twins.py: edit that file, then run `make
# twins`.
"""Open a socket to a host, for the synchronous transport.

Source: rows R11 and R19 of docs/reliability.md.
"""

from __future__ import annotations

import errno
import socket
from time import monotonic
from typing import TYPE_CHECKING

from llmgate_core.transports.addresses import (
    literal_addresses,
    look_up,
    new_socket,
)
from llmgate_core.transports.failures import connect_failed, dns_failed
from llmgate_core.transports.waits import (
    connect_until,
    is_late,
    wait_for_future,
)

if TYPE_CHECKING:
    from llmgate_core.contract.transport import Origin
    from llmgate_core.transports.addresses import Address
    from llmgate_core.transports.waits import Moment

__all__ = ["open_socket"]


def open_socket(origin: Origin, ends: Moment) -> socket.socket:
    """Return a socket that is connected to one of the host's addresses, tried in their order.

    Raises:
        TimeoutError: not before `ends`. APIConnectionError: no address, or refused by all of them.
    """
    addresses = literal_addresses(origin) or _resolve(origin, ends)
    failure = OSError(errno.EADDRNOTAVAIL, "no address")
    for count, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        # A fair share of the time; the last one may take all that is left.
        share = ends if ends is None or count == 1 else monotonic() + (ends - monotonic()) / count
        try:
            return _connect(address, share)
        except OSError as error:
            if is_late(error) and count == 1:
                raise
            failure = OSError(errno.ETIMEDOUT, "no answer") if is_late(error) else error
    raise connect_failed(origin, failure) from failure


def _resolve(origin: Origin, ends: Moment) -> list[Address]:
    looking_up = look_up(origin)
    try:
        return wait_for_future(looking_up, ends)
    except OSError as error:
        if is_late(error):
            raise
        raise dns_failed(origin, error) from error
    except UnicodeError as error:
        raise dns_failed(origin, OSError(0, "not a host name")) from error


def _connect(address: Address, ends: Moment) -> socket.socket:
    sock = new_socket(address)
    try:
        connect_until(sock, address[4], ends)
    except BaseException:
        sock.close()
        raise
    return sock
