"""The pictures of a run show what its stages have left so far."""

import numpy as np
import pytest
from PIL import Image

from common.data.images import read_label_map
from common.data.layout import DataConfig
from common.data.palette import write_label_map
from common.report.examples import read_examples
from l2g_cda.cda.build import build_bank
from l2g_cda.cda.sources import BankSources
from l2g_cda.config import L2GConfig, LabelConfig
from l2g_cda.data.settings import CdaConfig, ViewConfig
from l2g_cda.examples import write_examples


@pytest.fixture
def config(toy, tmp_path):
    return L2GConfig(
        experiment_name="EXP",
        runs=str(tmp_path),
        data=DataConfig(dataset="toy", root=str(toy)),
        views=ViewConfig(resize=96, input_size=80, crop_size=56),
        cda=CdaConfig(bank=str(tmp_path / "bank")),
        labels=LabelConfig(folder=str(tmp_path / "labels")),
    )


def titles(config):
    return [[panel.title for panel in example.panels] for example in read_examples([config.out])]


def test_before_any_stage_there_are_the_inputs(config):
    write_examples(config, count=2)
    assert titles(config) == [["image", "saliency", "ground truth"]] * 2


def test_every_stage_adds_its_pictures(config, layout, tmp_path):
    ids = layout.ids("train")
    build_bank(layout, ids, BankSources(labels=str(layout.masks)), tmp_path / "bank", workers=0)
    config.attention_folder.mkdir(parents=True)
    for image_id, tags in layout.read_tags(ids).items():
        write_label_map(tmp_path / "labels" / f"{image_id}.png", read_label_map(layout.mask_path(image_id)))
        for number in np.flatnonzero(tags):
            Image.new("L", (96, 96), 128).save(config.attention_folder / f"{image_id}_{number}.png")
    write_examples(config, count=1)
    (shown,) = titles(config)
    attention = [title for title in shown if title.startswith("attention, ")]
    assert attention and shown[:4] == ["image", "saliency", "pasted", "pasted, saliency"]
    assert shown[-2:] == [f"pseudo label, {config.method_name}", "ground truth"]
