from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stream.engine.configuration import Overrides, Preset, limits_for, recipe_for
from stream.errors import UserError
from stream.model.methods.specification import method_named
from stream.plan import expected
from stream.plan.expected import ExpectedTask, Survey, capped, card_labels, card_sizes, cut_length
from stream.plan.work import plan_stream
from tasks import Availability, DataMode, DataStatus, Limits, Origin, TaskCard, load_task, open_suite
from tasks.simulated.texts import LENGTH_SPREAD
from tasks.splits import SplitSizes
from tasks.task import PaperColumn, TrainingOverrides
from tasks.windows import SPAN_LENGTH, WindowLayout
from tests.stream.tiny import tiny_backbone, tiny_tokenizer
from tests.tiny_runs import write_span_suite, write_suite


def expect(
    card: TaskCard,
    data: DataMode = DataMode.AUTO,
    preset: Preset = Preset.QUICK,
    *,
    tokenizer: bool = True,
    column: PaperColumn = "adapters",
    **overrides: Any,
) -> ExpectedTask:
    """What is expected of the card under a preset and the user's settings."""
    given = Overrides(**overrides)
    survey = Survey(
        home=None,
        mode=data,
        limits=limits_for(preset, given),
        max_length=128,
        span_max_length=overrides.get("max_length", SPAN_LENGTH),
        tokenizer=tiny_tokenizer() if tokenizer else None,
    )
    return survey.look(card).expected(recipe_for(preset, given), column)


def paper_card(name: str) -> TaskCard:
    return next(card for card in open_suite("additional17").cards if card.name == name)


@pytest.fixture
def to_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that could be asked for every file; nothing may ask it."""

    def reachable(card: TaskCard, home: Path | None, mode: DataMode) -> Availability:
        return Availability(status=DataStatus.REAL, origin=Origin.DOWNLOAD, paths={})

    monkeypatch.setattr(expected, "availability", reachable)


def test_files_at_hand_are_read(tmp_path: Path) -> None:
    """Sizes are those of the run's own splits, and every training text is tokenised: 6 words and 2 marks."""
    card = open_suite(str(write_suite(tmp_path))).cards[0]
    found = expect(card)
    assert found.sizes == SplitSizes(num_train=64, num_valid=8, num_test=8)
    assert (found.num_labels, found.tokens_per_text, found.data) == (2, 8.0, "real")
    assert (found.sizes_from, found.lengths_from) == ("its files", "tokens of all training texts")
    assert found.tokens_per_epoch == 512
    assert found.num_epochs == 10  # 100,000 tokens would be more than the preset's most


