from pathlib import Path

from PIL import Image

from common.data.inspection import SampleFiles, inspect_samples


def test_processes_find_the_same_as_one_process(tmp_path: Path) -> None:
    samples = []
    for number in range(3):
        path = tmp_path / f"{number}.png"
        Image.new("L", (4, 4), color=number).save(path)
        samples.append(SampleFiles(str(number), path, path, None, n_classes=1))
    alone = inspect_samples(samples, workers=0)
    assert [(finding.kind, finding.text.split()[-1]) for one in alone for finding in one.findings] == [
        ("masks with labels outside 0..1 and 255", "(2)")
    ]
    assert [one.pixels for one in alone] == [{0: 16}, {1: 16}, {2: 16}]
    assert inspect_samples(samples, workers=1) == alone
