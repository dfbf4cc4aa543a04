"""The command line of `python -m stream.study ablation`; what it does stands in `work`."""

import argparse
from pathlib import Path

from stream.model.backbone.names import DEVICES
from stream.process import heed_interrupts
from stream.study.command import StudyCommand


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the study."""
    parser.add_argument("--db", default="sqlite:///runs.db", metavar="URL", help="default: sqlite:///runs.db")
    parser.add_argument("--run", required=True, metavar="NAME", help="a run whose method has adapters")
    parser.add_argument("--tasks", help="only these tasks of the run, separated by commas")
    parser.add_argument("--data-home", help="folder with the suite's files; also STREAM_DATA")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="auto: the kind that was used")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/NAME/studies")


def run(options: argparse.Namespace) -> tuple[str, ...]:
    """Measure what is missing, write the files; return the last lines."""
    from stream.study.ablation import work

    heed_interrupts()
    return work.run(options)


ABLATION = StudyCommand(
    name="ablation",
    summary="remove the adapters of every span of layers from a trained run and evaluate validation again, "
    "without retraining (Houlsby et al. 2019, Figure 6)",
    add_options=add_options,
    run=run,
)
