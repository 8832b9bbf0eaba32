"""What a person would look at: image, saliency, mask, the maps of both branches, attention, seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from common.data.images import read_image, read_label_map
from common.data.layout import DatasetLayout
from common.data.palette import colour_label_map
from common.data.sampling import Sample
from common.data.showing import most_classes
from common.report.examples import write_class_names, write_example
from common.report.html import Example, Panel
from common.visual.overlay import cam_overlay, label_overlay
from sgan.data.folders import initial_seed_folder
from sgan.data.zoom import zoom_linear, zoom_nearest
from sgan.models.attention import attention_weights
from sgan.seeds.folders import report_folder
from sgan.seeds.image import SeedInference, SeedInput
from sgan.seeds.labels import with_ignored
from sgan.settings import SganConfig

Floats = npt.NDArray[np.floating]


def draw_pictures(config: SganConfig, layout: DatasetLayout, load: SeedInput, inference: SeedInference) -> None:
    """What the report shows of ``report.pictures`` images of the list."""
    if not config.report.pictures:
        return
    folder = report_folder(config.seed_folder)
    for image_id in most_classes(layout, layout.ids("train"), config.report.pictures):
        panels = image_panels(layout, load(image_id), image_id, inference)
        write_example(folder, Example(image_id, [*panels, *files_of(config, layout, image_id)]))
    write_class_names(folder, layout.classes)


@torch.inference_mode()
def image_panels(layout: DatasetLayout, sample: Sample, image_id: str, inference: SeedInference) -> list[Panel]:
    """All pictures of one image, in the order of the method."""
    image, size = read_image(layout.image_path(image_id)), sample["size"]
    found = inference.network.maps(
        sample["image"][None].to(inference.device), sample["salient"][None].to(inference.device)
    )
    (seeded,) = inference([sample])
    salient = zoom_nearest(sample["salient"].numpy() * np.uint8(255), size)
    panels = [("image", image), ("saliency", (255 * sample["cue"]).astype(np.uint8)), ("salient cells", salient)]
    for key in sample["keys"]:
        for branch, maps in (("CAM", found.cam), ("seed branch", found.segmentation)):
            panels.append((f"{branch}: {layout.classes[key]}", overlay(image, maps[0, key].cpu().numpy())))
    if salient.any() and len(sample["keys"]):
        heat = attention_of_strongest(found.features, sample, seeded.maps[sample["keys"][0]], inference)
        panels.append(("attention of the strongest cell", overlay(image, heat)))
    seed = with_ignored(seeded.label_map, layout.n_classes)
    name = "SGAN seed" if inference.rule.config.seeds.fill == "none" else "SGAN pseudo label"
    panels += [(name, colour_label_map(seed)), (f"{name} on the image", label_overlay(image, seed))]
    return [Panel(title, shown) for title, shown in panels]


def files_of(config: SganConfig, layout: DatasetLayout, image_id: str) -> Iterator[Panel]:
    """The initial seed that supervised the seed branch, and the truth, where they are there."""
    initial = initial_seed_folder(config) / f"{image_id}.png"
    if initial.is_file():
        yield Panel("initial seed", colour_label_map(with_ignored(read_label_map(initial), layout.n_classes)))
    if layout.masks.is_dir():
        yield Panel("ground truth", colour_label_map(read_label_map(layout.mask_path(image_id))))


def attention_of_strongest(
    features: torch.Tensor, sample: Sample, strength: Floats, inference: SeedInference
) -> Floats:
    """The weights with which the salient cell whose map is strongest looks at all cells, h x w."""
    network, salient = inference.network, sample["salient"].to(features.device).flatten()[None]
    query, key = network.f_query(features).flatten(2), network.f_key(features).flatten(2)
    weights = attention_weights(query, key, salient, network.normaliser)[0].cpu().numpy()
    masked = np.where(sample["salient"].numpy() > 0, strength, -np.inf)
    return weights[int(masked.argmax())].reshape(strength.shape)


def overlay(image: npt.NDArray[np.uint8], heat: Floats) -> npt.NDArray[np.uint8]:
    """Positive values of a map over the image, the greatest in red."""
    positive = np.maximum(heat, 0) / max(float(heat.max()), 1e-12)
    return cam_overlay(image, np.clip(zoom_linear(positive, image.shape[:2]), 0, 1))
