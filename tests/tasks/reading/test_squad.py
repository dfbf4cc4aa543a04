import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import DataError, SuiteError, load_task, open_suite
from tasks.reading.squad import read_squad
from tasks.splits import Examples, split_examples
from tasks.task import SPAN_LABELS, DataStatus, GoldAnswers, Limits, TaskKind

CONTEXT = "Île-de-France has 12 million people. Paris has 2 million."


def question(identity="q1", text="How many?", answers=(("2 million", 47),)):
    """A question in the layout of SQuAD."""
    made = [{"text": answer, "answer_start": start} for answer, start in answers]
    return {"id": identity, "question": text, "answers": made}


def document(*questions, context=CONTEXT):
    """A file of one article with one paragraph."""
    paragraph = {"context": context, "qas": list(questions)}
    return {"version": "1.1", "data": [{"title": "France", "paragraphs": [paragraph]}]}


def many(num_contexts, per_context=3, first=0):
    """A file of many small paragraphs, each asked about its number."""
    paragraphs = [
        {
            "context": f"The number of house {i} is {i}.",
            "qas": [
                question(f"{i}-{k}", f"Which number {k} has house {i}?", [(f"{i}", 20)])
                for k in range(per_context)
            ],
        }
        for i in range(first, first + num_contexts)
    ]
    return {"data": [{"paragraphs": paragraphs}]}


@pytest.fixture
def read(tmp_path):
    def read_text(content):
        path = tmp_path / "a.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return read_squad(path, where="task 'q': a.json")

    return read_text


def suite(folder: Path, *lines: str, train=None, test=None):
    """A card that reads these documents."""
    (folder / "train.json").write_text(json.dumps(train or many(40)), encoding="utf-8")
    named = ["[[task]]", 'name = "q"', 'train = "train.json"', 'format = "squad"']
    if test is not None:
        (folder / "test.json").write_text(json.dumps(test), encoding="utf-8")
        named.append('test = "test.json"')
    (folder / "mine.toml").write_text("\n".join([*named, *lines]), encoding="utf-8")
    return open_suite(str(folder / "mine.toml")).cards[0]


def test_questions_contexts_and_answers_are_read_in_file_order(read):
    """Offsets count characters, and every gold answer is kept."""
    golds = [("12 million", 18), ("12", 18), ("12 million people", 18)]
    examples = read(document(question("q1", "How many in it?", golds), question("q2")))
    assert list(examples.texts) == ["How many in it?", "How many?"]
    assert list(examples.pairs) == [CONTEXT, CONTEXT]
    assert examples.answers == [
        GoldAnswers(question_id="q1", texts=("12 million", "12", "12 million people"), starts=(18, 18, 18)),
        GoldAnswers(question_id="q2", texts=("2 million",), starts=(47,)),
    ]


def damaged(*path, value):
    """The document of one question with one value replaced."""
    made = document(question())
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return made


ANSWER = ("data", 0, "paragraphs", 0, "qas", 0, "answers", 0)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"data": [\n  {"paragraphs": }]}', "a.json, line 2, column 18: not valid JSON"),
        (b"[\"caf\xe9\"]", "cannot be read as JSON"),
        (b"[" * 200_000, "nested too deeply"),
        ([1], "a.json, data must be a list, as in SQuAD v1.1; got [1] around it"),
        ({"data": {}}, "data must be a list, as in SQuAD v1.1; got {}"),
        ({"data": [3]}, "a.json, data[0] must be an object; got 3"),
        ({"data": [{}]}, "data[0].paragraphs must be a list"),
        ({"data": []}, "a.json holds no question"),
        (document(), "holds no question"),
        (damaged(*ANSWER[:4], "context", value=None), "paragraphs[0].context must be a text; got nothing"),
        (damaged(*ANSWER[:6], "id", value=7), "data[0].paragraphs[0].qas[0].id must be a text; got 7"),
        (damaged(*ANSWER[:6], "question", value="\ud800"), "qas[0].question holds half a surrogate pair"),
        (damaged(*ANSWER[:6], "answers", value=[]), 'data[0].paragraphs[0].qas[0] (id "q1") has no answer'),
        (damaged(*ANSWER, "answer_start", value="47"), 'answers[0].answer_start must be a whole number'),
        (damaged(*ANSWER, "answer_start", value=True), "must be a whole number"),
        (damaged(*ANSWER, "answer_start", value=46), 'answers[0]: the answer "2 million" does not stand at'),
        (damaged(*ANSWER, "answer_start", value=-10), "does not stand at character -10"),
        (damaged(*ANSWER, "text", value=""), 'the answer "" does not stand at'),
        (document(question(), question()), 'two questions with the id "q1"'),
    ],
)  # fmt: skip
def test_a_damaged_file_is_answered_with_its_place(read, content, sentence):
    """One sentence names the file, the place in it and what was found there."""
    with pytest.raises(DataError) as caught:
        read(content)
    assert str(caught.value).startswith("task 'q': a.json")
    assert sentence in str(caught.value)


KEYS = st.sampled_from(["data", "paragraphs", "qas", "context", "id", "answers"])
JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner),
)


@given(JSON)
def test_any_json_is_read_or_refused(tmp_path_factory, content):
    """No JSON value whatever ends in another exception."""
    path = tmp_path_factory.mktemp("any") / "a.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError):
        read_squad(path, where="a")


