"""The command line of `python -m stream.study latency`; what it does stands in `work`."""

import argparse
from pathlib import Path

from stream.model.backbone.names import DEVICES, MINILM
from stream.process import heed_interrupts
from stream.study.command import StudyCommand


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the study."""
    parser.add_argument(
        "--backbone", default=MINILM, help="minilm, a name of the Hugging Face hub, or a folder"
    )
    parser.add_argument("--methods", default="houlsby,adapter-l,lora", help="default: houlsby,adapter-l,lora")
    parser.add_argument("--adapter-sizes", default="8,64,256", help="default: 8,64,256")
    parser.add_argument("--batch-sizes", default="1,4,16,64", help="default: 1,4,16,64")
    parser.add_argument("--lengths", help="tokens of a text; default: 16,64,128,256, as the backbone allows")
    parser.add_argument("--repeats", type=int, default=15, help="pairs of timings for each mark (15)")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="auto: a GPU where there is one")
    parser.add_argument("--db", default="sqlite:///runs.db", metavar="URL", help="default: sqlite:///runs.db")
    parser.add_argument("--name", default="latency", help="name of the study's run; default: latency")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/NAME/studies")


def run(options: argparse.Namespace) -> tuple[str, ...]:
    """Measure what is missing, write the files; return the last lines."""
    from stream.study.latency import work

    heed_interrupts()
    return work.run(options)


LATENCY = StudyCommand(
    name="latency",
    summary="inference time of adapters over the bare backbone for batch sizes, lengths and sizes; merged "
    "LoRA is the zero line (Hu et al. 2021, Table 1)",
    add_options=add_options,
    run=run,
)
