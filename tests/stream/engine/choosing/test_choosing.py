"""Candidates on the tiny backbone: who is trained how far, who wins, what is never read or trained again."""

from dataclasses import replace

import pytest

from db import DamageError, Database
from db.records import Owner
from db.records.trials import TrialRecord, TrialStatus
from stream.display import QuietDisplay
from stream.engine.choosing import judging
from stream.engine.choosing.candidates import candidates
from stream.engine.choosing.reuse import learn_once
from stream.engine.choosing.sweep import Sweep
from stream.errors import StreamError, TrainingError
from stream.learning.encoding import TokenSet
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.parameters import TaskParameters
from stream.model.methods.bottleneck import houlsby
from stream.results.selection.halving import rungs, spent_epochs
from stream.results.trials import choice_cost
from tests.made_choices import SWEEP, Watching, choosing
from tests.tiny_runs import (
    NAMES,
    RECIPE,
    own_digests,
    run_tasks,
    start_run,
    tiny_learner,
    tiny_stream,
    tiny_task,
)

TASK = tiny_task(NAMES[0])
FOUR = replace(RECIPE, num_epochs=4)
TOKENS_PER_EPOCH = 48 * 8
"""48 texts of six words and two special tokens."""


def trials_of(database: Database, run: str = "tiny", position: int = 0) -> tuple[TrialRecord, ...]:
    return database.ledger(run).trials(position)


def timeless(trial: TrialRecord) -> TrialRecord:
    """A trial without clock times."""
    history = tuple(replace(epoch, seconds=0.0) for epoch in trial.history)
    return replace(trial, seconds=0.0, reused_seconds=0.0, history=history)


def test_candidates_are_halved_and_their_cost_is_counted(database: Database, backbone: Backbone) -> None:
    """Six at one epoch, three at two, two at four: 6 + 3 + 4 epochs of 24, in tokens too."""
    watching = Watching()
    run_tasks(database, tiny_learner(backbone, recipe=FOUR), [TASK], display=watching, learn=choosing())
    trials = trials_of(database)
    assert sorted(len(trial.history) for trial in trials) == [1, 1, 1, 2, 4, 4]
    assert [trial.status for trial in trials].count(TrialStatus.FINISHED) == 2
    assert [trial.status for trial in trials].count(TrialStatus.STOPPED) == 4
    assert spent_epochs(rungs(6, 4)) == 13 == len(watching.epochs)
    cost = choice_cost(trials)
    assert (cost.num_tokens, cost.full_tokens) == (13 * TOKENS_PER_EPOCH, 24 * TOKENS_PER_EPOCH)
    assert cost.share == 13 / 24
    assert all(trial.num_steps == 6 * len(trial.history) for trial in trials)


def test_the_winner_arrives_as_a_plain_training_would(database: Database, backbone: Backbone) -> None:
    """Stopped at rungs and continued, the winner's bytes are those of one training straight to the end."""
    learner = tiny_learner(backbone, recipe=FOUR)
    run_tasks(database, learner, [TASK], learn=choosing())
    (record,) = database.ledger("tiny").parameters()
    (winner,) = [one for one in trials_of(database) if one.recipe_sha256 == record.recipe_sha256]
    plain = replace(
        learner,
        method=houlsby(int(winner.options["adapter_size"])),
        recipe=replace(FOUR, learning_rate=winner.learning_rate),
    )
    run_tasks(database, plain, [TASK], run="plain")
    (straight,) = database.ledger("plain").parameters()
    assert (record.sha256, record.recipe_sha256) == (straight.sha256, straight.recipe_sha256)
    assert record.learned_logits_sha256 == straight.learned_logits_sha256
    assert (record.valid, record.best_epoch) == (straight.valid, straight.best_epoch)
    epochs = [[replace(e, seconds=0.0) for e in database.ledger(run).epochs()] for run in ("tiny", "plain")]
    assert epochs[0] == epochs[1]


