"""The kit is tested itself: each seeded fault is found by the check that is named for it."""

from __future__ import annotations

import pytest

from llmgate_core.testing import Capabilities, ChatConformance, results_of
from tests.kit.faults import FAULTS
from tests.kit.quill_wire import WIRE

CAPABILITIES = Capabilities(
    tools=True,
    parallel_tool_calls=True,
    structured_output=True,
    usage_in_stream=True,
    images=True,
    reasoning=True,
    signed_reasoning=True,
)


SLOW = ("test_closing_a_stream_closes_the_connection", "test_cancelling_closes_the_connection")  # they wait


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if it.check in SLOW else []) for name, it in FAULTS.items()],
)
def test_a_fault_is_found_by_its_check(name: str) -> None:
    fault = FAULTS[name]
    attributes = {"plugin": fault.make(), "capabilities": CAPABILITIES, "wire": WIRE, "__module__": __name__}
    broken = type("Broken", (ChatConformance,), attributes)
    (result,) = results_of(broken, fault.check)
    assert result.outcome == "failed", f"{fault.check} does not find that {fault.what}"
    assert result.findings


def test_there_are_at_least_forty_faults() -> None:
    assert len(FAULTS) >= 40
