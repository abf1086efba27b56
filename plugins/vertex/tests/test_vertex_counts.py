"""Counts of a server that are no counts are left out of the usage, and break nothing."""

from __future__ import annotations

import pytest
from llmgate_vertex.embeddings import VertexEmbeddings

from llmgate_core.plugin import Call, Route, UpstreamResponse

CALL = Call("embedding", "vertex_ai/text-embedding-005", {"input": "a"})
ROUTE = Route("vertex_ai", "vertex_ai", "embedding", "text-embedding-005", "https://h.example")


@pytest.mark.parametrize("count", ["1e400", "-1e400", "-1", "true", "null", '"2"', "[2]"])
def test_what_is_no_count_is_left_out(count: str) -> None:
    row = f'{{"embeddings": {{"values": [1], "statistics": {{"token_count": {count}}}}}}}'
    response = UpstreamResponse(200, (), f'{{"predictions": [{row}]}}'.encode())
    answer = VertexEmbeddings().transform_response(CALL, ROUTE, response)
    assert "usage" not in answer
    assert answer["data"][0]["embedding"] == [1]


def test_a_count_may_be_written_as_a_fraction() -> None:
    row = b'{"embeddings": {"values": [1], "statistics": {"token_count": 2.0}}}'
    response = UpstreamResponse(200, (), b'{"predictions": [' + row + b"]}")
    answer = VertexEmbeddings().transform_response(CALL, ROUTE, response)
    assert answer["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
