"""What became of single images, for the report: image, truth, saliency, CAM, pseudo labels, predictions."""

from __future__ import annotations

from pathlib import Path

from common.baseline.classifier import load_classifier
from common.baseline.config import BaselineConfig
from common.cam.files import Cams
from common.cam.inference import CamInference, PyramidLoader
from common.chain.config import ChainConfig
from common.data.dataset import ListedImages
from common.data.images import read_image, read_label_map, read_saliency
from common.data.layout import DatasetLayout, open_layout
from common.data.palette import colour_label_map
from common.data.showing import most_classes
from common.engine.session import choose_device
from common.files import read_json
from common.models.fold import fold_batchnorm
from common.pseudo_labels import background
from common.pseudo_labels.labels import pseudo_label
from common.report.html import Example, Panel
from common.visual.overlay import cam_overlay


def chain_examples(config: ChainConfig, baseline: BaselineConfig) -> list[Example]:
    """Examples of the val list: evenly spaced among the images with the most classes, which show the problem best.

    CAMs and pseudo labels of these images are computed here, from the true tags; the stages make those of the training
    list only.
    """
    layout = open_layout(baseline.data)
    ids = most_classes(layout, layout.ids("val"), config.examples)
    images = ListedImages(layout, ids, parts={"tags"})
    device = choose_device(config.device, 0)
    inference = CamInference(fold_batchnorm(load_classifier(baseline, layout)).to(device), baseline.cam, device)
    loader = PyramidLoader(images, baseline.cam)
    cams = inference([loader(image_id) for image_id in ids])
    return [
        Example(image_id, example_panels(config, baseline, layout, image_id, one))
        for image_id, one in zip(ids, cams, strict=True)
    ]


def example_panels(
    config: ChainConfig, baseline: BaselineConfig, layout: DatasetLayout, image_id: str, cams: Cams
) -> list[Panel]:
    """All pictures of one image, in the order of the chain."""
    image = read_image(layout.image_path(image_id))
    saliency = read_saliency(layout.saliency_path(image_id))
    threshold = (
        read_json(baseline.sweep_file)["best"] if baseline.labels.choose_threshold else baseline.labels.threshold
    )
    plain = pseudo_label(cams.maps, cams.keys, background.constant(threshold, saliency.shape))
    guided = pseudo_label(cams.maps, cams.keys, background.saliency_mask(saliency, baseline.labels.saliency_threshold))
    heats = [
        Panel(f"CAM: {layout.classes[key]}", cam_overlay(image, heat))
        for key, heat in zip(cams.keys, cams.maps, strict=True)
    ]
    return [
        Panel("image", image),
        Panel("ground truth", colour_label_map(read_label_map(layout.mask_path(image_id)))),
        Panel("saliency", saliency),
        *heats,
        Panel("pseudo label: plain CAM", colour_label_map(plain)),
        Panel("pseudo label: CAM x saliency", colour_label_map(guided)),
        *prediction_panels(config, image_id),
    ]


def prediction_panels(config: ChainConfig, image_id: str) -> list[Panel]:
    """Predictions of every trained network, before and after the CRF."""
    panels = []
    for labels in config.trainings:
        for kind, title in (("label", "DeepLab-v2"), ("crf", "DeepLab-v2 + CRF")):
            folder = Path(config.out) / "deeplabv2" / "features" / labels.experiment
            for path in sorted(folder.glob(f"*/*/{kind}/{image_id}.png")):
                panels.append(Panel(f"{title}: {labels.method}", colour_label_map(read_label_map(path))))
    return panels
