"""Baselines beside the stream, in the same tables: one model for all tasks, and pipelines without a backbone.

Both need what a stream does not give or leave nothing that could be served again, so the loop of the
simulator does not fit them; what they record is the same.
"""

import hashlib
import json
import time
from dataclasses import asdict
from importlib.metadata import version

import numpy as np
import safetensors
import safetensors.numpy
from jaxtyping import Float32

from db import Ledger
from db.records import Owner, ParameterCounts, ParametersRecord, PlanRecord, RunStatus
from stream.display.protocol import Display
from stream.engine.recording import (
    evaluation_record,
    further_splits,
    task_record,
)
from stream.engine.scheduler import Arrival, TaskStream
from stream.engine.simulator import stored_task
from stream.learning.learner import Learner
from stream.learning.no_bert.budget import SearchBudget
from stream.learning.no_bert.search import SearchedPipeline, search_pipelines
from stream.learning.objectives.task_metrics import CLASS_METRICS, predictions_from_bytes
from stream.results.comparisons import comparison
from stream.results.growth import GrowthCounter
from stream.results.metrics import Evaluation
from stream.results.run_results import RunResults, load_results, task_result
from tasks.task import MAIN_SPLIT, Task

Scores = Float32[np.ndarray, "examples labels"]
SEARCH_BUDGET = SearchBudget()


def learn_separately(stream: TaskStream, learner: Learner, ledger: Ledger, display: Display) -> RunResults:
    """Search a pipeline without a backbone for each task; keep its description, scores and predictions.

    Nothing is pickled, so nothing can be served again: each task is evaluated once.

    Raises:
        LedgerError: something could not be stored; what was committed stays.
    """
    display.run_started(load_results(ledger))
    growth = GrowthCounter(
        backbone_params=ledger.run().backbone_params, backbone_bytes=ledger.run().backbone_bytes
    )
    for arrival in stream:
        position = arrival.position
        known = ledger.has_evaluation(after=position, on=position)
        if not known:
            _search(arrival, learner, ledger, display)
        stored = stored_task(ledger, arrival)
        point = growth.add(stored)
        if not known:
            diagonal = ledger.evaluations(after=position, on=position)
            display.arrival_finished(task_result(ledger.task(position), stored, diagonal), point)
    ledger.set_status(RunStatus.FINISHED)
    return load_results(ledger)


def _search(arrival: Arrival, learner: Learner, ledger: Ledger, display: Display) -> None:
    task, position = arrival.task, arrival.position
    display.arrival_started(position, task.name, task.data.value, len(task.train), task.num_classes)
    ledger.record_task(task_record(arrival, 0.0))
    if not ledger.has_parameters(position):
        found = search_pipelines(task, budget=SEARCH_BUDGET, seed=arrival.seed)
        plan = _plan()
        tests = {name: _evaluation(task, name, own, plan.sha256) for name, own in found.scores.items()}
        ledger.record_plan(plan)
        content = pipeline_bytes(found)
        identity = learner.recipe_identity(task, arrival.seed)
        record = _pipeline_record(arrival, found, tests[MAIN_SPLIT], content, identity)
        ledger.record_parameters(
            [(record, content)], tests[MAIN_SPLIT].predictions, further_splits(position, tests)
        )
    scores = stored_scores(ledger.parameters_content(position))
    for learned in reversed(ledger.learned_splits(position)):  # the main split's row says that all are there
        if not ledger.has_evaluation(after=position, on=position, split=learned.split):
            evaluation = _evaluation(task, learned.split, scores[learned.split], learned.plan_sha256)
            cell = evaluation_record(
                evaluation, after=position, on=position, num_changed=0, split=learned.split
            )
            ledger.record_evaluation(cell, evaluation.predictions)
            display.task_evaluated(comparison(cell, learned))


def pipeline_bytes(found: SearchedPipeline) -> bytes:
    """One safetensors blob: the scores on each test split, and the pipeline's description as metadata."""
    description = json.dumps(dict(found.description), sort_keys=True)
    scores = {_scores_name(split): own for split, own in found.scores.items()}
    content: bytes = safetensors.numpy.save(scores, metadata={"pipeline": description})
    return content


def stored_scores(content: bytes) -> dict[str, Scores]:
    """The scores of a blob written by `pipeline_bytes`, by test split."""
    found: dict[str, Scores] = safetensors.numpy.load(content)
    return {name.removeprefix("scores.") if "." in name else MAIN_SPLIT: own for name, own in found.items()}


def _scores_name(split: str) -> str:
    return "scores" if split == MAIN_SPLIT else f"scores.{split}"


def score_digests(scores: Scores) -> tuple[str, str]:
    """SHA-256 (hex) of the scores, float32 little-endian in C order, and of the predicted classes, int32."""
    content = np.ascontiguousarray(scores, "<f4").tobytes()
    return hashlib.sha256(content).hexdigest(), hashlib.sha256(_predictions(scores)).hexdigest()


def _predictions(scores: Scores) -> bytes:
    classes: bytes = scores.argmax(1).astype("<i4").tobytes()
    return classes


def _evaluation(task: Task, split: str, scores: Scores, plan_sha256: str) -> Evaluation:
    started = time.perf_counter()
    predictions = _predictions(scores)
    logits_sha256, predictions_sha256 = score_digests(scores)
    classes, labels = predictions_from_bytes(predictions), np.asarray(task.tests[split].labels)
    return Evaluation(
        metric=task.metric,
        value=CLASS_METRICS[task.metric](classes, labels),
        secondary={name: CLASS_METRICS[name](classes, labels) for name in task.secondary},
        num_examples=len(scores),
        logits_sha256=logits_sha256,
        predictions_sha256=predictions_sha256,
        predictions=predictions,
        plan_sha256=plan_sha256,
        seconds=time.perf_counter() - started,
    )


def _plan() -> PlanRecord:
    """What the scores depend on besides the data: the library's version and the budget."""
    content = {"library": f"scikit-learn {version('scikit-learn')}", "budget": asdict(SEARCH_BUDGET)}
    sha256 = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return PlanRecord(sha256=sha256, content=content)


def _pipeline_record(
    arrival: Arrival, found: SearchedPipeline, evaluation: Evaluation, content: bytes, identity: str
) -> ParametersRecord:
    return ParametersRecord(
        position=arrival.position,
        owner=Owner.OWN,
        sha256=hashlib.sha256(content).hexdigest(),
        recipe_sha256=identity,
        counts=ParameterCounts(),
        num_bytes=len(content),
        reads_backbone=False,
        best_epoch=0,
        valid=found.valid,
        learned_value=evaluation.value,
        learned_logits_sha256=evaluation.logits_sha256,
        learned_predictions_sha256=evaluation.predictions_sha256,
        plan_sha256=evaluation.plan_sha256,
        seconds=found.seconds,
        num_trained=0,
        notes=found.notes,
    )
