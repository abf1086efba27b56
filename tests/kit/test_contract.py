"""The kit on plugins that use contract 1.1: tokens of another host, signatures, jobs, models of this process."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from llmgate_core.plugin import OpenAICompatible, UpstreamRequest, hookimpl
from llmgate_core.testing import Answer, Capabilities, ChatConformance, ReceivedRequest, Wire, results_of
from tests.behaviour.plugins.oauth import OAuthPlugin
from tests.behaviour.plugins.signed import SignedPlugin
from tests.support.sketch_in_process import plugin as in_process
from tests.support.sketch_poller import Poller, Silent

TOKEN = "token-canary-5Jd0Qw7Ls9"


def token(request: ReceivedRequest) -> Answer | None:
    is_token = request["path"].endswith("/token")
    return Answer.json({"access_token": TOKEN, "expires_in": 3600}) if is_token else None


def job(request: ReceivedRequest) -> Answer | None:
    is_answer = request["path"].endswith("/answer")
    return None if is_answer else Answer.json({"id": "job-1", "status": "done"})


def class_of(plugin: Any, **attributes: Any) -> type[ChatConformance]:
    attributes = {"plugin": plugin, "wire": Wire.openai_chat(), "__module__": __name__, **attributes}
    return type("TestContract", (ChatConformance,), attributes)


def beside(answers: Any) -> Wire:
    return replace(Wire.openai_chat(), beside=answers)


OAUTH = {"wire": beside(token)}
SIGNED = {"options": {"secret_key": "SK-canary-9Bn2Xc4Vm6"}}
JOBS = {"wire": replace(beside(job), events=None), "capabilities": Capabilities(streaming=False)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plugin", "attributes", "checked"),
    [
        pytest.param(OAuthPlugin("https://login.acme.example"), OAUTH, "test_tokens", id="token"),
        pytest.param(SignedPlugin(), SIGNED, "test_signatures", id="signature"),
        pytest.param(Silent(), JOBS, "test_jobs_are_made_once", id="jobs"),
        pytest.param(in_process, {"wire": None}, "test_loads", id="in this process"),
    ],
)
def test_plugins_of_each_shape_pass(plugin: Any, attributes: dict[str, Any], checked: str) -> None:
    results = {result.check: result for result in results_of(class_of(plugin, **attributes))}
    assert {name: result.findings for name, result in results.items() if result.outcome == "failed"} == {}
    assert results[checked].outcome == "passed"


def test_a_required_option_gets_a_value_if_the_author_names_none() -> None:
    results = results_of(class_of(SignedPlugin()), "test_options", "test_text", "test_posts_are_counted")
    assert {result.check: result.outcome for result in results if result.outcome != "passed"} == {}


def test_what_is_sent_does_not_apply_to_a_model_of_this_process() -> None:
    (result,) = results_of(class_of(in_process, wire=None), "test_key_in_no_error")
    assert (result.outcome, "in this process" in result.reason) == ("not applicable", True)


class RepeatsJobs(Poller):
    @hookimpl
    def exchange(self, call: Any, route: Any) -> Any:
        return (yield UpstreamRequest("POST", "/jobs", call.body, retry=True)).json()


class SleepsInAuth(SignedPlugin):
    @hookimpl
    def auth(self, request: Any, route: Any, credential: Any, now: float) -> Any:
        time.sleep(0.001)
        return super().auth(request, route, credential, now)


class SignsByClock(SignedPlugin):
    @hookimpl
    def auth(self, request: Any, route: Any, credential: Any, now: float) -> Any:
        self.count = getattr(self, "count", 0) + 1
        return super().auth(request, route, credential, now + self.count)


class FetchesEachTime(OAuthPlugin):
    @hookimpl
    def credentials(self, route: Any) -> Any:
        return replace((yield from super().credentials(route)), expires_in=0)


@pytest.mark.parametrize(
    ("plugin", "attributes", "check"),
    [
        pytest.param(RepeatsJobs(), JOBS, "test_jobs_are_made_once", id="jobs"),
        pytest.param(SignsByClock(), SIGNED, "test_signatures", id="signature"),
        pytest.param(SleepsInAuth(), SIGNED, "test_hooks_do_not_wait", id="auth that sleeps"),
        pytest.param(FetchesEachTime("https://login.acme.example"), OAUTH, "test_tokens", id="token"),
    ],
)
def test_a_fault_is_found(plugin: OpenAICompatible, attributes: dict[str, Any], check: str) -> None:
    (result,) = results_of(class_of(plugin, **attributes), check)
    assert result.outcome == "failed"
