"""The commands of a method, from its declaration: every stage, reproduce, ablation, bench."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from common.command_help import asks_for_help, command_help, overview
from common.commands import (
    Command,
    Flag,
    absolute_paths,
    first_is_config,
    from_environment,
    names_config,
    parse_command,
)
from common.config import expand_aliases
from common.config_files import Aliases
from common.engine.launch import processes_wanted, run_in_processes
from common.errors import ConfigError
from common.method.maps import Maps
from common.method.method import Method
from common.method.requirements import require_inputs
from common.method.settings import with_chain_weights
from common.method.stage import Stage
from common.method.training import Training

WEIGHTS = Flag(
    ("--weights",), "--chain.weights", "WEIGHTS", "initial weights of the chain's backbones: a file, or imagenet"
)
REPRODUCE = (
    "every stage, DeepLab-v2, the reference rows beside them, one report; what is complete is skipped; --until labels "
    "stops before DeepLab-v2, --until segmentation before the report; --data voc, coco, toy or voc_animals picks the configuration; "
    "--dry-run only prints the plan and what is missing, with --measure also hours and memory"
)
ABLATION = "one table of what each ingredient adds: --variants A B (default all), --seeds 0 1 2 (default 0)"
BENCH = "time the training step and its memory beside the published form; --max-steps N times N steps"
# All trainings, one after another.
ALL_TRAININGS = "train"
CONFIG_FILES = (".yaml", ".yml")
UNTIL = ("labels", "segmentation", "report")


def run_method(method: Method, argv: Sequence[str] | None = None, program: str = "") -> int:
    """Run what the arguments ask for: ``STAGE [STAGE ...] [CONFIG] [flags]``, reproduce, ablation or bench.

    Several stages in one call save the start of a process each; an error ends the call, images that failed do not: the stages
    that follow leave them out.

    Returns:
        1 when an image failed, else 0.

    Raises:
        ConfigError: there is no such stage, or an argument is wrong.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    program = program or f"-m common.method {method.name}"
    known = {stage.name: [stage] for stage in method.commands}
    known.setdefault(ALL_TRAININGS, stages_of_training(method))
    chain: dict[str, tuple[str, Callable[[Method, Command, str, list[str]], int]]] = {
        "reproduce": (REPRODUCE, run_reproduce),
        "ablation": (ABLATION, run_ablation),
        "bench": (BENCH, run_bench),
    }
    if not method.variants:
        del chain["ablation"]
    texts = {name: ", then ".join(stage.text for stage in stages) for name, stages in known.items()}
    if any(isinstance(stage, Maps) for stage in known[ALL_TRAININGS]):
        texts[ALL_TRAININGS] = (
            "every training, one after another, and between them the maps that the next one learns from"
        )
    texts |= {name: text for name, (text, _) in chain.items()}
    if arguments and arguments[0] in ("-h", "--help"):
        print(overview(program, {name: command_of(method, text) for name, text in texts.items()}))
        return 0
    if arguments and arguments[0] in chain:
        name = arguments.pop(0)
        text, run = chain[name]
        return run(method, command_of(method, text, of_chain=name != "bench"), f"{program} {name}", arguments)
    words = list(itertools.takewhile(known.__contains__, arguments))
    if not words:
        raise ConfigError(f"say which stages to run: python {program} {' | '.join(texts)} -c CONFIG (--help explains)")
    text = ", then ".join(texts[word] for word in words)
    stages = [stage for word in words for stage in known[word]]
    rest = arguments[len(words) :]
    if rest and not rest[0].startswith("-") and not Path(rest[0]).suffix:
        raise ConfigError(f"{rest[0]} is neither a stage nor a configuration file; the stages are {', '.join(known)}")
    return run_stages(method, stages, text, program, rest)


def stages_of_training(method: Method) -> list[Stage]:
    """The trainings, and the maps between them, from which a later one may learn."""
    places = [place for place, stage in enumerate(method.stages) if isinstance(stage, Training)]
    between = method.stages[places[0] : places[-1] + 1] if places else []
    return [stage for stage in between if isinstance(stage, (Training, Maps))]


def command_of(method: Method, text: str, of_chain: bool = False) -> Command:
    """A command as the shared command line takes it."""
    of_stages, of_chains = method.configs
    config = of_chains if of_chain else of_stages
    return Command(
        text,
        method.settings,
        run=lambda settings: 0,
        flags=(WEIGHTS, *method.flags),
        aliases=method.aliases,
        find_config=(lambda settings: config) if config else None,
        environment=method.environment,
        folder=method.home,
    )


def run_stages(method: Method, stages: Sequence[Stage], text: str, program: str, arguments: list[str]) -> int:
    """Stages one after another; with GPUS in the environment each in so many processes."""
    command = command_of(method, text)
    names = [stage.name for stage in stages]
    title = f"{program} {' '.join(names)}"
    if wants_help(title, command, arguments):
        return 0
    if processes_wanted() > 1:
        return launch(method, names, arguments)
    settings = settings_of(title, command, arguments)
    if len(stages) > 1 and any(isinstance(stage, Training) for stage in stages):
        working = [stage for stage in stages if not stage.left_out(settings)]
        require_inputs((stage.requirements(settings), stage.writes(settings)) for stage in working)
    return max(stage.run(settings) for stage in stages)


