"""What a reader sees in place of the names that losses, parameter groups and fields have in the code."""

from __future__ import annotations

import re

DOES_NOT_APPLY = "does not apply"
# Loss terms, as the steps of the methods call them.
LOSSES = {
    "classification": "classification of the tags",
    "global_classification": "classification of whole views",
    "local_classification": "classification of patches",
    "distillation": "maps of a view against those of its patches",
    "pieces": "classification of the image in pieces",
    "reconstruction": "maps of the pieces against those of the image",
    "saliency": "saliency",
    "edge": "edges",
    "attention": "maps against the network's own refined maps",
    "within_object": "difference within the object",
    "within_background": "difference within the background",
    "between": "likeness of object and background",
    "background": "affinity of background pixels",
    "foreground": "affinity of pixels of one class",
    "different": "difference of pixels of two classes",
    "seed": "seeds",
    "constrain": "agreement with the dense CRF",
    "labels": "segmentation",
    "own": "segmentation, the network's own labels",
}
OF_MAP = {
    "": "",
    "_own": ", the network's own labels",
    "_background": ", background",
    "_foreground": ", objects",
}
MAP_LOSS = re.compile(rf"map(\d+)({'|'.join(OF_MAP)})")
# Parts of a network whose parameters share a learning rate, and which of these a group holds.
PARTS = {"all": "all layers", "head": "new layers", "bias": "all layers, biases"}
OF_PART = {"_bias_vectors": "biases", "_vectors": "normalisation and biases", "_bias": "biases"}
# Networks, by the stage that trained them; those of the segmentation by their own name (DeepLabV2_ResNet101_MSC).
NETWORK_WORDS = {
    "train": "classifier",
    "eps": "EPS classifier",
    "affinity": "affinity network",
    "sod": "saliency network",
    "segment": "DeepLab-v2",
}
ROUND = re.compile(r"round(\d+)")
IN_NETWORK = (("DeepLabV", "DeepLab-v"), ("3Plus", "3+"), ("_MSC", ", multi-scale"))
# Fields of a result whose own words say too little.
FIELDS = {
    "miou": "mIoU",
    "class_iou": "IoU per class",
    "n_images": "images scored",
    "kept_miou": "mIoU of the pixels with a label",
    "ignored": "pixels without a label",
    "left_out": "images left out because a stage failed",
    "threshold_choice": "how the threshold was chosen",
    "crf": "dense CRF",
    "list": "list of images",
    "tags_given": "true tags given",
    "tag_source": "tags from",
    "saliency_source": "saliency maps from",
    "created_by": "command",
    "steps": "training steps",
}


def loss_name(name: str) -> str:
    """A loss term in words; maps of a network with several are numbered from 1."""
    of_map = MAP_LOSS.fullmatch(name)
    if not of_map:
        return LOSSES.get(name, in_words(name))
    number, part = int(of_map[1]), OF_MAP[of_map[2]]
    return f"segmentation{f', output {number + 1}' if number else ''}{part}"


def group_name(name: str) -> str:
    """A group of parameters in words: ``head_bias`` is that of the new layers' biases."""
    if name in PARTS:
        return PARTS[name]
    for ending, holds in OF_PART.items():
        if name.endswith(ending):
            part = name.removesuffix(ending)
            return f"{PARTS.get(part, in_words(part))}, {holds}"
    return in_words(name)


def network_name(name: str) -> str:
    """A trained network in words."""
    of_round = ROUND.fullmatch(name)
    if of_round:
        return f"classifier of round {of_round[1]}"
    shown = NETWORK_WORDS.get(name, name)
    for part, words in IN_NETWORK:
        shown = shown.replace(part, words)
    return in_words(shown)


def field_name(name: str) -> str:
    """A field of a result in words."""
    return FIELDS.get(name, in_words(name))


def in_words(name: str) -> str:
    return name.replace("_", " ")
