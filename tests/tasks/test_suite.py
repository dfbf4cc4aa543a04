from pathlib import Path

import pytest

from tasks import FileFormat, LabelRule, Quoting, SuiteError, open_suite, shipped_suites

NAMES = [
    "20-newsgroups", "airline", "corporate-messaging", "disasters", "economic-news-relevance", "emotion",
    "global-warming", "political-audience", "political-bias", "political-message", "primary-emotions",
    "progressive-opinion", "progressive-stance", "us-economic-performance", "customer-complaints",
    "news-aggregator", "sms-spam",
]  # fmt: skip


def write(folder, text):
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def task(*lines):
    """A suite with one valid task and further lines."""
    return "\n".join(
        ["[[task]]", 'name = "small"', 'train = "a.csv"', 'text = "text"', 'label = "label"', *lines]
    )


def test_additional17_holds_the_papers_tasks_in_its_order():
    """17 names, in the order of Table 2."""
    assert [card.name for card in open_suite("additional17").cards] == NAMES


def test_the_papers_totals_are_those_of_tables_2_and_3():
    """Examples, classes and mean accuracies add up to the published ones."""
    papers = [card.paper for card in open_suite("additional17").cards]
    assert sum(paper.num_train for paper in papers) == 589_051
    assert sum(paper.num_valid for paper in papers) == 73_631
    assert sum(paper.num_test for paper in papers) == 73_637
    assert sum(paper.num_labels for paper in papers) == 249
    means = {"no_bert": 0.7272, "fine_tuning": 0.7371, "variable_fine_tuning": 0.7408, "adapters": 0.7331}
    for name, mean in means.items():
        assert sum(getattr(paper, name) for paper in papers) / 17 == pytest.approx(mean, abs=6e-5), name


def test_the_papers_training_volume_follows_from_its_epochs():
    """Epochs (Table 4) times sizes (Table 3): 13.22 million examples for adapters, 14.44 fine-tuned."""
    papers = [card.paper for card in open_suite("additional17").cards]
    assert sum(paper.num_train * paper.epochs_adapters for paper in papers) == pytest.approx(
        13.22e6, rel=1e-3
    )
    assert sum(paper.num_train * paper.epochs_fine_tuning for paper in papers) == pytest.approx(
        14.44e6, rel=1e-3
    )


def test_class_counts_of_shipped_cards_add_up():
    """Where a card states class counts they sum to its rows and are as many as its classes."""
    for card in open_suite("additional17").cards:
        if card.class_counts:
            assert sum(card.class_counts.values()) == card.num_rows, card.name
            assert len(card.class_counts) == card.num_labels, card.name


def test_addresses_are_pinned_by_commit_and_hash():
    """A shipped address names a commit or a publisher, always with a SHA-256; derived files have none."""
    cards = {card.name: card for card in open_suite("additional17").cards}
    without = {name for name, card in cards.items() if card.url is None}
    assert without == {"economic-news-relevance", "customer-complaints", "news-aggregator"}
    for card in cards.values():
        if card.url is not None and "githubusercontent" in card.url:
            assert len(card.url.split("/")[5]) == 40, card.name
        assert card.sha256 is not None, card.name


def test_the_pinned_newsgroups_archive_is_the_one_scikit_learn_pins():
    """Address and SHA-256 are those of scikit-learn's own loader."""
    from sklearn.datasets._twenty_newsgroups import ARCHIVE

    card = open_suite("additional17").cards[0]
    assert (card.url, card.sha256) == (ARCHIVE.url, ARCHIVE.checksum)


def test_partial_copies_are_marked():
    """Customer complaints and news aggregator are partial, nothing else is."""
    partial = {card.name for card in open_suite("additional17").cards if card.partial}
    assert partial == {"customer-complaints", "news-aggregator"}


def test_a_users_card_has_the_defaults_of_the_format(tmp_path):
    """Name, title, folder and format follow from few keys."""
    suite = open_suite(write(tmp_path, task()))
    (card,) = suite.cards
    assert (suite.name, card.title, card.folder, card.format) == ("mine", "small", tmp_path, FileFormat.CSV)
    assert (card.encoding, card.quoting, card.label_rule) == ("utf-8", Quoting.STANDARD, LabelRule.VALUE)
    assert card.given == {"train": "a.csv"}


def test_a_hub_data_set_has_its_train_split_by_default(tmp_path):
    """`hub` with `revision` needs no file."""
    toml = '[[task]]\nname="h"\nhub="owner/name"\nrevision="abc"\ntext=["a","b"]\nlabel="l"'
    (card,) = open_suite(write(tmp_path, toml)).cards
    assert (card.hub, card.revision, card.given, card.text) == (
        "owner/name",
        "abc",
        {"train": "train"},
        ("a", "b"),
    )


