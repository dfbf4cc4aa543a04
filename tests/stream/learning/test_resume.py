"""Law 5 inside an arrival: a training taken up again after any step gives what a straight one gives."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from db.records import EpochRecord
from stream.learning import training
from stream.learning.checkpoints import NoCheckpoints
from stream.learning.job import TrainingJob
from stream.learning.training import Trained, train
from stream.model.methods.bottleneck import houlsby
from stream.model.methods.catalogue import sequential
from tests.stream.learning.jobs import RECIPE, KeptCheckpoints, Stopped, Watcher, tiny_job
from tests.stream.tiny import tiny_backbone

NUM_STEPS = 6
"""Two epochs of three steps."""


@pytest.fixture(autouse=True)
def checkpoint_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint is due after every step."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)


def job() -> TrainingJob:
    return tiny_job(num_epochs=2)


def essence(result: Trained) -> tuple[object, ...]:
    """All of a result, as plain values."""
    return result.values.to_bytes(), result.best_epoch, result.valid, result.num_trained, result.restarted


def straight(made: Callable[[], TrainingJob]) -> tuple[tuple[object, ...], list[EpochRecord]]:
    watcher = Watcher()
    return essence(train(made(), NoCheckpoints(), watcher.observer)), watcher.timeless


@pytest.fixture(scope="module")
def uninterrupted() -> tuple[tuple[object, ...], list[EpochRecord]]:
    """What the training gives without a stop."""
    return straight(job)


@pytest.mark.parametrize("step", range(1, NUM_STEPS + 1))
def test_stopped_at_any_step(step: int, uninterrupted: tuple[tuple[object, ...], list[EpochRecord]]) -> None:
    """Stopped after this step's checkpoint and taken up again, result and epochs are the straight one's."""
    checkpoints, before, after = KeptCheckpoints(stop_after=step), Watcher(), Watcher()
    with pytest.raises(Stopped):
        train(job(), checkpoints, before.observer)
    result = train(job(), checkpoints, after.observer)
    assert (essence(result), before.timeless + after.timeless) == uninterrupted


def test_stopped_at_every_step(uninterrupted: tuple[tuple[object, ...], list[EpochRecord]]) -> None:
    """Stopped after each single step in turn, the training still ends where the straight one does."""
    checkpoints = KeptCheckpoints()
    for step in range(1, NUM_STEPS + 1):
        checkpoints.stop_after = step
        with pytest.raises(Stopped):
            train(job(), checkpoints, Watcher().observer)
    assert essence(train(job(), checkpoints, Watcher().observer)) == uninterrupted[0]


@pytest.mark.parametrize("epoch", [0, 1])
def test_stopped_at_the_end_of_an_epoch(
    epoch: int, uninterrupted: tuple[tuple[object, ...], list[EpochRecord]]
) -> None:
    """Stopped after an epoch was told but before a checkpoint, the epoch is validated and told again."""

    def stop(record: EpochRecord) -> None:
        if record.epoch == epoch:
            raise Stopped

    checkpoints, before, after = KeptCheckpoints(), Watcher(on_epoch=stop), Watcher()
    with pytest.raises(Stopped):
        train(job(), checkpoints, before.observer)
    result = train(job(), checkpoints, after.observer)
    assert essence(result) == uninterrupted[0]
    assert before.timeless[-1] == after.timeless[0]
    assert before.timeless[:-1] + after.timeless == uninterrupted[1]


@pytest.mark.parametrize(
    "made",
    [
        lambda: tiny_job(num_epochs=2, backbone=tiny_backbone(dtype=torch.bfloat16)),
        lambda: tiny_job(num_epochs=2, method=sequential()),
        lambda: tiny_job(num_epochs=9, recipe=replace(RECIPE, learning_rate=1e-12, patience=1)),
        lambda: tiny_job(num_epochs=2, recipe=replace(RECIPE, batch_size=10)),
    ],
    ids=["bfloat16", "sequential", "patience", "uneven batches"],
)
def test_other_trainings_resume_too(made: Callable[[], TrainingJob]) -> None:
    """In bfloat16, with a shared body, with early stopping and with uneven batches the result is the same."""
    checkpoints, before, after = KeptCheckpoints(stop_after=5), Watcher(), Watcher()
    with pytest.raises(Stopped):
        train(made(), checkpoints, before.observer)
    result = train(made(), checkpoints, after.observer)
    assert (essence(result), before.timeless + after.timeless) == straight(made)


def test_stopped_around_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped before or after the restart at a lower rate, the training restarts once and ends the same."""
    take_step = training._Training._take_step

    def overflow(self: training._Training, examples: training.TrainingBatch) -> None:
        take_step(self, examples)
        if self._attempt == 0 and self._step > 3:
            self._loss_sum.set(torch.nan)

    monkeypatch.setattr(training._Training, "_take_step", overflow)
    expected = straight(job)
    for stop_after in (2, 4, 6, 8):
        checkpoints, before, after = KeptCheckpoints(stop_after=stop_after), Watcher(), Watcher()
        with pytest.raises(Stopped):
            train(job(), checkpoints, before.observer)
        result = train(job(), checkpoints, after.observer)
        assert (essence(result), before.timeless + after.timeless) == expected
        assert result.restarted
        assert len(before.notices + after.notices) == 1


