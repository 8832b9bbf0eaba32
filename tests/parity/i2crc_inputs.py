"""Inputs of I2CRC's golden cases, made by the rules that the manifest gives in words.

A rule holds clauses; one that is not known here is an error, so that no input is made otherwise than the manifest says.
"""

import re

import numpy as np

from tests.parity.fill import filled_input

# A comma that is neither inside a list of labels nor inside a minimum.
BETWEEN_CLAUSES = re.compile(r", (?![^\[(]*[\])])")


def made(described):
    """The array of one entry of a case's inputs."""
    if "rule" in described:
        return by_rule(described["rule"])
    values = filled_input(described["name"], tuple(described["shape"]), described.get("low"), described.get("high"))
    for clause in BETWEEN_CLAUSES.split(without_role(described.get("then", ""))):
        values = changed(values, clause)
    kind, shape = array_type(described["final"])
    assert values.shape == shape, f"{described['name']}: {values.shape}, the manifest says {shape}"
    return values.astype(kind)


def role_of(described):
    """``saliency`` of an entry whose rule says ``saliency: ...``."""
    return re.match(r"(?:(\w+): )?", described.get("rule") or described.get("then", ""))[1]


def without_role(rule):
    return re.sub(r"^[\w ]+: ", "", rule)


def array_type(text):
    """``uint8[20, 30]`` as a type and a shape."""
    kind, shape = re.match(r"(\w+)\[([\d, ]*)\]", text).groups()
    return np.dtype(kind), tuple(map(int, filter(None, shape.split(", "))))


# --- What becomes of named noise. ---


def repeated(values, clause, factor):
    """Every value as a square of ``factor`` pixels: of rows and columns, which are the last axes where the clause says so."""
    first = values.ndim - 2 if "last two axes" in clause else 0
    return values.repeat(factor, first).repeat(factor, first + 1)


def cropped(values, height, width):
    """The top left of maps N x H x W, or of an image or map H x W (x 3)."""
    if values.ndim == 3 and values.shape[2] != 3:
        return values[:, :height, :width]
    return values[:height, :width]


def replaced(values, old, new):
    return np.where(values == old, new, values)


def softmax(values, axis):
    powers = np.exp(values - values.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def looked_up(values, table):
    return np.array([int(number) for number in table.split(",")])[values]


# Clause -> what it does; the first that fits at the clause's beginning counts.
CHANGES = (
    (r"(?:each value|each) repeated (\d+)x\1", lambda values, found: repeated(values, found.string, int(found[1]))),
    (r"cropped to (\d+)x(\d+)", lambda values, found: cropped(values, int(found[1]), int(found[2]))),
    (
        r"divide by ([\d.]+) in (float\d+)",
        lambda values, found: values.astype(found[2]) / np.dtype(found[2]).type(found[1]),
    ),
    (r"\(value > (\d+)\) as float64", lambda values, found: (values > int(found[1])).astype(np.float64)),
    (
        r"value \* ([\d.]+)(?: \+ ([\d.]+))? \(float64\)",
        lambda values, found: values * float(found[1]) + float(found[2] or 0),
    ),
    (r"value v -> \[([\d, ]+)\]\[v\]", lambda values, found: looked_up(values, found[1])),
    (r"value (\d+) -> (\d+)", lambda values, found: replaced(values, int(found[1]), int(found[2]))),
    (r"times (-?[\d.e-]+)", lambda values, found: values * np.float32(found[1])),
    (r"softmax over axis (\d)", lambda values, found: softmax(values, int(found[1]))),
    # What follows is what the array is called, or what the test does with it.
    (r"u?int\d+\b|float\d+\b|prediction := gt where this is|$", lambda values, found: values),
)


def changed(values, clause):
    """``values`` as one clause says."""
    for pattern, change in CHANGES:
        if found := re.match(pattern, clause):
            return change(values, found)
    raise AssertionError(f"no rule for {clause!r}")


# --- What is given without a name. ---


def by_rule(text):
    """The array of a rule that names neither noise nor another case; its type and shape end the text."""
    kind, shape = array_type(re.search(r"\w+\[[\d, ]*\]$", text)[0])
    rule = without_role(text)
    rows, columns = np.indices(shape[:2])
    if constant := re.match(r"constant (\d+)", rule):
        return np.full(shape, int(constant[1]), kind)
    if index := re.match(r"value = (row|column) index", rule):
        return (rows if index[1] == "row" else columns).astype(kind)
    if first := re.match(r"(?:class )?(\d+) on the first (\d+) pixels", rule):
        return np.where(rows * shape[1] + columns < int(first[2]), int(first[1]), 0).astype(kind)
    if sloped := re.match(r"value\[y, x, c\] = min\((\d+), (.*)\)", rule):
        return np.minimum(int(sloped[1]), linear(sloped[2], np.indices(shape))).astype(kind)
    raise AssertionError(f"no rule for {text!r}")


def linear(terms, indices):
    """``3*x + y + 20*c`` over rows, columns and channels."""
    position = dict(zip("yxc", indices, strict=True))
    total = np.zeros_like(indices[0])
    for term in terms.split(" + "):
        factor, name = re.fullmatch(r"(?:(\d+)\*)?([yxc])", term).groups()
        total = total + int(factor or 1) * position[name]
    return total
