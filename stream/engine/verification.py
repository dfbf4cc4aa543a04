"""A recorded run proven from its database and the backbone alone.

Every stored hash is computed again, then every task is evaluated again as it is served now. Findings come one
by one, as they are made; nothing is printed here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from db.ledger import Ledger
from db.records import EvaluationRecord, LearnedSplit, Owner, Regime, RunRecord, RunStatus
from stream.engine.separate import score_digests, stored_scores
from stream.engine.serving import TaskServer
from stream.engine.wiring import recorded_learner
from stream.errors import DamageError, UserError
from stream.learning.learner import Learner
from stream.model.backbone.loading import find_backbone, hash_files
from stream.results.run_results import load_results
from tasks.task import MAIN_SPLIT


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What verification found."""

    damages: tuple[str, ...]
    """Sentences, the first one first; empty where nothing is damaged or forgotten."""
    num_equal: int = 0
    num_not_comparable: int = 0
    num_changed_predictions: int = 0
    """Among test splits that could not be compared bit for bit."""
    num_tasks: int = 0
    """Tasks that were evaluated again, each on one test split or more."""
    num_to_come: int = 0
    """Tasks of the stream that have not been learned."""
    num_forgotten: int = 0
    """Recorded re-evaluations of a method that shares which differ from the task's own arrival."""
    method: str = ""
    serves_tasks: bool = True
    """False for a study: what it stored was hashed, and there is nothing to evaluate again."""

    @property
    def noun(self) -> str:
        """What is counted, in words."""
        num_splits = self.num_equal + self.num_not_comparable
        return "tasks" if num_splits <= self.num_tasks else f"test splits of {self.num_tasks} tasks"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Check:
    """One test split of a task evaluated again."""

    sentence: str
    equal: bool | None
    num_changed: int


def verify(ledger: Ledger, *, device: str = "auto") -> Verdict:
    """Recompute every hash of a run and re-evaluate every task it serves.

    Raises:
        UserError: the backbone cannot be had, or nothing is learned yet.
    """
    *_, verdict = verification(ledger, device=device)
    assert isinstance(verdict, Verdict)
    return verdict


def verification(ledger: Ledger, *, device: str = "auto") -> Iterator[str | Verdict]:
    """Do the same, yielding a sentence for each thing that was checked, and the verdict last.

    Raises:
        UserError: the backbone cannot be had, or nothing is learned yet.
    """
    run = ledger.run()
    yield f"run {run.name}: {run.status.value}, {len(run.task_names)} tasks, method {run.method}"
    damages = [damage.sentence for damage in (*ledger.check_rows(), *ledger.check_blobs())]
    yield f"stored rows and blobs: {'damaged' if damages else 'intact'}"
    damages += _misnamed(ledger, run) if not damages else []
    damages += _missing_cells(ledger, run) + _damaged_files(run)
    if damages:
        yield Verdict(damages=tuple(damages))
        return
    if run.regime is Regime.STUDY:
        yield Verdict(damages=(), serves_tasks=False)
        return
    if not ledger.learned_splits():
        raise UserError(
            f"The run '{run.name}' has learned no task yet, so there is nothing to verify; "
            "go on with it with python -m stream.run and --resume."
        )
    learner = recorded_learner(run, device)
    if learner.backbone_sha256 != run.backbone_sha256:
        sentence = (
            f"the backbone {run.backbone!r} has fingerprint {learner.backbone_sha256}, "
            f"not {run.backbone_sha256}"
        )
        yield Verdict(damages=(sentence,))
        return
    yield f"backbone {run.backbone}: fingerprint {run.backbone_sha256[:12]}... unchanged"
    yield from _evaluated_again(learner, ledger, run)


def _evaluated_again(learner: Learner, ledger: Ledger, run: RunRecord) -> Iterator[str | Verdict]:
    separate = run.regime is Regime.SEPARATE
    done: list[_Check] = []
    for check in _checked_scores(ledger, run) if separate else _checked(learner, ledger, run):
        yield check.sentence
        done.append(check)
    num_learned = len({learned.position for learned in ledger.learned_splits()})
    yield Verdict(
        damages=tuple(check.sentence for check in done if check.equal is False),
        num_equal=sum(check.equal is True for check in done),
        num_not_comparable=sum(check.equal is None for check in done),
        num_changed_predictions=sum(check.num_changed for check in done if check.equal is None),
        num_tasks=len(ledger.parameters(owner=Owner.OWN)),
        num_to_come=len(run.task_names) - num_learned,
        num_forgotten=_num_forgotten(ledger, run),
        method=run.method,
    )


def _checked(learner: Learner, ledger: Ledger, run: RunRecord) -> Iterator[_Check]:
    """Every test split of each served task against its own arrival, and each recorded re-evaluation of it."""
    served = {record.position for record in ledger.parameters(owner=Owner.OWN)}
    server = TaskServer(learner, ledger)
    for learned in ledger.learned_splits():
        if learned.position in served:
            yield from _checked_split(server, ledger, run, learned, last=max(served))


