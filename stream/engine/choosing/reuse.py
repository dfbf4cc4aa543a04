"""Learning without training: what a run of the database trained already is taken over as it is stored.

A training is known by its `recipe_sha256`. Its bytes are read and hashed, and evaluated here; under the same
evaluation plan the logits must be those that they gave in memory right after they were trained.
"""

from dataclasses import replace

from db import Ledger
from db.records import ParametersRecord
from db.records.trials import FoundTraining, TrialRecord
from stream.display.protocol import Display
from stream.engine.recording import begin_arrival, record_learned
from stream.engine.scheduler import Arrival
from stream.engine.simulator import learn_arrival
from stream.errors import DamageError
from stream.learning.learner import Learned, Learner, PreparedTask
from stream.model.backbone.parameters import NO_PARAMETERS, TaskParameters
from stream.results.run_results import TAKEN_OVER


def learn_once(arrival: Arrival, learner: Learner, ledger: Ledger, display: Display) -> None:
    """Learn one arrival and commit it; what the database holds by the same recipe is not trained again.

    Methods that share tensors are always trained: what they start from depends on the stream.

    Raises:
        TrainingError: the loss was not finite twice.
        DamageError: the stored bytes are damaged, or give other logits than right after training.
    """
    found = None if learner.method.shares else _find(arrival, learner, ledger)
    if found is None:
        learn_arrival(arrival, learner, ledger, display)
        return
    prepared = begin_arrival(arrival, learner, ledger, display)
    own = TaskParameters.from_bytes(ledger.found_content(found))
    learned = learned_from(found.found, own, learner, prepared, (f"{TAKEN_OVER} {found.run}",))
    if isinstance(found.found, ParametersRecord):
        check_memory(found.found, learned)
    for epoch in found.history:
        ledger.record_epoch(replace(epoch, position=arrival.position))
    display.notice(f"{arrival.name} is not trained again: run '{found.run}' holds it")
    record_learned(arrival, learned, learner, ledger)


def _find(arrival: Arrival, learner: Learner, ledger: Ledger) -> FoundTraining | None:
    recipe_sha256 = learner.recipe_identity(arrival.task, arrival.seed)
    return ledger.find_arrival(recipe_sha256) or ledger.find_trial(recipe_sha256)


def learned_from(
    record: TrialRecord | ParametersRecord,
    own: TaskParameters,
    learner: Learner,
    prepared: PreparedTask,
    notes: tuple[str, ...],
) -> Learned:
    """What stored tensors are for an arrival: the record's figures, and evaluations on the test splits."""
    assert record.best_epoch is not None
    assert record.num_trained is not None
    return Learned(
        own=own,
        shared=NO_PARAMETERS,
        tests=learner.in_memory(prepared, own.to(learner.backbone.device)),
        recipe_sha256=record.recipe_sha256,
        best_epoch=record.best_epoch,
        valid=record.valid,
        num_trained=record.num_trained,
        seconds=record.seconds,
        notes=(*record.notes, *notes),
    )


def check_memory(record: ParametersRecord, learned: Learned) -> None:
    """Stored tensors give the logits that they gave in memory, where the plan is the same.

    Raises:
        DamageError: they do not.
    """
    found = learned.evaluation
    if found.plan_sha256 == record.plan_sha256 and found.logits_sha256 != record.learned_logits_sha256:
        raise DamageError(
            f"The tensors with SHA-256 {record.sha256} give test logits with SHA-256 {found.logits_sha256}; "
            f"right after training they gave {record.learned_logits_sha256}."
        )
