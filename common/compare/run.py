"""A comparison from its arguments to its table."""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import torch

from common.compare.chain import run_chain
from common.compare.choices import TOY, Choices, is_guided
from common.compare.plan import Chain, Source, planned_chains, sources_from
from common.compare.running import LOG, run_chains
from common.compare.table import compare_results
from common.compare.text import as_csv, as_markdown, as_page
from common.config import config_to_dict
from common.data.toy import ToyConfig, make_toy
from common.errors import ConfigError, DataError
from common.files import write_text
from common.locks import only_writer
from common.method.registry import PLAIN_CAM, config_for, find_method, method_names
from common.provenance import current_commit
from common.report.notes import short_commit
from common.report.published import published_numbers

OUT, ALL = "runs/compare", "all"
NAMES = ("comparison.md", "comparison.csv", "comparison.html")
# What says nothing about the numbers: a chain that is done stays done when it changes.
WITHOUT_EFFECT = ("force", "out", "engine.workers", "engine.device")


def run_comparison(arguments: argparse.Namespace, rest: Sequence[str], given: Sequence[str]) -> int:
    """Run, or list, or run one chain only.

    Args:
        given: the whole command line, with which each chain is called.

    Returns:
        1 where a chain failed or lost images, else 0.

    Raises:
        ConfigError: a method, a dataset or a source is not there, before anything is run.
    """
    choices, sources = choices_from(arguments, rest), sources_from(arguments.saliency)
    methods = methods_from(arguments.methods, choices.data)
    guided = [name for name in methods if is_guided(choices.settings(Chain(name, Source(), 0)))]
    chains = planned_chains(methods, sources, arguments.seeds, guided)
    if arguments.only:
        found = [chain for chain in chains if chain.name == arguments.only]
        if not found:
            raise ConfigError(f"there is no chain {arguments.only!r}; there is {', '.join(one.name for one in chains)}")
        return run_chain(found[0], choices)
    if arguments.dry_run:
        for chain in chains:
            print(f"{chain.name}: {choices.folder_of(chain)}")
        return 0
    with only_writer(choices.out):
        return compare(chains, choices, given, arguments.jobs)


def compare(chains: Sequence[Chain], choices: Choices, given: Sequence[str], jobs: int) -> int:
    """Run what is missing and write the table.

    Raises:
        DataError: not one chain has a result.
    """
    make_toy_once(choices)
    keys = {chain: key_of(chain, choices) for chain in chains}
    devices = torch.cuda.device_count() if choices.device == "auto" else 0

    def command(chain: Chain, slot: int) -> list[str]:
        device = ["--device", f"cuda:{slot % devices}"] if devices > 1 else []
        return ["-m", "common.compare", *given, *device, "--only", chain.name]

    states = run_chains(chains, choices.folder_of, keys.__getitem__, command, jobs)
    comparison = compare_results(states, choices.folder_of, lambda chain: choices.folder_of(chain) / LOG)
    if comparison is None:
        raise DataError(
            f"none of the {len(chains)} chains came to a result; the logs in {choices.out}/*/*/*/{LOG} say why. Run the same command again."
        )
    made, published = made_with(), published_numbers(choices.data)
    texts = (as_markdown(comparison, made, published), as_csv(comparison), as_page(comparison, made, published))
    for name, text in zip(NAMES, texts, strict=True):
        write_text(choices.out / name, text)
    print(f"\n{texts[0]}\ntable: {', '.join(str(choices.out / name) for name in NAMES)}")
    return 1 if comparison.failed or comparison.incomplete else 0


def make_toy_once(choices: Choices) -> None:
    """Before the chains begin, which would make it side by side."""
    if choices.data == TOY and choices.data_root and not (choices.data_root / "JPEGImages").is_dir():
        make_toy(choices.data_root, ToyConfig())


def key_of(chain: Chain, choices: Choices) -> str:
    """Fingerprint of all settings that decide the results of a chain."""
    settings = config_to_dict(choices.settings(chain))
    for name in WITHOUT_EFFECT:
        *sections, last = name.split(".")
        holder = settings
        for section in sections:
            holder = holder.get(section, {})
        holder.pop(last, None)
    own = str(choices.folder_of(chain))
    text = json.dumps(settings, sort_keys=True, default=str).replace(own, "")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def made_with() -> str:
    """Date, commit and machine."""
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    today = datetime.date.today().isoformat()
    return f"{today}, commit {short_commit(current_commit())}, {os.cpu_count()} CPU cores ({platform.machine()}){gpu}"


def methods_from(names: Sequence[str], data: str) -> list[str]:
    """The methods by name, plain CAM with the reference rows first; ``all`` is every one that has a configuration for the dataset.

    Raises:
        ConfigError: one is unknown, or named twice.
    """
    chosen = method_names() if list(names) == [ALL] else list(names)
    for name in chosen:
        find_method(name)
    if list(names) == [ALL]:
        without = [name for name in chosen if not has_configuration(name, data)]
        chosen = [name for name in chosen if name not in without]
        if without:
            print(f"left out, as they have no configuration {data}.yaml: {', '.join(without)}")
    twice = sorted({name for name in chosen if chosen.count(name) > 1})
    if twice:
        raise ConfigError(f"--methods names {', '.join(twice)} twice")
    return [PLAIN_CAM, *(name for name in chosen if name != PLAIN_CAM)]


def choices_from(arguments: argparse.Namespace, rest: Sequence[str]) -> Choices:
    """What all chains share.

    Raises:
        ConfigError: the dataset is named twice, or not known.
    """
    data, root = arguments.data, arguments.root
    # A dataset's name is one in a folder that has a 'toy' too, which is then called ./toy.
    if Path(data).is_dir() and not is_known(data):
        if root:
            raise ConfigError(f"--data {data} is a folder already; leave out --root")
        data, root = "folder", Path(data)
    else:
        require_known(data, root)
    out = arguments.out or Path(OUT) / (root.resolve().name if data == "folder" else data)
    return Choices(
        data=data,
        out=out.resolve(),
        root=root,
        segmenter=absolute_if_file(arguments.segmenter),
        weights=absolute_if_file(arguments.weights),
        device=arguments.device,
        workers=arguments.workers,
        rest=tuple(rest),
    )


def require_known(data: str, root: Path | None) -> None:
    """Raise :class:`ConfigError` where ``--data`` is neither a folder nor a dataset that plain CAM, where all begin, is configured for."""
    known = "give toy, voc, coco, voc_animals, or the folder of a dataset with images/ and tags.csv"
    if os.sep in data:
        raise ConfigError(f"--data {data}: there is no such folder; {known}")
    if not is_known(data):
        raise ConfigError(
            f"--data {data}: it is no folder, and plain CAM, where all begin, has no configuration of that name; {known}"
        )
    if data == "folder" and root is None:
        raise ConfigError(
            "--data folder needs --root, the folder with images/ and tags.csv; or give that folder as --data"
        )


def is_known(data: str) -> bool:
    """Whether plain CAM has a configuration of that name."""
    return os.sep not in data and bool(data.strip(".")) and has_configuration(PLAIN_CAM, data)


def has_configuration(method: str, data: str) -> bool:
    """Whether a method has one for a dataset."""
    try:
        return config_for(find_method(method), data).is_file()
    except ConfigError:
        return False


def absolute_if_file(given: str) -> str:
    """A file's absolute path; a name as it is."""
    return os.path.abspath(given) if Path(given).is_file() else given
