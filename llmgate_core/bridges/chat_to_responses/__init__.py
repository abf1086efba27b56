"""Serve chat calls by POST /responses, for the plugins of every upstream that has it.

Pure: a call goes in, a body comes out; a response or its events go in, a chat answer or chunks come out. Sends
nothing, and does nothing in silence: what has no counterpart is an error or a ledger entry, by the policy.

Source: OpenAPI 2.3.0, `CreateChatCompletionRequest`, `CreateResponse`, `Response` and `ResponseStreamEvent`.
"""

from __future__ import annotations

from llmgate_core.bridges.chat_to_responses import params, request, response, stream

__all__ = ["ChatOverResponses"]


class ChatOverResponses:
    """The bridge, for hooks to call; it is no plugin itself.

        body, ledger = ChatOverResponses.request_body(call, route)
        return UpstreamRequest("POST", "/responses", body=body, ledger=ledger)

    Attributes:
        supports_param: judge one chat parameter.
        request_body: chat body -> the body of POST /responses, with its ledger.
        chat_completion: whole response -> chat completion, with its ledger.
        ChatStream: parser of one stream.
    """

    supports_param = staticmethod(params.supports_param)
    request_body = staticmethod(request.request_body)
    chat_completion = staticmethod(response.chat_completion)
    ChatStream = stream.ChatStream
