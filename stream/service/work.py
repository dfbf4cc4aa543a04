"""A service simulated as its options ask: the work behind `python -m stream.service`."""

import argparse
from collections.abc import Iterator

from db import Ledger
from stream.service.names import Expected
from stream.service.options import settings_from, study_from
from stream.service.queueing.scenario import outcome_of
from stream.service.recorded_times import RecordedTimes
from stream.service.report import ServiceReport

EXPECTED_TEXTS = {
    Expected.TOKENS: "the training tokens of all epochs",
    Expected.SIZE: "the number of training examples",
    Expected.MEASURED: "the measured time itself, which nobody knows beforehand",
}


def report_of(options: argparse.Namespace, ledger: Ledger, times: RecordedTimes) -> ServiceReport:
    """Simulate what the options ask for.

    Raises:
        UserError: an option's value is not allowed, or options contradict each other.
    """
    study = study_from(options, times.tasks)
    shown, *compared = settings_from(options, times.tasks, study.trace)
    outcomes = {setting: outcome_of(study, setting) for setting in (shown, *compared)}
    environment = ledger.run().environment
    return ServiceReport(
        run=options.run,
        device=str(environment.get("device_model", environment.get("device", "an unknown machine"))),
        times="training and re-evaluation" if options.reevaluation else "training",
        expected=EXPECTED_TEXTS[Expected(options.expected)],
        study=study,
        base=outcomes[shown],
        sweep=tuple(outcomes[setting] for setting in compared),
        notes=(*times.notes, *_study_notes(options, ledger)),
    )


def _study_notes(options: argparse.Namespace, ledger: Ledger) -> Iterator[str]:
    """What has to be known about these options with this run."""
    patience = ledger.run().configuration.get("recipe", {}).get("patience")
    if options.expected == Expected.TOKENS and patience is not None:
        yield "training could stop early, so its tokens were not fully known beforehand"
    if options.reevaluation and options.repeat:
        yield (
            "re-evaluating takes longer with every task that was learned; times drawn from the recorded run "
            "are too short for a longer stream"
        )
