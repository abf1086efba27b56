"""The yardstick: a program that uses httpx alone. It imports nothing of llmgate, so peers can use it too."""

from __future__ import annotations

import json

import httpx

MESSAGES = [{"role": "user", "content": "How many ships did the lighthouse keeper count?"}]
TEXT = "a sentence to embed"
KEY = "sk-benchmark"


class Plain:
    """Each method returns the length of the text, or the count of numbers, that it got."""

    def __init__(self, base_url: str) -> None:
        headers = {"authorization": f"Bearer {KEY}"}
        self.client, self.aclient = httpx.Client(headers=headers), httpx.AsyncClient(headers=headers)
        self.chat_url, self.embeddings_url = f"{base_url}/chat/completions", f"{base_url}/embeddings"
        self.chat = {"model": "gpt-4o", "messages": MESSAGES}
        self.chat_stream = {**self.chat, "stream": True}

    def call(self) -> int:
        response = self.client.post(self.chat_url, json=self.chat)
        return len(json.loads(response.content)["choices"][0]["message"]["content"])

    async def acall(self) -> int:
        response = await self.aclient.post(self.chat_url, json=self.chat)
        return len(json.loads(response.content)["choices"][0]["message"]["content"])

    def stream(self) -> int:
        size = 0
        with self.client.stream("POST", self.chat_url, json=self.chat_stream) as response:
            for line in response.iter_lines():
                size += self._delta_size(line)
        return size

    async def astream(self) -> int:
        size = 0
        async with self.aclient.stream("POST", self.chat_url, json=self.chat_stream) as response:
            async for line in response.aiter_lines():
                size += self._delta_size(line)
        return size

    def embed(self) -> int:
        response = self.client.post(self.embeddings_url, json={"model": "text-embedding-3-small", "input": TEXT})
        return len(json.loads(response.content)["data"][0]["embedding"])

    @staticmethod
    def _delta_size(line: str) -> int:
        if not line.startswith("data: ") or line == "data: [DONE]":
            return 0
        return len(json.loads(line[6:])["choices"][0]["delta"].get("content") or "")
