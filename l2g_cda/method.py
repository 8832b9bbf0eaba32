"""L2G with suppression, attention and online pasting (CDA), as a declaration."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from torch import device as Device
from torch import nn

from common.cam.inference import PyramidLoader
from common.config import config_to_dict
from common.data.dataset import ListedImages
from common.data.layout import DatasetLayout
from common.data.sampling import SampleKey
from common.errors import DataError
from common.files import atomic_write
from common.method.files import Files, record_of
from common.method.labels import Labels, ReadMaps, Score
from common.method.maps import Compute, Load, Maps, Write
from common.method.method import Method, Variant
from common.method.pictures import Pictured
from common.method.stage import inside, never
from common.method.steps import StepBench
from common.report.html import Panel
from common.visual.panels import png_bytes
from l2g_cda import bank, maps
from l2g_cda.bench import made_up_batch, published_form
from l2g_cda.network import ClassProbabilities, L2GNetwork
from l2g_cda.objects import write_foreground
from l2g_cda.pasting import paste
from l2g_cda.settings import ALIASES, FOLDER, L2GSettings
from l2g_cda.training import BASE, PASTING, pasted_views
from l2g_cda.views import normaliser

VOC, TOY = FOLDER / "configs" / "voc.yaml", FOLDER / "configs" / "toy.yaml"



# The maps


def maps_network(settings: L2GSettings, network: nn.Module) -> nn.Module:
    """The source of the maps that are asked for."""
    return network if settings.cam.values == "scores" else ClassProbabilities(cast(L2GNetwork, network)).eval()


def load_pyramid(settings: L2GSettings, images: ListedImages) -> Load:
    return PyramidLoader(images, settings.cam, normaliser(settings.views.normalisation))


def maps_of(
    inference: type[maps.ScoreInference], settings: L2GSettings, network: nn.Module, device: Device
) -> Compute:
    return inference(maps_network(settings, network), settings.cam, device)


def irn_writer(settings: L2GSettings) -> Write:
    """``cam_npy_irn/<id>.npy`` beside ``cam_npy_aff/<id>.npy``."""
    out = Path(settings.out)
    return lambda path, found: maps.write_irn(
        out / maps.IRN_FOLDER / path.relative_to(out / maps.AFFINITY_FOLDER), found
    )


def l2g_maps(inference: type[maps.ScoreInference], **slots: Any) -> Maps:
    """Maps of the last training's global network; ``slots`` fill those in which the two kinds differ."""
    return Maps(
        training=PASTING,
        checkpoint=lambda settings: settings.cam.checkpoint,
        load=load_pyramid,
        compute=partial(maps_of, inference),
        decides=lambda settings: {"normalisation": settings.views.normalisation},
        **slots,
    )


CAM = l2g_maps(
    maps.AttentionInference,
    write=maps.write_attention,
    beside=lambda settings: maps.AttentionWriter(
        Path(settings.out), CAM.folder(settings), settings.cam.threshold
    ),
    text="attention maps",
)
RANDOM_WALK = l2g_maps(
    maps.RandomWalkInference,
    name="random_walk",
    write=maps.write_affinity,
    beside=irn_writer,
    suffix=".npy",
    folder=inside(maps.AFFINITY_FOLDER),
    in_chain=never,
    text="maps for random-walk refinement, in AffinityNet's and IRN's forms",
)


# The labels


def row_of(settings: L2GSettings) -> str:
    """The row of the results table: L2G and what is added to it, unless the settings say another."""
    backbone = settings.backbone
    attention = "SE" if backbone.attention == "se" else f"{backbone.attention} attention"
    added = {
        "suppression": backbone.suppression != "none",
        attention: backbone.attention != "none",
        "CDA": settings.pasting.epochs > 0,
    }
    return settings.report.method or " + ".join(["L2G", *(name for name, is_on in added.items() if is_on)])


def label_folder(settings: L2GSettings) -> Path:
    out, folder = Path(settings.out), settings.labels.folder
    return Path(folder.replace("{root}", settings.data.root).replace("{name}", out.name)) if folder else out / "labels"


def rule_record(settings: L2GSettings) -> dict[str, Any]:
    return {name: value for name, value in config_to_dict(settings.labels).items() if name != "folder"}


LABEL = Labels(
    maps=CAM,
    values=maps.byte_shares,
    thresholds=tuple(number / 100 for number in range(1, 91)),
    decides=rule_record,
    row=row_of,
    uses_saliency=lambda settings: True,
    folder=label_folder,
    text="pseudo labels from attention maps",
)
SCORE = Score(labels=LABEL, text="score the pseudo labels against the masks of the list")


# The bank of objects, and pictures


def bank_record(settings: L2GSettings, layout: DatasetLayout) -> dict[str, Any]:
    sources = {"labels": settings.bank.labels, "cams": settings.bank.cams}
    made_from = {kind: record for kind, folder in sources.items() if folder and (record := record_of(Path(folder)))}
    return {"sources": config_to_dict(settings.bank), "made_from": made_from, "dataset": layout.name}


