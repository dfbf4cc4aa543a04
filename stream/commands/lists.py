"""Options that take one value, a list of them, or `auto`: read here into single settings and sweeps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from db.records.runs import Regime
from stream.engine.choosing.sweep import (
    EPOCH_SHARES,
    PAPER_EPOCHS,
    PAPER_LAYERS,
    PAPER_SIZES,
    Sweep,
    rates_near,
)
from stream.engine.configuration import Preset
from stream.errors import UserError
from stream.model.methods.family import AUTO, family_of, read_options

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, kw_only=True, slots=True)
class Given(Generic[Number]):
    """What was given for an option that may be swept: nothing, one value, a list, or `auto`."""

    values: tuple[Number, ...] = ()
    is_auto: bool = False

    @property
    def is_swept(self) -> bool:
        """Whether there is something to choose among."""
        return self.is_auto or len(self.values) > 1

    @property
    def single(self) -> Number | None:
        """The one value; None where there is none or a choice."""
        return self.values[0] if len(self.values) == 1 else None

    def among(self, auto: tuple[Number, ...]) -> tuple[Number, ...]:
        """The values to choose among, `auto` being those the program knows; none where nothing is chosen."""
        if not self.is_swept:
            return ()
        return auto if self.is_auto else self.values


@dataclass(frozen=True, kw_only=True, slots=True)
class Lists:
    """What was given for the options that may be swept."""

    adapter_sizes: Given[int] = Given()
    learning_rates: Given[float] = Given()
    epochs: Given[int] = Given()
    halving: bool = True

    def check_sizes(self, methods: Sequence[str]) -> None:
        """Sizes are given for a method that has one, and only once.

        Raises:
            UserError: no method has a size to choose, or one states it already.
        """
        if not self.adapter_sizes.is_swept:
            return
        sized = [method for method in methods if family_of(method).has_size]
        if not sized:
            raise UserError(
                f"--adapter-size lists sizes, but {', '.join(methods)} has no adapter size; "
                "name a method with adapters (houlsby, adapter-l), or leave the option out."
            )
        for method in sized:
            if "size" in read_options(method):
                raise UserError(
                    f"--adapter-size lists sizes, but {method} states one already; state it in one place."
                )

    def sweep_for(self, method: str, preset: Preset) -> Sweep | None:
        """What is chosen among for a method; None where nothing is.

        Raises:
            UserError: there is no such method, or it cannot be chosen for task by task.
        """
        family, given = family_of(method), read_options(method)
        by_paper = preset is Preset.PAPER
        swept = Sweep(
            adapter_sizes=self.adapter_sizes.among(PAPER_SIZES) if family_of(method).has_size else (),
            num_layers=PAPER_LAYERS if given.get("layers") == AUTO else (),
            learning_rates=self.learning_rates.among(rates_near(family.learning_rate)),
            epochs=self.epochs.among(PAPER_EPOCHS if by_paper else ()),
            epoch_shares=EPOCH_SHARES if self.epochs.is_auto and not by_paper else (),
            halving=self.halving,
        )
        lists = (
            swept.adapter_sizes,
            swept.num_layers,
            swept.learning_rates,
            swept.epochs,
            swept.epoch_shares,
        )
        if not any(lists) or family.regime is Regime.SEPARATE:
            return None
        if family.shares:
            raise UserError(
                f"{method} trains one body for all tasks, so nothing can be chosen for each of them; give it "
                "single values, or leave it to a run of its own."
            )
        return swept


def whole_numbers(option: str, text: str | None) -> Given[int]:
    """A whole number, a list of them, or `auto`.

    Raises:
        UserError: an item is none, is less than 1 in a list, or is named twice.
    """
    return _listed(option, text, int, "whole numbers of 1 or more, such as 2,8,32")


def positive_numbers(option: str, text: str | None) -> Given[float]:
    """A number, a list of them, or `auto`.

    Raises:
        UserError: as `whole_numbers`.
    """
    return _listed(option, text, float, "numbers of more than 0, such as 1e-4,1e-3")


def _listed(option: str, text: str | None, read: Callable[[str], Number], allowed: str) -> Given[Number]:
    if text is None or text.strip() == AUTO:
        return Given(is_auto=text is not None)
    items = [item.strip() for item in text.split(",")]
    try:
        values = tuple(read(item) for item in items)
    except ValueError:
        raise UserError(
            f"{option} is {text!r}; it must be one of, or a list of, {allowed}, or auto."
        ) from None
    if len(values) > 1 and not all(0 < value < float("inf") for value in values):
        raise UserError(f"{option} is {text!r}; it must be a list of {allowed}, or auto.")
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise UserError(f"{option} names {twice[0]:g} twice; name each value once.")
    return Given(values=values)


def seeds_of(text: str | None, first: int) -> tuple[int, ...]:
    """The seeds that `--seeds` means: a number of them from the first one on, or a list.

    Raises:
        UserError: the number is less than 1, or the list is none or names a seed twice.
    """
    if text is None:
        return (first,)
    items = [item.strip() for item in text.split(",")]
    try:
        values = tuple(int(item) for item in items)
    except ValueError:
        values = ()
    if not values or (len(values) == 1 and values[0] < 1):
        raise UserError(
            f"--seeds is {text!r}; it must be a number of seeds, 1 or more, or a list of seeds such as 0,1,2."
        )
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise UserError(f"--seeds names {twice[0]} twice; name each seed once.")
    return values if len(values) > 1 else tuple(range(first, first + values[0]))
