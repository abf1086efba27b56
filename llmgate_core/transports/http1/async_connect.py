"""Open a socket to a host, for the asynchronous transport.

Source: rows R11 and R19 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from time import monotonic
from typing import TYPE_CHECKING

from llmgate_core.transports.addresses import (
    literal_addresses,
    # sync: look_up,
    new_socket,
)
from llmgate_core.transports.failures import connect_failed, dns_failed
from llmgate_core.transports.waits import (
    await_until,  # sync: connect_until,
    is_late,  # sync: is_late, wait_for_future,
)

if TYPE_CHECKING:
    from llmgate_core.contract.transport import Origin
    from llmgate_core.transports.addresses import Address
    from llmgate_core.transports.waits import Moment

__all__ = ["open_socket"]


async def open_socket(origin: Origin, ends: Moment) -> socket.socket:
    """Return a socket that is connected to one of the host's addresses, tried in their order.

    Raises:
        TimeoutError: not before `ends`. APIConnectionError: no address, or refused by all of them.
    """
    addresses = literal_addresses(origin) or await _resolve(origin, ends)
    failure = OSError(errno.EADDRNOTAVAIL, "no address")
    for count, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        # A fair share of the time; the last one may take all that is left.
        share = ends if ends is None or count == 1 else monotonic() + (ends - monotonic()) / count
        try:
            return await _connect(address, share)
        except OSError as error:
            if is_late(error) and count == 1:
                raise
            failure = OSError(errno.ETIMEDOUT, "no answer") if is_late(error) else error
    raise connect_failed(origin, failure) from failure


async def _resolve(origin: Origin, ends: Moment) -> list[Address]:
    # sync: looking_up = look_up(origin)
    loop = asyncio.get_running_loop()  # async only
    looking_up = loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)  # async only
    try:
        return list(await await_until(looking_up, ends))  # sync: return wait_for_future(looking_up, ends)
    except OSError as error:
        if is_late(error):
            raise
        raise dns_failed(origin, error) from error
    except UnicodeError as error:
        raise dns_failed(origin, OSError(0, "not a host name")) from error


async def _connect(address: Address, ends: Moment) -> socket.socket:
    sock = new_socket(address)
    try:
        sock.setblocking(False)  # async only
        connecting = asyncio.get_running_loop().sock_connect(sock, address[4])  # async only
        await await_until(connecting, ends)  # sync: connect_until(sock, address[4], ends)
    except BaseException:
        sock.close()
        raise
    return sock
