from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from stream.errors import UserError
from stream.learning.checkpoints import NoCheckpoints
from stream.learning.encoding import TokenSet
from stream.learning.evaluation import make_plan, predict
from stream.learning.job import TaskData, TrainingJob
from stream.learning.objectives.objective import (
    CLASSES,
    OBJECTIVES,
    SCORES,
    Objective,
    Scores,
    Scoring,
    check_metrics,
    scoring_of,
)
from stream.learning.training import train
from stream.model.backbone.parameters import NO_PARAMETERS
from stream.model.methods.bottleneck import houlsby
from stream.model.methods.method import fresh_parameters
from tasks.task import Split, TaskKind
from tests.stream.learning.jobs import Watcher, tiny_job, tokens_of
from tests.stream.tiny import tiny_backbone, tiny_task


def tokens_with(labels: torch.Tensor) -> TokenSet:
    """One token an example, with these gold answers."""
    num = len(labels)
    return TokenSet(
        ids=torch.ones(num, dtype=torch.int32),
        offsets=torch.arange(num + 1),
        second=torch.ones(num, dtype=torch.int32),
        labels=labels,
    )


def test_every_kind_of_task_has_an_objective() -> None:
    """No kind is left out, and each objective fits the protocol."""
    assert set(OBJECTIVES) >= set(TaskKind) - {TaskKind.SPAN}
    assert all(isinstance(objective, Objective) for objective in OBJECTIVES.values())


def test_cross_entropy_is_in_nats() -> None:
    """Even logits over three classes cost log 3 each."""
    labels = torch.tensor([0, 1, 2, 0])
    assert float(CLASSES.loss(torch.zeros(4, 3), labels)) == pytest.approx(np.log(3))


def test_the_loss_of_scores_is_the_mean_squared_error() -> None:
    """Errors of 1 and 3 cost (1 + 9) / 2."""
    assert float(SCORES.loss(torch.tensor([[1.0], [2.0]]), torch.tensor([2.0, 5.0]))) == 5.0


def test_predictions_are_stored_in_the_stated_form() -> None:
    """Classes are int32 and scores float32, little-endian, in example order."""
    outputs = torch.tensor([[0.1, 0.9], [2.0, -1.0]])
    found = tokens_with(torch.tensor([1, 0]))
    assert CLASSES.predictions(outputs, found) == np.array([1, 0], "<i4").tobytes()
    assert SCORES.predictions(outputs[:, :1], found) == np.array([0.1, 2.0], "<f4").tobytes()


def test_the_head_has_an_output_per_class_or_one() -> None:
    """A classification asks for its classes, a regression for one number."""
    assert (CLASSES.num_outputs(7), SCORES.num_outputs(0)) == (7, 1)


def test_changed_scores_are_counted_by_their_bits() -> None:
    """A score that differs in the last bit is another prediction; an equal one is not."""
    before = np.array([1.0, 2.0, 3.0], "<f4")
    now = before.copy()
    now[1] = np.nextafter(now[1], np.float32(9.0))
    assert SCORES.num_changed(before.tobytes(), now.tobytes()) == 1
    assert SCORES.num_changed(before.tobytes(), before.tobytes()) == 0
    with pytest.raises(ValueError, match="of the same split"):
        SCORES.num_changed(before.tobytes(), now[:2].tobytes())


def test_main_and_secondary_metrics_come_together() -> None:
    """Hand-worked: 3 of 4 right; class 1 has one hit, one miss and no false alarm, so F1 = 2/3."""
    scoring = Scoring.of("pair", "f1", ["accuracy"])
    predictions = np.array([0, 1, 0, 0], "<i4").tobytes()
    value, secondary = scoring.values(predictions, tokens_with(torch.tensor([0, 1, 1, 0])))
    assert value == pytest.approx(2 / 3)
    assert secondary == {"accuracy": 0.75}


@pytest.mark.parametrize(("kind", "metric"), [(TaskKind.REGRESSION, "accuracy"), (TaskKind.PAIR, "spearman")])
def test_a_metric_of_another_kind_is_refused(kind: TaskKind, metric: str) -> None:
    """A regression has no accuracy and classes have no ranks; the sentence says what there is."""
    with pytest.raises(UserError, match=f"'x' has the metric '{metric}'"):
        check_metrics("x", kind, [metric])


def test_f1_needs_two_classes() -> None:
    """F1 is about the positive class of two; with three the user is told of macro_f1."""
    from dataclasses import replace

    assert scoring_of(replace(tiny_task(), metric="f1")).metric == "f1"
    with pytest.raises(UserError, match=r"3 classes, but f1 .* macro_f1"):
        scoring_of(replace(tiny_task(num_labels=3), secondary=("f1",)))


