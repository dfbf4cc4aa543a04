"""`python -m stream.study latency`: what adapters cost at inference, by batch, length and size.

As in the LoRA paper (Hu et al. 2021, arXiv 2106.09685, Table 1 and appendix B), with LoRA merged into the
weights as the zero line. Nothing is trained, so the measurements lie in a run of their own.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from db import ConfigurationError, Database, Ledger
from db.records import NewRun, Regime, RunStatus
from db.records.measurements import Measurement
from stream.engine.configuration import difference
from stream.engine.environment import describe_environment
from stream.engine.session import status_kept
from stream.errors import UserError
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.loading import load_backbone
from stream.model.backbone.precision import choose_device, choose_dtype
from stream.model.methods.catalogue import feature
from stream.model.methods.family import family_of
from stream.model.methods.method import Method
from stream.model.methods.specification import method_named
from stream.results.folder import reports_folder
from stream.study.latency.text import latency_lines
from stream.study.latency.timing import Clock, Timings, clock_for, encoder_of, full_batch, timed_pairs
from stream.study.latency.values import STUDY, latency_key, load_latencies
from stream.study.latency.write import write_latency_reports

DEFAULT_LENGTHS = (16, 64, 128, 256)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One measurement to be made."""

    method: str
    adapter_size: int | None
    batch_size: int
    length: int


def run(options: argparse.Namespace) -> tuple[str, ...]:
    """Measure what is missing, write the files; return the last lines.

    Raises:
        UserError, LedgerError: as the message says; what was measured stays.
    """
    if options.repeats < 1:
        raise UserError(f"--repeats is {options.repeats}; it must be 1 or more.")
    device = choose_device(options.device)
    backbone = load_backbone(options.backbone, device=device, dtype=choose_dtype(device))
    cells = tuple(cells_of(options, backbone))
    out: Path = options.out or reports_folder(options.name) / "studies"
    with Database.open(options.db) as database, database.acquire(options.name):
        new = _new_run(options.name, backbone)
        ledger = _ledger(database, new)
        with status_kept(ledger):
            clock = clock_for(device, new.environment["num_threads"])
            measure(ledger, backbone, cells, repeats=options.repeats, clock=clock)
            study = load_latencies(ledger)
            write_latency_reports(study, out)
        ledger.set_status(RunStatus.FINISHED)
    return (*latency_lines(study), f"reports: {out}")


def cells_of(options: argparse.Namespace, backbone: Backbone) -> Iterator[Cell]:
    """Everything that is asked for: all methods and sizes of one batch and length after the other.

    Raises:
        UserError: a list holds what is not allowed.
    """
    longest = backbone.architecture.max_positions
    lengths = _numbers("--lengths", options.lengths) if options.lengths else DEFAULT_LENGTHS
    if options.lengths and max(lengths) > longest:
        raise UserError(f"--lengths holds {max(lengths)}; {backbone.name} reads at most {longest} tokens.")
    batch_sizes = _numbers("--batch-sizes", options.batch_sizes)
    kinds = tuple(_kinds(options))
    for length in lengths:
        if length <= longest:
            for batch_size in batch_sizes:
                for method, size in kinds:
                    yield Cell(method=method, adapter_size=size, batch_size=batch_size, length=length)


def _kinds(options: argparse.Namespace) -> Iterator[tuple[str, int | None]]:
    """Methods with each of the sizes, LoRA by itself."""
    sizes = _numbers("--adapter-sizes", options.adapter_sizes)
    for name in dict.fromkeys(name.strip() for name in options.methods.split(",")):
        method = method_named(name, adapter_size=sizes[0])
        if method.name == "lora":
            yield name, None
        elif family_of(name).has_size and ":size=" not in name:
            yield from ((name, size) for size in sizes)
        else:
            raise UserError(
                f"--methods holds {name!r}; the study measures houlsby and adapter-l (sizes from "
                "--adapter-sizes), and lora."
            )


def _numbers(option: str, text: str) -> tuple[int, ...]:
    """Different whole numbers above 0, separated by commas."""
    parts = [part.strip() for part in text.split(",")]
    wrong = next((part for part in parts if not part.isdecimal() or int(part) < 1), None)
    if wrong is not None:
        raise UserError(f"{option} holds {wrong!r}; give whole numbers above 0, separated by commas.")
    return tuple(dict.fromkeys(int(part) for part in parts))


def _new_run(name: str, backbone: Backbone) -> NewRun:
    environment = describe_environment(backbone.device, backbone.dtype)
    clock = clock_for(backbone.device, environment["num_threads"])
    return NewRun(
        name=name,
        suite="-",
        method=f"study {STUDY}",
        isolated=True,
        regime=Regime.STUDY,
        task_names=(),
        backbone=backbone.name,
        backbone_sha256=backbone.fingerprint(),
        backbone_params=backbone.num_parameters,
        backbone_bytes=backbone.num_bytes,
        configuration={"measures": STUDY, "clock": clock.text},
        environment={**environment, "backbone_files": dict(backbone.files)},
    )


_MUST_AGREE = ("device_model", "dtype", "cpu_capability", "num_threads", "versions")
"""Of the environment: times of another machine or library are no part of the same study."""


def _ledger(database: Database, new: NewRun) -> Ledger:
    """The ledger of the study's run, new or gone on with.

    Raises:
        ConfigurationError: the run of that name is another one, or was measured on something else.
    """
    if new.name not in database.run_names():
        return database.create_run(new)
    ledger = database.ledger(new.name)
    stored = ledger.run()
    changed = difference(
        {"configuration": stored.configuration, "backbone": stored.backbone_sha256}
        | {name: stored.environment.get(name) for name in _MUST_AGREE},
        {"configuration": new.configuration, "backbone": new.backbone_sha256}
        | {name: new.environment[name] for name in _MUST_AGREE},
    )
    if changed:
        raise ConfigurationError(new.name, changed)
    ledger.set_status(RunStatus.RUNNING)
    return ledger


def measure(ledger: Ledger, backbone: Backbone, cells: Sequence[Cell], *, repeats: int, clock: Clock) -> None:
    """Time every cell that the ledger does not hold, each committed when it is measured."""
    held = [one.key for one in ledger.measurements(STUDY)]
    bare = encoder_of(backbone, feature())
    for number, cell in enumerate(cells):
        key = latency_key(cell.method, cell.adapter_size, cell.batch_size, cell.length)
        if key in held:
            continue
        method = _method(cell)
        other = encoder_of(backbone, method, merged=method.name == "lora")
        batch = full_batch(backbone, cell.batch_size, cell.length)
        timings = timed_pairs(bare, other, batch, repeats=repeats, clock=clock)
        ledger.record_measurement(Measurement(study=STUDY, key=key, content=_content(timings)))
        _say(number + 1, len(cells), cell, timings)


def _method(cell: Cell) -> Method:
    return method_named(cell.method, adapter_size=cell.adapter_size or 1)


def _content(timings: Timings) -> dict[str, object]:
    return {
        "bare_seconds": list(timings.bare_seconds),
        "seconds": list(timings.seconds),
        "num_passes": timings.num_passes,
    }


def _say(number: int, num_cells: int, cell: Cell, timings: Timings) -> None:
    size = "merged" if cell.adapter_size is None else f"size {cell.adapter_size}"
    bare, other = sum(timings.bare_seconds), sum(timings.seconds)
    print(
        f"[{number}/{num_cells}] batch {cell.batch_size}, {cell.length} tokens, {cell.method} {size}: "
        f"{100 * (other / bare - 1):+.1f} % (mean)",
        flush=True,
    )