def test_select_keeps_the_suites_order():
    """Tasks come in the suite's order, however they are named."""
    chosen = open_suite("additional17").select(["sms-spam", "airline"])
    assert [card.name for card in chosen.cards] == ["airline", "sms-spam"]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["airlines"], "suite 'additional17' has no task 'airlines'; did you mean 'airline'"),
        (["xyz"], "has no task 'xyz'; known: 20-newsgroups, airline"),
        ([], "no task of suite 'additional17' was selected"),
    ],
)
def test_an_unknown_task_is_answered_with_the_nearest(names, sentence):
    """A wrong name is answered with the name that was meant, or with all."""
    with pytest.raises(SuiteError, match=sentence):
        open_suite("additional17").select(names)


def test_an_unknown_suite_is_answered_with_the_nearest():
    """A misspelt suite is answered with the shipped one."""
    assert "additional17" in shipped_suites()
    with pytest.raises(SuiteError, match="unknown suite 'Aditional17'; did you mean 'additional17'"):
        open_suite("Aditional17")


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("name = 'x'", r"needs at least one \[\[task\]\]"),
        ("[[task]\n", "not valid TOML: .*line 1"),
        ("titel = 'x'\n" + task(), "unknown key 'titel'; did you mean 'title'"),
        (task('encodng = "utf-8"'), "task 'small': unknown key 'encodng'; did you mean 'encoding'"),
        (task('encoding = "utf-9"'), "key 'encoding' must be an encoding Python knows.*got 'utf-9'"),
        (task('format = "xlsx"'), "must be one of csv, tsv, jsonl, parquet, folders; got 'xlsx'"),
        (task("num_rows = -1"), "key 'num_rows' must be a whole number, 0 or more; got -1"),
        (task("num_rows = true"), "key 'num_rows' must be a whole number"),
        (task("partial = 1"), "key 'partial' must be true or false"),
        (task('drop = "x"'), "key 'drop' must be a list of texts; got 'x'"),
        (task("map = {a = 1}"), "key 'map' must be a table"),
        (task('sha256 = "ABC"'), "key 'sha256' must be 64 hexadecimal digits"),
        (task('url = "http://a.b/c"'), "key 'url' must be an address beginning with https"),
        (task('url = "https://a.b/c"'), "'url' needs 'sha256'"),
        (task("[task.paper]", "num_train = 3"), r"\[task.paper\]: key 'num_valid' is missing"),
        (task('hub = "a/b"'), "'hub' needs 'revision'"),
        (task('hub = "a/b"', 'revision = "c"', 'format = "csv"'), "'hub' stands alone"),
        (task() + "\n" + task(), "two tasks are named 'small'"),
        ('[[task]]\ntrain = "a.csv"\ntext = "t"\nlabel = "l"', "task number 1: key 'name' is missing"),
        ('[[task]]\nname = "a b"', "key 'name' must be letters, digits"),
        ('[[task]]\nname = "a"\ntrain = "a.csv"\ntext = "t"', "task 'a': key 'label' is missing"),
        ('[[task]]\nname = "a"\ntext = "t"\nlabel = "l"', "neither 'train' nor 'hub' is given"),
        ('[[task]]\nname = "a"\ntrain = "a.csv"\ntext = "t"\nlabel = "t"', "'t' is both text and label"),
        ('[[task]]\nname = "a"\ntrain = "a.xls"\ntext = "t"\nlabel = "l"', "'a.xls' cannot be told"),
        ('[[task]]\nname = "a"\ntext = ["x", "y", "z"]', "key 'text' must be a column name, or two"),
    ],
)  # fmt: skip
def test_a_wrong_suite_file_is_answered_with_one_sentence(tmp_path, toml, sentence):
    """The sentence names file, task and key, what was got and what is allowed."""
    with pytest.raises(SuiteError, match=sentence) as caught:
        open_suite(write(tmp_path, toml))
    assert "mine.toml" in str(caught.value)


def test_a_suite_file_that_does_not_exist_is_named(tmp_path):
    """The path is in the sentence."""
    with pytest.raises(SuiteError, match=r"nowhere\.toml does not exist"):
        open_suite(str(tmp_path / "nowhere.toml"))


def test_a_suite_file_that_is_not_utf8_is_named(tmp_path):
    """A Latin-1 suite file is told to be saved as UTF-8."""
    path = Path(write(tmp_path, ""))
    path.write_bytes('title = "é"'.encode("latin-1"))
    with pytest.raises(SuiteError, match="is not UTF-8 text"):
        open_suite(str(path))
