"""llmgate-local: a small real model on this machine, served by a child process."""

from llmgate_local.provider import LocalModels

__all__ = ["plugin"]

plugin = LocalModels()
