import json

import pytest

from stream.errors import UserError
from stream.learning.objectives.objective import scoring_of
from tasks import DataMode, load_task
from tasks.__main__ import main
from tasks.checking.findings import FEW_TEST_ROWS, findings_of, normalised
from tasks.checking.inspection import Inspector
from tasks.checking.lengths import load_tokenizer, minilm_tokenizer_file, summary_of
from tasks.loading import SplitRows
from tasks.reading.encodings import has_controls, is_misread
from tasks.splits import Examples
from tests.stream.tiny import tiny_tokenizer

TEST = [(f"question {number}", "xy"[number % 2]) for number in range(FEW_TEST_ROWS)]


def csv_of(rows):
    return "text,label\n" + "".join(f'"{text}",{label}\n' for text, label in rows)


def examples(rows):
    texts, labels = zip(*rows, strict=True)
    return Examples(texts=texts, labels=labels)


def found(train, test=(), *, encoding="utf-8"):
    """Findings by code for a training file and a test file with these rows and enough others."""
    parts = {
        "train": examples([("one", "x"), ("two", "x"), ("three", "y"), ("four", "y"), *train]),
        "valid": examples([("five", "x")]),
        "test": examples([*TEST, *test]),
    }
    labels = tuple(sorted({label for part in parts.values() for label in part.labels}))
    rows = SplitRows(given=parts, splits=parts, labels=labels)
    return {finding.code: finding for finding in findings_of(rows, encoding=encoding)}


def test_clean_rows_give_no_finding():
    """Different texts, two frequent classes and a large test split are nothing to speak of."""
    assert found([]) == {}


@pytest.mark.parametrize(
    ("code", "train", "test", "sentence"),
    [
        ("leakage", [], [("one", "x")], "1 of 101 test rows (1.0 %) with a text that is also in t"),
        ("near-leakage", [], [("One!", "x")], "1 of 101 test rows (1.0 %) with a text that differs from"),
        ("duplicates", [("one", "x"), ("one", "x")], [], "2 of 107 rows (1.9 %) repeat the text of anoth"),
        (
            "conflicting-labels",
            [("one", "y"), ("one", "x")],
            [],
            "1 text with more than one label, a hint at label noise: 1 of 107 rows (0.9 %) disagree",
        ),
        (
            "unseen-classes",
            [],
            [("new", "z"), ("newer", "z")],
            "1 class without a training row; 2 rows of validation and test cannot be answered right",
        ),
        ("single-row-classes", [("new", "z")], [], "1 class with one row only"),
        ("alike-classes", [("a", "X "), ("b", "X ")], [], "class names that differ in case, punctuation or"),
        ("blank-texts", [(" ", "x")], [], "1 of 106 texts (0.9 %) are blank"),
        ("replaced-characters", [("caf\ufffd", "x")], [], "1 of 106 texts (0.9 %) hold U+FFFD"),
        ("misread-utf-8", [("cafÃ©", "x")], [], "the damage is in the file itself"),
        ("control-characters", [("it\x92s", "x")], [], "hold control characters"),
        ("nul-characters", [("a\0b", "x")], [], "hold NUL characters"),
    ],
)  # fmt: skip
def test_each_oddity_is_found_and_counted(code, train, test, sentence):
    """One odd row gives its own finding, with numbers, and an example where there is one."""
    findings = found(train, test)
    assert sentence in findings[code].message
    assert set(findings) <= {code, "duplicates"}


def test_many_classes_and_a_small_test_split_are_said():
    """A label per row looks like the wrong column; 4 test rows have an error of 25 points."""
    part = examples([(f"text {number}", f"label {number}") for number in range(4)])
    rows = SplitRows(
        given={"train": part}, splits=dict.fromkeys(("train", "valid", "test"), part), labels=part.labels
    )
    findings = {finding.code: finding.message for finding in findings_of(rows, encoding="utf-8")}
    assert findings["many-classes"] == "4 classes for 4 rows; is the label column the right one?"
    assert findings["small-test"] == "4 test rows only: an accuracy has a standard error of up to 25 points"


