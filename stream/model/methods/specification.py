"""Methods made from their names: `houlsby`, `fine-tune:2`, `lora:rank=4`, `houlsby:parallel`."""

from collections.abc import Mapping
from typing import Any

from stream.model.methods import bottleneck, catalogue
from stream.model.methods.family import AUTO, read_options
from stream.model.methods.method import Method


def method_named(text: str, *, adapter_size: int) -> Method:
    """The method that a text such as `lora:rank=4` names.

    Args:
        text: name and options.
        adapter_size: for methods with adapters, unless `size=` says otherwise.

    Raises:
        UserError: no such method or option, or a value that is not allowed.
    """
    name, options = text.partition(":")[0], read_options(text)
    match name:
        case "houlsby" | "adapter-l":
            return _bottleneck(name, options, adapter_size)
        case "lora":
            return catalogue.lora(**options)
        case "prefix":
            return catalogue.prefix(**options)
        case "fine-tune":
            layers = options.get("layers")
            return catalogue.variable_fine_tune() if layers == AUTO else catalogue.fine_tune(layers)
    plain = {
        "layer-norm": catalogue.layer_norm,
        "feature": catalogue.feature,
        "sequential": catalogue.sequential,
        "joint": catalogue.joint,
        "no-bert": catalogue.no_bert,
    }
    return plain[name]()


def _bottleneck(name: str, options: Mapping[str, Any], adapter_size: int) -> Method:
    variant = {key: value for key, value in options.items() if key not in ("size", "scale", "layers")}
    if "scale" in options:
        variant["initial_scale"] = options["scale"]
    if "layers" in options:
        variant["first_layer"], variant["last_layer"] = options["layers"]
    maker = bottleneck.houlsby if name == "houlsby" else bottleneck.adapter_l
    return maker(options.get("size", adapter_size), **variant)
