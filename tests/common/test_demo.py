"""The demo on a handful of images, with two seeds and without DeepLab-v2."""

from __future__ import annotations

import pytest
import yaml

from common import demo
from common.data.toy import ToyConfig
from common.method.plain_cam import CONFIGS
from common.report.results import read_results


@pytest.mark.parametrize("seeds", [1, 2])
def test_every_seed_has_a_folder_and_all_share_one_report(tmp_path, monkeypatch, capsys, seeds):
    short = {
        "base": str(CONFIGS / "toy.yaml"),
        "engine": {"max_steps": 2, "batch_size": 4},
        "report": {"pictures": 1},
        "chain": {"segmentation": ""},
    }
    config = tmp_path / "short.yaml"
    config.write_text(yaml.safe_dump(short))
    monkeypatch.setattr(demo, "CONFIG", config)
    monkeypatch.setattr(demo, "ToyConfig", lambda: ToyConfig(n_train=8, n_val=2, size=48))
    out = tmp_path / "demo"
    demo.main(["--out", str(out), "--seeds", str(seeds), "--device", "cpu", "--workers", "0"])
    for seed in range(seeds):
        assert {result.seed for result in read_results(out / f"seed{seed}/results.json")} == {seed}
    report = out / "report.html" if seeds > 1 else out / "seed0/report.html"
    text = report.read_text(encoding="utf-8")
    assert "Toy set" in text and report.with_name("picture.png").is_file()
    assert ("(n=2)" in capsys.readouterr().out) == (seeds > 1)
