"""Families of methods as the command line names them: options, rates and regimes, without their tensors.

A method's text is a name followed by options, each after a colon: `key=value`, or a bare word for a switch.
Everything that a command line has to know before anything is loaded stands here; what a method owns is
declared in `catalogue` and `bottleneck`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from db.records.runs import Regime
from stream.errors import UserError
from tasks.errors import did_you_mean

Reader = Callable[[str], Any]
ADAPTER_RATE = 3e-3
FINE_TUNING_RATE = 1e-4
"""Peak rates of adapters, and of methods that train the backbone's own weights.

The rates of all methods here are those with the best mean validation accuracy over three real tasks (airline,
political-message, primary-emotions; 1,000 examples, 100,000 tokens each) of two or three per method, a factor
of about 3 apart.
"""
PLACEMENTS = ("both", "attention", "feed-forward")
"""Sub-layers that get an adapter."""
ACTIVATIONS = ("gelu", "relu", "tanh")
AUTO = "auto"
"""In place of a number: it is chosen for each task, on its validation split."""


def _integer(text: str) -> int:
    return int(text)


def _integer_or_auto(text: str) -> int | str:
    return text if text == AUTO else int(text)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


def _span(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _one_of(allowed: Sequence[str]) -> Reader:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(text)
        return text

    return read


def _switch(text: str) -> bool:
    if text:
        raise ValueError(text)
    return True


_BOTTLENECK: Mapping[str, tuple[Reader, str]] = {
    "size": (_integer, "a whole number"),
    "scale": (_positive, "a number more than 0"),
    "placement": (_one_of(PLACEMENTS), " or ".join(PLACEMENTS)),
    "activation": (_one_of(ACTIVATIONS), " or ".join(ACTIVATIONS)),
    "layers": (_span, "a span such as 0-5"),
    "parallel": (_switch, "a word without a value"),
    "norm": (_switch, "a word without a value"),
    "deep": (_switch, "a word without a value"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodFamily:
    """What is known of a method by its name alone."""

    options: Mapping[str, tuple[Reader, str]] = field(default_factory=dict)
    """By name: how the text is read, and what is allowed, in words."""
    bare: str | None = None
    """The option that a bare number stands for."""
    learning_rate: float = ADAPTER_RATE
    """Peak rate where none is asked for."""
    shares: bool = False
    """Whether the stream owns the body."""
    regime: Regime = Regime.STREAM

    @property
    def has_size(self) -> bool:
        """Whether it has an adapter size."""
        return "size" in self.options


FAMILIES: Mapping[str, MethodFamily] = {
    "houlsby": MethodFamily(options=_BOTTLENECK, bare="size"),
    "adapter-l": MethodFamily(
        options={name: reader for name, reader in _BOTTLENECK.items() if name != "placement"}
    ),
    "lora": MethodFamily(
        options={"rank": (_integer, "a whole number"), "alpha": (_positive, "a number more than 0")},
        bare="rank",
    ),
    "prefix": MethodFamily(
        options={"length": (_integer, "a whole number"), "hidden": (_integer, "a whole number")},
        bare="length",
    ),
    "layer-norm": MethodFamily(learning_rate=1e-2),
    "feature": MethodFamily(learning_rate=1e-2),
    "fine-tune": MethodFamily(
        options={"layers": (_integer_or_auto, f"a whole number or {AUTO}")},
        bare="layers",
        learning_rate=FINE_TUNING_RATE,
    ),
    "sequential": MethodFamily(learning_rate=FINE_TUNING_RATE, shares=True),
    "joint": MethodFamily(learning_rate=FINE_TUNING_RATE, shares=True, regime=Regime.JOINT),
    "no-bert": MethodFamily(regime=Regime.SEPARATE),
}
"""By name."""
METHODS = tuple(FAMILIES)
"""Names of all methods."""


def family_of(text: str) -> MethodFamily:
    """The family of the method that a text such as `lora:rank=4` names.

    Raises:
        UserError: there is no such method.
    """
    name = text.partition(":")[0]
    if name not in FAMILIES:
        raise UserError(f"There is no method {name!r}; {did_you_mean(name, METHODS)}")
    return FAMILIES[name]


def read_options(text: str) -> dict[str, Any]:
    """The options that a method's text gives, by key, read and checked.

    Raises:
        UserError: no such method or option, or a value that is not allowed.
    """
    family, (name, *parts) = family_of(text), text.split(":")
    known, read = family.options, {}
    for part in parts:
        key, _, value = part.partition("=")
        if (key.isdigit() or (name, key) == ("fine-tune", AUTO)) and family.bare is not None:
            key, value = family.bare, key
        if key not in known:
            advice = did_you_mean(key, tuple(known)) if known else f"{name} has no options."
            raise UserError(f"{name} has no option {key!r}; {advice}")
        if key in read:
            raise UserError(f"{name}: the option {key!r} is given twice; give it once.")
        reader, allowed = known[key]
        try:
            read[key] = reader(value)
        except ValueError:
            raise UserError(f"{name}: {key} is {value!r}; it must be {allowed}.") from None
    return read