@pytest.mark.parametrize(
    ("encoding", "code", "advice"),
    [
        ("iso8859-1", "control-characters", "cp1252"),
        ("iso8859-1", "misread-utf-8", "utf-8"),
        ("cp1252", "misread-utf-8", "utf-8"),
    ],
)
def test_a_wrong_encoding_is_answered_with_the_right_one(encoding, code, advice):
    """Where the file was read with another encoding, the finding names the one to try."""
    text = "cafÃ©" if code == "misread-utf-8" else "it\x92s"
    assert found([(text, "x")], encoding=encoding)[code].message.endswith(f'try encoding = "{advice}"')


def test_only_wrong_decodings_are_taken_for_such():
    """Plain text, accents, other scripts and a line separator are as they should be."""
    for text in ("plain", "café", "Ünï", "日本語", "a\x85b", "½ £"):
        assert not is_misread(text)
        assert not has_controls(text)


def test_normalised_texts_keep_their_words():
    """Case, punctuation, spacing and compatibility forms go; a text without words stays itself."""
    assert normalised(("  Hello,  WORLD! ",)) == normalised(("hello world",))
    assert normalised(("ﬁne",)) == normalised(("fine",))
    assert normalised((":-)",)) != normalised((":-(",))
    assert normalised(("a b", "c")) != normalised(("a", "b c"))


def test_lengths_are_those_of_a_count_by_hand():
    """Nearest-rank quantiles of 1 to 100, and the mean."""
    import numpy as np

    summary = summary_of(np.arange(1, 101))
    assert (summary.mean, summary.median, summary.percentile_95, summary.longest) == (50.5, 50, 95, 100)


def test_tokens_are_counted_with_the_backbones_vocabulary(make_card, offline):
    """Special tokens count; what is longer than the limit is cut; pairs are measured together."""
    rows = [*((f"word {number}", "xy"[number % 2]) for number in range(30)), ("word " * 50, "x")]
    inspector = Inspector(
        home=None,
        mode=DataMode.AUTO,
        max_length=20,
        tokenizer=load_tokenizer(minilm_tokenizer_file()),
        network=offline,
    )
    tokens = inspector.inspect(make_card(csv_of(rows))).tokens
    assert (tokens.lengths.median, tokens.lengths.longest, tokens.num_texts) == (4, 52, 31)
    assert tokens.truncated_fraction == pytest.approx(1 / 31, abs=1e-4)


def test_a_suite_of_ones_own_is_checked(capsys, make_card, offline):
    """Sizes, classes, lengths and warnings, within 100 columns, then the next command; exit code 0."""
    card = make_card(csv_of([*TEST, ("question 1", "y"), ("", "x")]))
    suite = str(card.folder / "mine.toml")
    assert main(["check", suite], network=offline) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = " ".join(" ".join(lines).split())
    assert "classification, real: train 81, valid 10, test 11 (valid and test split off)" in shown
    assert "classes 2: x 51, y 51" in shown
    assert "the most frequent class is right in " in shown
    assert "! 1 of 102 rows (1.0 %) repeat the text of another row" in shown
    assert "1 task: 0 errors, 3 warnings." in shown
    assert lines[-1] == f"Go on with: python -m stream.run --suite {suite}"
    assert max(map(len, lines[:-1])) <= 100


def test_a_suite_that_cannot_be_used_ends_with_exit_code_2(capsys, make_card, tmp_path, offline):
    """One task without a file does not keep the other from being looked at."""
    card = make_card(csv_of(TEST))
    toml = (card.folder / "mine.toml").read_text()
    (tmp_path / "two.toml").write_text(toml + "\n" + toml.replace("small", "gone").replace("rows", "gone"))
    assert main(["check", str(tmp_path / "two.toml"), "--json"], network=offline) == 2
    answer = json.loads(capsys.readouterr().out)
    assert (answer["errors"], [task["data"] for task in answer["tasks"]]) == (1, ["real", None])
    (error,) = answer["tasks"][1]["findings"]
    assert (error["code"], error["level"]) == ("unusable", "error")
    assert "task 'gone' has no data" in error["message"]
    assert main(["check", str(tmp_path / "two.toml"), "--tasks", "small"], network=offline) == 0


