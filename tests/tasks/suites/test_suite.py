from pathlib import Path

import pytest

from tasks import (
    FileFormat,
    LabelRule,
    Limits,
    Quoting,
    SuiteError,
    TaskKind,
    TrainingOverrides,
    open_suite,
    shipped_suites,
    suite_parts,
)
from tasks.errors import did_you_mean
from tasks.suites.suite import SHIPPED

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


def test_settings_of_a_task_stand_in_its_card(tmp_path):
    """Caps, epochs, rate, metric, kind and separator are plain values of the card."""
    keys = ("max_train = 9", "max_test = 5", "epochs = 3", "learning_rate = 1e-4", 'metric = "macro_f1"')
    (card,) = open_suite(write(tmp_path, task(*keys, 'kind = "classification"', 'separator = ";"'))).cards
    assert card.limits == Limits(max_train=9, max_test=5)
    assert card.overrides == TrainingOverrides(num_epochs=3, learning_rate=1e-4)
    assert (card.metric, card.kind, card.separator) == ("macro_f1", TaskKind.CLASSIFICATION, ";")


def test_two_text_columns_make_a_pair(tmp_path):
    """The kind follows from the columns where it is not stated."""
    (card,) = open_suite(write(tmp_path, task().replace('"text"', '["a", "b"]'))).cards
    assert card.kind is TaskKind.PAIR


def test_the_order_named_goes_before_the_files(tmp_path):
    """Tasks named in `order` come first, the others follow as they stand."""
    toml = "\n".join(task().replace("small", name) for name in "abcd")
    suite = open_suite(write(tmp_path, 'order = ["c", "a"]\n' + toml))
    assert [card.name for card in suite.cards] == ["c", "a", "b", "d"]


def test_suites_are_joined_in_the_order_given(tmp_path):
    """Cards follow one another, each with its own suite and folder, and can be selected across suites."""
    own = write(tmp_path, task())
    suite = open_suite(f"additional17+{own}")
    assert suite.name == "additional17+mine"
    assert [card.name for card in suite.cards] == [*NAMES, "small"]
    assert [(card.suite, card.folder) for card in suite.cards[-2:]] == [
        ("additional17", None),
        ("mine", tmp_path),
    ]
    assert [card.name for card in suite.select(["small", "airline"]).cards] == ["airline", "small"]
    assert open_suite(f"{own}+additional17").cards[0].name == "small"


def test_a_plus_in_a_files_path_does_not_join(tmp_path):
    """Where a file of that name exists it is meant, alone and in a join."""
    (tmp_path / "a+b").mkdir()
    own = write(tmp_path / "a+b", task())
    assert suite_parts(own) == (own,)
    assert suite_parts(f"additional17+{own}+x.toml") == ("additional17", own, "x.toml")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("additional17+", r"the suite 'additional17\+' has nothing before or after a '\+'"),
        ("+", r"nothing before or after"),
        ("additional17+additional17", "the suite 'additional17' is named twice"),
        ("additional17+nowhere.toml", "the suite file nowhere.toml does not exist"),
        ("additional17+aditional17", "unknown suite 'aditional17'; did you mean 'additional17'"),
        ("~nosuchuser/x.toml", "the suite file ~nosuchuser/x.toml does not exist"),
        ("x" * 5000 + ".toml", "cannot be read"),
    ],
)
def test_a_wrong_join_is_answered_with_the_part_that_is_wrong(given, sentence):
    """One sentence about the part, whatever is joined."""
    with pytest.raises(SuiteError, match=sentence):
        open_suite(given)


def test_a_name_in_two_suites_is_answered_with_both(tmp_path):
    """The sentence names the task and both suites as they were given."""
    own = write(tmp_path, task().replace("small", "airline"))
    with pytest.raises(
        SuiteError, match=r"task 'airline' is in both 'additional17' and '.*mine.toml'; names mu"
    ):
        open_suite(f"additional17+{own}")


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


def test_known_names_end_as_a_sentence():
    """A further sentence may follow, whether one name is close or several are listed."""
    assert did_you_mean("on", ["one", "two"]) == "did you mean 'one'?"
    assert did_you_mean("xyz", ["one", "two"]) == "known: one, two."
    assert did_you_mean("xyz", map(str, range(62))).endswith("59 and 2 more.")


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
        (task('format = "xlsx"'), "must be one of csv, tsv, jsonl, parquet, folders, squad; got 'xlsx'"),
        (task('kind = "ranking"'), "must be one of classification, pair, span, regression; got 'ranking'"),
        (task('kind = "regression"'), "key 'metric' is missing; a regression needs one"),
        (
            task('kind = "regression"', 'metric = "pearson"', "num_labels = 2"),
            "'num_labels' is about classes, and a regression has none",
        ),
        (task("range = [0, 5]"), "key 'range' is about the scores of a regression"),
        (task('kind = "regression"', "range = [5, 0]"), "key 'range' must be the least and the largest"),
        (task('secondary = ["accuracy"]'), "the main metric is named again in 'secondary'"),
        (task('tests = { test = "b.csv" }'), "key 'tests' must be a table from the name of a further"),
        (task('published = { test = { adapters = 0.9 } }'), "key 'about' is missing"),
        (task('published = { about = "x", other = { a = 1 } }'), "unknown key 'other'"),
        (task('kind = "pair"'), 'line 6: task .small.: kind = "pair" needs two text columns, but tex'),
        (task('metric = "Macro F1"'), "key 'metric' must be the name of a metric, such as accuracy"),
        (task("max_train = 0"), "line 6: task 'small': key 'max_train' must be a whole number, 1 or"),
        (task("epochs = 1.5"), "key 'epochs' must be a whole number, 1 or more; got 1.5"),
        (task("learning_rate = inf"), "key 'learning_rate' must be a number above 0; got inf"),
        (task('separator = "ab"'), "key 'separator' must be one character"),
        (task('format = "jsonl"', 'separator = ";"'), "'separator' is for csv and tsv files only"),
        (task('encoding = "base64"'), "key 'encoding' must be an encoding Python knows"),
        (task('undecodable = "drop"'), "key 'undecodable' must be one of refuse, replace; got 'drop'"),
        ('order = ["smal"]\n' + task(), "line 1: key 'order': there is no task 'smal'; did you mean 'small'"),
        ('order = ["small", "small"]\n' + task(), "key 'order' must be a list of different task names"),
        ("task = [[]]", "line 1: a suite needs at least one"),
        (f"x = {'[' * 5000}", "not valid TOML: it is nested too deeply"),
        (f"x = {'9' * 5000}", "not valid TOML: Exceeds the limit"),
        (task(f"drop = '{'x' * 500}'"), "x[.][.][.]$"),
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
    assert "\n" not in str(caught.value)


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


def test_a_shipped_suites_own_file_is_that_suite():
    """Given by its path it looks for data where its name does, not beside the file."""
    assert open_suite(str(SHIPPED / "glue.toml")).cards == open_suite("glue").cards
