"""A scripted upstream on the loopback, for the tests of plugins and of programs that call models."""

from llmgate_core.testing.answer import Answer
from llmgate_core.testing.fake_upstream import FakeUpstream, ReceivedRequest, fake_upstream

__all__ = ["Answer", "FakeUpstream", "ReceivedRequest", "fake_upstream"]
