"""Commands that `llmgate` finds in the group `llmgate.commands`: each an object with help, add_arguments, run."""
