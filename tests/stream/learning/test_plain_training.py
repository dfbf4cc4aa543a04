"""Training of copied tensors against `transformers` and `torch.optim`, dropout off, step for step."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stream.learning import training
from stream.learning.checkpoints import NoCheckpoints
from stream.learning.job import TrainingJob, epoch_batches
from stream.learning.training import train
from stream.model.methods.specification import method_named
from tests.stream.learning.jobs import RECIPE, Watcher, tiny_job
from tests.stream.plain_bert import mean_pooled, plain_bert
from tests.stream.tiny import tiny_backbone, tiny_task

NUM_STEPS = 5
"""One epoch of 40 examples in batches of 8."""
TRAINED: dict[str, Callable[[str], bool]] = {
    "fine-tune": lambda name: True,
    "fine-tune:1": lambda name: name.startswith("encoder.layer.1."),
    "layer-norm": lambda name: "LayerNorm" in name,
    "feature": lambda name: False,
}
"""What each method trains beside the head, by names of `transformers`."""
each_method = pytest.mark.parametrize("text", TRAINED)


def job_of(text: str) -> TrainingJob:
    return tiny_job(
        num_epochs=1,
        backbone=tiny_backbone(hidden_dropout=0.0, attention_dropout=0.0),
        method=method_named(text, adapter_size=4),
        task=tiny_task(num_train=8 * NUM_STEPS),
        recipe=replace(RECIPE, learning_rate=3e-3, weight_decay=0.1),
    )


def our_losses(job: TrainingJob, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The loss of each step, from the means that an observer is told."""
    monkeypatch.setattr(training, "PROGRESS_SECONDS", 0.0)
    watcher = Watcher()
    train(job, NoCheckpoints(), watcher.observer)
    sums = [0.0, *(progress.train_loss * progress.step for progress in watcher.progress)]
    return [after - before for before, after in pairwise(sums)]


def plain_losses(job: TrainingJob, trained: Callable[[str], bool]) -> list[float]:
    """The same steps as anyone would write them."""
    model = plain_bert(job.backbone.tensors)
    head = torch.nn.Linear(32, 2)
    head.load_state_dict({leaf: job.start[f"head.{leaf}"] for leaf in ("weight", "bias")})
    named = [(f"head.{name}", p) for name, p in head.named_parameters()]
    named += [(name, p) for name, p in model.named_parameters() if trained(name)]
    optimiser = torch.optim.AdamW(grouped(named, job.recipe.weight_decay), eps=1e-6)
    tokens, losses = job.data[0].train, []
    batches = epoch_batches(tokens.lengths.numpy(), batch_size=8, seed=job.seed, epoch=0)
    for step, examples in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = job.recipe.rate(step, NUM_STEPS)
        batch = tokens.batch(torch.from_numpy(examples), int(tokens.lengths[examples].max()))
        loss = F.cross_entropy(head(mean_pooled(model, batch)), tokens.labels[examples])
        model.zero_grad()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for _, p in named], 1.0)
        optimiser.step()
        losses.append(loss.item())
    return losses


def grouped(named: list[tuple[str, Tensor]], decay: float) -> list[dict[str, object]]:
    """Weights decay, biases and layer norms do not."""
    spared = [p for name, p in named if name.endswith("bias") or "LayerNorm" in name]
    return [
        {"params": [p for _, p in named if all(p is not q for q in spared)], "weight_decay": decay},
        {"params": spared, "weight_decay": 0.0},
    ]


@each_method
def test_losses_are_those_of_plain_training(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five steps of AdamW on the same batches give the losses of a `transformers` model to 1e-4."""
    job = job_of(text)
    expected = plain_losses(job, TRAINED[text])
    found = our_losses(job, monkeypatch)
    assert len(found) == NUM_STEPS
    assert found == pytest.approx(expected, abs=1e-4)


def test_methods_give_other_losses() -> None:
    """After one step the four methods have parted by more than what the comparison allows."""
    last = [plain_losses(job_of(text), trained)[-1] for text, trained in TRAINED.items()]
    assert min(abs(a - b) for i, a in enumerate(last) for b in last[:i]) > 1e-3
