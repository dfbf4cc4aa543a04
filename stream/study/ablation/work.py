"""`python -m stream.study ablation`: a recorded run without the adapters of every span of layers.

The validation split is rebuilt from the run's suite and must be the one that the run saw. The rows of one
first layer are committed together, so a study that was killed goes on with the next one.
"""

import argparse
from collections.abc import Container, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from db import Database, Ledger
from db.records import Owner, RunRecord, TaskRecord
from db.records.measurements import Measurement
from stream.engine.wiring import recorded_learner
from stream.errors import DamageError, UserError
from stream.learning.encoding import TokenSet
from stream.learning.evaluation import lay_out, make_plan
from stream.learning.learner import Learner
from stream.learning.objectives.objective import Scoring, scoring_of
from stream.model.backbone.parameters import TaskParameters
from stream.model.encoder.adapter import adapted_layers
from stream.results.folder import reports_folder
from stream.results.metrics import Evaluation
from stream.study.ablation.spans import SpanEvaluator
from stream.study.ablation.text import ablation_lines
from stream.study.ablation.values import STUDY, Span, load_ablations, span_key, span_of
from stream.study.ablation.write import write_ablation_reports
from stream.words import count
from tasks import DataMode, Limits, Suite, Task, did_you_mean, load_task, open_suite, resolve_home
from tasks.task import CLASSIFYING


def run(options: argparse.Namespace) -> tuple[str, ...]:
    """Measure what is missing, write the files; return the last lines.

    Raises:
        UserError, TaskError, LedgerError: as the message says; what was measured stays.
    """
    out: Path = options.out or reports_folder(options.run) / "studies"
    with Database.open(options.db, read_only=True) as database:
        # A database that does not exist is a mistake here; opened for writing it would be made.
        chosen = chosen_tasks(database.ledger(options.run), options.tasks)
    with Database.open(options.db) as database:
        ledger = database.ledger(options.run)
        with database.acquire(options.run):
            measure(ledger, chosen, home=resolve_home(options.data_home), device=options.device)
        ablations = load_ablations(ledger)
        write_ablation_reports(ledger.run(), ablations, out)
    return (*ablation_lines(ablations), f"reports: {out}")


def chosen_tasks(ledger: Ledger, names: str | None) -> tuple[TaskRecord, ...]:
    """The run's learned tasks of these names, separated by commas; all learned ones where none are named.

    Raises:
        UserError: a task is not of the run, not learned, removed, or has no adapters.
    """
    learned = {record.position for record in ledger.parameters(owner=Owner.OWN)}
    tasks = {task.name: task for task in ledger.tasks()}
    wanted = [name.strip() for name in names.split(",")] if names is not None else []
    for name in wanted:
        if name not in tasks:
            raise UserError(
                f"The run '{ledger.name}' has no task '{name}'; {did_you_mean(name, list(tasks))}"
            )
        if tasks[name].position not in learned:
            raise UserError(
                f"The run '{ledger.name}' holds no parameters of '{name}'; leave it out of --tasks."
            )
    chosen = [task for task in tasks.values() if task.name in wanted or (names is None)]
    served = tuple(task for task in chosen if task.position in learned)
    if not served:
        raise UserError(f"The run '{ledger.name}' has learned no task yet; finish it with --resume.")
    for task in served:
        if not adapted_layers(_stored(ledger, task)):
            raise UserError(
                f"The run '{ledger.name}' learned '{task.name}' with {ledger.run().method}, which has no "
                "bottleneck adapters to remove; choose a run of houlsby or adapter-l."
            )
    return served


def _stored(ledger: Ledger, task: TaskRecord) -> TaskParameters:
    return TaskParameters.from_bytes(ledger.parameters_content(task.position))


