"""`python -m llmgate_core`: the same as the command `llmgate`."""

import sys

from llmgate_core.cli import main

sys.exit(main())
