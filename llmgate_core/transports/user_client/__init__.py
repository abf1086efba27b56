"""HTTP clients as transports: a caller's own `httpx` or `httpx2` client, or whatever has the same methods.

A caller's client stays the caller's: it is never closed, and its proxies, certificates, hooks and auth hold; but no
redirect is followed, no cookie of its jar is sent, and nothing that it adds by itself goes to a plugin's further hosts.
It is used by protocol: `build_request`, `send(request, stream=True)`, and answers with `iter_bytes` or `aiter_bytes`.
`transport="httpx"` and proxies from the environment go through the same adapter, without a client
(`llmgate_core.transports.async_lanes`).

What a caller's client cannot keep of the promises of `contract.transport`:

* the head of an answer that drips byte by byte has no total limit in a blocking call;
* a body is decoded as far as the client lets it, and bytes that follow an answer are the client's affair;

Through both, the answer to an upload is read when the upload has gone out or the upstream has closed, not before; and
an upstream that stops reading ends a blocking upload by the idle limit, even if the total ends sooner.

Source: docs/guide/options.md; docs/reliability.md, "Sending", and row R26 there.
"""
