"""What reports are put together from: facts, and the sections that studies bring to those of a run."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One line of the summary: what it is about, and the sentence."""

    title: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """What a study brings to the reports of a run; the run itself knows of no study."""

    html: Markup
    """A part of the page, headings of the second level and below."""
    facts: tuple[Fact, ...] = ()
    """Lines for the terminal and the summary."""


def page_environment() -> Environment:
    """Return the environment of the pages' templates, which escape every value."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
