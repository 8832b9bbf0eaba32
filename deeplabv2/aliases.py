"""The keys of the published configuration files (deeplabv2 spec, sections 4 and 5.1), and the settings that they stand for.

A published file runs unchanged but for paths; a key that it leaves blank is not set.
"""

from __future__ import annotations

from common.config_files import Aliases, Renamed

# Published names of datasets that the toolbox calls otherwise; ``voc_test`` is the list without masks.
DATASETS = {"voc": "voc12", "voc_test": "voc12", "coco": "coco14"}

ALIASES: Aliases = {
    "EXP.ID": "experiment",
    "EXP.OUTPUT_DIR": "out",
    "DATASET.NAME": Renamed("data.dataset", lambda name: DATASETS.get(name, name)),
    "DATASET.ROOT": "data.root",
    "DATASET.LABELS": "data.label_names",
    "DATASET.LABEL_DIR": "label_dir",
    "DATASET.WARP_IMAGE": None,
    "DATASET.N_CLASSES": "network.n_labels",
    "DATASET.IGNORE_LABEL": "data.ignore_label",
    "DATASET.SCALES": "image.scales",
    "DATASET.SPLIT.TRAIN": "data.train_list",
    "DATASET.SPLIT.VAL": "data.val_list",
    "DATASET.SPLIT.TEST": "data.test_list",
    "DATALOADER.NUM_WORKERS": "engine.workers",
    "IMAGE.MEAN.B": "image.mean.blue",
    "IMAGE.MEAN.G": "image.mean.green",
    "IMAGE.MEAN.R": "image.mean.red",
    "IMAGE.SIZE.BASE": "image.base_size",
    "IMAGE.SIZE.TRAIN": "image.crop_size",
    "IMAGE.SIZE.TEST": "image.test_size",
    "MODEL.NAME": "network.name",
    "MODEL.N_BLOCKS": "network.blocks",
    "MODEL.ATROUS_RATES": "network.rates",
    "MODEL.INIT_MODEL": "network.weights",
    "SOLVER.BATCH_SIZE.TRAIN": "engine.batch_size",
    "SOLVER.BATCH_SIZE.TEST": "test.batch_size",
    "SOLVER.ITER_MAX": "engine.max_steps",
    "SOLVER.ITER_SIZE": "engine.accumulate",
    "SOLVER.ITER_SAVE": "engine.save_every",
    "SOLVER.ITER_TB": "engine.log_every",
    "SOLVER.LR_DECAY": "schedule.every",
    "SOLVER.LR": "optimizer.lr",
    "SOLVER.MOMENTUM": "optimizer.momentum",
    "SOLVER.OPTIMIZER": Renamed("optimizer.name", str.lower),
    "SOLVER.POLY_POWER": "schedule.power",
    "SOLVER.WEIGHT_DECAY": "optimizer.weight_decay",
    "SOLVER.AVERAGE_LOSS": None,
    "CRF.ITER_MAX": "crf.iterations",
    "CRF.POS_W": "crf.gaussian_compat",
    "CRF.POS_XY_STD": "crf.gaussian_sxy",
    "CRF.BI_W": "crf.bilateral_compat",
    "CRF.BI_XY_STD": "crf.bilateral_sxy",
    "CRF.BI_RGB_STD": "crf.bilateral_srgb",
}