def test_a_regression_learns_to_rank() -> None:
    """Scores that one word decides: after training the validation split is ranked nearly right."""
    task = tiny_task(num_train=96, num_valid=24)

    def scored(split: Split) -> Split:
        return replace(split, labels=[4.0 * label + 0.5 for label in split.labels])

    backbone, method = tiny_backbone(), houlsby(4)
    sites = method.trained_sites(backbone.architecture, SCORES.num_outputs(0))
    data = TaskData(
        train=tokens_of(backbone, scored(task.train)),
        valid=tokens_of(backbone, scored(task.valid)),
        num_epochs=20,
        scoring=Scoring.of("regression", "spearman"),
    )
    job = replace(
        tiny_job(backbone=backbone),
        sites=sites,
        start=fresh_parameters(sites, backbone, NO_PARAMETERS, 0),
        data=[data],
    )
    trained = train(job, NoCheckpoints(), Watcher().observer)
    assert trained.valid is not None
    assert trained.valid > 0.7


def test_an_undefined_metric_leaves_the_choice_to_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no epoch has a defined metric the smallest validation loss decides, and `valid` is None."""
    monkeypatch.setattr(Scores, "measure", lambda *_: None)
    losses = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(Scores, "loss", _validation_losses(losses))
    task = tiny_task()
    backbone, method = tiny_backbone(), houlsby(4)
    sites = method.trained_sites(backbone.architecture, 1)
    split = replace(task.train, labels=[float(label) for label in task.train.labels])
    data = TaskData(
        train=tokens_of(backbone, split),
        valid=tokens_of(backbone, replace(split, texts=split.texts[:9], labels=split.labels[:9])),
        num_epochs=3,
        scoring=Scoring.of("regression", "spearman"),
    )
    job = replace(
        tiny_job(backbone=backbone),
        sites=sites,
        start=fresh_parameters(sites, backbone, NO_PARAMETERS, 0),
        data=[data],
    )
    trained = train(job, NoCheckpoints(), Watcher().observer)
    assert (trained.best_epoch, trained.valid) == (1, None)


def _validation_losses(losses: Iterator[float]) -> Callable[..., torch.Tensor]:
    """Losses of whole splits of nine examples are taken from the iterator, those of batches are real."""
    real = Scores.loss

    def loss(self: Scores, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return torch.tensor(next(losses)) if len(labels) == 9 else real(self, outputs, labels)

    return loss


def scored_job(*, low: float, high: float, num_epochs: int = 1, batch_size: int = 96) -> TrainingJob:
    """A regression whose score is one of two numbers, decided by one word; 96 examples."""
    task = tiny_task(num_train=96, num_valid=24)

    def scored(split: Split) -> Split:
        return replace(split, labels=[(low, high)[int(label)] for label in split.labels])

    backbone, method = tiny_backbone(), houlsby(4)
    sites = method.trained_sites(backbone.architecture, 1)
    job = tiny_job(backbone=backbone)
    return replace(
        job,
        sites=sites,
        start=fresh_parameters(sites, backbone, NO_PARAMETERS, 0),
        data=[
            TaskData(
                train=tokens_of(backbone, scored(task.train)),
                valid=tokens_of(backbone, scored(task.valid)),
                num_epochs=num_epochs,
                scoring=Scoring.of("regression", "spearman"),
            )
        ],
        recipe=replace(job.recipe, batch_size=batch_size),
    )


def test_mean_and_variance_are_those_of_the_training_scores() -> None:
    """Hand-worked: 1, 2, 3 and 6 have the mean 3 and the variance 14/4; classes have neither."""
    valid = tokens_with(torch.tensor([5.0]))
    scores = TaskData(train=tokens_with(torch.tensor([1.0, 2.0, 3.0, 6.0])), valid=valid, num_epochs=1)
    assert (scores.mean_score, scores.loss_unit) == (3.0, 3.5)
    equal = TaskData(train=tokens_with(torch.tensor([2.0, 2.0])), valid=valid, num_epochs=1)
    assert (equal.mean_score, equal.loss_unit) == (2.0, 1.0)
    classes = TaskData(train=tokens_with(torch.tensor([0, 1])), valid=valid, num_epochs=1)
    assert (classes.mean_score, classes.loss_unit) == (None, 1.0)


@pytest.mark.parametrize(("low", "high"), [(0.0, 5.0), (1000.0, 1004.0), (-300.0, 100.0)])
def test_the_first_loss_of_a_regression_is_that_of_the_mean(low: float, high: float) -> None:
    """Before the first step the head answers the mean: a loss near 1 on every scale."""
    watcher = Watcher()
    job = scored_job(low=low, high=high)
    assert float(job.first_values["head.bias"]) == (low + high) / 2
    train(job, NoCheckpoints(), watcher.observer)
    assert watcher.epochs[0].train_loss == pytest.approx(1.0, abs=0.15)


def test_scores_are_predicted_on_their_own_scale() -> None:
    """Scores of 1000 and 1004 are told apart and predicted as such: the stored head carries the scale."""
    job = scored_job(low=1000.0, high=1004.0, num_epochs=20, batch_size=8)
    (part,) = job.data
    trained = train(job, NoCheckpoints(), Watcher().observer)
    outputs = predict(job.backbone, trained.values, part.valid, make_plan(part.valid, job.backbone), SCORES)
    error = float(SCORES.loss(outputs, part.valid.labels))
    assert error < 0.5 * 2.0**2  # half of what answering the mean costs
