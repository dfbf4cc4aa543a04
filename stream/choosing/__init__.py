"""How an arrival is learned: by the best of its candidates, or taken over where it was trained before."""

from stream.choosing.arrivals import Choice, choose_arrival, chosen_by
from stream.choosing.grid import study_tasks
from stream.choosing.reuse import learn_once

__all__ = ["Choice", "choose_arrival", "chosen_by", "learn_once", "study_tasks"]