def test_without_data_a_simulated_task_is_announced(capsys, offline):
    """A shipped suite without files can be run all the same, on simulated tasks."""
    assert main(["check", "additional17", "--tasks", "airline"], network=offline) == 0
    assert "1 task without data to look into: a run simulates texts." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.toml"], "the suite file nowhere.toml does not exist"),
        (
            ["additional17", "--tasks", "airlin"],
            "suite 'additional17' has no task 'airlin'; did you mean 'airline'?",
        ),
        (["additional17", "--max-length", "0"], "--max-length is 0; it must be 1 or more"),
        (["additional17", "--tokenizer", "nowhere.json"], "nowhere.json cannot be read as a tokenizer"),
    ],
)
def test_a_mistake_is_answered_with_one_sentence(capsys, arguments, sentence, offline):
    """Exit code 2, one line, nothing on standard output."""
    assert main(["check", *arguments], network=offline) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(f"error: {sentence}")
    assert (shown.err.count("\n"), shown.out) == (1, "")


def test_a_span_task_is_reported_with_its_windows(tmp_path, capsys):
    """Contexts, gold answers and windows stand in the report, a leaked context among the findings."""
    paragraphs = [
        {"context": f"ba be bi house {i} is {i}", "qas": [
            {"id": f"{name}{i}", "question": "da de?", "answers": [{"text": f"house {i}", "answer_start": 9}]}
        ]}
        for name in ("a", "b")
        for i in range(30)
    ]  # fmt: skip
    for name, part in (("train", paragraphs[:30]), ("test", paragraphs[31:42])):
        (tmp_path / f"{name}.json").write_text(json.dumps({"data": [{"paragraphs": part}]}))
    (tmp_path / "mine.toml").write_text(
        '[[task]]\nname = "q"\nformat = "squad"\ntrain = "train.json"\ntest = "test.json"\n'
    )
    tiny_tokenizer().save(str(tmp_path / "tokenizer.json"))
    arguments = [str(tmp_path / "mine.toml"), "--tokenizer", str(tmp_path / "tokenizer.json")]
    assert main(["check", *arguments]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "1 task, windows of 384 tokens" in printed
    assert "span, real: train 26, valid 4, test 11 (valid split off)" in printed
    assert "contexts 30 different ones" in printed
    assert "gold answers a question: train 1, valid 1, test 1" in printed
    assert "windows 41 of at most 384 tokens for 41 questions; longest answer 2 tokens" in printed
    assert "with a text that is also in training" in printed
    assert "classes" not in printed
    assert main(["check", *arguments, "--max-length", "16", "--json"]) == 0
    (task,) = json.loads(capsys.readouterr().out)["tasks"]
    assert task["spans"]["windows"]["max_length"] == 16
    assert task["class_counts"] is None


@pytest.mark.parametrize("key", ['metric = "f1"', 'secondary = ["f1"]'])
@pytest.mark.parametrize("num_classes", [2, 3])
def test_f1_of_three_classes_is_an_error(capsys, make_card, offline, key, num_classes):
    """What a run would refuse in the middle of its stream is refused here, in the same words."""
    rows = [(f"text {number}", "xyz"[number % num_classes]) for number in range(60)]
    card = make_card(csv_of(rows), key, 'positive = "x"')
    code = main(["check", str(card.folder / "mine.toml"), "--json"], network=offline)
    (task,) = json.loads(capsys.readouterr().out)["tasks"]
    errors = [finding["message"] for finding in task["findings"] if finding["level"] == "error"]
    if num_classes == 2:
        assert (code, errors) == (0, [])
        return
    with pytest.raises(UserError) as refused:
        scoring_of(load_task(card))
    assert (code, errors) == (2, [str(refused.value)])
    assert len(task["class_counts"]) == 3


@pytest.mark.parametrize("key", ['metric = "f1"', 'secondary = ["f1"]'])
def test_f1_of_a_class_that_is_not_named_is_refused(capsys, make_card, offline, key):
    """The class that sorts last is not taken in silence; the sentence says what to write."""
    card = make_card(csv_of([(f"text {number}", "xy"[number % 2]) for number in range(60)]))
    path = card.folder / "mine.toml"
    path.write_text(path.read_text(encoding="utf-8") + f"\n{key}\n", encoding="utf-8")
    assert main(["check", str(path)], network=offline) == 2
    assert "'positive' is missing; f1 is about one class of two" in capsys.readouterr().err


REGRESSION = ('kind = "regression"', "range = [0, 5]", 'metric = "spearman"')


def scored(rows):
    return [(f"text {number}", 0.5 * (number % 11)) for number in range(rows)]


def test_scores_are_told_as_numbers(capsys, make_card, offline):
    """Ten rows of each score from 0 to 5: range, mean 2.5 and spread, and not a word of classes."""
    card = make_card(csv_of(scored(110)), *REGRESSION)
    assert main(["check", str(card.folder / "mine.toml")], network=offline) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "regression, real: train 88, valid 11, test 11 (valid and test split off)" in shown
    assert "scores 0 to 5, mean 2.5, standard deviation 1.58; 11 different ones" in shown
    assert "guessing the mean of training is wrong by " in shown
    assert "! 11 test rows only: a correlation has a standard error of up to 0.32" in shown
    assert "class" not in shown
    assert "label" not in shown
    assert "1 task: 0 errors, 1 warning." in shown


@pytest.mark.parametrize(
    ("rows", "code", "sentence"),
    [
        (
            [("Same text", 1), ("same  text!", 4), ("near", 2), ("Near", 2.5)],
            "conflicting-scores",
            "1 text with scores more than 1.25 apart (a quarter of the range), up to case, punctuation and "
            "spacing, a hint at noise: 2 of 114 rows (1.8 %)",
        ),
        ([("text 1", 0.5)], "duplicates", "1 of 111 rows (0.9 %) repeat the text of another row"),
    ],
)
def test_odd_scores_are_found(capsys, make_card, offline, rows, code, sentence):
    """Nearly equal texts with far apart scores are a hint at noise; close scores are none."""
    card = make_card(csv_of([*scored(110), *rows]), *REGRESSION)
    main(["check", str(card.folder / "mine.toml"), "--json"], network=offline)
    (task,) = json.loads(capsys.readouterr().out)["tasks"]
    found = {finding["code"]: finding for finding in task["findings"]}
    assert found[code]["message"].startswith(sentence)
    if code == "conflicting-scores":
        assert found[code]["examples"] == ['"Same text": 1, 4']
    assert (task["class_counts"], task["majority_fraction"]) == (None, None)


@pytest.mark.parametrize(
    ("scores", "sentences"),
    [
        ([3.0], ["all 88 scores of train are 3; nothing can be learned", "a correlation is undefined there"]),
        ([0.0, 5.0], ["no scores but 0 and 5; is it a classification? Then leave out kind and range"]),
    ],
)
def test_scores_without_spread_are_said(capsys, make_card, offline, scores, sentences):
    """Constant scores leave nothing to learn and no correlation; two values look like classes."""
    rows = [(f"text {number}", scores[number % len(scores)]) for number in range(110)]
    card = make_card(csv_of(rows), *REGRESSION)
    main(["check", str(card.folder / "mine.toml")], network=offline)
    shown = " ".join(capsys.readouterr().out.split())
    assert all(sentence in shown for sentence in sentences)


@pytest.mark.parametrize("value", ["7", "-0.5", "good"])
def test_a_score_outside_the_range_is_an_error(capsys, make_card, offline, value):
    """The value, the column and the range stand in one sentence; exit code 2."""
    card = make_card(csv_of([*scored(110), ("odd", value)]), *REGRESSION)
    assert main(["check", str(card.folder / "mine.toml")], network=offline) == 2
    shown = " ".join(capsys.readouterr().out.split())
    assert f"'label' holds '{value}', but a score is a number from 0 to 5; correct it or the range" in shown


def test_further_test_splits_are_counted_and_searched(capsys, make_card, offline):
    """Their rows stand beside the others', and a text of training in them is leakage."""
    card = make_card(csv_of(TEST), 'tests = { other = "other.csv" }')
    (card.folder / "other.csv").write_text(csv_of([("question 1", "y"), ("new", "x")]))
    assert main(["check", str(card.folder / "mine.toml")], network=offline) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "test 10, other 2 (valid and test split off)" in shown
    assert "1 of 2 other rows (50 %) with a text that is also in training" in shown
