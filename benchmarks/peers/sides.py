"""The sides of the comparison: which library, which loop, which settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OURS = "this project"


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One way to do the same work."""

    name: str
    library: str
    """Whose environment it runs in: `adapters`, `peft`, or this project's."""
    method: str
    """As this project's command line names it."""
    loop: str = "plain"
    """`trainer`: the library's Trainer; `plain`: a loop written by hand."""
    similar: bool = False
    """Batches of examples of similar length."""
    autocast: bool = False
    """Automatic mixed precision in bfloat16."""

    @property
    def ours(self) -> bool:
        """Whether it is this project."""
        return self.library == OURS

    @property
    def best(self) -> bool:
        """Whether its attention kernel and number formats are tried out and the fastest taken."""
        return self.autocast

    def options(self) -> Mapping[str, Any]:
        """What its process is told."""
        return {"loop": self.loop, "similar": self.similar, "autocast": self.autocast, "best": self.best}


_SIMILAR = {"similar": True}
_BEST = {"similar": True, "autocast": True}


def _variants(
    name: str, library: str, method: str, loop: str, *, chosen: tuple[str, ...]
) -> tuple[Side, ...]:
    kinds: Mapping[str, Mapping[str, bool]] = {
        "random batches, float32": {},
        "similar lengths, float32": _SIMILAR,
        "similar lengths, bfloat16": _BEST,
    }
    return tuple(
        Side(name=f"{name}, {kind}", library=library, method=method, loop=loop, **kinds[kind])
        for kind in chosen
    )


_ALL = ("random batches, float32", "similar lengths, float32", "similar lengths, bfloat16")
_ENDS = (_ALL[0], _ALL[2])
TRAINING: Mapping[str, tuple[Side, ...]] = {
    "bottleneck adapters": (
        Side(name="this project, houlsby", library=OURS, method="houlsby"),
        *_variants("AdapterTrainer", "adapters", "houlsby", "trainer", chosen=_ALL),
        *_variants("adapters + plain loop", "adapters", "houlsby", "plain", chosen=_ALL),
    ),
    "LoRA": (
        Side(name="this project, lora", library=OURS, method="lora"),
        *_variants("Trainer + PEFT LoRA", "peft", "lora", "trainer", chosen=_ENDS),
        *_variants("PEFT LoRA + plain loop", "peft", "lora", "plain", chosen=_ENDS[1:]),
    ),
    "full fine-tuning": (
        Side(name="this project, fine-tune", library=OURS, method="fine-tune"),
        *_variants("Trainer, full fine-tuning", "peft", "fine-tune", "trainer", chosen=_ENDS),
    ),
}
"""Sides by what they train; the first of each is this project."""
REEVALUATION: tuple[Side, ...] = (
    Side(name="this project, from the ledger", library=OURS, method="houlsby"),
    Side(name="adapters, load_adapter per task, float32", library="adapters", method="houlsby"),
    Side(name="adapters, all loaded, at its best", library="adapters", method="houlsby", **_BEST),
)
