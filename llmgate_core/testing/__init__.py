"""For the tests of plugins and of programs that call models: an upstream that answers from a script."""

from llmgate_core.testing.answer import Answer
from llmgate_core.testing.fake_upstream import FakeUpstream, ReceivedRequest, fake_upstream

__all__ = ["Answer", "FakeUpstream", "ReceivedRequest", "fake_upstream"]
