"""Methods by name, and their configurations for a dataset."""

from __future__ import annotations

import dataclasses

import pytest

from common.errors import ConfigError
from common.method.registry import config_for, find_method, method_names
from common.method.settings import TOP


@pytest.mark.parametrize("data", ["toy", "voc", "voc_animals", "folder"])
def test_every_method_of_the_house_has_a_configuration_for_what_the_readme_runs(data):
    for name in method_names():
        assert config_for(find_method(name), data).is_file()


def test_a_method_without_a_configuration_for_the_dataset_says_so():
    with pytest.raises(ConfigError, match="sgan has no configuration moon.yaml"):
        config_for(find_method("sgan"), "moon")


def test_a_declared_configuration_comes_first():
    method = dataclasses.replace(find_method("sgan"), configs=(TOP / "setup.cfg", None))
    assert config_for(method, "voc") == TOP / "setup.cfg"
