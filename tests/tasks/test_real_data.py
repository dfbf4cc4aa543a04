"""Facts about the real files; they run where STREAM_DATA names a data home."""

import os

import pytest

from tasks import DataMode, DataStatus, load_task, open_suite

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not os.environ.get("STREAM_DATA"), reason="STREAM_DATA is not set"),
]
CARDS = open_suite("additional17").cards
DIFFERENT_FROM_THE_PAPER = {
    "economic-news-relevance", "us-economic-performance", "customer-complaints", "news-aggregator"
}  # fmt: skip


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """All 17 tasks, loaded once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STREAM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield {card.name: load_task(card, mode=DataMode.REAL) for card in CARDS}


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_rows_and_classes_are_those_of_the_card(tasks, card):
    """No note says that rows, classes or class counts differ from the card."""
    task = tasks[card.name]
    assert not [note for note in task.notes if "card" in note]
    assert len(task.train) + len(task.valid) + len(task.test) == card.num_rows
    assert len(task.labels) == card.num_labels
    assert task.data is (DataStatus.PARTIAL if card.partial else DataStatus.REAL)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_mean_characters_are_those_of_the_card(tasks, card):
    """Encoding, quoting and line ends are read right: the mean length agrees to a tenth of a character."""
    task = tasks[card.name]
    texts = [text for split in (task.train, task.valid, task.test) for text in split.texts]
    assert sum(map(len, texts)) / len(texts) == pytest.approx(card.mean_chars, abs=0.051)


@pytest.mark.parametrize(
    "card", [card for card in CARDS if card.name not in DIFFERENT_FROM_THE_PAPER], ids=lambda c: c.name
)
def test_split_sizes_are_the_papers(tasks, card):
    """For the 13 complete files each split is as large as in Table 3."""
    task, paper = tasks[card.name], card.paper
    sizes = (paper.num_train, paper.num_valid, paper.num_test)
    assert (len(task.train), len(task.valid), len(task.test)) == sizes


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_no_text_crosses_a_border(tasks, card):
    """Duplicates (336 in global warming, 403 in SMS spam) stay on one side."""
    task = tasks[card.name]
    train, valid, test = (set(split.texts) for split in (task.train, task.valid, task.test))
    assert not (train & valid) | (train & test) | (valid & test)


def test_missing_values_of_pandas_are_texts(tasks):
    """Texts such as 'None' or 'null' would be None if they were converted; all texts are strings."""
    for task in tasks.values():
        assert all(
            isinstance(text, str) for split in (task.train, task.valid, task.test) for text in split.texts
        )


def test_texts_with_odd_quotes_survive_in_sms_spam(tasks):
    """No SMS holds a line end, as one would if a quote had swallowed it, and some begin with a lone quote."""
    task = tasks["sms-spam"]
    texts = [text for split in (task.train, task.valid, task.test) for text in split.texts]
    assert not any("\n" in text or "\t" in text for text in texts)
    assert sum(text.count('"') % 2 for text in texts) > 0


def test_caveats_accompany_the_tasks_they_belong_to(tasks):
    """The inferred label, the processed text, and classes too rare to be trained on are noted."""
    assert any("inferred" in note for note in tasks["us-economic-performance"].notes)
    assert any("processed copy" in note for note in tasks["economic-news-relevance"].notes)
    assert any(
        "8000 rows where the paper has 7991" in note for note in tasks["economic-news-relevance"].notes
    )
    assert any("too rare" in note for note in tasks["customer-complaints"].notes)


def test_tasks_of_one_file_are_tested_on_the_same_texts(tasks):
    """No text that tests one of the three political tasks trains another."""
    political = [set(tasks[f"political-{name}"].test.texts) for name in ("audience", "bias", "message")]
    assert political[0] == political[1] == political[2]
