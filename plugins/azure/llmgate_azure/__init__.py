"""Azure OpenAI for llmgate: the endpoints of OpenAI's API at a resource of the caller's own, by key or Entra ID."""

from llmgate_azure.endpoints import AzureAudio, AzureOpenAI, AzureResponses, AzureVideo

plugin = AzureOpenAI()
responses = AzureResponses()
audio = AzureAudio()
video = AzureVideo()

__all__ = ["audio", "plugin", "responses", "video"]