def examples_of(num_contexts, per_context):
    rows = [(f"question {i} {k}", f"context {i}") for i in range(num_contexts) for k in range(per_context)]
    return Examples(
        texts=[text for text, _ in rows],
        labels=["x"] * len(rows),
        pairs=[context for _, context in rows],
        answers=[GoldAnswers(question_id=text, texts=("x",), starts=(0,)) for text, _ in rows],
    )


@given(st.integers(10, 40), st.integers(1, 5), st.integers(0, 3))
def test_no_context_is_on_both_sides(num_contexts, per_context, seed):
    """Validation and test are cut by context, whatever the seed, and no question is lost."""
    examples = examples_of(num_contexts, per_context)
    splits = split_examples({"train": examples}, seed=seed, name="q")
    contexts = [set(split.pairs) for split in splits.values()]
    assert sum(map(len, contexts)) == num_contexts
    assert sorted(text for split in splits.values() for text in split.texts) == sorted(examples.texts)
    assert all(list(s.texts) == [golds.question_id for golds in s.answers] for s in splits.values())


def test_the_split_seed_decides_and_row_order_does_not():
    """Another order of the rows gives the same splits, another seed gives others."""
    examples = examples_of(30, 3)
    mixed = examples.take(np.random.default_rng(0).permutation(len(examples)))
    first, again = (
        split_examples({"train": rows}, seed=0, name="q")["valid"].texts for rows in (examples, mixed)
    )
    other = split_examples({"train": examples}, seed=1, name="q")["valid"].texts
    assert first == again
    assert first != other


def test_a_cap_keeps_questions_of_many_contexts():
    """The first questions of a split are of as many contexts as chance gives, not all about the first one."""
    train = split_examples({"train": examples_of(100, 10)}, seed=0, name="q")["train"]
    assert len(set(train.pairs[:20])) > 12


def test_a_squad_file_becomes_a_span_task(tmp_path):
    """The task has the outputs of its head as labels, and validation is one question in nine of training."""
    task = load_task(suite(tmp_path, test=many(5, first=100)))
    assert (task.kind, task.labels, task.data) == (TaskKind.SPAN, SPAN_LABELS, DataStatus.REAL)
    assert (task.metric, task.secondary) == ("squad_f1", ("squad_exact_match",))
    assert not any("class" in note for note in task.notes)
    assert (len(task.train), len(task.valid), len(task.test)) == (108, 12, 15)
    for question_text, context, golds in zip(
        task.test.texts, task.test.pairs, task.test.answers, strict=True
    ):
        assert question_text.startswith("Which number")
        assert context[golds.starts[0] :].startswith(golds.texts[0])


@pytest.mark.parametrize("change", ["context", "question", "text", "answer_start"])
def test_the_fingerprint_covers_contexts_questions_and_answers(tmp_path, change):
    """A task of another context, question, answer or place of an answer is another task."""
    base = many(10)
    plain = load_task(suite(tmp_path, train=base, test=document(question()))).fingerprint
    changed = document(question())
    inner = changed["data"][0]["paragraphs"][0]
    if change == "context":
        inner["context"] += "!"
    elif change == "question":
        inner["qas"][0]["question"] += "!"
    elif change == "text":
        inner["qas"][0]["answers"][0]["text"] = "2"
    else:
        inner["context"] = inner["context"].replace("12 million", "2 million ")
        plain = load_task(suite(tmp_path, train=base, test=changed)).fingerprint
        inner["qas"][0]["answers"][0]["answer_start"] = 18
    assert load_task(suite(tmp_path, train=base, test=changed)).fingerprint != plain


def test_caps_hold_for_questions(tmp_path):
    """A cap counts questions."""
    task = load_task(suite(tmp_path), limits=Limits(max_train=7, max_test=3))
    assert (len(task.train), len(task.test), len(task.test.answers)) == (7, 3, 3)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('text = "question"', "'text' does not go with format = \"squad\""),
        ('map = {a = "b"}', "'map' does not go with"),
        ('kind = "pair"', 'kind = "span" and format = "squad" go together'),
    ],
)
def test_keys_that_do_not_fit_the_format_are_refused(tmp_path, line, sentence):
    """The layout has its own columns and answers, so a card cannot name any."""
    with pytest.raises(SuiteError, match=r"mine\.toml, line 5: task 'q': ") as caught:
        suite(tmp_path, line)
    assert sentence in str(caught.value)


def test_span_needs_the_format(tmp_path):
    """A span task from a CSV file is refused: there is no place for offsets."""
    path = tmp_path / "mine.toml"
    path.write_text('[[task]]\nname = "q"\ntrain = "a.csv"\ntext = ["a", "b"]\nlabel = "c"\nkind = "span"\n')
    with pytest.raises(SuiteError, match='kind = "span" and format = "squad" go together'):
        open_suite(str(path))


@pytest.mark.real_data
def test_the_official_dev_set_is_read_whole():
    """The complete dev set has the published 10,570 questions and 34,726 answers, about 2,067 contexts."""
    path = Path(os.environ.get("STREAM_DATA", "")) / "squad" / "dev-v1.1.json"
    if not path.is_file():
        pytest.skip("the real file is not at hand")
    examples = read_squad(path, where="dev")
    assert len(examples) == 10_570
    assert len(set(examples.pairs)) == 2_067
    assert sum(len(golds.texts) for golds in examples.answers) == 34_726
