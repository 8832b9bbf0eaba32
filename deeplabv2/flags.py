"""The short flags of the commands; those of deeplab-pytorch among them (deeplabv2 spec, section 8)."""

from __future__ import annotations

from dataclasses import replace

from deeplabv2.command_line import CPU, CUDA, Flag

ROOT = Flag(("--root",), "--DATASET.ROOT", "FOLDER", "the dataset")
LABEL_DIR = Flag(("--label-dir",), "--DATASET.LABEL_DIR", "FOLDER", "train on these masks, e.g. pseudo labels")
MODEL = Flag(("-m", "--model-path"), "--model_path", "FILE", "checkpoint (default: the one this configuration trains)")
SPLIT = Flag(("--split",), "--DATASET.SPLIT.VAL", "LIST", "list to work on, e.g. test (default: DATASET.SPLIT.VAL)")
STEPS = Flag(("--max-steps",), "--SOLVER.ITER_MAX", "N", "optimiser steps")
SEED = Flag(("--seed",), "--RUN.SEED", "N", "seed of weights and augmentation (default 0)")
DEVICE = Flag(("--device",), "--RUN.DEVICE", "NAME", "auto, cpu, cuda or cuda:N")
WORKERS = Flag(("--workers",), "--DATALOADER.NUM_WORKERS", "N", "processes that load images")
FORCE = Flag(("--force",), "--force", "", "redo what is there")
SCALES = Flag(("--scales",), "--RUN.TEST_SCALES", "[0.75,1,1.25]", "average the logits over scales of the image")
FLIP = Flag(("--flip",), "--RUN.TEST_FLIP", "", "average the logits with those of the mirror image")
SAVE_LOGITS = Flag(("--save-logits",), "--RUN.SAVE_LOGITS", "", "also write logit/<id>.npy, float32 C x h x w")
SAVE_PNG = Flag(("--save-png",), "", "", "write palette label maps; they are written in any case")
JOBS = Flag(("-j", "--n-jobs"), "--CRF.N_JOBS", "N", "processes that compute the CRF (default: one per core)")
WITH_CRF = Flag(("--crf",), "--with_crf", "", "refine with the dense CRF")

DEVICES = (CUDA, CPU, DEVICE)
AT_TEST = (SPLIT, SCALES, FLIP, SAVE_PNG)
# train, test and crf take the same flags, so that a script can pass all of them what it was given.
AS_TRAINED = tuple(replace(flag, text="as for train") for flag in (ROOT, LABEL_DIR, STEPS, SEED))
TRAIN = (*DEVICES, ROOT, LABEL_DIR, STEPS, SEED, WORKERS, FORCE)
TEST = (MODEL, *DEVICES, *AT_TEST, SAVE_LOGITS, *AS_TRAINED, WORKERS, FORCE)
CRF = (MODEL, JOBS, *DEVICES, *AT_TEST, *AS_TRAINED, WORKERS, FORCE)
# Every command takes these.
SHARED = (*TRAIN, *TEST, *CRF)
PREDICT = (
    MODEL,
    Flag(("--images",), "--images", "FOLDER", "the images, in this folder and below it"),
    Flag(("--out",), "--out", "FOLDER", "where masks/, overlays/, probabilities/ and labels.txt go"),
    WITH_CRF,
    Flag(("--probabilities",), "--probabilities", "", "also write probabilities/<id>.npz, float16 C x H x W"),
    Flag(("--no-overlays",), "--overlays=false", "", "without the pictures of the masks over the images"),
    Flag(("--long-side",), "--long_side", "N", "longer side of the images for the network; 0: their own (default 513)"),
    *DEVICES,
    SCALES,
    FLIP,
    replace(JOBS, text="processes that compute the CRF and write the files (default: one per core)"),
    WORKERS,
    FORCE,
)
SUBMIT = (
    Flag(("--out",), "--out", "FILE", "the archive (default results.tgz)"),
    replace(WITH_CRF, text="pack the label maps of crf instead of those of test"),
    Flag(("--masks",), "--masks", "FOLDER", "pack the label maps of this folder instead"),
    Flag(("--split",), "--DATASET.SPLIT.TEST", "LIST", "list to pack (default: DATASET.SPLIT.TEST, or test)"),
    Flag(("--competition",), "--competition", "5|6", "comp6 (default), or comp5 for training on nothing but VOC"),
    ROOT,
)
SINGLE = (
    MODEL,
    Flag(("-i", "--image-path"), "--image_path", "FILE", "the image"),
    Flag(("--out",), "--out", "FILE", "the picture to write (default: <image>_segmented.png where you are)"),
    Flag(("--show",), "--show", "", "also open a window"),
    WITH_CRF,
    *DEVICES,
)
LIVE = (MODEL, Flag(("--camera-id",), "--camera_id", "N", "which camera (default 0)"), WITH_CRF, *DEVICES)
