"""Vectors over the wire: in base64 where the caller does not say, in batches where there are too many inputs."""

from __future__ import annotations

import copy
import pickle
from array import array
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from llmgate_openai_embeddings.batches import MAX_INPUTS

from llmgate_core import APIResponseValidationError, Client, EmbeddingResponse, RateLimitError, Settings
from llmgate_core.testing import Answer, FakeUpstream

MODEL = "text-embedding-3-small"
MANY = 100
"""From so many inputs on core asks for base64."""


def base64_of(numbers: list[float]) -> str:
    return b64encode(array("f", numbers).tobytes()).decode()


def vectors_for(request: Any, *, without: int | None = None) -> Answer:
    """Return a vector for each input, its first number the input's own; all but that of one input."""
    body = request["json"]
    inputs = [body["input"]] if isinstance(body["input"], str) else body["input"]
    rows = [
        {"object": "embedding", "index": place, "embedding": [float(text), 0.5]}
        for place, text in enumerate(inputs)
        if int(text) != without
    ]
    if body.get("encoding_format") == "base64":
        rows = [{**row, "embedding": base64_of(row["embedding"])} for row in rows]
    usage = {"prompt_tokens": len(inputs), "total_tokens": len(inputs)}
    return Answer.json({"object": "list", "model": body["model"], "data": rows, "usage": usage})


@pytest.fixture
def client(fake_upstream: FakeUpstream) -> Iterator[Client]:
    fake_upstream.otherwise = vectors_for
    with Client(
        settings=Settings(), api_key="sk-test-0123456789", api_base=fake_upstream.base_url, max_retries=0
    ) as made:
        yield made


@pytest.mark.parametrize(
    ("model", "given", "count", "on_the_wire"),
    [
        (MODEL, {}, MANY, "base64"),
        (MODEL, {}, 2, None),
        (MODEL, {"encoding_format": "float"}, MANY, "float"),
        ("openai/your-model", {}, MANY, None),
        (MODEL, {"additional_drop_params": ["encoding_format"]}, MANY, None),
    ],
)
def test_numbers_are_numbers_however_they_were_sent(
    model: str, given: Any, count: int, on_the_wire: str | None, client: Client, fake_upstream: FakeUpstream
) -> None:
    answer = client.embedding(model, [str(number) for number in range(count)], **given)
    assert fake_upstream.received[0]["json"].get("encoding_format") == on_the_wire
    wanted = [[float(number), 0.5] for number in range(count)]
    assert [row.embedding for row in answer.data] == wanted
    assert [list(vector) for vector in answer.vectors] == wanted


def test_base64_that_the_caller_asked_for_stays_a_string(client: Client) -> None:
    answer = client.embedding(MODEL, "3", encoding_format="base64")
    assert answer.data[0].embedding == base64_of([3.0, 0.5])
    assert [list(vector) for vector in answer.vectors] == [[3.0, 0.5]]


