"""What is compared with other libraries: a method, their configuration of it, and whose tensors are whose."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stream.model.backbone.families import checkpoint_name

REDUCTION = 16
"""Hidden size over adapter size, in both backbones."""
_GELU = {"non_linearity": "gelu_new", "reduction_factor": REDUCTION}
"""`gelu_new` is the library's name of the tanh approximation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One method beside another library's configuration of the same computation."""

    method: str
    """As the command line names it."""
    library: str
    config: str
    """Name of a configuration class of the library."""
    options: Mapping[str, Any] = field(default_factory=dict)
    agrees: bool = True
    """False for a control: a configuration that computes something else, which has to be seen."""

    @property
    def name(self) -> str:
        """For the printed line and the stored figure."""
        return f"{self.method} / {self.library} {self.config}{'' if self.agrees else ' (control)'}"


CASES = (
    Case(
        method="lora:rank=8:alpha=16",
        library="peft",
        config="LoraConfig",
        options={"r": 8, "lora_alpha": 16, "target_modules": ["query", "value"]},
    ),
    Case(
        method="lora:rank=3:alpha=1",
        library="peft",
        config="LoraConfig",
        options={"r": 3, "lora_alpha": 1, "target_modules": ["query", "value"]},
    ),
    Case(method="houlsby", library="adapters", config="DoubleSeqBnConfig", options=_GELU),
    Case(
        method="adapter-l",
        library="adapters",
        config="SeqBnConfig",
        options=_GELU | {"original_ln_before": False},
    ),
    # The library's default, Pfeiffer's placement: the adapter reads the layer norm of the residual sum.
    Case(method="adapter-l", library="adapters", config="SeqBnConfig", options=_GELU, agrees=False),
    Case(
        method="houlsby:parallel",
        library="adapters",
        config="ParBnConfig",
        options=_GELU | {"mh_adapter": True, "scaling": 1.0},
    ),
    Case(
        method="houlsby:norm",
        library="adapters",
        config="DoubleSeqBnConfig",
        options=_GELU | {"ln_before": True},
    ),
    Case(
        method="houlsby:activation=relu:placement=attention:layers=1",
        library="adapters",
        config="DoubleSeqBnConfig",
        options=_GELU | {"non_linearity": "relu", "output_adapter": False, "leave_out": [0, 2, 3, 4, 5]},
    ),
    Case(
        method="houlsby:activation=tanh:placement=feed-forward",
        library="adapters",
        config="DoubleSeqBnConfig",
        options=_GELU | {"non_linearity": "tanh", "mh_adapter": False},
    ),
    Case(
        method="prefix:length=5:hidden=16",
        library="adapters",
        config="PrefixTuningConfig",
        options={"prefix_length": 5, "bottleneck_size": 16, "non_linearity": "tanh", "dropout": 0.0},
    ),
)
_ADAPTER = re.compile(r"layer\.(\d+)\.(attention|feed_forward)\.adapter[a-z.]*\.(down|up|norm)\.(\w+)")
_PREFIX = {"embedding": "wte", "down": "control_trans.0", "up": "control_trans.2"}


def peft_name(name: str) -> str:
    """Name in a PEFT model of a factor of this project."""
    site, factor, leaf = re.fullmatch(r"(.*)\.lora\.(down|up)\.(weight)", name).groups()  # type: ignore[union-attr]
    module = checkpoint_name(f"{site}.{leaf}", "bert").removesuffix(f".{leaf}")
    return f"base_model.model.{module}.lora_{'A' if factor == 'down' else 'B'}.default.{leaf}"


def adapters_name(name: str, *, norm: bool) -> str:
    """Name in a model of the `adapters` library; `norm` says whether a layer norm precedes the bottleneck."""
    if name.startswith("prefix."):
        _, part, leaf = name.split(".")
        pool = "encoder.layer.0.attention.self.prefix_tuning.pool"  # one for all layers
        return f"{pool}.prefix_tunings.task.self_prefix.{_PREFIX[part]}.{leaf}"
    found = _ADAPTER.fullmatch(name)
    if found is None:
        return checkpoint_name(name, "bert")  # a layer norm of the backbone, which the task replaces
    layer, sublayer, part, leaf = found.groups()
    output = "attention.output" if sublayer == "attention" else "output"
    parts = {"down": f"adapter_down.{int(norm)}", "up": "adapter_up", "norm": "adapter_norm_before"}
    return f"encoder.layer.{layer}.{output}.adapters.task.{parts[part]}.{leaf}"


def their_name(case: Case, name: str) -> str:
    """Name of one of a task's tensors in the case's library."""
    if case.library == "peft":
        return peft_name(name)
    return adapters_name(name, norm=bool(case.options.get("ln_before", False)))
