"""A benchmark's result: figures with their spread, and the machine, versions and date they belong to."""

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from stream.engine.environment import describe_environment
from stream.model.backbone.precision import choose_dtype

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One measured quantity over interleaved repeats."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median of the repeats."""
        return statistics.median(self.values)


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """Figures of one benchmark, and what they say."""

    title: str
    figures: tuple[Figure, ...]
    setting: Mapping[str, Any]
    failures: tuple[str, ...] = ()
    """What broke a bound; then the exit code is 1."""
    tables: tuple[str, ...] = ()
    """The figures that matter as Markdown tables; printed, and kept beside the JSON."""

    def text(self) -> str:
        """Aligned lines: median, lowest and highest of each figure; tables; what failed."""
        width = max(len(figure.name) for figure in self.figures)
        lines = [self.title]
        for figure in self.figures:
            low, high = min(figure.values), max(figure.values)
            spread = f"  ({_shown(low)} to {_shown(high)})" if len(figure.values) > 1 else ""
            lines.append(f"  {figure.name.ljust(width)}  {_shown(figure.median):>12} {figure.unit}{spread}")
        lines += [line for table in self.tables for line in ("", table)]
        return "\n".join(lines + [f"FAILED: {failure}" for failure in self.failures])


def _shown(value: float) -> str:
    """Two decimals, or one digit and an exponent where these would show nothing."""
    return f"{value:,.2f}" if value == 0 or abs(value) >= 0.01 else f"{value:.1e}"


def keep(name: str, result: Result, device: torch.device) -> Path:
    """Write the result with the device it was measured on, versions and date into `benchmarks/results`."""
    content = {
        "title": result.title,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "environment": describe_environment(device, choose_dtype(device)),
        "setting": dict(result.setting),
        "failures": list(result.failures),
        "figures": {
            figure.name: {"unit": figure.unit, "median": figure.median, "values": list(figure.values)}
            for figure in result.figures
        },
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if result.tables:
        page = "\n\n".join([f"{result.title}, {content['date']}", *result.tables])
        path.with_suffix(".md").write_text(page + "\n", encoding="utf-8")
    return path


def interleaved(contestants: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, tuple[float, ...]]:
    """Run each contestant once unmeasured, then all in turn `repeats` times; return their figures."""
    for run in contestants.values():
        run()
    rounds = [{name: run() for name, run in contestants.items()} for _ in range(repeats)]
    return {name: tuple(values[name] for values in rounds) for name in contestants}


def ratios(above: Sequence[float], below: Sequence[float]) -> tuple[float, ...]:
    """Ratios pair by pair."""
    return tuple(a / b for a, b in zip(above, below, strict=True))