def _checked_split(
    server: TaskServer, ledger: Ledger, run: RunRecord, learned: LearnedSplit, *, last: int
) -> Iterator[_Check]:
    name = _split_name(run, learned)
    evaluation, _ = server.evaluate(after=last, on=learned.position, split=learned.split)
    recorded = [row for row in ledger.evaluations(on=learned.position) if row.split == learned.split]
    reference = learned if run.isolated else _last_recorded(recorded, last)
    if reference is None:
        return
    if run.isolated:
        yield from _forgotten(name, learned, recorded)
    logits, predictions, plan = _digests(reference)
    value = "undefined" if evaluation.value is None else f"{evaluation.value:.4f}"
    if evaluation.plan_sha256 != plan:
        changed = int(evaluation.predictions_sha256 != predictions)
        yield _Check(
            sentence=f"{name}: not comparable here (other machine, library, version or thread count); "
            f"{evaluation.metric} {value}, predictions {'changed' if changed else 'the same'}",
            equal=None,
            num_changed=changed,
        )
    elif (evaluation.logits_sha256, evaluation.predictions_sha256) != (logits, predictions):
        yield _Check(
            sentence=f"{name}: logits digest {evaluation.logits_sha256} is not the recorded {logits}",
            equal=False,
            num_changed=0,
        )
    else:
        sentence = f"{name}: equal bit for bit, {evaluation.metric} {value}"
        yield _Check(sentence=sentence, equal=True, num_changed=0)


def _split_name(run: RunRecord, learned: LearnedSplit) -> str:
    """The task, and which of its test splits where it is not the main one."""
    task = run.task_names[learned.position]
    return task if learned.split == MAIN_SPLIT else f"{task} ({learned.split})"


def _checked_scores(ledger: Ledger, run: RunRecord) -> Iterator[_Check]:
    """Stored scores against the recorded evaluations: a pipeline is not kept, so it cannot be run again."""
    served = {record.position for record in ledger.parameters(owner=Owner.OWN)}
    for learned in ledger.learned_splits():
        if learned.position not in served:
            continue
        scores = stored_scores(ledger.parameters_content(learned.position))[learned.split]
        name, digests = _split_name(run, learned), score_digests(scores)
        rows = [row for row in ledger.evaluations(on=learned.position) if row.split == learned.split]
        if _digests(learned)[:2] == digests and all(_digests(row)[:2] == digests for row in rows):
            sentence = f"{name}: the stored scores are those that were evaluated"
            yield _Check(sentence=sentence, equal=True, num_changed=0)
        else:
            sentence = f"{name}: the stored scores have digest {digests[0]}, not the recorded one"
            yield _Check(sentence=sentence, equal=False, num_changed=0)


def _forgotten(name: str, learned: LearnedSplit, recorded: Sequence[EvaluationRecord]) -> Iterator[_Check]:
    """The first recorded re-evaluation that differs from the task's own arrival, under the same plan."""
    for row in recorded:
        if row.plan_sha256 == learned.plan_sha256 and _digests(row) != _digests(learned):
            sentence = (
                f"{name}: forgotten after arrival {row.after}: {row.metric} {learned.value} -> {row.value}"
            )
            yield _Check(sentence=sentence, equal=False, num_changed=row.changed_predictions)
            return


def _num_forgotten(ledger: Ledger, run: RunRecord) -> int:
    """Re-evaluations under the plan of the task's own arrival that differ: no damage where one shares."""
    if run.isolated or run.regime is not Regime.STREAM:
        return 0
    learned = {(one.position, one.split): one for one in ledger.learned_splits()}
    pairs = ((learned[row.on, row.split], row) for row in ledger.evaluations())
    return sum(one.plan_sha256 == row.plan_sha256 and _digests(one) != _digests(row) for one, row in pairs)


def _last_recorded(recorded: Sequence[EvaluationRecord], after: int) -> EvaluationRecord | None:
    return next((row for row in recorded if row.after == after), None)


def _digests(record: LearnedSplit | EvaluationRecord) -> tuple[str, str, str]:
    return record.logits_sha256, record.predictions_sha256, record.plan_sha256


def _misnamed(ledger: Ledger, run: RunRecord) -> list[str]:
    """Tasks that are recorded where the run has another one: what they gave is told under its name."""
    expected = dict(enumerate(run.task_names))
    return [
        f"position {task.position} holds the task {task.name!r}, "
        f"but the run was recorded with {expected.get(task.position, 'no task')!r} there"
        for task in ledger.tasks()
        if expected.get(task.position) != task.name
    ]


def _missing_cells(ledger: Ledger, run: RunRecord) -> list[str]:
    """A finished run holds every cell of its matrix; a deleted row shows here."""
    if run.status is not RunStatus.FINISHED:
        return []
    proof = load_results(ledger).proof
    missing = proof.num_expected - proof.num_done
    if not missing:
        return []
    return [f"{missing} of {proof.num_expected} evaluations are missing from a finished run"]


def _damaged_files(run: RunRecord) -> list[str]:
    """Backbone files whose hash is not the recorded one."""
    try:
        found = hash_files(find_backbone(run.backbone))
    except DamageError as error:
        return [str(error)]
    return [
        f"the backbone's file {name} has SHA-256 {found.get(name, 'none: it is missing')}, "
        f"recorded was {recorded}"
        for name, recorded in run.environment["backbone_files"].items()
        if found.get(name) != recorded
    ]
