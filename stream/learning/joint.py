"""Joint training: one body and a head per task, trained on all tasks at once.

It is the reference that continual learning is measured against: it needs every task's data before the first
answer. Each task gets as many passes over its data as it would alone, spread evenly over the training.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from stream.learning.checkpoints import Checkpoints
from stream.learning.evaluation import evaluate, make_plan
from stream.learning.job import TrainingJob
from stream.learning.learner import Learned, Learner, PreparedTask
from stream.learning.observer import Observer
from stream.learning.recipe import recipe_sha256
from stream.learning.training import Trained, train
from stream.model.backbone.parameters import NO_PARAMETERS, TaskParameters
from stream.model.methods.method import Site, fresh_parameters, head_sites


def learn_together(
    learner: Learner,
    prepared: Sequence[PreparedTask],
    seeds: Sequence[int],
    *,
    seed: int,
    checkpoints: Checkpoints,
    observer: Observer,
) -> tuple[Learned, ...]:
    """Train one body for all tasks; the first task's result holds the body, each holds its own head.

    Args:
        learner: its method says what the body is.
        prepared: the tasks as tokens.
        seeds: seed of each task's head.
        seed: of the training.
        checkpoints: where the training's state is kept.
        observer: who is told.

    Raises:
        TrainingError: the loss was not finite twice.
    """
    started = time.perf_counter()
    job = _job(learner, prepared, seeds, seed)
    trained = train(job, checkpoints, observer)
    seconds = time.perf_counter() - started
    costs = [part.num_epochs * part.train.num_tokens for part in job.data]
    shares = [seconds * cost / sum(costs) for cost in costs]
    return tuple(
        _learned(learner, job, trained, i, task, share)
        for i, (task, share) in enumerate(zip(prepared, shares, strict=True))
    )


def _job(learner: Learner, prepared: Sequence[PreparedTask], seeds: Sequence[int], seed: int) -> TrainingJob:
    backbone, method = learner.backbone, learner.method
    body = method.body(backbone.architecture)
    sites: list[Site] = list(body)
    start: dict[str, Tensor] = fresh_parameters(body, backbone, NO_PARAMETERS, seed)
    for i, (task, own_seed) in enumerate(zip(prepared, seeds, strict=True)):
        head = head_sites(backbone.architecture, task.num_outputs)
        fresh = fresh_parameters(head, backbone, NO_PARAMETERS, own_seed)
        for site in head:
            name = site.name.replace("head.", f"head.{i}.")
            sites.append(replace(site, name=name))
            start[name] = fresh[site.name]
    data = [learner.task_data(task, head=f"head.{i}") for i, task in enumerate(prepared)]
    return TrainingJob(
        backbone=backbone,
        sites=sites,
        start=start,
        data=data,
        recipe=learner.recipe,
        seed=seed,
        recipe_sha256=recipe_sha256(
            learner.recipe,
            tasks={str(i): task.task.fingerprint for i, task in enumerate(prepared)},
            epochs={str(i): part.num_epochs for i, part in enumerate(data)},
            seed=seed,
            method={"name": method.name, **method.options},
            backbone=learner.backbone_sha256,
            dtype=str(backbone.dtype),
            num_threads=torch.get_num_threads(),
        ),
        position=0,
    )


def _learned(
    learner: Learner, job: TrainingJob, trained: Trained, i: int, prepared: PreparedTask, seconds: float
) -> Learned:
    names = {site.name for site in learner.method.body(learner.backbone.architecture)}
    body = TaskParameters({name: value for name, value in trained.values.items() if name in names})
    served = job.data[i].served(trained.values)
    head = TaskParameters({name: served[name] for name in ("head.weight", "head.bias")})
    tokens = prepared.valid.tokens
    plan = make_plan(tokens, learner.backbone)
    valid = evaluate(learner.backbone, served, tokens, scoring=prepared.scoring, plan=plan)
    return Learned(
        own=head,
        shared=body if i == 0 else NO_PARAMETERS,
        tests=learner.in_memory(prepared, served),
        recipe_sha256=job.recipe_sha256,
        best_epoch=trained.best_epoch,
        valid=valid.value,
        num_trained=body.num_parameters + head.num_parameters,
        seconds=seconds,
        notes=("restarted at a lower learning rate",) if trained.restarted else (),
    )
