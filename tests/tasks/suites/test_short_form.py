from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tasks.simulated.stream
from tasks import DataError, DataMode, DataStatus, Origin, SuiteError, availability, load_task, open_suite
from tasks.__main__ import main
from tasks.stream_settings import LogNormal, Range, Recurrence, StreamSettings
from tasks.suites.short_form import read_short_form
from tasks.suites.simulated_keys import SIMULATED_RULES


def settings_of(suite: str) -> StreamSettings:
    simulation = open_suite(suite).cards[0].simulation
    assert simulation is not None
    return simulation.stream


def written(folder: Path, *lines: str) -> str:
    path = folder / "made.toml"
    path.write_text("\n".join(["[simulated]", *lines]), encoding="utf-8")
    return str(path)


def test_a_number_of_tasks_is_enough():
    """`simulated:1000` is a suite of a thousand tasks with different names and two to ten classes."""
    suite = open_suite("simulated:1000")
    assert suite.name == "simulated:1000"
    assert len({card.name for card in suite.cards}) == 1000
    assert [card.name for card in suite.cards][::999] == ["simulated-0001", "simulated-1000"]
    assert {card.num_labels for card in suite.cards} == set(range(2, 11))


def test_the_command_shows_sizes_and_classes(capsys):
    """`python -m tasks simulated:2` prints a line per task with what it will be, and no sources."""
    assert main(["simulated:2,classes=3,train=50"]) == 0
    printed = capsys.readouterr().out
    assert "simulated-0002  simulated  simulator        50/200/300" in printed
    assert "2 tasks: 2 simulated" in printed
    assert "Sources" not in printed


def test_opening_generates_nothing(monkeypatch):
    """A thousand tasks are opened, asked for their data's origin and selected from without one text."""

    def refuse(*arguments, **options):
        raise AssertionError("a text was drawn")

    monkeypatch.setattr(tasks.simulated.stream, "draw_split", refuse)
    monkeypatch.setattr(tasks.simulated.stream, "measure_difficulty", refuse)
    suite = open_suite("simulated:1000,recurring=3,drift=0.01").select(["simulated-0500"])
    found = availability(suite.cards[0], None, DataMode.AUTO)
    assert (found.status, found.origin) == (DataStatus.SIMULATED, Origin.SIMULATOR)
    with pytest.raises(AssertionError, match="drawn"):
        load_task(suite.cards[0])


def test_the_short_form_says_what_a_file_says(tmp_path):
    """Every option of the short form gives the settings that the same keys give in TOML."""
    short = settings_of(
        "simulated:20,seed=3,prefix=easy,classes=2..20,train=100,valid=50..60,test=70,words=5..9,"
        "accuracy=0.9..0.95,similarity=0.5,label_noise=1e-2,drift=.01,recurring=4,recurrence=exact"
    )
    path = written(
        tmp_path,
        *("tasks = 20", "seed = 3", 'prefix = "easy"', "classes = [2, 20]", "train = 100"),
        *("valid = [50, 60]", "test = 70", "words = [5, 9]", "accuracy = [0.9, 0.95]", "similarity = 0.5"),
        *("label_noise = 0.01", "drift = 0.01", "recurring = 4", 'recurrence = "exact"'),
    )
    assert short == settings_of(path)
    assert (short.classes, short.recurrence) == (Range(low=2, high=20), Recurrence.EXACT)
    assert open_suite(path).cards[0].name == "easy-0001"


def test_sizes_may_be_log_normal(tmp_path):
    """In a file a size may be a median and a spread."""
    path = written(tmp_path, "tasks = 3", "train = { median = 500, spread = 0.8 }")
    assert settings_of(path).train == LogNormal(median=500, spread=0.8)


def test_simulated_and_other_suites_join():
    """A simulated stream is one more part of a joint suite, and two of them with prefixes of their own."""
    assert len(open_suite("additional17+simulated:5").cards) == 22
    names = [card.name for card in open_suite("simulated:2,prefix=a+simulated:1,prefix=b").cards]
    assert names == ["a-0001", "a-0002", "b-0001"]


