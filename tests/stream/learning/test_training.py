from dataclasses import replace

import pytest
import torch

from stream.errors import TrainingError
from stream.learning import steps, training
from stream.learning.checkpoints import NoCheckpoints
from stream.learning.job import TrainingJob
from stream.learning.objectives.objective import Scoring
from stream.learning.recipe import Recipe
from stream.learning.training import Trained, train
from stream.model.encoder.dropout import MaskPool, StepDropout
from stream.model.methods.bottleneck import houlsby
from stream.model.methods.catalogue import sequential
from tests.stream.learning.jobs import RECIPE, Watcher, tiny_job
from tests.stream.tiny import tiny_backbone, tiny_task


def trained(job: TrainingJob, watcher: Watcher | None = None) -> Trained:
    return train(job, NoCheckpoints(), (watcher or Watcher()).observer)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_a_separable_task_is_learned(dtype: torch.dtype) -> None:
    """Adapters on a random backbone learn which word decides: the loss falls and new texts are right."""
    backbone = tiny_backbone(dtype=dtype, hidden_dropout=0.0, attention_dropout=0.0)
    watcher = Watcher()
    task, recipe = tiny_task(num_train=96, num_valid=24), replace(RECIPE, learning_rate=4e-2, batch_size=24)
    result = trained(tiny_job(backbone=backbone, task=task, num_epochs=12, recipe=recipe), watcher)
    losses = [epoch.train_loss for epoch in watcher.epochs]
    assert losses[-1] < 0.25 * losses[0]
    assert result.valid >= 0.9


def test_the_same_job_gives_the_same_bytes() -> None:
    """Training twice gives equal bytes; another seed or one more epoch gives others."""
    contents = [
        trained(job).values.to_bytes()
        for job in (*[tiny_job(num_epochs=1)] * 2, tiny_job(num_epochs=1, seed=1), tiny_job())
    ]
    assert contents[0] == contents[1]
    assert len(set(contents)) == 3


def test_only_own_tensors_learn() -> None:
    """Training leaves the backbone as it was and changes every tensor of the task."""
    job = tiny_job()
    before, start = job.backbone.fingerprint(), {name: value.clone() for name, value in job.start.items()}
    values = trained(job).values
    assert job.backbone.fingerprint() == before
    assert set(values) == {site.name for site in job.sites}
    unchanged = [name for name, value in values.items() if torch.equal(value, start[name])]
    assert not unchanged
    assert all(torch.equal(job.start[name], value) for name, value in start.items())


def test_sequential_learns_the_whole_body_in_a_copy() -> None:
    """Fine-tuning changes the body in the stream's version, never in the backbone."""
    job = tiny_job(method=sequential())
    before = job.backbone.fingerprint()
    values = trained(job).values
    assert job.backbone.fingerprint() == before
    assert set(values) == {*job.backbone.tensors, "head.weight", "head.bias"}
    unchanged = {n for n, tensor in job.backbone.tensors.items() if torch.equal(values[n], tensor)}
    assert unchanged <= {f"layer.{i}.attention.key.bias" for i in (0, 1)}  # softmax cancels a key's bias


def test_the_number_of_trained_parameters_is_counted() -> None:
    """What is trained is counted from the tensors that are."""
    job = tiny_job()
    assert trained(job).num_trained == sum(value.numel() for value in job.start.values())


def test_epochs_are_reported() -> None:
    """Each epoch is told with its loss, validation, last rate and tokens."""
    job, watcher = tiny_job(num_epochs=3), Watcher()
    trained(job, watcher)
    assert [epoch.epoch for epoch in watcher.epochs] == [0, 1, 2]
    assert {epoch.attempt for epoch in watcher.epochs} == {0}
    assert {epoch.num_tokens for epoch in watcher.epochs} == {job.data[0].train.num_tokens}
    assert [epoch.learning_rate for epoch in watcher.epochs] == [RECIPE.rate(step, 9) for step in (2, 5, 8)]
    assert all(0 <= epoch.valid <= 1 and epoch.seconds > 0 for epoch in watcher.epochs)


def test_the_best_epoch_is_kept() -> None:
    """The epoch with the best validation is kept, and its values are those of a training that ended there."""
    job = tiny_job(num_epochs=4, recipe=replace(RECIPE, learning_rate=5e-2))
    watcher = Watcher()
    result = trained(job, watcher)
    values = [epoch.valid for epoch in watcher.epochs]
    assert result.valid == values[result.best_epoch] == max(values)
    assert not result.restarted


def test_patience_stops_early() -> None:
    """With a rate too small to improve anything, a training ends `patience` epochs after its best one."""
    recipe = replace(RECIPE, learning_rate=1e-12, patience=2)
    watcher = Watcher()
    result = trained(tiny_job(num_epochs=20, recipe=recipe), watcher)
    assert len(watcher.epochs) == result.best_epoch + 1 + 2
    assert len(watcher.epochs) < 20