def launch(method: Method, stages: Sequence[str], arguments: Sequence[str]) -> int:
    """Every stage in GPUS processes of this machine."""
    for stage in stages:
        status = run_in_processes(["-m", "common.method", method.name, stage, *arguments], processes_wanted())
        if status:
            return status
    return 0


def run_reproduce(method: Method, command: Command, program: str, arguments: list[str]) -> int:
    from common.method.reproduce import reproduce

    until = taken(arguments, "--until") or ["report"]
    if until not in [[one] for one in UNTIL]:
        raise ConfigError(f"--until is {' '.join(until)}; use one of {', '.join(UNTIL)}")
    if wants_help(program, command, arguments):
        return 0
    dry, measure = switched(arguments, "--dry-run"), switched(arguments, "--measure")
    if measure and not dry:
        raise ConfigError("--measure is for --dry-run; bench times the step alone")
    arguments = with_config_of_data(method, arguments, "voc" if dry else "")
    if dry:
        return run_dry(method, command, program, arguments, until[0], measure)
    return reproduce(method, settings_of(program, command, arguments), until[0])


def run_dry(method: Method, command: Command, program: str, arguments: Sequence[str], until: str, measure: bool) -> int:
    from common.method.dry_run import dry_run

    started_in = Path.cwd()
    words = [*from_environment(command), *first_is_config(arguments)]
    flags = absolute_paths(words, command.all_flags)
    return dry_run(method, settings_of(program, command, arguments), flags, started_in, until, measure)


def with_config_of_data(method: Method, arguments: list[str], usual: str) -> list[str]:
    """The arguments with the method's configuration for the dataset that ``--data`` names.

    Args:
        usual: that dataset where neither is given; empty for the command's own configuration.
    """
    from common.method.registry import config_for

    given = taken(arguments, "--data")
    configured = names_config(first_is_config(arguments))
    if len(given) > 1 or (given and configured):
        raise ConfigError(f"--data {' '.join(given)}: give one name, and no configuration beside it")
    named = given[0] if given else usual
    return arguments if configured or not named else ["-c", str(config_for(method, named)), *arguments]


def switched(arguments: list[str], flag: str) -> bool:
    """Take a flag without a value out of the arguments; whether it was there."""
    found = flag in arguments
    arguments[:] = [one for one in arguments if one != flag]
    return found


def run_ablation(method: Method, command: Command, program: str, arguments: list[str]) -> int:
    from common.method.ablation import ablate

    seeds, variants = taken(arguments, "--seeds") or ["0"], taken(arguments, "--variants")
    if not all(seed.isdecimal() for seed in seeds):
        raise ConfigError(f"--seeds is {' '.join(seeds)}; give numbers, as in --seeds 0 1 2")
    if wants_help(program, command, arguments):
        return 0
    return ablate(method, settings_of(program, command, arguments), [int(seed) for seed in seeds], variants)


def run_bench(method: Method, command: Command, program: str, arguments: list[str]) -> int:
    from common.method.bench import bench_method

    if not wants_help(program, command, arguments):
        settings = settings_of(
            program, command, [*arguments, *([] if "--max-steps" in arguments else ["--max-steps", "3"])]
        )
        bench_method(method.name, settings)
    return 0


def settings_of(program: str, command: Command, arguments: Sequence[str]) -> Any:
    """The settings, with the chain's initial weights where the configuration names none."""
    return with_chain_weights(parse_command(program, command, arguments))


def wants_help(program: str, command: Command, arguments: Sequence[str]) -> bool:
    """Print the help of a command where the arguments ask for it."""
    if not asks_for_help(arguments):
        return False
    stage = program.split()[-1]
    print(command_help(program.removesuffix(stage).strip(), stage, command, arguments))
    return True


def taken(arguments: list[str], flag: str) -> list[str]:
    """Take a flag and the words that follow it out of the arguments; the words. Flags and configurations are none."""
    if flag not in arguments:
        return []
    place = arguments.index(flag)
    following = arguments[place + 1 :]
    words = list(
        itertools.takewhile(lambda word: not word.startswith("-") and Path(word).suffix not in CONFIG_FILES, following)
    )
    del arguments[place : place + 1 + len(words)]
    return words


def entry(
    method: Method, *stages: str, config: str = "", flags: Sequence[str] = (), aliases: Aliases | None = None
) -> Callable[..., int]:
    """``main`` of an entry file of a paper's README: one or several stages; more may be named as its first arguments.

    Args:
        config: configuration where none is given, in place of the method's own.
        flags: what distinguishes this program; those that are given come later and win.
        aliases: flags that mean something of their own in this program.
    """
    return partial(run_entry, method, stages, config, flags, aliases or {})


def run_entry(
    method: Method,
    stages: Sequence[str],
    config: str,
    flags: Sequence[str],
    aliases: Aliases,
    argv: Sequence[str] | None = None,
) -> int:
    arguments = expand_aliases(list(sys.argv[1:] if argv is None else argv), aliases)
    words = list(itertools.takewhile(lambda word: not word.startswith("-"), arguments))
    rest = arguments[len(words) :]
    configured = any(Path(word).suffix in CONFIG_FILES for word in words) or names_config(rest)
    words += [config] if config and not configured else []
    return run_method(method, [*stages, *words, *flags, *rest], Path(sys.argv[0]).name)
