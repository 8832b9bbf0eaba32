"""Inputs of the golden cases of sod_wsss, made by the rules that the manifest gives in words.

A rule holds clauses; one that is not known here is an error, so that no input is made otherwise than the manifest says.
"""

import re

import numpy as np
import torch
from torch.nn import functional as F

from tests.parity.fill import filled_input

# A comma that is not inside brackets, a semicolon, or "then".
BETWEEN_CLAUSES = re.compile(r"(?:[,;] (?![^(]*\))(?:then )?| then )")


def made(described, batch):
    """The array of one entry of a case's inputs, without what its rule takes from another entry.

    Args:
        described: ``name``, ``shape`` and perhaps ``low``, ``high`` and ``rule``. A name that stands for one map of
            each item of a batch gives N x 1 x H x W float32.
        batch: how many items a name with ``<i>`` stands for.
    """
    names = names_of(described["name"], batch)
    maps = [one_map(name, described) for name in names]
    return maps[0] if names == [described["name"]] else batched(np.stack(maps)[:, None], described)


def names_of(name, batch):
    """``gt{0,1}`` and ``gt<i>`` as the names of the items of a batch."""
    if listed := re.fullmatch(r"(.*)\{([\d,]+)\}", name):
        return [listed[1] + number for number in listed[2].split(",")]
    if name.endswith("<i>"):
        return [name.removesuffix("<i>") + str(item) for item in range(batch)]
    return [name]


def one_map(name, described):
    values = filled_input(name, tuple(described["shape"]), described.get("low"), described.get("high"))
    for clause in clauses_of(described):
        values = changed(values, clause)
    return values


def clauses_of(described):
    rule = described.get("rule", "")
    return [clause for clause in BETWEEN_CLAUSES.split(rule) if clause and not clause.startswith("batch item")]


def batched(maps, described):
    """What a rule does to all maps of a batch N x 1 x H x W at once: pooling."""
    values = torch.from_numpy(maps).float()
    for clause in clauses_of(described):
        if pooled := re.match(POOLING, clause):
            pool = F.max_pool2d if pooled[1] == "max" else F.avg_pool2d
            values = pool(values, *map(int, pooled.groups()[1:]))
    return values.numpy()


# --- What becomes of the noise of one name. ---

POOLING = r"(max|avg)_pool\((\d+),(\d+),(\d+)\)"


def repeated(values, factor):
    """Every value as a square of ``factor`` pixels: of an image's rows and columns, or of the last two axes."""
    first = 0 if values.ndim == 3 and values.shape[2] == 3 else values.ndim - 2
    return values.repeat(factor, first).repeat(factor, first + 1)


def rolled(values, rows, columns):
    return np.roll(values, (rows, columns), (-2, -1))


def softmax(values, axis):
    powers = np.exp(values - values.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


# Clause -> what it does; the first that fits at the clause's beginning counts.
CHANGES = (
    (r"uint8 of filled_input", lambda values, _: values.astype(np.uint8)),
    (
        r"(?:(?:each|every) cell )?repeat(?:ed)? (\d+)(?:x| times)",
        lambda values, found: repeated(values, int(found[1])),
    ),
    (r"roll(?:ed by)? \((\d+), (\d+)\)", lambda values, found: rolled(values, int(found[1]), int(found[2]))),
    (
        r"values? >= (\d+) replaced by (\d+)",
        lambda values, found: np.where(values >= int(found[1]), int(found[2]), values),
    ),
    (r"value (\d+) replaced by (\d+)", lambda values, found: np.where(values == int(found[1]), int(found[2]), values)),
    (r"label = \(value == (\d+)\)", lambda values, found: (values == int(found[1])).astype(np.float32)),
    (r"times ([\d.]+)", lambda values, found: values * np.float32(found[1])),
    (r"sigmoid", lambda values, _: 1 / (1 + np.exp(-values))),
    (r"relu", lambda values, _: np.maximum(values, 0)),
    (r"abs$", lambda values, _: np.abs(values)),
    (r"softmax over axis (\d)", lambda values, found: softmax(values, int(found[1]))),
    (r"divide by the global max", lambda values, _: values / values.max()),
    # Done to the whole batch, and what is no change.
    (POOLING, lambda values, _: values),
)


def changed(values, clause):
    """``values`` as one clause says."""
    for pattern, change in CHANGES:
        if found := re.match(pattern, clause):
            return change(values, found)
    raise AssertionError(f"no rule for {clause!r}")


# --- What a rule takes from another entry. ---


def joined(described, others):
    """The array of an entry whose rule names another one: ``plus crf_noise``, ``replaced by crf_nz wherever ...``.

    Args:
        others: name -> array of the other entries.
    """
    values = filled_input(described["name"], tuple(described["shape"]), described.get("low"), described.get("high"))
    for clause in clauses_of(described):
        if added := re.match(r"plus (?:([\d.]+) \* )?(abs\()?(\w+)\)?", clause):
            noise = named(added[3], others)
            noise = np.abs(noise) if added[2] else noise
            values = values + np.float32(added[1] or 1) * noise
        elif put := re.match(r"replaced by (\w+) wherever \1 < (\d+)", clause):
            noise = named(put[1], others)
            values = np.where(noise < int(put[2]), noise, values)
        else:
            values = changed(values, clause)
    return values


def named(beginning, arrays):
    """The one array whose name begins so: the manifest drops a number at the end."""
    found = [array for name, array in arrays.items() if name.startswith(beginning)]
    assert len(found) == 1, f"{len(found)} inputs begin with {beginning!r}"
    return found[0]


def takes_from_another(described):
    return bool(re.search(r"plus |replaced by [a-z]", described.get("rule", "")))
