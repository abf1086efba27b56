"""Chat answers and their chunks, and Responses outputs and their events, as hypothesis draws them.

Strategies only; all texts are made up.

Source: OpenAPI 2.3.0, `CreateChatCompletionResponse` and `CreateChatCompletionStreamResponse`.
"""
