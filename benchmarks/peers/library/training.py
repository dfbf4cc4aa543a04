"""One epoch of training: the library's Trainer, or the loop that a user writes in its place."""

import tempfile
from dataclasses import dataclass
from typing import Any

import torch
from transformers import Trainer, TrainingArguments, get_linear_schedule_with_warmup

from benchmarks.peers.library.examples import Batching, Examples, collated

WARMUP_FRACTION = 0.1
CLIP_NORM = 1.0
"""The Trainer's default."""
EPSILON = 1e-6
WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class Recipe:
    """How a side trains."""

    loop: str
    """`trainer` or `plain`."""
    batching: Batching
    autocast: bool
    """Automatic mixed precision in bfloat16."""
    learning_rate: float


def train(model: Any, examples: Examples, recipe: Recipe, seed: int) -> float:
    """Train one epoch; return the mean loss over its steps."""
    torch.manual_seed(seed)
    return (_with_trainer if recipe.loop == "trainer" else _plainly)(model, examples, recipe, seed)


def _with_trainer(model: Any, examples: Examples, recipe: Recipe, seed: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=recipe.batching.size,
            num_train_epochs=1,
            learning_rate=recipe.learning_rate,
            weight_decay=WEIGHT_DECAY,
            adam_epsilon=EPSILON,
            max_grad_norm=CLIP_NORM,
            bf16=recipe.autocast,
            use_cpu=True,
            seed=seed,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            label_names=["labels"],
            remove_unused_columns=False,
            dataloader_pin_memory=False,
            **_by_version(recipe.batching.similar),
        )
        trainer = _trainer_class(model)(
            model=model, args=arguments, train_dataset=examples, data_collator=collated
        )
        return float(trainer.train().training_loss)


def _by_version(similar: bool) -> dict[str, Any]:
    """Options that go by other names since transformers 5."""
    if "train_sampling_strategy" in TrainingArguments.__dataclass_fields__:
        strategy = "group_by_length" if similar else "random"
        return {"warmup_steps": WARMUP_FRACTION, "train_sampling_strategy": strategy}
    return {"warmup_ratio": WARMUP_FRACTION, "group_by_length": similar}


def _trainer_class(model: Any) -> type[Trainer]:
    if type(model).__module__.startswith("adapters."):
        from adapters import AdapterTrainer

        return AdapterTrainer
    return Trainer


def _plainly(model: Any, examples: Examples, recipe: Recipe, seed: int) -> float:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(
        trained, lr=recipe.learning_rate, eps=EPSILON, weight_decay=WEIGHT_DECAY, fused=True
    )
    batches = recipe.batching.shuffled(examples, seed)
    schedule = get_linear_schedule_with_warmup(optimiser, round(WARMUP_FRACTION * len(batches)), len(batches))
    model.train()
    losses = torch.zeros(())
    for chosen in batches:
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.autocast):
            loss = model(**examples.batch(chosen)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, CLIP_NORM)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad(set_to_none=True)
        losses += loss.detach()
    return float(losses) / len(batches)
