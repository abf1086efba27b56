"""The gateway answers as its own OpenAPI document says, whatever a client makes of that document.

Schemathesis draws requests from the document, valid ones and others, for every operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from llmgate_core.testing import Answer, ReceivedRequest, fake_upstream
from tests.support.examples import examples
from tests.support.openai_upstream import answered

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]
schemathesis = pytest.importorskip("schemathesis", reason="it is not among the oldest dependencies")
KEY = "sk-alice-key"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
CONFIG = """
model_list:
- model_name: "*"
  params: {{model: "openai/*", api_key: os.environ/UPSTREAM_KEY, max_retries: 0, api_base: "{base_url}"}}
general_settings: {{master_key: sk-master-key, keys: [{{name: alice, key: sk-alice-key}}]}}
"""


def tolerant(request: ReceivedRequest) -> Answer:
    """Return an answer to any request; one that makes no sense is refused, as an upstream does."""
    try:
        return answered(request)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError):
        return Answer.json({"error": {"message": "what is this?", "type": "invalid_request_error"}}, 400)


@pytest.fixture(scope="module")
def gateway(shared_gateways: Any) -> Any:
    with fake_upstream() as upstream:
        upstream.otherwise = tolerant
        shared_gateways.config.write_text(CONFIG.format(base_url=upstream.base_url))
        yield shared_gateways.start()


def test_every_answer_is_one_that_the_document_describes(gateway: Any) -> None:
    address = f"http://127.0.0.1:{gateway.port}"
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json", headers={"authorization": f"Bearer {KEY}"})
    checks = [schemathesis.checks.CHECKS.get_one(name) for name in CHECKS]
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 20
    broken = [found for operation in operations for found in broken_promises(operation, checks, address)]
    assert not broken, "\n\n".join(broken)


def broken_promises(operation: Any, checks: Any, address: str) -> Iterator[str]:
    """Yield what is wrong with the answers of one operation; those of the master key's operations are refusals."""
    for mode in schemathesis.GenerationMode:
        try:
            check_operation(operation, mode, checks, address)
        except Unsatisfiable:  # a request without parameters and body cannot be wrong
            assert mode.is_negative
        except (AssertionError, schemathesis.checks.FailureGroup) as failure:
            yield f"{operation.label}, {mode.value}: {failure}"


def check_operation(operation: Any, mode: Any, checks: Any, address: str) -> None:
    """Send what Schemathesis draws for one operation.

    Raises:
        AssertionError: an answer is not as the document says.
    """

    @settings(examples(25), suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def conforms(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        case.call_and_validate(base_url=address, headers={"authorization": f"Bearer {KEY}"}, checks=checks)

    conforms()
