"""What a choice is made among: lists of settings, those of the paper, and those near a method's own rate."""

import math
from dataclasses import dataclass

PAPER_SIZES = (2, 4, 8, 16, 32, 64)
"""Adapter sizes of the paper's sweep over the 17 tasks (Houlsby et al. 2019, section 3.3)."""
PAPER_LAYERS = (1, 2, 3, 5, 7, 9, 11, 12)
"""Top layers of its variable fine-tuning (section 3.3); more than the backbone has are taken as all."""
PAPER_EPOCHS = (20, 50, 100)
"""Epochs of its sweep (section 3.3), which the paper chose among by hand."""
PAPER_RATES = (1e-5, 3e-5, 1e-4, 3e-4, 3e-3)
"""Rates of its two sweeps: {1e-5, 3e-5, 1e-4, 3e-3} on the 17 tasks, {3e-5, 3e-4, 3e-3} on GLUE (3.2)."""
RATE_RANGE = 10.0
"""Of these, a method tries those within this factor of its own default rate, and that one.

The paper gave adapters and fine-tuning one list. Here each method's default is a measured one
(`stream.model.methods.catalogue`): rates a hundred times off only cost time.
"""
EPOCH_SHARES = tuple(epochs / PAPER_EPOCHS[-1] for epochs in PAPER_EPOCHS)
"""Shares of a token budget's epochs, in the paper's proportions: the budget is not exceeded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """Settings to choose among; an empty list leaves the recipe's or method's own."""

    adapter_sizes: tuple[int, ...] = ()
    num_layers: tuple[int, ...] = ()
    """Top layers of variable fine-tuning."""
    learning_rates: tuple[float, ...] = ()
    epochs: tuple[int, ...] = ()
    epoch_shares: tuple[float, ...] = ()
    """Epochs as shares of what the recipe gives the task; instead of `epochs`."""
    halving: bool = True
    """Whether weaker candidates are stopped early."""


def rates_near(default: float) -> tuple[float, ...]:
    """The rates that `--learning-rate auto` tries for a method with this default, from low to high."""
    decades = math.log10(RATE_RANGE) + 1e-9
    near = {rate for rate in PAPER_RATES if abs(math.log10(rate / default)) <= decades}
    return tuple(sorted(near | {default}))