def test_the_test_split_is_read_once_and_last(
    database: Database, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A choice evaluates the validation split, and the test split once at its very end; no job holds it."""
    learner = tiny_learner(backbone, recipe=FOUR)
    arrival = tiny_stream([TASK])[0]
    prepared = learner.prepare(TASK)
    names = {prepared.valid.tokens.to_bytes(): "valid", prepared.tests["test"].to_bytes(): "test"}
    seen: list[str] = []

    honest = judging.evaluate

    def evaluate(*given: object, **named: object) -> object:
        tokens = next(one for one in (*given, *named.values()) if isinstance(one, TokenSet))
        seen.append(names[tokens.to_bytes()])
        return honest(*given, **named)  # type: ignore[arg-type]

    for module in ("engine.choosing.judging", "learning.learner"):
        monkeypatch.setattr(f"stream.{module}.evaluate", evaluate)
    ledger = start_run(database, learner, [TASK.name])
    choosing()(arrival, learner, ledger, QuietDisplay())
    assert seen[-1] == "test"
    assert seen.count("test") == 1
    assert seen.count("valid") >= 11
    for candidate in candidates(SWEEP, learner, "houlsby", prepared, arrival.seed):
        (data,) = candidate.learner.job(prepared, seed=arrival.seed, position=arrival.position).data
        assert [names.get(part.to_bytes()) for part in (data.train, data.valid)] == [None, "valid"]


def test_another_test_split_changes_no_candidate(database: Database, backbone: Backbone) -> None:
    """With other test texts every score, history and tensor of each candidate is the same, and the winner."""
    other = replace(TASK, test=tiny_task(NAMES[1]).test, fingerprint="other")
    learner = tiny_learner(backbone, recipe=FOUR)
    for run, task in (("one", TASK), ("other", other)):
        run_tasks(database, learner, [task], run=run, learn=choosing())
    one, another = (
        [replace(timeless(trial), recipe_sha256="") for trial in trials_of(database, run)]
        for run in ("one", "other")
    )
    assert one == another
    sizes = [database.ledger(run).parameters()[0].counts.adapter for run in ("one", "other")]
    assert sizes[0] == sizes[1]


def test_position_and_company_decide_nothing(database: Database, backbone: Backbone) -> None:
    """Two tasks in two orders, the lists of settings turned round: the same trials, winners and bytes."""
    tasks = [tiny_task(name) for name in NAMES[:2]]
    learner = tiny_learner(backbone, recipe=FOUR)
    turned = Sweep(adapter_sizes=(8, 2, 4), learning_rates=(1e-2, 1e-3))
    run_tasks(database, learner, tasks, run="forth", learn=choosing(reuse=False))
    run_tasks(database, learner, tasks[::-1], run="back", learn=choosing(turned, reuse=False))
    forth, back = (own_digests(database.ledger(run)) for run in ("forth", "back"))
    assert forth == back
    there, here = (
        sorted(repr(essence(one)) for one in trials_of(database, run, at))
        for run, at in (("forth", 0), ("back", 1))
    )
    assert there == here


def essence(trial: TrialRecord) -> TrialRecord:
    """A trial without clock times and positions."""
    history = tuple(replace(epoch, position=0) for epoch in timeless(trial).history)
    return replace(timeless(trial), position=0, history=history)


def test_what_another_run_trained_is_not_trained_again(database: Database, backbone: Backbone) -> None:
    """A run of one size, then a choice: that size is taken over; then runs of what the choice trained."""
    learner = tiny_learner(backbone, houlsby(4), FOUR)
    run_tasks(database, learner, [TASK], run="plain")
    watching = Watching()
    sweep = Sweep(adapter_sizes=(2, 4), halving=False)
    run_tasks(database, learner, [TASK], run="chosen", display=watching, learn=choosing(sweep))
    assert len(watching.epochs) == 4
    two, four = trials_of(database, "chosen")
    assert (two.source, four.source) == ("", "plain")
    assert (four.reused_tokens, four.num_tokens) == (4 * TOKENS_PER_EPOCH,) * 2
    assert four.sha256 == database.ledger("plain").parameters()[0].sha256
    assert choice_cost((two, four)).num_tokens == 4 * TOKENS_PER_EPOCH

    watching = Watching()
    again = tiny_learner(backbone, houlsby(2), FOUR)
    results = run_tasks(database, again, [TASK], run="again", display=watching, learn=learn_once)
    assert watching.epochs == []
    assert "not trained again: taken from chosen" in results.tasks[0].notes
    assert database.ledger("again").parameters()[0].sha256 == two.sha256
    assert len(database.ledger("again").epochs()) == 4
    assert results.proof.num_equal == 1


def test_a_plain_arrival_is_taken_over_with_its_figures(database: Database, backbone: Backbone) -> None:
    """The same run under another name: nothing is trained, and every figure is the first one's."""
    learner = tiny_learner(backbone, recipe=FOUR)
    tasks = [tiny_task(name) for name in NAMES[:2]]
    run_tasks(database, learner, tasks, run="first", learn=learn_once)
    watching = Watching()
    run_tasks(database, learner, tasks, run="second", display=watching, learn=learn_once)
    assert watching.epochs == []
    first, second = (
        [replace(record, notes=()) for record in database.ledger(run).parameters()]
        for run in ("first", "second")
    )
    assert first == second


def test_tensors_that_give_other_logits_are_refused(
    database: Database, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is taken over, and what is chosen, must give the logits that it gave in memory."""
    learner = tiny_learner(backbone, recipe=FOUR)
    run_tasks(database, learner, [TASK], run="first")
    read = TaskParameters.from_bytes

    def changed(content: bytes) -> TaskParameters:
        tensors = dict(read(content))
        return TaskParameters({**tensors, "head.bias": tensors["head.bias"] + 1e-3})

    monkeypatch.setattr(TaskParameters, "from_bytes", changed)
    with pytest.raises(StreamError, match="right after training they gave"):
        run_tasks(database, learner, [TASK], run="second", learn=learn_once)
    with pytest.raises(StreamError, match="in memory they gave"):
        run_tasks(database, learner, [TASK], run="third", learn=choosing(reuse=False))


def test_a_damaged_blob_is_not_taken_over(database: Database, backbone: Backbone) -> None:
    """A flipped bit in what would be reused is found and named before it is used."""
    learner = tiny_learner(backbone, recipe=FOUR)
    run_tasks(database, learner, [TASK], run="first")
    sha256 = database.ledger("first").parameters()[0].sha256
    with database.storage.writing() as connection:
        connection.exec_driver_sql("UPDATE blobs SET content = x'00' WHERE sha256 = ?", (sha256,))
    with pytest.raises(DamageError, match="to be reused of run 'first'"):
        run_tasks(database, learner, [TASK], run="second", learn=learn_once)


def test_without_halving_the_stopped_ones_go_on(database: Database, backbone: Backbone) -> None:
    """After a halved choice the full grid trains what is missing; its trials are the straight ones."""
    learner = tiny_learner(backbone, recipe=FOUR)
    run_tasks(database, learner, [TASK], run="halved", learn=choosing())
    watching = Watching()
    full = replace(SWEEP, halving=False)
    run_tasks(database, learner, [TASK], run="full", display=watching, learn=choosing(full))
    assert len(watching.epochs) == 24 - 13
    cost = choice_cost(trials_of(database, "full"))
    assert (cost.num_tokens, cost.reused_tokens) == (11 * TOKENS_PER_EPOCH, 13 * TOKENS_PER_EPOCH)
    run_tasks(database, learner, [TASK], run="straight", learn=choosing(full, reuse=False))
    continued, straight = (
        [
            (trial.sha256, trial.predictions_sha256, trial.valid, len(trial.history))
            for trial in trials_of(database, run)
        ]
        for run in ("full", "straight")
    )
    assert continued == straight
    assert own_digests(database.ledger("full")) == own_digests(database.ledger("straight"))


@pytest.mark.parametrize("reuse", [True, False])
def test_what_the_database_holds_does_not_decide_the_winner(
    database: Database, backbone: Backbone, reuse: bool
) -> None:
    """A halved choice after the full grid: every trial is there already, and the winner is the same."""
    learner = tiny_learner(backbone, recipe=FOUR)
    run_tasks(database, learner, [TASK], run="full", learn=choosing(replace(SWEEP, halving=False)))
    watching = Watching()
    run_tasks(database, learner, [TASK], run="halved", display=watching, learn=choosing(reuse=reuse))
    assert len(watching.epochs) == (0 if reuse else 13)
    with Database.open("sqlite://") as empty:
        run_tasks(empty, learner, [TASK], learn=choosing())
        alone = own_digests(empty.ledger("tiny"))
    assert own_digests(database.ledger("halved")) == alone


def test_a_candidate_that_fails_does_not_win(database: Database, backbone: Backbone) -> None:
    """A rate at which no loss is finite is recorded as failed; where all fail, the run says so."""
    learner = tiny_learner(backbone, recipe=FOUR)
    sweep = Sweep(learning_rates=(1e-2, 1e38))
    run_tasks(database, learner, [TASK], learn=choosing(sweep))
    good, bad = trials_of(database)
    assert (good.status, bad.status) == (TrialStatus.FINISHED, TrialStatus.FAILED)
    assert "not finite" in bad.notes[0]
    assert database.ledger("tiny").parameters()[0].recipe_sha256 == good.recipe_sha256
    with pytest.raises(TrainingError, match="No candidate for task 'birds' could be trained"):
        run_tasks(database, learner, [TASK], run="bad", learn=choosing(Sweep(learning_rates=(1e38, 2e38))))


def test_a_lost_checkpoint_of_another_run_costs_time_only(database: Database, backbone: Backbone) -> None:
    """Where the stopped trial's file is gone or damaged, it is trained from its start, to the same bytes."""
    learner = tiny_learner(backbone, recipe=FOUR)
    run_tasks(database, learner, [TASK], run="halved", learn=choosing())
    files = sorted(database.ledger("halved").trial_folder().iterdir())
    files[0].unlink()
    files[1].write_bytes(b"damaged")
    run_tasks(database, learner, [TASK], run="full", learn=choosing(replace(SWEEP, halving=False)))
    assert len(files) == 4
    assert all(len(trial.history) == 4 for trial in trials_of(database, "full"))
    with Database.open("sqlite://") as empty:
        run_tasks(empty, learner, [TASK], learn=choosing(replace(SWEEP, halving=False)))
        expected = [trial.sha256 for trial in trials_of(empty)]
    assert [trial.sha256 for trial in trials_of(database, "full")] == expected


def test_a_shared_body_is_always_trained(database: Database, backbone: Backbone) -> None:
    """Sequential fine-tuning depends on what came before: nothing of it is taken over."""
    from stream.model.methods.catalogue import sequential

    learner = tiny_learner(backbone, sequential(), FOUR)
    for run in ("first", "second"):
        watching = Watching()
        run_tasks(database, learner, [TASK], run=run, display=watching, learn=learn_once)
        assert len(watching.epochs) == 4
    assert {record.owner for record in database.ledger("second").parameters()} == {Owner.OWN, Owner.SHARED}
