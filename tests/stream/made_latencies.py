"""Latencies made of numbers, for reports."""

from stream.study.latency.values import Latency, LatencyStudy


def made_latency(**changes: object) -> Latency:
    """+25 % in both pairs."""
    values: dict[str, object] = {
        "method": "houlsby",
        "adapter_size": 8,
        "batch_size": 1,
        "length": 16,
        "seconds": (0.025, 0.05),
        "bare_seconds": (0.02, 0.04),
        "num_passes": 3,
    }
    return Latency(**values | changes)  # type: ignore[arg-type]


def made_latency_study(**changes: object) -> LatencyStudy:
    """Two batches and lengths of two methods, one of them merged LoRA without an overhead."""
    latencies = tuple(
        made_latency(method=method, adapter_size=size, batch_size=batch, length=length, seconds=seconds)
        for method, size, seconds in (("houlsby", 8, (0.025, 0.05)), ("lora", None, (0.02, 0.04)))
        for batch in (1, 4)
        for length in (16, 128)
    )
    values: dict[str, object] = {
        "run": "latency",
        "backbone": "minilm",
        "device": "cpu made",
        "dtype": "float32",
        "num_threads": 1,
        "clock": "processor time of the one thread",
        "latencies": latencies,
    }
    return LatencyStudy(**values | changes)  # type: ignore[arg-type]