def measure(ledger: Ledger, chosen: Sequence[TaskRecord], *, home: Path | None, device: str) -> None:
    """Evaluate every span of these tasks that the ledger does not hold.

    Raises:
        UserError: a task's data are not those of the run.
        DamageError: the backbone is not the recorded one.
    """
    run = ledger.run()
    held = {(one.key["position"], span_of(one)) for one in ledger.measurements(STUDY)}
    # The model with all adapters is measured last: a task that holds it is complete.
    missing = [task for task in chosen if (task.position, None) not in held]
    if not missing:
        return
    suite = open_suite(run.configuration["suite"])
    learner = recorded_learner(run, device)
    if learner.backbone_sha256 != run.backbone_sha256:
        raise DamageError(
            f"the backbone {run.backbone!r} has fingerprint {learner.backbone_sha256}, "
            f"not the recorded {run.backbone_sha256}"
        )
    for record in missing:
        task = same_task(run, suite, record, home)
        _measure_task(ledger, learner, record, task, {span for at, span in held if at == record.position})


def same_task(run: RunRecord, suite: Suite, recorded: TaskRecord, home: Path | None) -> Task:
    """The task as the run saw it, loaded again.

    Raises:
        UserError: other data are found now.
    """
    settings = run.configuration
    card = next((card for card in suite.cards if card.name == recorded.name), None)
    if card is None:
        raise UserError(f"The suite {settings['suite']} holds no task '{recorded.name}' any more.")
    task = load_task(
        card,
        home=home,
        mode=DataMode(settings["data"]),
        limits=Limits(**settings["limits"]),
        split_seed=settings["split_seed"],
    )
    if task.fingerprint != recorded.fingerprint:
        raise UserError(
            f"Task '{recorded.name}' is {task.data} data with fingerprint {task.fingerprint[:12]}... now, "
            f"but the run saw {recorded.data} data with {recorded.fingerprint[:12]}...; "
            "give the files of the run with --data-home or STREAM_DATA."
        )
    return task


def _measure_task(
    ledger: Ledger, learner: Learner, record: TaskRecord, task: Task, held: Container[Span | None]
) -> None:
    """Measure the rows of first layers that are missing, and last the model with all adapters."""
    scoring, backbone = scoring_of(task), learner.backbone
    tokens = scoring.objective.encode(
        backbone.tokenizer, task.valid, max_length=learner.max_length(task)
    ).tokens
    content = ledger.parameters_content(record.position)
    evaluator = SpanEvaluator(
        backbone,
        TaskParameters.from_bytes(content).to(backbone.device),
        lay_out(tokens, make_plan(tokens, backbone), backbone),
        scoring,
    )

    def measured(span: Span | None, found: Evaluation, **more: float | None) -> Measurement:
        return Measurement(
            study=STUDY,
            key=span_key(record.position, span),
            content={**_content(evaluator, found), "parameters_sha256": sha256(content).hexdigest(), **more},
        )

    for first in evaluator.layers:
        if (first, first) in held:
            continue
        found = evaluator.without_spans_from(first)
        ledger.record_measurements([measured((first, last), one) for last, one in found.items()])
        _say(record, f"without the adapters from layer {first} on: {count(len(found), 'span')}")
    majority = majority_value(task, scoring, tokens)
    ledger.record_measurement(measured(None, evaluator.unchanged(), majority_class=majority))
    passes, naive = evaluator.num_layer_passes, evaluator.naive_layer_passes
    _say(record, f"{passes:g} layer passes; from the embeddings each time it would be {naive}")


def _say(record: TaskRecord, text: str) -> None:
    print(f"{record.name}: {text}", flush=True)


def _content(evaluator: SpanEvaluator, found: Evaluation) -> dict[str, Any]:
    return {
        "metric": found.metric,
        "value": found.value,
        "num_examples": found.num_examples,
        "layers": [evaluator.layers[0], evaluator.layers[-1]],
        "logits_sha256": found.logits_sha256,
        "predictions_sha256": found.predictions_sha256,
        "plan_sha256": found.plan_sha256,
    }


def majority_value(task: Task, scoring: Scoring, tokens: TokenSet) -> float | None:
    """The metric of always answering with the most frequent class of the training split.

    Of classes that are equally frequent it is the first one; None for kinds of task without classes.
    """
    if task.kind not in CLASSIFYING:
        return None
    most_frequent = int(np.bincount(np.array(task.train.labels, dtype=np.int64)).argmax())
    answers = np.full(len(tokens), most_frequent, dtype="<i4").tobytes()
    return scoring.objective.measure(scoring.metric, answers, tokens)
