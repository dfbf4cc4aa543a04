"""What the command line of the service names: policies, expected times, and how much is simulated."""

from enum import StrEnum

DEFAULT_REPLICATIONS = 30
FEWEST_JOBS = 6_000
"""So many are simulated for a setting at least, unless asked otherwise: 30 streams of a few arrivals each
would differ from the rate that they were drawn with by a fifth."""
DEFAULT_JOBS = 1_000_000
"""So many are simulated for a setting at most, unless asked for: some seconds. One stream of as many has an
interval by itself (`estimate_from_batches`)."""


class Policy(StrEnum):
    """Scheduling policies."""

    FIRST_COME = "first-come"
    SHORTEST_FIRST = "shortest-first"
    """The smallest expected time first."""
    PRIORITY = "priority"
    """The smallest priority number first; equal ones by arrival."""
    FAIR_SHARE = "fair-share"
    """Customers who have work waiting get equal shares of the expected time."""


class Expected(StrEnum):
    """What the expected time of a task is taken from; each is scaled to the run's own seconds."""

    TOKENS = "tokens"
    """Training tokens of all epochs, which a recipe without early stopping fixes before training."""
    SIZE = "size"
    """Training examples."""
    MEASURED = "measured"
    """The measured time itself: perfect foresight, a bound for what knowing better could give."""
