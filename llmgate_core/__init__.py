"""llmgate: call language models through installable plugins."""
