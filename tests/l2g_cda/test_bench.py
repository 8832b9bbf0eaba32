import json

from common.cores import torch_threads
from l2g_cda.bench import main


def test_both_ways_compute_the_same_and_the_rates_are_reported(tmp_path, capsys):
    size = ["--width", "0.25", "--view", "48", "--crop", "32", "--batch", "2", "--patches", "2", "--steps", "1"]
    with torch_threads(1):
        assert main(["--device", "cpu", *size, "--output", str(tmp_path / "bench.json")]) == 0
    record = json.loads((tmp_path / "bench.json").read_text())
    assert record["images_per_second"].keys() == {"published, fp32", "here, fp32", "here, bf16"}
    assert record["work"]["view"] == 48
    assert "published way" in capsys.readouterr().out