def test_a_question_counts_with_all_of_its_windows(tmp_path: Path) -> None:
    """Steps are taken over windows; a word of the tiny vocabulary is one token."""
    card = open_suite(str(write_span_suite(tmp_path))).cards[0]
    found = expect(card, max_length=20, num_epochs=2)
    contexts = load_task(card).train.pairs
    assert contexts is not None
    windows = sum(WindowLayout(max_length=20).num_windows(1, len(context.split())) for context in contexts)
    assert windows > len(contexts)
    assert found.rows_per_text == windows / len(contexts)
    (arrival,) = plan_stream(
        tiny_backbone().architecture, method_named("feature", adapter_size=1), [found], batch_size=4
    ).arrivals
    assert arrival.num_steps == 2 * -(-windows // 4)


def test_long_splits_are_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more texts than the sample holds the first are tokenised, and the number is said."""
    monkeypatch.setattr(expected, "SAMPLE", 20)
    card = open_suite(str(write_suite(tmp_path))).cards[0]
    assert expect(card).lengths_from == "tokens of 20 training texts"


def test_caps_and_epochs_of_the_command_line_hold(tmp_path: Path) -> None:
    """The user's caps and epochs go over the preset's."""
    card = open_suite(str(write_suite(tmp_path))).cards[0]
    found = expect(card, max_train=30, max_test=5, num_epochs=7)
    assert found.sizes == SplitSizes(num_train=30, num_valid=5, num_test=5)
    assert found.num_epochs == 7


def test_the_cards_own_epochs_hold(tmp_path: Path) -> None:
    """A run trains a task as often as its card says, and so does the plan."""
    card = open_suite(str(write_suite(tmp_path))).cards[0]
    own = replace(card, overrides=TrainingOverrides(num_epochs=9))
    assert expect(card).num_epochs != 9
    assert expect(own, num_epochs=7).num_epochs == 9


def test_the_cards_own_caps_hold_where_they_are_smaller() -> None:
    """A simulated task of which the card wants less is planned with less."""
    card = replace(paper_card("sms-spam"), limits=Limits(max_train=100))
    found = expect(card, DataMode.SIMULATED, Preset.PAPER)
    assert found.sizes == SplitSizes(num_train=100, num_valid=557, num_test=558)


def test_a_stand_in_has_the_papers_sizes() -> None:
    """Simulated tasks have the sizes of Table 3 and the epochs of Table 4, by the method's column."""
    found = expect(paper_card("airline"), DataMode.SIMULATED, Preset.PAPER)
    assert found.sizes == SplitSizes(num_train=11712, num_valid=1464, num_test=1464)
    assert (found.data, found.sizes_from, found.num_epochs) == ("simulated", "the simulator", 20)
    assert found.lengths_from == "tokens of 2,000 training texts"
    card = paper_card("airline")
    assert expect(card, DataMode.SIMULATED, Preset.PAPER, column="fine_tuning").num_epochs == 50


def test_a_simulated_stream_is_planned_as_it_is_generated() -> None:
    """Sizes and classes of a task of `simulated:COUNT` are those of the task that a run gets."""
    card = open_suite("simulated:2").cards[1]
    task, found = load_task(card), expect(card, preset=Preset.STANDARD)
    assert found.sizes == SplitSizes(
        num_train=len(task.train), num_valid=len(task.valid), num_test=len(task.test)
    )
    assert (found.num_labels, found.data) == (len(task.labels), "simulated")


@pytest.mark.usefixtures("to_download")
def test_what_would_be_downloaded_is_taken_from_the_card() -> None:
    """Rows and classes are the card's; 104.1 characters at 3.8 a token are 27.4 tokens, and two marks."""
    found = expect(paper_card("airline"), preset=Preset.STANDARD)
    assert found.sizes == SplitSizes(num_train=11712, num_valid=1464, num_test=1464)
    assert (found.num_labels, found.data, found.sizes_from) == (3, "real", "the card's num_rows")
    assert found.tokens_per_text == pytest.approx(2 + 104.1 / 3.8, abs=0.1)
    assert found.lengths_from == "the card's mean_chars at 3.8 a token"
    assert found.num_epochs == 3  # as in the recorded run with this preset, which knew every token


@pytest.mark.usefixtures("to_download")
def test_a_card_that_says_little() -> None:
    """Without rows and lengths both stay unknown, and the epochs too, unless they are asked for."""
    card = TaskCard(name="a", suite="s", title="A", text=("text",), label="label", num_labels=4)
    found = expect(card)
    assert (found.sizes, found.tokens_per_text, found.num_epochs, found.num_labels) == (None, None, None, 4)
    assert found.sizes_from == "unknown before the data is there"
    assert found.lengths_from == "unknown: the card states no mean_chars"
    assert expect(card, num_epochs=3).num_epochs == 3


def test_without_a_tokenizer_lengths_are_the_cards() -> None:
    """Where no vocabulary is at hand, texts at hand do not help."""
    found = expect(paper_card("airline"), DataMode.SIMULATED, tokenizer=False)
    assert found.lengths_from == "the card's mean_chars at 3.8 a token"


def test_the_papers_sizes_where_rows_are_not_stated() -> None:
    """A card without num_rows has the sizes of Table 3."""
    card = replace(paper_card("airline"), num_rows=None)
    assert card_sizes(card) == (
        SplitSizes(num_train=11712, num_valid=1464, num_test=1464),
        "the paper's Table 3",
    )


def test_a_card_without_classes_is_refused() -> None:
    """Nothing can be counted for an unknown number of classes; the sentence says what to do."""
    card = TaskCard(name="a", suite="s", title="A", text=("text",), label="label")
    with pytest.raises(UserError, match="state num_labels in the suite file"):
        card_labels(card)
    assert card_labels(replace(card, class_counts={"x": 3, "y": 4})) == 2


def test_caps_never_add_examples() -> None:
    """A cap above the size leaves it."""
    sizes = SplitSizes(num_train=10, num_valid=4, num_test=5)
    assert capped(sizes, Limits(max_train=20, max_test=2)) == replace(sizes, num_test=2)


@pytest.mark.parametrize(("mean", "longest"), [(30.0, 126), (120.0, 126), (500.0, 126)])
def test_mean_of_cut_lengths(mean: float, longest: int) -> None:
    """The closed form agrees with 200,000 drawn lengths to half a percent."""
    drawn = np.random.default_rng(0).lognormal(np.log(mean) - LENGTH_SPREAD**2 / 2, LENGTH_SPREAD, 200_000)
    assert cut_length(mean, longest) == pytest.approx(np.minimum(drawn, longest).mean(), rel=5e-3)