def test_without_patience_all_epochs_are_trained() -> None:
    """Without patience nothing ends a training early."""
    watcher = Watcher()
    trained(tiny_job(num_epochs=4, recipe=replace(RECIPE, learning_rate=1e-12)), watcher)
    assert len(watcher.epochs) == 4


def test_a_loss_that_is_not_finite_restarts_once_and_then_stops() -> None:
    """With a backbone that gives no finite loss the training says so, starts again once, and stops."""
    backbone = tiny_backbone()
    backbone.tensors["embeddings.word"].fill_(torch.inf)
    watcher = Watcher()
    with pytest.raises(TrainingError, match=r"at learning rate 0\.01 nor at 0\.001; choose a lower"):
        trained(tiny_job(backbone=backbone), watcher)
    assert watcher.notices == [
        "the loss was not finite at learning rate 0.01; the arrival starts again at 0.001"
    ]
    assert not watcher.epochs


@pytest.mark.parametrize("num_epochs", [1, 3])
def test_a_rate_far_too_high_never_gives_a_result(num_epochs: int) -> None:
    """Values that the last step of an epoch spoiled are refused too, in the first epoch as in a later one."""
    recipe = replace(RECIPE, learning_rate=1e30, batch_size=24)
    watcher = Watcher()
    with pytest.raises(TrainingError, match="choose a lower --learning-rate"):
        trained(tiny_job(num_epochs=num_epochs, recipe=recipe), watcher)
    assert len(watcher.notices) == 1


def test_a_restart_trains_at_a_tenth_of_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restarted training is the one with the lower rate from the start, and says that it was restarted."""
    high = replace(RECIPE, learning_rate=1e-1)
    expected = trained(tiny_job(recipe=replace(RECIPE, learning_rate=1e-2)))
    job, watcher = tiny_job(recipe=high), Watcher()
    take_step = training._Training._take_step

    def overflow(self: training._Training, examples: training.TrainingBatch) -> None:
        take_step(self, examples)
        if self._attempt == 0:
            self._loss_sum.set(torch.inf)

    monkeypatch.setattr(training._Training, "_take_step", overflow)
    result = trained(job, watcher)
    assert result.restarted
    assert result.values.to_bytes() == expected.values.to_bytes()
    assert {epoch.attempt for epoch in watcher.epochs} == {1}


def test_each_step_drops_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dropout of a step follows from its number, counted through all epochs."""
    taken: list[int] = []

    def recorded(pools: dict[float, MaskPool], step: int) -> StepDropout:
        taken.append(step)
        return StepDropout(pools, step)

    monkeypatch.setattr(steps, "StepDropout", recorded)
    trained(tiny_job(num_epochs=2))
    assert taken == [0, 1, 2, 3, 4, 5]


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Told after every step, progress counts steps, and its loss is the epoch's mean so far."""
    monkeypatch.setattr(training, "PROGRESS_SECONDS", 0.0)
    watcher = Watcher()
    trained(tiny_job(num_epochs=2), watcher)
    assert [progress.step for progress in watcher.progress] == [1, 2, 3, 4, 5, 6]
    assert [progress.epoch for progress in watcher.progress] == [0, 0, 0, 1, 1, 1]
    assert {(progress.num_steps, progress.num_epochs) for progress in watcher.progress} == {(6, 2)}
    for last, epoch in zip(watcher.progress[2::3], watcher.epochs, strict=True):
        assert last.train_loss == pytest.approx(epoch.train_loss)
        assert last.learning_rate == epoch.learning_rate
        assert last.tokens_per_second > 0


def test_observers_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that is told of at every step gives the bytes of one that is not."""
    silent = trained(tiny_job()).values.to_bytes()
    monkeypatch.setattr(training, "PROGRESS_SECONDS", 0.0)
    assert trained(tiny_job()).values.to_bytes() == silent


def test_the_metric_decides_which_epoch_is_best() -> None:
    """Validation is by the job's metric."""
    job, watcher = tiny_job(), Watcher()
    other = Watcher()
    trained(replace(job, data=[replace(job.data[0], scoring=Scoring(metric="macro_f1"))]), watcher)
    trained(tiny_job(), other)
    assert [epoch.valid for epoch in watcher.epochs] != [epoch.valid for epoch in other.epochs]


def test_weights_decay_towards_zero() -> None:
    """With a strong decay the head's weights shrink, and its bias does not feel it."""
    plain, decayed = (
        trained(tiny_job(method=houlsby(4), recipe=replace(Recipe(batch_size=8), weight_decay=decay))).values
        for decay in (0.0, 50.0)
    )
    assert float(decayed["head.weight"].norm()) < 0.9 * float(plain["head.weight"].norm())
    assert float(decayed["layer.0.attention.norm.weight"].mean()) > 0.5
