"""Photographs without masks get a threshold without masks, in every method whose labels have one."""

from __future__ import annotations

import pytest

from common.method.command import command_of, settings_of
from common.method.registry import find_method
from common.own.chain import threshold_facts, threshold_flags


@pytest.mark.parametrize(
    ("method", "chooses"), [("plain_cam", True), ("l2g_cda", True), ("sgan", False), ("i2crc", False)]
)
def test_methods_with_a_constant_background_choose_it_from_tags(method, chooses):
    flags = threshold_flags(find_method(method))
    assert flags == (["--labels.choose_threshold", "tags"] if chooses else [])


def test_what_the_user_says_comes_last_and_wins(tmp_path):
    method = find_method("plain_cam")
    flags = [*threshold_flags(method), "--labels.choose_threshold", "fixed"]
    settings = settings_of("wsss own", command_of(method, ""), [*flags, "--out", str(tmp_path)])
    assert settings.labels.choose_threshold == "fixed"
    assert threshold_facts(method, settings) == {}
