"""How requests are sent. Our HTTP/1.1, an adapter for HTTP clients, and the choice between them.

Rooms: `http1/` is our own HTTP/1.1, the default; `user_client/` adapts `httpx` and `httpx2` clients; `async_lanes` is
the same adapter over httpx's transports, one connection each, for `transport="httpx"` and for proxies; `pool` and
`async_slots` hold connections; `selection` chooses and caches. Modules named `sync_…` are made from those named
`async_…`, but for `http1/sync_connection`. Nothing here knows a provider, a plugin or a retry, and nothing is imported
in this file.

**Who owns a connection.** The pool, while it is idle; one response, while it is in use. A response returns it when the
answer is complete and the connection can carry another request, and closes it otherwise. No connection carries two
requests at once. The pool counts every connection that is open or being opened, and its waiters are served in order.

**States.** new -> sending -> reading the head -> reading the body -> idle, or closed from each of them. Whatever comes
while a connection is idle closes it. If a kept connection turns out to be closed before any byte of the answer, the
transport raises `StaleConnectionError` and sends nothing again by itself: the call loop counts requests.

**Deadlines.** Each wait takes the moment at which it ends (`waits.py`), so no wait without a timer can be written. The
phases are those of `contract.limits.Timeouts`: pool, connect (name look-up, TCP and TLS), first_event, idle, total.

**Bytes.** One reader reads one answer (`http1/response_reader.py`). A head has a limit, and so have bytes that carry no
body. An answer that two programs could read differently is refused, and bytes after its end are never read.

**Event loops.** An asynchronous transport serves the loop of its first request, asyncio's or uvloop. It holds an
asynchronous generator, which the loop closes before it ends, and closes its connections then. Transports of loops that
were closed without that are dropped when the next loop appears. Other event loops are refused before sending.

**Forks.** Each process has its own transports and locks (`per_process.py`). What a child inherits it neither uses nor
closes: closing could disturb the parent, or wait for a lock that no thread of the child will release.

**Garbage collection.** The collector may free a response in a thread that holds one of our locks or of httpx's. So
`__del__` takes none: a blocking response is closed in a thread (`deferred_close.py`), an asynchronous one by its loop.

Source: docs/decisions/one-http-stack.md; docs/reliability.md, rows R1, R4, R10 to R13, R19, R26 and S11.
"""
