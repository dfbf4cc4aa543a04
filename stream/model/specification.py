"""Methods as the command line names them: `houlsby`, `fine-tune:2`, `lora:rank=4`, `houlsby:parallel`.

A name is followed by its options, each after a colon: `key=value`, or a bare word for a switch.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stream.errors import UserError
from stream.model import bottleneck, catalogue
from stream.model.adapter import ACTIVATIONS
from stream.model.methods import Method
from tasks import did_you_mean

Reader = Callable[[str], Any]
AUTO = "auto"
"""In place of a number: it is chosen for each task, on its validation split."""


def _integer(text: str) -> int:
    return int(text)


def _integer_or_auto(text: str) -> int | str:
    return text if text == AUTO else int(text)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


def _span(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _one_of(allowed: Sequence[str]) -> Reader:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(text)
        return text

    return read


def _switch(text: str) -> bool:
    if text:
        raise ValueError(text)
    return True


_BOTTLENECK: Mapping[str, tuple[Reader, str]] = {
    "size": (_integer, "a whole number"),
    "scale": (_positive, "a number more than 0"),
    "placement": (_one_of([*bottleneck.SUBLAYERS]), " or ".join(bottleneck.SUBLAYERS)),
    "activation": (_one_of([*ACTIVATIONS]), " or ".join(ACTIVATIONS)),
    "layers": (_span, "a span such as 0-5"),
    "parallel": (_switch, "a word without a value"),
    "norm": (_switch, "a word without a value"),
    "deep": (_switch, "a word without a value"),
}
_OPTIONS: Mapping[str, Mapping[str, tuple[Reader, str]]] = {
    "houlsby": _BOTTLENECK,
    "adapter-l": {name: reader for name, reader in _BOTTLENECK.items() if name != "placement"},
    "lora": {"rank": (_integer, "a whole number"), "alpha": (_positive, "a number more than 0")},
    "prefix": {"length": (_integer, "a whole number"), "hidden": (_integer, "a whole number")},
    "layer-norm": {},
    "feature": {},
    "fine-tune": {"layers": (_integer_or_auto, f"a whole number or {AUTO}")},
    "sequential": {},
    "joint": {},
    "no-bert": {},
}
METHODS = tuple(_OPTIONS)
"""Names of all methods."""
_BARE: Mapping[str, str] = {"fine-tune": "layers", "lora": "rank", "prefix": "length", "houlsby": "size"}
"""The option that a bare number stands for."""


def has_size_option(text: str) -> bool:
    """Whether a method, named as for `method_named`, has an adapter size."""
    return "size" in _OPTIONS.get(text.partition(":")[0], {})


def method_named(text: str, *, adapter_size: int) -> Method:
    """The method that a text such as `lora:rank=4` names.

    Args:
        text: name and options.
        adapter_size: for methods with adapters, unless `size=` says otherwise.

    Raises:
        UserError: no such method or option, or a value that is not allowed.
    """
    name, *parts = text.split(":")
    if name not in _OPTIONS:
        raise UserError(f"There is no method {name!r}; {did_you_mean(name, METHODS)}")
    options = _read(name, parts)
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


def _read(name: str, parts: Sequence[str]) -> dict[str, Any]:
    """The options of a method by key, read and checked."""
    known, read = _OPTIONS[name], {}
    for part in parts:
        key, _, value = part.partition("=")
        if (key.isdigit() or (name, key) == ("fine-tune", AUTO)) and name in _BARE:
            key, value = _BARE[name], key
        if key not in known:
            advice = did_you_mean(key, tuple(known)) if known else f"{name} has no options."
            raise UserError(f"{name} has no option {key!r}; {advice}")
        if key in read:
            raise UserError(f"{name}: the option {key!r} is given twice; give it once.")
        reader, allowed = known[key]
        try:
            read[key] = reader(value)
        except ValueError:
            raise UserError(f"{name}: {key} is {value!r}; it must be {allowed}.") from None
    return read
