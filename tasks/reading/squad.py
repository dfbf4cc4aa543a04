"""Questions, contexts and gold answers of a JSON file in the layout of SQuAD v1.1.

{"data": [{"paragraphs": [{"context": ..., "qas": [{"id": ..., "question": ..., "answers": [{"text": ...,
"answer_start": ...}]}]}]}]}, with `answer_start` counted in characters. Everything is checked, offsets
against the context included; what does not fit is answered with its place. Contexts are held once.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tasks.errors import DataError
from tasks.splits import Examples
from tasks.task import GoldAnswers

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
MAX_SHOWN = 60
"""Characters of a wrong value in an error sentence."""


class _Row(NamedTuple):
    question: str
    context: str
    answers: GoldAnswers


def read_squad(path: Path, *, where: str) -> Examples:
    """Every question of a file, in file order; `where` begins each error sentence.

    Raises:
        DataError: The file is no JSON, has another layout, holds no question, a question without an answer,
            an answer that is not where it is said to be, or one id twice.
    """
    rows = list(_rows(_parsed(path, where), where))
    if not rows:
        raise DataError(f"{where} holds no question; it needs data, paragraphs and qas with at least one")
    _check_ids(rows, where)
    return Examples(
        texts=[row.question for row in rows],
        labels=[row.answers.texts[0] for row in rows],
        pairs=[row.context for row in rows],
        answers=[row.answers for row in rows],
    )


def _parsed(path: Path, where: str) -> Any:
    try:
        return json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        raise DataError(
            f"{where}, line {error.lineno}, column {error.colno}: not valid JSON ({error.msg}); "
            "correct the file"
        ) from error
    except RecursionError:
        raise DataError(f"{where} is nested too deeply to be read; correct the file") from None
    except ValueError as error:  # bytes that are no text, and numbers of more digits than Python converts
        raise DataError(f"{where} cannot be read as JSON ({error}); save it as UTF-8") from error


def _rows(document: Any, where: str) -> Iterator[_Row]:
    for article, at_article in _members(document, "data", f"{where}, "):
        for paragraph, at in _members(article, "paragraphs", f"{at_article}."):
            context = _text(paragraph, "context", f"{at}.")
            for question, at_question in _members(paragraph, "qas", f"{at}."):
                yield _Row(
                    question=_text(question, "question", f"{at_question}."),
                    context=context,
                    answers=_answers(question, context, at_question),
                )


def _answers(question: Any, context: str, at: str) -> GoldAnswers:
    identity = _text(question, "id", f"{at}.")
    texts: list[str] = []
    starts: list[int] = []
    for answer, at_answer in _members(question, "answers", f"{at}."):
        text, start = _text(answer, "text", f"{at_answer}."), answer.get("answer_start")
        if not isinstance(start, int) or isinstance(start, bool):
            raise DataError(
                f"{at_answer}.answer_start must be a whole number, the character of the context at which the "
                f"answer begins; got {_shown(start)}"
            )
        if not text or start < 0 or not context.startswith(text, start):
            raise DataError(
                f"{at_answer}: the answer {_shown(text)} does not stand at character {start} of its context; "
                "correct text or answer_start (counted in characters, not bytes)"
            )
        texts.append(text)
        starts.append(start)
    if not texts:
        raise DataError(
            f"{at} (id {_shown(identity)}) has no answer; questions that cannot be answered (SQuAD v2) "
            "are not supported: leave them out"
        )
    return GoldAnswers(question_id=identity, texts=tuple(texts), starts=tuple(starts))


def _members(parent: Any, key: str, at: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The tables of a list, each with its place in the file."""
    members = parent.get(key) if isinstance(parent, dict) else None
    if not isinstance(members, list):
        got = f"got {_shown(members)}" if isinstance(parent, dict) else f"got {_shown(parent)} around it"
        raise DataError(f"{at}{key} must be a list, as in SQuAD v1.1; {got}")
    for number, member in enumerate(members):
        if not isinstance(member, dict):
            raise DataError(f"{at}{key}[{number}] must be an object; got {_shown(member)}")
        yield member, f"{at}{key}[{number}]"


def _text(parent: dict[str, Any], key: str, at: str) -> str:
    value = parent.get(key)
    if not isinstance(value, str):
        raise DataError(f"{at}{key} must be a text; got {_shown(value)}")
    if _HALF_CHARACTER.search(value):
        raise DataError(f"{at}{key} holds half a surrogate pair, which is no character; correct the file")
    return value


def _check_ids(rows: list[_Row], where: str) -> None:
    seen: set[str] = set()
    for row in rows:
        if row.answers.question_id in seen:
            raise DataError(
                f"{where} has two questions with the id {_shown(row.answers.question_id)}; an id is used once"
            )
        seen.add(row.answers.question_id)


def _shown(value: object) -> str:
    shown = "nothing" if value is None else json.dumps(value, ensure_ascii=True)
    return shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}..."
