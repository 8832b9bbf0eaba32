"""The benchmark of the CRF engines."""

import pytest

from common.crf import bench
from common.errors import ConfigError, DataError

pytest.importorskip("pydensecrf.densecrf", reason="pydensecrf is not installed")


def test_every_engine_is_compared_with_pydensecrf(monkeypatch, capsys):
    monkeypatch.setattr(bench, "generated_images", lambda count, size: small_images(count))
    bench.main(["--count", "2", "--repeats", "1", "--labels", "4", "2", "--preset", "cam"])
    printed = capsys.readouterr().out
    assert printed.count("x pydensecrf") >= 4
    assert "4 labels, constants of cam" in printed and "2 labels, constants of cam" in printed
    assert "labels equal 100.0000 %" in printed


def small_images(count):
    return [image[:24, :30].copy() for image in GENERATE(count)]


GENERATE = bench.generated_images


def test_batches_on_a_device_come_back_in_the_order_of_the_images():
    images = [*small_images(2), small_images(1)[0][:20], small_images(2)[1]]
    unaries = [bench.energies_of(image, 3, number) for number, image in enumerate(images)]
    q = bench.on_device(images, unaries, bench.PRESETS["cam"], "cpu")()
    alone = [bench.dense_crf(image, unary, bench.PRESETS["cam"]) for image, unary in zip(images, unaries, strict=True)]
    assert bench.agreement(q, alone) == (1.0, 0.0)


def test_agreement_is_a_share_of_pixels_and_the_largest_difference():
    images = small_images(1)
    unary = bench.energies_of(images[0], 3, 0)
    assert bench.agreement([unary], [unary]) == (1.0, 0.0)
    share, difference = bench.agreement([-unary], [unary])
    assert share < 0.5 and difference > 1


def test_impossible_requests_are_errors(tmp_path):
    with pytest.raises(ConfigError, match=r"^--\w+ is .*; give a "):
        bench.main(["--count", "0"])
    with pytest.raises(DataError, match="no image in"):
        bench.main(["--images", str(tmp_path)])
