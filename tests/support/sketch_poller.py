"""A provider that makes a job of each call: it is created, polled until it is done, and its answer is fetched.

`poller/live` sends the answer as a stream if the caller wants one; `poller/whole` does not.
"""

from __future__ import annotations

from llmgate_core.plugin import (
    Call,
    Exchange,
    OpenAICompatible,
    Progress,
    ProviderInfo,
    Route,
    Sleep,
    StreamAnswer,
    UpstreamRequest,
    hookimpl,
)

__all__ = ["Poller", "plugin", "silent"]


class Poller(OpenAICompatible):
    """Serves chats."""

    info = ProviderInfo(api=(1, 1), name="poller", base_url="https://poller.example/v1")

    @hookimpl
    def exchange(self, call: Call, route: Route) -> Exchange:
        """Create the job, poll it, and end with its answer."""
        job = (yield UpstreamRequest("POST", "/jobs", call.body)).json()
        while job["status"] != "done":
            yield Progress(job)
            yield Sleep(0.01)
            job = (yield UpstreamRequest("GET", f"/jobs/{job['id']}")).json()
        if call.stream and route.model == "live":
            return StreamAnswer(UpstreamRequest("GET", f"/jobs/{job['id']}/events"))
        return (yield UpstreamRequest("GET", f"/jobs/{job['id']}/answer")).json()


class Silent(Poller):
    """The same, and says that it does not stream."""

    info = ProviderInfo(api=(1, 1), name="silent", base_url="https://silent.example/v1", streams=False)


plugin, silent = Poller(), Silent()
