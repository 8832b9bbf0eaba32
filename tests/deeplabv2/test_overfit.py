"""On a few real photographs the whole chain from training to scores reaches what it was shown."""

import json

import pytest
from PIL import Image

from deeplabv2.main import main

# Each shows one large animal: cats, cows and horses.
IMAGES = ("2007_000876", "2007_001724", "2007_002088", "2007_003525")
IMAGES += ("2007_005688", "2007_006641", "2007_007098", "2007_008403")
SIDE = 160


@pytest.fixture
def photographs(shared, tmp_path):
    """A dataset in VOC layout of the middle squares of eight photographs, reduced to 160 pixels."""
    source, root = shared / "data" / "voc_animals", tmp_path / "photographs"
    kinds = {
        "JPEGImages": (".jpg", Image.Resampling.BILINEAR),
        "SegmentationClassAug": (".png", Image.Resampling.NEAREST),
    }
    for folder, (suffix, resampling) in kinds.items():
        (root / folder).mkdir(parents=True)
        for name in IMAGES:
            image = Image.open(source / folder / f"{name}{suffix}")
            left, top = ((side - min(image.size)) // 2 for side in image.size)
            square = image.crop((left, top, left + min(image.size), top + min(image.size)))
            square.resize((SIDE, SIDE), resampling).save(root / folder / f"{name}.png")
    lists = root / "ImageSets" / "SegmentationAug"
    lists.mkdir(parents=True)
    for split in ("train_aug", "val"):
        (lists / f"{split}.txt").write_text("\n".join(IMAGES) + "\n")
    return root


@pytest.mark.slow
def test_eight_photographs_are_learnt_by_heart(photographs, shared, tmp_path, pytestconfig):
    flags = {
        "data.root": photographs,
        "image.scales": "[1.0]",
        "report.score_classes": "[]",
        "engine.workers": 0,
        "out": tmp_path / "out",
        "image.crop_size": SIDE,
        "network.rates": "[1,2,3,4]",
        "network.backbone.output_stride": 8,
        "network.backbone.weights": shared / "data" / "weights" / "mobilenet_v2.safetensors",
        "engine.device": "cpu",
        "test.long_side": 0,
        "engine.batch_size": 4,
        "optimizer.head_lr_multiplier": 4,
        "engine.max_steps": 150,
        "optimizer.lr": 4e-4,
        "schedule.warmup_steps": 10,
    }
    arguments = ["-c", str(pytestconfig.rootpath / "deeplabv2" / "configs" / "voc_animals.yaml")]
    arguments += [f"--{name}={value}" for name, value in flags.items()]
    assert main(["train", *arguments]) == 0
    assert main(["test", *arguments]) == 0
    (scores,) = tmp_path.rglob("scores.json")
    assert json.loads(scores.read_text())["Mean IoU"] > 0.95
