"""One case in another library: run by the interpreter of that library's environment, never imported here.

It reads each case's folder, copies the given tensors into the library's own modules, and writes logits and
gradients: `python equivalence_peer.py FOLDER ...`. It knows neither this project nor what the tensors mean.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import BertModel

TASK = "task"
"""Name under which the `adapters` library keeps what is inserted."""


def peft_model(bert: Any, config: dict[str, Any]) -> Any:
    """The model with modules of PEFT."""
    import peft

    return peft.get_peft_model(bert, getattr(peft, config["class"])(**config["options"]))


def adapters_model(bert: Any, config: dict[str, Any]) -> Any:
    """The model with modules of the `adapters` library."""
    import adapters

    adapters.init(bert)
    bert.add_adapter(TASK, config=getattr(adapters, config["class"])(**config["options"]))
    bert.set_active_adapters(TASK)
    return bert


MODELS = {"peft": peft_model, "adapters": adapters_model}


def own_tensors(model: Any, names: dict[str, str], values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The module's tensors by the project's names, set to the given values."""
    found = dict(model.named_parameters())
    own = {ours: found[theirs] for ours, theirs in names.items()}
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(values[name])
            tensor.requires_grad_()
    return own


def logits_of(model: Any, inputs: dict[str, Tensor], head: dict[str, Tensor]) -> Tensor:
    """A linear head over the mean of the tokens' last hidden states, [batch, labels]."""
    ids = inputs["token_ids"]
    mask = (torch.arange(ids.shape[1]) < inputs["lengths"][:, None]).long()
    hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
    pooled = (hidden * mask[..., None]).sum(1) / inputs["lengths"][:, None]
    logits: Tensor = pooled @ head["head.weight"].T + head["head.bias"]
    return logits


def run(folder: Path) -> None:
    """Run the folder's case and write `theirs.safetensors` and `versions.json` beside it."""
    case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    inputs = load_file(folder / "inputs.safetensors")
    values = load_file(folder / "trained.safetensors")
    bert = BertModel.from_pretrained(case["backbone"], add_pooling_layer=False, dtype=torch.float32)
    model = MODELS[case["library"]](bert, case["config"]).eval()
    own = own_tensors(model, case["names"], values)
    head = {name: values[name].requires_grad_() for name in ("head.weight", "head.bias")}
    logits = logits_of(model, inputs, head)
    loss = torch.nn.functional.cross_entropy(logits, inputs["labels"])
    everything = own | head
    gradients = torch.autograd.grad(loss, list(everything.values()))
    results = {f"gradient.{name}": g for name, g in zip(everything, gradients, strict=True)}
    save_file({"logits": logits.detach()} | results, folder / "theirs.safetensors")
    packages = (case["library"], "transformers", "torch")
    versions = {package: version(package) for package in packages}
    (folder / "versions.json").write_text(json.dumps(versions), encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for argument in sys.argv[1:]:
        run(Path(argument))
