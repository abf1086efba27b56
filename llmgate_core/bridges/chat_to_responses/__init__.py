"""Serve chat calls by POST /responses, for plugins of every upstream that has this endpoint.

Pure: converts a call to a body, and a response or its events to a chat completion or chunks. Sends nothing.
What has no counterpart is an error or a ledger entry, depending on the policy; nothing is changed silently.

Source: OpenAI API reference, `CreateChatCompletionRequest`, `CreateResponse`, `Response` and `ResponseStreamEvent`.
"""

from __future__ import annotations

from llmgate_core.bridges.chat_to_responses import params, request, response, stream

__all__ = ["ChatOverResponses"]


class ChatOverResponses:
    """The bridge, for hooks to call; it is not a plugin itself.

        body, ledger = ChatOverResponses.request_body(call, route)
        return UpstreamRequest("POST", "/responses", body=body, ledger=ledger)

    Attributes:
        supports_param: judge one chat parameter.
        request_body: chat body -> the body of POST /responses, with its ledger.
        chat_completion: complete response -> chat completion, with its ledger.
        ChatStream: the parser of one stream.
    """

    supports_param = staticmethod(params.supports_param)
    request_body = staticmethod(request.request_body)
    chat_completion = staticmethod(response.chat_completion)
    ChatStream = stream.ChatStream