def bank_names(settings: L2GSettings, layout: DatasetLayout) -> list[str]:
    settings.bank.require_sources()
    return bank.object_names(bank.ObjectReader(layout, settings.bank), layout.ids(settings.split))


BANK = Files(
    name="bank",
    names=bank_names,
    make=lambda settings, layout: bank.ObjectReader(layout, settings.bank),
    write=write_foreground,
    suffix=bank.SUFFIX,
    decides=bank_record,
    clear=lambda settings: bank.remove_bank(Path(settings.cda.bank)),
    finish=lambda settings, layout, names: bank.write_index(Path(settings.cda.bank), names, layout.classes),
    folder=lambda settings: Path(settings.cda.bank),
    in_chain=lambda settings: settings.pasting.epochs > 0 and bool(settings.bank.labels or settings.bank.cams),
    text="cut out the objects that the second training pastes",
)


def picture_names(settings: L2GSettings, layout: DatasetLayout) -> list[str]:
    """``<id>_<class number>`` of all maps that are there; images without are passed over, as published."""
    folder, ids = CAM.folder(settings), layout.ids(settings.split)
    there = {image_id: tags for image_id, tags in layout.read_tags(ids).items() if (folder / f"{image_id}.npz").is_file()}
    names = [f"{image_id}_{number}" for image_id, tags in there.items() for number in np.flatnonzero(tags)]
    if not names:
        raise DataError(f"no attention map of any listed image in {folder}; run the stage cam first")
    return names


RES = Files(
    name="res",
    names=picture_names,
    make=lambda settings, layout: maps.AttentionPicture(layout, ReadMaps(CAM.folder(settings), CAM.suffix, None)),
    write=lambda path, picture: atomic_write(path, lambda file: file.write(png_bytes(picture))),
    decides=lambda settings, layout: {"maps": CAM.made(settings)},
    folder=inside("ms", "accu_att_zoom"),
    in_chain=never,
    text="attention maps as pictures",
)


def pasted_panels(settings: L2GSettings, layout: DatasetLayout, pictured: Pictured) -> Iterable[Panel]:
    """The image with the object it gets in the first epoch of the second training, and the saliency map with it."""
    if not settings.pasting.epochs or not Path(settings.cda.bank).is_dir():
        return
    sample = pictured.sample
    placement = pasted_views(settings, layout, lazily=True).drawn(sample, SampleKey(0, pictured.position))
    if placement is not None:
        image, saliency = paste(sample["image"], sample["saliency"], placement, settings.cda.channels)
        yield Panel("pasted", image)
        yield Panel("pasted, saliency", saliency)


# The rows of the ablation

SE, FULL = "L2G + suppression + SE", "L2G + suppression + SE + CDA"
ALONE = {"pasting.epochs": 0}


def pasting_variant(row: str, labels: str, channels: str, network_of: str = "se", **values: Any) -> Variant:
    return Variant(row, {"cda.labels": labels, "cda.channels": channels, **values}, network_of, ("base",))


LEARNING, PROBABILITIES = {"optimizer.train_added": True}, {"cam.values": "probabilities"}
VARIANTS = {
    "l2g": Variant("L2G", {**ALONE, "backbone.attention": "none", "backbone.suppression": "none"}),
    "suppression": Variant("L2G + suppression", {**ALONE, "backbone.attention": "none"}),
    "se": Variant(SE, ALONE),
    "cda": pasting_variant(FULL, "published", "published"),
    "repaired_labels": pasting_variant(f"{FULL}, tags repaired", "repaired", "published"),
    "repaired_channels": pasting_variant(f"{FULL}, colours repaired", "published", "repaired"),
    "repaired_pasting": pasting_variant(f"{FULL}, both repaired", "repaired", "repaired"),
    "repaired_learning": Variant(f"{SE} that learn", {**ALONE, **LEARNING}),
    "probabilities": Variant(f"{SE}, maps of probabilities", {**ALONE, **PROBABILITIES}, "se"),
    "repaired_all": pasting_variant(
        f"{FULL}, all repaired, maps of probabilities",
        *("repaired", "repaired", "repaired_learning"),
        **{**LEARNING, **PROBABILITIES},
    ),
}

METHOD = Method(
    name="l2g_cda",
    settings=L2GSettings,
    stages=(BANK, BASE, PASTING, CAM, LABEL, SCORE, RANDOM_WALK, RES),
    aliases=ALIASES,
    panels=pasted_panels,
    variants=VARIANTS,
    bench=StepBench(
        published=published_form,
        batch=lambda settings, n_classes: made_up_batch(settings.views, settings.engine.batch_size, n_classes),
    ),
    configs=(VOC, TOY),
    home=FOLDER.parent,
)
