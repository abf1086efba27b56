"""What a call cost in US dollars: the catalogue's prices times the usage that the upstream counted.

Pure. Never a guess: if a price or a count is not known, the cost is None and not zero.
Fees beyond tokens, characters, seconds, images and web searches are not included.

`model.py` is where a cost is worked out: an ordinary answer in text by `text.py`, every other by `tokens.py` and
`units.py`, which have all the rules.
"""

from __future__ import annotations

from llmgate_core.catalogue.prices.cost import Cost
from llmgate_core.catalogue.prices.model import ModelPrices, cost_of
from llmgate_core.catalogue.prices.reported import reported_cost
from llmgate_core.catalogue.prices.usage import billed_tier, token_counts, units_of

__all__ = ["Cost", "ModelPrices", "billed_tier", "cost_of", "reported_cost", "token_counts", "units_of"]
