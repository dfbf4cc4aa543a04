"""Reference numbers: what the paper and its code count for BERT, counted here from shapes alone."""

from math import isclose

import pytest
import transformers

from stream.engine.forecast import forecast_growth
from stream.model.backbone.architecture import (
    BERT_BASE_UNCASED,
    BERT_LARGE_UNCASED,
    Architecture,
    count_parameters,
    layer_norm_shapes,
    tensor_shapes,
)
from stream.model.backbone.families import architecture_of
from stream.model.methods.bottleneck import default_adapter_size, houlsby
from stream.model.methods.catalogue import sequential
from stream.model.methods.method import sum_sites

PAPER_CLASSES = (20, 3, 4, 2, 2, 13, 2, 2, 2, 9, 18, 3, 4, 2, 157, 4, 2)
"""Classes of the 17 additional tasks (Houlsby et al. 2019, Table 3)."""
GLUE_CLASSES = (2, 2, 2, 1, 2, 3, 2, 2)
"""Outputs of CoLA, SST, MRPC, STS-B, QQP, MNLI, QNLI, RTE."""
MINILM = Architecture(
    family="bert",
    num_layers=6,
    hidden_size=384,
    num_heads=12,
    intermediate_size=1536,
    vocab_size=30522,
    max_positions=512,
    num_token_types=2,
    embedding_size=384,
    layer_norm_eps=1e-12,
    activation="gelu",
    first_position=0,
    pooling="mean",
    hidden_dropout=0.1,
    attention_dropout=0.1,
)


def tasks(classes: tuple[int, ...]) -> list[tuple[str, int]]:
    return [(f"task {i}", num_labels) for i, num_labels in enumerate(classes)]


def test_bert_base() -> None:
    """bert-base-uncased has 109,482,240 parameters with its pooler (Devlin et al. 2019)."""
    assert count_parameters(tensor_shapes(BERT_BASE_UNCASED)) == 109_482_240


def test_bert_large() -> None:
    """bert-large-uncased has 335,141,888 parameters with its pooler."""
    assert count_parameters(tensor_shapes(BERT_LARGE_UNCASED)) == 335_141_888


def test_the_known_shapes_are_those_of_transformers() -> None:
    """The defaults of `BertConfig` are bert-base-uncased."""
    assert architecture_of(transformers.BertConfig()) == BERT_BASE_UNCASED


def test_layer_norms_of_bert_base() -> None:
    """25 layer norms of 2 x 768 are 38,400 parameters, the paper's 40k."""
    shapes = layer_norm_shapes(BERT_BASE_UNCASED)
    assert len(shapes) == 2 * 25
    assert count_parameters(shapes) == 38_400
    assert "embeddings.norm.weight" in shapes


@pytest.mark.parametrize(
    ("size", "num_parameters"), [(8, 351_936), (16, 647_040), (32, 1_237_248), (64, 2_417_664)]
)
def test_adapters_and_layer_norms_of_bert_base(size: int, num_parameters: int) -> None:
    """Adapters and layer norms of one task on bert-base, by adapter size."""
    counts = sum_sites(houlsby(size).body(BERT_BASE_UNCASED))
    assert counts.total == num_parameters
    assert (counts.adapter, counts.layer_norm) == (num_parameters - 38_400, 38_400)
    assert (counts.head, counts.other) == (0, 0)


def test_a_head_is_counted_as_head() -> None:
    """A head over d values and c classes has c(d + 1) parameters."""
    assert sum_sites(houlsby(32).sites(BERT_BASE_UNCASED, 157)).head == 157 * 769


def test_default_adapter_sizes() -> None:
    """The size nearest the paper's 1.14 % per task is 32 for bert-base and 24 for MiniLM."""
    assert default_adapter_size(BERT_BASE_UNCASED) == 32
    assert default_adapter_size(MINILM) == 24


def test_the_papers_growth() -> None:
    """Size 32 on bert-base grows to 1.194 over the paper's 17 tasks, with 1.14 % trained per task."""
    latest = forecast_growth(BERT_BASE_UNCASED, houlsby(32), tasks(PAPER_CLASSES)).latest
    assert latest is not None
    assert latest.total_params == 109_482_240 + 17 * 1_237_248 + 769 * 249
    assert round(latest.growth_factor, 3) == 1.194
    assert round(latest.separate_models_factor, 1) == 17.0
    assert latest.total_bytes == 4 * latest.total_params


def test_the_papers_trained_fraction() -> None:
    """A task of mean class number trains 1.14 % of bert-base (Table 2)."""
    points = forecast_growth(BERT_BASE_UNCASED, houlsby(32), tasks(PAPER_CLASSES)).points
    assert round(sum(point.trained_fraction for point in points) / 17, 4) == 0.0114


@pytest.mark.parametrize(("size", "growth"), [(8, 1.02), (64, 1.15), (256, 1.60)])
def test_growth_on_bert_large(size: int, growth: float) -> None:
    """Eight GLUE tasks on bert-large grow by what the tensors count, for each size the paper tried."""
    latest = forecast_growth(BERT_LARGE_UNCASED, houlsby(size), tasks(GLUE_CLASSES)).latest
    assert latest is not None
    assert isclose(latest.growth_factor, growth, abs_tol=0.02)


def test_sequential_fine_tuning_grows_by_heads_only() -> None:
    """One fine-tuned body replaces the backbone: 17 tasks cost one model and their heads."""
    latest = forecast_growth(BERT_BASE_UNCASED, sequential(), tasks(PAPER_CLASSES)).latest
    assert latest is not None
    assert latest.total_params == 109_482_240 + 769 * 249
    assert latest.counts.other + latest.counts.layer_norm == 109_482_240


def test_nothing_learned_has_no_growth() -> None:
    """A stream without tasks has no point on its curve."""
    assert forecast_growth(BERT_BASE_UNCASED, houlsby(32), []).latest is None
