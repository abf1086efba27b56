"""An error as another class is the same error: where it happened, what was said, and whether to try again."""

from __future__ import annotations

import pickle

import pytest

from llmgate_core import errors


def an_error() -> errors.APIError:
    error = errors.BadRequestError(
        "the prompt is too long",
        status_code=400,
        code="invalid",
        type="invalid_request_error",
        param="messages",
        request_id="req_1",
        retry_after=2.0,
        provider="acme",
        model="large",
        attempts=1,
        body="{}",
        response_headers={"x-request-id": "req_1"},
        retry=False,
    )
    error.host = "api.acme.example"
    return error


def test_an_error_as_another_class_keeps_all_but_its_code() -> None:
    error = an_error()
    made = error.recast(errors.ContextWindowExceededError)
    assert type(made) is errors.ContextWindowExceededError
    assert {**vars(error), "code": None} == vars(made)
    assert made.args == error.args
    assert str(made) == str(error)


def test_another_message_replaces_the_own_one() -> None:
    made = an_error().recast(errors.AuthenticationError, code="wrong_key", message="the key is wrong")
    assert (made.code, made.message, made.args) == ("wrong_key", "the key is wrong", ("the key is wrong",))


@pytest.mark.parametrize("kind", [errors.RateLimitError, errors.UnsupportedParamsError])
def test_an_error_as_another_class_can_be_pickled(kind: type[errors.APIError]) -> None:
    made = an_error().recast(kind)
    copied = pickle.loads(pickle.dumps(made))
    assert type(copied) is kind
    assert vars(copied) == vars(made)
