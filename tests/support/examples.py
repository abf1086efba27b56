"""How many examples Hypothesis tries for a property."""

from __future__ import annotations

from hypothesis import settings


def examples(most: int) -> settings:
    """Return the settings of a property that is worth `most` examples: as many as the depth of the run allows.

    The depth is the option `--depth` of the conftest at the root of the checkout.
    """
    return settings(max_examples=min(most, settings().max_examples))
