"""``wsss COMMAND``: every program of the toolbox behind one command. What a command needs is imported when it runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import ConfigError, run_command

COLUMN = 22
TOP = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Program:
    """A word after ``wsss``.

    Attributes:
        module: whose ``main(arguments)`` does it.
        argument: what follows the word, for the help.
        text: what it does, in one line.
        before: words that go before the arguments.
        after: words that go behind the first argument.
    """

    module: str
    argument: str
    text: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def arguments(self, given: Sequence[str]) -> list[str]:
        return [*self.before, *given[:1], *self.after, *given[1:]]


PROGRAMS = {
    "demo": Program("common.demo", "", "tags -> CAM -> pseudo labels -> DeepLab-v2 -> report on generated images"),
    "own": Program("common.own.__main__", "FOLDER", "your photographs and tags: masks, overlays, a model, a report"),
    "check": Program("common.data.check", "FOLDER", "what of a dataset is there, what is missing, what is broken"),
    "predict": Program("deeplabv2.main", "--images ...", "masks and overlays of any images, by a trained network", ("predict",)),
    "masks": Program("common.exchange.__main__", "FOLDER ...", "masks for COCO, CVAT or labelme, and back from there"),
    "export": Program("deeplabv2.export", "-m FILE", "a trained network as ONNX or TorchScript, preprocessing inside"),
    "saliency": Program("sod_wsss.make_saliency", "FOLDER", "saliency maps of any images, by a trained network"),
    "reproduce": Program("common.method.__main__", "METHOD", "a paper's whole chain beside the reference rows; --dry-run plans it", after=("reproduce",)),
    "stage": Program("common.method.__main__", "METHOD STAGE", "single stages of a method, its ablation, its bench"),
    "train": Program("deeplabv2.main", "-c FILE", "train DeepLab on images and label maps", ("train",)),
    "test": Program("deeplabv2.main", "-c FILE", "predict a list of a dataset, and score it", ("test",)),
    "crf": Program("deeplabv2.main", "-c FILE", "refine the predictions of test with the dense CRF", ("crf",)),
    "refine": Program("common.crf.__main__", "--inputs ...", "the dense CRF on a folder of probabilities, CAMs or label maps"),
    "score": Program("common.metrics.__main__", "FOLDER FOLDER", "score a folder of label maps against the true ones"),
    "compare": Program("common.compare.__main__", "--data NAME", "all methods under equal conditions, in one table"),
    "report": Program("common.report.__main__", "RUN ...", "one table, or one page, of several runs"),
    "bench": Program("common.bench.__main__", "NAME", "time parts of the toolbox against the field's loops"),
    "toy": Program("common.data.toy.__main__", "FOLDER", "write the generated dataset"),
}  # fmt: skip


def overview() -> str:
    """The help: a line for each command."""
    methods = ", ".join(["plain_cam", *sorted(path.parent.name for path in TOP.glob("*/method.py"))])
    width = max(len(f"{name} {one.argument}") for name, one in PROGRAMS.items())
    lines = [f"  {f'{name} {one.argument}':{width}}  {one.text}" for name, one in PROGRAMS.items()]
    return "\n".join(
        ["usage: wsss COMMAND [arguments]      (wsss COMMAND --help explains one)", *lines, f"METHOD: {methods}"]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that is the first argument.

    Raises:
        ConfigError: there is no such command.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(overview())
        return 0 if arguments else 2
    program = PROGRAMS.get(arguments[0])
    if program is None:
        raise ConfigError(f"there is no command {arguments[0]!r}; use one of {', '.join(PROGRAMS)} (wsss --help)")
    return importlib.import_module(program.module).main(program.arguments(arguments[1:])) or 0


def command_line() -> None:
    """The console command."""
    run_command(main)


if __name__ == "__main__":
    run_command(main)
