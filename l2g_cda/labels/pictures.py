"""One picture per image and tagged class: the attention map in jet colours, alone or over the image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from common.data.images import image_size, read_image
from common.data.layout import DatasetLayout
from common.engine.inference import OutputFolder, StageReport, images_to_files
from common.engine.session import start_session
from common.errors import DataError
from common.files import atomic_write
from common.visual.overlay import cam_overlay
from common.visual.panels import png_bytes
from l2g_cda.labels.attention_files import attention_path, read_attention
from l2g_cda.labels.heat import Bytes, jet, stretched


class AttentionPicture:
    """``"<id>_<class number>" -> picture`` uint8 RGB H x W x 3 (picklable)."""

    def __init__(self, layout: DatasetLayout, attention_folder: Path, over_image: bool) -> None:
        self.layout, self.attention_folder, self.over_image = layout, attention_folder, over_image

    def __call__(self, name: str) -> Bytes:
        image_id, _, number = name.rpartition("_")
        path = self.layout.image_path(image_id)
        values = stretched(
            read_attention(attention_path(self.attention_folder, image_id, int(number))), image_size(path)
        )
        if self.over_image:
            return cam_overlay(read_image(path), values.astype(np.float32) / 255)
        return jet(values)


def draw_attention(
    layout: DatasetLayout,
    attention_folder: Path,
    output: Path,
    *,
    over_image: bool = False,
    force: bool = False,
    workers: int = 2,
) -> StageReport:
    """Write ``<id>_<c>.png`` for every attention map that is there; images without are passed over, as published.

    Raises:
        DataError: not one attention map is there, or there are no tags.
        ConfigError: ``output`` holds pictures made with other settings.
    """
    ids = layout.ids("train")
    pairs = [
        (image_id, int(number)) for image_id, tags in layout.read_tags(ids).items() for number in np.flatnonzero(tags)
    ]
    names = [
        f"{image_id}_{number}"
        for image_id, number in pairs
        if attention_path(attention_folder, image_id, number).is_file()
    ]
    if not names:
        raise DataError(f"no attention map of any listed image in {attention_folder}; compute them first")
    settings = {"attention": str(attention_folder), "over_image": over_image}
    with start_session("cpu") as session:
        return images_to_files(
            names,
            AttentionPicture(layout, attention_folder, over_image),
            lambda path, picture: atomic_write(path, lambda file: file.write(png_bytes(picture))),
            OutputFolder(output, ".png", settings, force),
            session,
            workers=workers,
            title="attention pictures",
        )
