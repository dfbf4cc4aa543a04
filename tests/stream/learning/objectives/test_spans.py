import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stream.learning.evaluation import batch_shapes, evaluate, logits_digest, make_plan, predict
from stream.learning.objectives.objective import OBJECTIVES, SPANS, Scoring
from stream.learning.objectives.spans import answer_texts
from stream.learning.objectives.windows import WindowSet
from stream.learning.recipe import Recipe, recipe_sha256
from stream.model.encoder.encoder import assemble, first_own_level, states_below, token_logits
from tasks.task import GoldAnswers, Split, TaskKind
from tests.stream.tiny import CPU, WORDS, random_head, tiny_backbone, tiny_tokenizer
from tests.tiny_runs import span_task, tiny_task

SCORING = Scoring.of("span", "squad_f1", ("squad_exact_match",))
TASK = span_task("clouds")


def encoded(split: Split, max_length: int = 24) -> WindowSet:
    tokens = SPANS.encode(tiny_tokenizer(), split, max_length=max_length).tokens
    assert isinstance(tokens, WindowSet)
    return tokens


def logits_pointing_at(tokens: WindowSet, spans: list[tuple[int, int, int]]) -> torch.Tensor:
    """Logits of 0 but for (window, first, last), which get 1 each."""
    found = torch.zeros(len(tokens), int(tokens.lengths.max()), 2)
    for window, first, last in spans:
        found[window, first, 0] = found[window, last, 1] = 1.0
    return found


def two_questions() -> WindowSet:
    """Two questions about one context of six words, one window each: tokens 3 to 8 are the context."""
    context = " ".join(WORDS[10:16])
    answers = [
        GoldAnswers(question_id="a", texts=(f"{WORDS[11]} {WORDS[12]}", WORDS[15]), starts=(3, 15)),
        GoldAnswers(question_id="b", texts=(WORDS[13],), starts=(9,)),
    ]
    return encoded(Split(texts=["ba", "be"], labels=(), pairs=[context] * 2, answers=answers))


def test_predictions_are_spans_of_the_contexts() -> None:
    """The best span's characters are stored as int32 pairs, and they give the answer's text back."""
    tokens = two_questions()
    predictions = SPANS.predictions(logits_pointing_at(tokens, [(0, 4, 5), (1, 7, 7)]), tokens)
    assert np.frombuffer(predictions, "<i4").tolist() == [3, 8, 12, 14]
    assert answer_texts(predictions, tokens) == [f"{WORDS[11]} {WORDS[12]}", WORDS[14]]
    assert SPANS.measure("squad_f1", predictions, tokens) == 0.5
    assert SPANS.measure("squad_exact_match", predictions, tokens) == 0.5


def test_a_changed_prediction_is_a_question_with_another_span() -> None:
    """Both ends of a span belong to one prediction."""
    tokens = two_questions()
    before = SPANS.predictions(logits_pointing_at(tokens, [(0, 4, 5), (1, 7, 7)]), tokens)
    now = SPANS.predictions(logits_pointing_at(tokens, [(0, 3, 4), (1, 7, 7)]), tokens)
    assert SPANS.num_changed(before, now) == 1
    assert SPANS.num_changed(now, now) == 0
    with pytest.raises(ValueError, match="same split"):
        SPANS.num_changed(before, now[:8])


def test_the_question_itself_is_never_an_answer() -> None:
    """A token of the question or a special one is not read, however high its logit."""
    tokens = two_questions()
    outputs = logits_pointing_at(tokens, [(0, 4, 5), (1, 7, 7)])
    outputs[:, :3] = outputs[:, -1] = 9.0
    assert answer_texts(SPANS.predictions(outputs, tokens), tokens) == [
        f"{WORDS[11]} {WORDS[12]}",
        WORDS[14],
    ]


def test_the_loss_is_the_mean_of_both_ends() -> None:
    """As transformers has it: start and end cross-entropy over the window's tokens, halved; no padding."""
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(3, 6, 2, generator=generator)
    outputs[1, 4:] = -torch.inf
    labels = torch.tensor([[1, 4], [0, 0], [5, 5]])
    start = F.cross_entropy(outputs[..., 0], labels[:, 0])
    end = F.cross_entropy(outputs[..., 1], labels[:, 1])
    assert float(SPANS.loss(outputs, labels)) == pytest.approx(float((start + end) / 2), abs=1e-6)
    alone = F.cross_entropy(outputs[1:2, :4, 0], labels[1:2, 0])
    assert float(F.cross_entropy(outputs[1:2, :, 0], labels[1:2, 0])) == pytest.approx(float(alone))


def test_evaluation_is_that_of_every_window_alone() -> None:
    """Predictions, metrics and digest over padded batches are those of windows evaluated one by one."""
    backbone, head = tiny_backbone(), random_head(2)
    tokens = encoded(TASK.test)
    plan = make_plan(tokens, backbone)
    assert plan.shapes == batch_shapes(sorted(tokens.lengths.tolist()))
    found = evaluate(backbone, head, tokens, scoring=SCORING, plan=plan)
    assert found.num_examples == 12 < len(tokens)
    outputs = predict(backbone, head, tokens, plan, SPANS)
    encoder = assemble(backbone, head)
    with torch.inference_mode():
        alone = [
            token_logits(encoder, tokens.batch(torch.tensor([i]), int(length)))[0]
            for i, length in enumerate(tokens.lengths)
        ]
    for row, one in zip(outputs, alone, strict=True):
        assert torch.allclose(row[: len(one)], one, atol=1e-5)
        assert bool((row[len(one) :] == -torch.inf).all())
    real = torch.cat([row[: len(one)] for row, one in zip(outputs, alone, strict=True)])
    assert found.logits_sha256 == logits_digest(real)
    assert found.predictions == SPANS.predictions(outputs, tokens)
    assert found.value == SPANS.measure("squad_f1", found.predictions, tokens)
    assert set(found.secondary) == {"squad_exact_match"}


@pytest.mark.parametrize("level", [1, 2])
def test_what_lies_below_is_never_pooled(level: int) -> None:
    """From the states below any layer the logits of every token are equal bit for bit."""
    backbone, head = tiny_backbone(), random_head(2)
    assert first_own_level(head, backbone.architecture) == 3
    encoder, tokens = assemble(backbone, head), encoded(TASK.test)
    batch = tokens.batch(torch.arange(8), int(tokens.lengths.max()))
    with torch.inference_mode():
        below = states_below(encoder, batch, level)
        assert torch.equal(SPANS.outputs_above(encoder, below, batch, level), SPANS.outputs(encoder, batch))
    assert not SPANS.pools
    assert all(objective.pools for kind, objective in OBJECTIVES.items() if kind is not TaskKind.SPAN)


def test_windows_move_to_a_device_with_all_they_hold() -> None:
    """The moved set judges as the first one does."""
    tokens = two_questions()
    moved = tokens.to(CPU)
    assert moved.to_bytes() == tokens.to_bytes()


def test_a_span_task_has_its_own_length() -> None:
    """Windows have 384 tokens where texts have 128, and only the length that counts is in the identity."""
    recipe = Recipe()
    assert (recipe.for_task(tiny_task("a")).max_length, recipe.for_task(TASK).max_length) == (128, 384)
    longer = Recipe(span_max_length=512)

    def identity(recipe: Recipe, task: object) -> str:
        return recipe_sha256(recipe.for_task(task), seed=0)  # type: ignore[arg-type]

    assert identity(recipe, TASK) != identity(longer, TASK)
    assert identity(recipe, tiny_task("a")) == identity(longer, tiny_task("a"))
