"""A web app on FastAPI: one client for its lifetime, a whole answer and a streamed one.

pip install fastapi 'uvicorn[standard]'
OPENAI_API_KEY=sk-... uvicorn fastapi_app:app
curl -N http://127.0.0.1:8000/chat/stream -H 'content-type: application/json' -d '{"text": "Hello"}'
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from llmgate_core import APIError, AsyncClient, RateLimitError

MODEL = os.environ.get("MODEL", "openai/gpt-4o-mini")


class Question(BaseModel):
    """The body of both routes."""

    text: str


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open one client when the app starts: its connections are shared by all requests."""
    async with AsyncClient(timeout=60) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.exception_handler(APIError)
async def upstream_failed(_: Request, error: APIError) -> JSONResponse:
    """Tell the caller that the upstream failed, without repeating what the upstream said."""
    if isinstance(error, RateLimitError):
        return JSONResponse({"error": "busy, try again later"}, 429)
    return JSONResponse({"error": f"no answer from the model ({type(error).__name__})"}, 502)


@app.post("/chat")
async def chat(question: Question, request: Request) -> dict[str, Any]:
    """Return the whole answer and its cost in US dollars."""
    answer = await request.app.state.client.completion(MODEL, messages(question))
    return {"text": answer.choices[0].message.content, "cost": answer.cost}


@app.post("/chat/stream")
async def stream_chat(question: Question, request: Request) -> StreamingResponse:
    """Send the text as it arrives. A call that fails at once is still an error with a status."""
    stream = await request.app.state.client.completion(MODEL, messages(question), stream=True)

    async def text() -> AsyncIterator[str]:
        async with stream:  # closes the upstream's connection if the browser goes away
            async for piece in stream.text():
                yield piece

    return StreamingResponse(text(), media_type="text/plain; charset=utf-8")


def messages(question: Question) -> list[dict[str, str]]:
    """Return the conversation that starts with a question."""
    return [{"role": "system", "content": "Answer briefly."}, {"role": "user", "content": question.text}]