LOOKS: dict[str, Callable[[EmbeddingResponse], Any]] = {
    "dump": lambda answer: answer.model_dump()["data"][0]["embedding"],
    "json": lambda answer: EmbeddingResponse.model_validate_json(answer.model_dump_json()).data[0].embedding,
    "dict": lambda answer: dict(answer.data[0])["embedding"],
    "item": lambda answer: answer["data"][0]["embedding"],
    "copy": lambda answer: copy.deepcopy(answer).data[0].embedding,
    "pickle": lambda answer: pickle.loads(pickle.dumps(answer)).data[0].embedding,
    "model copy": lambda answer: answer.data[0].model_copy().embedding,
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_vector_is_there_whichever_way_one_looks(look: str, client: Client) -> None:
    assert LOOKS[look](client.embedding(MODEL, ["7"] * MANY)) == [7.0, 0.5]


def test_an_answer_is_equal_to_itself_read_or_not(client: Client) -> None:
    read, unread = (client.embedding(MODEL, ["7"] * MANY) for _ in range(2))
    assert "7.0" in repr(read)
    assert read == unread


def test_vectors_are_one_array_where_numpy_is_there(client: Client) -> None:
    numpy = pytest.importorskip("numpy")
    found = client.embedding(MODEL, ["1", "2", "3"]).vectors
    assert (found.shape, found.dtype) == ((3, 2), numpy.float32)


@pytest.mark.parametrize("count", [MAX_INPUTS, MAX_INPUTS + 1, 2 * MAX_INPUTS + 5])
def test_more_inputs_than_fit_are_sent_in_batches_and_answered_as_one(
    count: int, client: Client, fake_upstream: FakeUpstream
) -> None:
    answer = client.embedding(MODEL, [str(number) for number in range(count)])
    sizes = [len(request["json"]["input"]) for request in fake_upstream.received]
    assert (sum(sizes), max(sizes), len(sizes)) == (count, MAX_INPUTS, -(-count // MAX_INPUTS))
    assert [row.index for row in answer.data] == list(range(count))
    assert [vector[0] for vector in answer.vectors] == list(range(count))
    assert answer.usage is not None
    assert answer.usage.total_tokens == count
    single = client.embedding(MODEL, "1").cost
    assert answer.cost is not None
    assert single is not None
    assert answer.cost == pytest.approx(single * count)
    assert [(entry.parameter, entry.action) for entry in answer.ledger] == [("input", "emulated")] * (len(sizes) > 1)


def test_token_ids_are_one_input_however_many(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.json({"data": [{"index": 0, "embedding": [1.0]}]})
    assert len(client.embedding(MODEL, list(range(MAX_INPUTS + 1))).data) == 1
    assert len(fake_upstream.received) == 1


def test_what_came_before_a_failure_is_in_its_error(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = lambda request: (
        vectors_for(request)
        if len(fake_upstream.received) == 1
        else Answer.json({"error": {"message": "slow"}}, status=429)
    )
    with pytest.raises(RateLimitError) as caught:
        client.embedding(MODEL, ["1"] * (MAX_INPUTS + 1))
    assert len(caught.value.partial["data"]) == MAX_INPUTS


@pytest.mark.parametrize("missing", [0, 1, 2])
@pytest.mark.parametrize("encoding", ["float", "base64", None])
def test_a_missing_vector_is_an_error_that_names_its_input(
    missing: int, encoding: Any, client: Client, fake_upstream: FakeUpstream
) -> None:
    fake_upstream.otherwise = lambda request: vectors_for(request, without=missing)
    with pytest.raises(APIResponseValidationError, match=rf"input {missing}\b"):
        client.embedding(MODEL, [str(number) for number in range(MANY)], encoding_format=encoding)


def test_a_missing_vector_of_a_later_batch_is_named_too(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = lambda request: vectors_for(request, without=MAX_INPUTS + 1)
    with pytest.raises(APIResponseValidationError, match=rf"input {MAX_INPUTS + 1}\b"):
        client.embedding(MODEL, [str(number) for number in range(MAX_INPUTS + 3)])


@pytest.mark.parametrize("data", [[], [{"index": 0, "embedding": []}], [{"embedding": ""}]])
def test_an_empty_vector_is_an_error(data: Any, client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.json({"data": data})
    with pytest.raises(APIResponseValidationError, match="input 0"):
        client.embedding(MODEL, "hi")


@pytest.mark.parametrize("broken", ["?", "AAA="])
def test_broken_base64_is_an_error(broken: str, client: Client, fake_upstream: FakeUpstream) -> None:
    rows = [{"index": place, "embedding": base64_of([1.0])} for place in range(MANY)]
    fake_upstream.otherwise = Answer.json({"data": [*rows[:3], {**rows[3], "embedding": broken}, *rows[4:]]})
    with pytest.raises(APIResponseValidationError, match="input 3"):
        client.embedding(MODEL, ["hi"] * MANY)


def test_vectors_are_put_into_the_order_of_the_inputs(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.json(
        {"data": [{"index": 1, "embedding": [1.0]}, {"index": 0, "embedding": [0.0]}]}
    )
    assert [row.embedding for row in client.embedding(MODEL, ["a", "b"]).data] == [[0.0], [1.0]]


def test_a_server_that_sends_no_index_is_believed(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.json({"data": [{"embedding": [0.0]}, {"embedding": [1.0]}]})
    assert [row.embedding for row in client.embedding(MODEL, ["a", "b"]).data] == [[0.0], [1.0]]
