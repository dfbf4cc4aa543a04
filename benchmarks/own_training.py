"""One epoch of this project's training on a token set, as benchmarks time it."""

from collections.abc import Callable

from db.records import EpochRecord
from stream.learning.checkpoints import NoCheckpoints
from stream.learning.encoding import TokenSet
from stream.learning.job import TaskData, TrainingJob
from stream.learning.observer import Observer
from stream.learning.recipe import Recipe
from stream.learning.training import Trained, train
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.parameters import NO_PARAMETERS
from stream.model.methods.method import Method, fresh_parameters

VALIDATION_EXAMPLES = 2
"""The training validates once at its end; with so few examples that takes no time."""


def one_epoch(
    backbone: Backbone,
    method: Method,
    tokens: TokenSet,
    *,
    num_labels: int,
    batch_size: int,
    learning_rate: float = 1e-3,
    seed: int = 0,
    epoch_finished: Callable[[EpochRecord], None] = lambda _: None,
) -> Callable[[], Trained]:
    """A training that is ready to start: called, it trains one epoch from fresh parameters."""
    sites = method.trained_sites(backbone.architecture, num_labels)
    job = TrainingJob(
        backbone=backbone,
        sites=sites,
        start=fresh_parameters(sites, backbone, NO_PARAMETERS, seed),
        data=[TaskData(train=tokens, valid=_first(tokens, VALIDATION_EXAMPLES), num_epochs=1)],
        recipe=Recipe(batch_size=batch_size, learning_rate=learning_rate),
        seed=seed,
        recipe_sha256="",
        position=0,
        materialise=method.materialise,
    )
    observer = Observer(progressed=lambda _: None, epoch_finished=epoch_finished, restarted=print)
    return lambda: train(job, NoCheckpoints(), observer)


def _first(tokens: TokenSet, count: int) -> TokenSet:
    return TokenSet(
        ids=tokens.ids[: tokens.offsets[count]],
        offsets=tokens.offsets[: count + 1],
        second=tokens.second[:count],
        labels=tokens.labels[:count],
    )
