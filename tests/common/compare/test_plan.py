"""Which chains there are, where saliency maps come from, which configuration a method has."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.compare.plan import Chain, Source, planned_chains, sources_from
from common.errors import ConfigError


def test_every_method_runs_once_per_seed_and_guided_ones_once_per_source():
    sources = [Source("pfan"), Source("own_net")]
    names = [one.name for one in planned_chains(["plain_cam", "free", "sgan"], sources, 2, ["plain_cam", "sgan"])]
    assert names[:5] == [
        "plain_cam/pfan/seed0", "plain_cam/own_net/seed0", "free/own/seed0", "sgan/pfan/seed0", "sgan/own_net/seed0",
    ]  # fmt: skip
    assert len(names) == 10 and len(set(names)) == 10


def test_plain_cam_is_run_first_and_lends_its_maps_to_the_methods_and_its_training_to_the_other_sources():
    chains = planned_chains(["plain_cam", "free", "sgan"], [Source("a"), Source("b")], 1, ["plain_cam", "sgan"])
    assert {one.name: one.after for one in chains} == {
        "plain_cam/a/seed0": "",
        "plain_cam/b/seed0": "plain_cam/a/seed0",
        "free/own/seed0": "plain_cam/a/seed0",
        "sgan/a/seed0": "plain_cam/a/seed0",
        "sgan/b/seed0": "plain_cam/b/seed0",
    }


def test_sources_are_named_by_the_user_or_by_their_folder(tmp_path):
    for name in ("Sal", "other"):
        (tmp_path / name).mkdir()
    found = sources_from([f"pfan={tmp_path / 'Sal'}", str(tmp_path / "other")])
    assert found == [Source("pfan", tmp_path / "Sal"), Source("other", tmp_path / "other")]
    assert sources_from([]) == [Source("own", None)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["a=missing"], "there is no folder missing"),
        (["a/b=."], "name the source with letters"),
        (["a=.", "a=.."], "names a twice"),
    ],
)
def test_a_source_that_cannot_be_is_refused_by_name(given, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=said):
        sources_from(given)


def test_the_name_of_a_chain_is_its_folder():
    assert Path(Chain("sgan", Source("pfan"), 3).name).parts == ("sgan", "pfan", "seed3")