def test_a_checkpoint_of_another_recipe_is_not_used(
    uninterrupted: tuple[tuple[object, ...], list[EpochRecord]],
) -> None:
    """A checkpoint that another recipe left is ignored: the training starts from its own beginning."""
    checkpoints = KeptCheckpoints(stop_after=4)
    other = replace(tiny_job(num_epochs=2, seed=1), recipe_sha256="another")
    with pytest.raises(Stopped):
        train(other, checkpoints, Watcher().observer)
    watcher = Watcher()
    assert essence(train(job(), checkpoints, watcher.observer)) == uninterrupted[0]
    assert watcher.timeless == uninterrupted[1]


def test_speed_is_that_of_the_steps_taken_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a resume within an epoch, tokens per second count the steps since, on the time since."""
    checkpoints = KeptCheckpoints(stop_after=2)
    with pytest.raises(Stopped):
        train(job(), checkpoints, Watcher().observer)
    moments = iter(range(1000))
    monkeypatch.setattr("stream.learning.training.time.monotonic", lambda: float(next(moments)))
    watcher = Watcher()
    train(job(), checkpoints, watcher.observer)
    assert watcher.progress[0].step == 3
    assert watcher.progress[0].tokens_per_second == pytest.approx(job().data[0].train.num_tokens / 3)


def test_checkpoints_are_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real interval a training of a second saves nothing."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 30.0)
    checkpoints = KeptCheckpoints()
    train(tiny_job(num_epochs=1, method=houlsby(4)), checkpoints, Watcher().observer)
    assert checkpoints.num_saved == 0


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_told_to_stop_after_an_epoch_it_goes_on_as_if_it_had_not(stop_after: int) -> None:
    """Stopped at a rung and continued, values, epochs and rates are those of a training without a stop."""
    checkpoints, before, after = KeptCheckpoints(), Watcher(), Watcher()
    stopped = train(tiny_job(num_epochs=4), checkpoints, before.observer, stop_after=stop_after)
    assert (len(stopped.epochs), stopped.finished) == (stop_after, False)
    result = train(tiny_job(num_epochs=4), checkpoints, after.observer)
    assert (essence(result), before.timeless + after.timeless) == straight(lambda: tiny_job(num_epochs=4))
    assert (len(result.epochs), result.finished) == (4, True)


def test_a_training_that_stands_at_its_rung_takes_no_step() -> None:
    """Asked again to stop where it stopped, it answers from its checkpoint and tells no epoch."""
    checkpoints, watcher = KeptCheckpoints(), Watcher()
    first = train(tiny_job(num_epochs=4), checkpoints, Watcher().observer, stop_after=2)
    num_saved = checkpoints.num_saved
    again = train(tiny_job(num_epochs=4), checkpoints, watcher.observer, stop_after=2)
    assert essence(again) == essence(first)
    assert (watcher.epochs, watcher.progress) == ([], [])
    assert checkpoints.num_saved == num_saved


def test_a_state_from_another_position_is_taken_over() -> None:
    """A checkpoint left at another position of another run tells its epochs as those of this one."""
    checkpoints = KeptCheckpoints()
    train(replace(tiny_job(num_epochs=2), position=5), checkpoints, Watcher().observer, stop_after=1)
    result = train(job(), checkpoints, Watcher().observer)
    assert [epoch.position for epoch in result.epochs] == [0, 0]
