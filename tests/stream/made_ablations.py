"""Ablations made of numbers, for reports."""

from stream.study.ablation.values import Ablation


def made_ablation(task: str = "a", *, num_layers: int = 3, position: int = 0, **changes: object) -> Ablation:
    """0.8 with all adapters, 0.1 less a removed layer; the majority class gives 0.4."""
    layers = range(num_layers)
    values: dict[str, object] = {
        "position": position,
        "task": task,
        "data": "real",
        "metric": "accuracy",
        "layers": tuple(layers),
        "num_examples": 100,
        "value": 0.8,
        "majority_class": 0.4,
        "values": {(a, b): 0.8 - 0.1 * (b - a + 1) for a in layers for b in layers if a <= b},
        "plans": ("plan",),
    }
    return Ablation(**values | changes)  # type: ignore[arg-type]
