"""How many examples and how much training a run had, in words: an average means little without it."""

from collections.abc import Iterator, Mapping
from typing import Any

from db.records import RunRecord
from stream.results.run_results import RunResults
from stream.words import count

_SPLITS = (("max_train", "training"), ("max_valid", "validation"), ("max_test", "test"))


def setting_text(run: RunRecord) -> str | None:
    """Return preset, training, what computed, seed and caps; None of a run that recorded none of it."""
    configuration = run.configuration
    if "preset" not in configuration:
        return None
    recipe = configuration.get("recipe", {})
    parts = [f"preset {configuration['preset']}", *_training(recipe), *_recipe(configuration, recipe)]
    parts += _computing(run.environment)
    parts.append(f"seed {configuration.get('seed', 0)}")
    caps = [f"{cap:,} {what}" for what, cap in _caps(run).items()]
    if caps:
        listed = caps[0] if len(caps) == 1 else f"{', '.join(caps[:-1])} and {caps[-1]}"
        parts.append(f"at most {listed} examples a task")
    return "; ".join(parts)


def capped_text(results: RunResults) -> str:
    """Return ", capped at ..." where a cap left some task fewer examples than it has; otherwise nothing."""
    caps = _caps(results.run)
    reached = [
        f"{caps[what]:,} {what}"
        for what, sizes in (
            ("training", [task.num_train for task in results.tasks]),
            ("test", [task.num_test for task in results.tasks]),
        )
        if what in caps and caps[what] in sizes
    ]
    return f", capped at {' and '.join(reached)} examples" if reached else ""


def _caps(run: RunRecord) -> dict[str, int]:
    limits = run.configuration.get("limits", {})
    return {what: limits[name] for name, what in _SPLITS if limits.get(name) is not None}


def _training(recipe: Mapping[str, Any]) -> Iterator[str]:
    if recipe.get("num_epochs"):
        yield count(recipe["num_epochs"], "epoch")
    elif recipe.get("paper_epochs"):
        yield "the paper's epochs"
    elif recipe.get("token_budget"):
        yield f"about {recipe['token_budget']:,} training tokens a task"


def _recipe(configuration: Mapping[str, Any], recipe: Mapping[str, Any]) -> Iterator[str]:
    """The method's size, rate and batches; what is chosen for each task is not said here."""
    sweep = configuration.get("sweep") or {}
    size = configuration.get("method_options", {}).get("adapter_size")
    if size is not None:
        yield f"adapter size {size}"
    if recipe.get("learning_rate") and not sweep.get("learning_rates"):
        yield f"learning rate {recipe['learning_rate']:g}"
    if recipe.get("batch_size"):
        yield f"batches of {recipe['batch_size']}"
    if recipe.get("max_length"):
        yield f"texts of at most {recipe['max_length']} tokens"


def _computing(environment: Mapping[str, Any]) -> Iterator[str]:
    if environment.get("dtype"):
        threads = environment.get("num_threads")
        on = f" on {count(threads, 'thread')}" if threads and environment.get("device") == "cpu" else ""
        yield f"computed in {environment['dtype']}{on}"