def test_real_data_is_refused():
    """A task that was never real cannot be asked for as real data, and the sentence says so."""
    card = open_suite("simulated:2").cards[0]
    with pytest.raises(DataError, match="'simulated-0001' of suite 'simulated:2' is simulated"):
        load_task(card, mode=DataMode.REAL)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("simulated", "how many tasks"),
        ("simulated:", "how many tasks"),
        ("simulated:0", "'tasks' must be a whole number from 1 to 100000; got '0'"),
        ("simulated:many", "'tasks' must be .* got 'many'"),
        ("simulated:1.5", "'tasks' must be .* got '1.5'"),
        ("simulated:5,clases=3", "unknown key 'clases'; did you mean 'classes'"),
        ("simulated:5,similarity", "'similarity' is no option; write key=value"),
        ("simulated:5,", "'' is no option"),
        ("simulated:5,seed=1,seed=2", "'seed' is given twice"),
        ("simulated:5,tasks=6", "'tasks' is given twice"),
        ("simulated:5,classes=1", "'classes' must be a whole number from 2 to 100.* got '1'"),
        ("simulated:5,classes=9..3", "'classes' must be .* got '9..3'"),
        ("simulated:5,classes=2..3..4", "'classes' must be"),
        ("simulated:5,similarity=1.5", "'similarity' must be a number from 0 to 1; got '1.5'"),
        ("simulated:5,similarity=nan", "'similarity' must be"),
        ("simulated:5,recurring=1", "'recurring' must be 0 for none, or a whole number from 2"),
        ("simulated:5,recurrence=exakt", "'recurrence' must be one of fresh, exact; got 'exakt'"),
        ("simulated:5,prefix=a b", "'prefix' must be letters"),
        ("simulated:5,seed=99999999999999999999", "'seed' must be a whole number from 0"),
        ("simulated:5,label_noise=0.9", "label_noise = 0.9 allows at most 0.550"),
    ],
)
def test_mistakes_in_the_short_form_are_named(given: str, message: str):
    """One sentence says what was got and what is allowed, beginning with the suite."""
    with pytest.raises(SuiteError, match=message) as error:
        open_suite(given)
    assert str(error.value).startswith(f"suite '{given}': ")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["tasks = 0"], "line 2: .simulated.: key 'tasks' must be a whole number from 1 to 100000; got 0"),
        (["tasks = true"], "line 2: .simulated.: key 'tasks' must be"),
        (["seed = 3"], "line 1: .simulated.: key 'tasks' is missing"),
        (["tasks = 3", "similarty = 1"], "line 3: .simulated.: unknown key 'similarty'; did you mean"),
        (["tasks = 3", "classes = [2, 3, 4]"], "line 3: .simulated.: key 'classes' must be"),
        (["tasks = 3", "train = { median = 5 }"], "line 3: .simulated.: key 'train' must be"),
        (["tasks = 3", 'words = "many"'], "line 3: .simulated.: key 'words' must be"),
        (["tasks = 3", "accuracy = 0.01"], "line 1: .simulated.: an accuracy of 0.01 is below guessing"),
        (["tasks = 3", "[[task]]", 'name = "a"'], "either ..task.. tables or one .simulated. table"),
    ],
)
def test_mistakes_in_a_file_are_named(tmp_path, lines: list[str], message: str):
    """File, line and key are in the sentence."""
    path = written(tmp_path, *lines)
    with pytest.raises(SuiteError, match=message) as error:
        open_suite(path)
    assert str(error.value).startswith(path)


def test_a_table_is_wanted(tmp_path):
    """`simulated = 5` is not a table, and the sentence says that one is needed."""
    path = tmp_path / "made.toml"
    path.write_text("simulated = 5", encoding="utf-8")
    with pytest.raises(SuiteError, match="key 'simulated' must be a table"):
        open_suite(str(path))


@settings(max_examples=150)
@given(st.sampled_from([*SIMULATED_RULES, "x", ""]), st.text("0123456789.-+e_,=:n a", max_size=8))
def test_whatever_is_written_is_a_stream_or_a_sentence(key: str, value: str):
    """Arbitrary options give settings or a SuiteError, never another error."""
    try:
        found = read_short_form(f"simulated:3,{key}={value}")
    except SuiteError:
        return
    assert found.tasks == 3
