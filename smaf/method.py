"""EPS and SMAF as a declaration: the first training, and pairs of fusion and self-training on what was fused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from torch import nn

from common.cam.files import Cams
from common.data.dataset import ListedImages, Part
from common.data.layout import DatasetLayout
from common.data.sampling import SeededDataset
from common.engine.losses import StepFunction
from common.engine.session import choose_device
from common.engine.settings import EngineConfig
from common.method.label_sets import LabelSet
from common.method.labels import Labels, Score
from common.method.maps import Maps, Write, write_single_precision
from common.method.method import Method
from common.method.other_run import OtherProgram
from common.method.pictures import Pictured
from common.method.published import Published, nothing_given
from common.method.requirements import required_if
from common.method.settings import with_values
from common.method.stage import dataset_of
from common.method.steps import StepBench
from common.method.training import SECTIONS, Training, fold_if_frozen, head_and_backbone_optimizer
from common.report.html import Panel
from smaf.bench import eps_as_published, noise_with_attention, noise_with_saliency
from smaf.files import folder_of_masks, table_arguments, write_by_class
from smaf.fusion import FUSIONS
from smaf.losses import EpsStep, SelfTrainingStep
from smaf.network import ScoreNetwork, build_network, load_published_network, published_state, smaf_content
from smaf.panels import saliency_panel, scale_panels, target_panel
from smaf.prototypes import Teacher
from smaf.samples import EpsInput, ImagesWithAttention
from smaf.settings import MOST_ROUNDS, SMAF_CONFIGS, SMAF_FLAGS, SMAF_KEYS, SMAF_ROWS, SmafSettings, smaf_on_photographs

DECIDE_BOTH = (*SECTIONS, "head", "crop")
NO_JITTER = (0.0, 0.0, 0.0, 0.0)


def score_network(settings: SmafSettings, layout: DatasetLayout) -> ScoreNetwork:
    return build_network(settings.backbone, layout.n_classes, settings.head)


def tagged_with_saliency(settings: SmafSettings, layout: DatasetLayout) -> SeededDataset:
    """Images with tags, and with saliency maps unless the CAM baseline is trained."""
    parts: set[Part] = {"tags"} if settings.head == "cls" else {"tags", "saliency"}
    images, crop = ListedImages(layout, layout.ids(settings.split), parts), settings.crop
    return SeededDataset(images, EpsInput(crop.crop_size, crop.long_sides, crop.jitter), settings.engine.seed)


# --- Where things lie: the layout of the paper's README, in ``logdir``. ---


def round_folder(number: int) -> Callable[[SmafSettings], Path]:
    """Of the first training (0) or of a round."""
    name = "eps_cls_mode" if number == 0 else "proda_model" if number == 1 else f"proda_model_round{number}"
    return lambda settings: Path(settings.out, name)


def fused_folder(number: int, settings: SmafSettings) -> Path:
    """What is made with the network of the first training (0) or of a round: maps, masks, scores."""
    trained = round_folder(number)(settings)
    return trained / "result_crf" if number else trained.with_name("cam_o_vec")


def result_folder(settings: SmafSettings) -> Path:
    """What is made with the last network."""
    return fused_folder(settings.rounds, settings)


def mask_folder(settings: SmafSettings) -> Path:
    return folder_of_masks(settings.files, settings.labels, result_folder(settings))


# --- Trainings. ---


def finally_file(number: int) -> Callable[[SmafSettings, DatasetLayout], Path]:
    return lambda settings, layout: round_folder(number)(settings) / "checkpoint_cls_finally.pth"


def finally_content(settings: SmafSettings, network: nn.Module, engine: EngineConfig) -> Mapping[str, Any]:
    """SMAF's form; EPS's, the bare tensors, for EPS's own heads."""
    if settings.head != "projection":
        return published_state(network)
    teacher = cast(ScoreNetwork, network).teacher
    prototypes = teacher.prototypes if isinstance(teacher, Teacher) else None
    return smaf_content(network, engine.end_step, prototypes)


def load_finally(settings: SmafSettings, network: nn.Module, path: Path) -> None:
    load_published_network(cast(ScoreNetwork, network), path, settings.lift)


def published_by(number: int) -> Published:
    given = nothing_given if number else lambda settings: settings.initial_model
    return Published(finally_file(number), finally_content, load=load_finally, given=given)


EPS = Training(
    name="eps",
    text="train EPS: tags, and saliency as the sum of the maps (head cls: the CAM baseline, tags alone)",
    network=score_network,
    step=lambda settings, network: EpsStep(
        settings.head != "cls", settings.saliency_loss.tau, settings.saliency_loss.lam
    ),
    data=tagged_with_saliency,
    prepare=fold_if_frozen,
    requires=lambda settings: required_if(settings.head != "cls", dataset_of(settings)),
    decides=(*DECIDE_BOTH, "saliency_loss"),
    published=published_by(0),
    folder=round_folder(0),
    in_chain=lambda settings: not settings.initial_model,
)


def round_of_self_training(number: int, before: Training) -> Training:
    """A training on the maps that the network before it has fused, from the weights of that network."""

    def in_round(settings: SmafSettings) -> SmafSettings:
        own = settings.self_training
        steps = min(own.round_steps or settings.engine.max_steps, settings.engine.max_steps)
        return with_values(settings, {"engine.max_steps": steps, "optimizer.lr": own.round_lr or settings.optimizer.lr})

    def attention_folder(settings: SmafSettings) -> Path:
        given = settings.self_training.maps if number == 1 else ""
        return Path(given) if given else fused_folder(number - 1, settings) / "maps"

    def data(settings: SmafSettings, layout: DatasetLayout) -> SeededDataset:
        parts: set[Part] = {"tags", "saliency"} if settings.self_training.saliency_weight else {"tags"}
        images = ListedImages(layout, layout.ids(settings.split), parts)
        transform = EpsInput(settings.crop.crop_size, settings.crop.long_sides, NO_JITTER)
        return SeededDataset(ImagesWithAttention(images, attention_folder(settings)), transform, settings.engine.seed)

    def prepare(settings: SmafSettings, network: nn.Module) -> None:
        if settings.self_training.prototypes:
            scores = cast(ScoreNetwork, network)
            scores.teacher = Teacher(scores, settings.self_training.prototype_momentum)
        fold_if_frozen(settings, network)

    def step(settings: SmafSettings, network: nn.Module) -> StepFunction:
        own = settings.self_training
        return SelfTrainingStep(own.floor, own.saliency_weight, cast(ScoreNetwork, network) if own.prototypes else None)

    return Training(
        name=f"round{number}",
        text=f"round {number} of self-training, on the fused maps of the network before",
        network=score_network,
        step=step,
        data=data,
        learns_from=lambda settings: [attention_folder(settings)],
        requires=lambda settings: required_if(settings.self_training.saliency_weight > 0, dataset_of(settings)),
        n_samples=lambda settings, layout: len(layout.ids(settings.split)),
        engine=lambda settings, n_samples: in_round(settings).engine,
        optimizer=lambda settings, network: head_and_backbone_optimizer(in_round(settings), network),
        prepare=prepare,
        noise=lambda settings, n: noise_with_attention(settings.engine.batch_size, settings.crop.crop_size, n),
        after=before,
        decides=(*DECIDE_BOTH, "initial_model", "self_training"),
        published=published_by(number),
        folder=round_folder(number),
        in_chain=lambda settings: number <= settings.rounds,
    )


def all_rounds() -> list[Training]:
    rounds: list[Training] = []
    for number in range(1, MOST_ROUNDS + 1):
        rounds.append(round_of_self_training(number, rounds[-1] if rounds else EPS))
    return rounds


ROUNDS = all_rounds()


# --- Fused maps and masks. ---


def fusion(name: str, training: Training, number: Callable[[SmafSettings], int], **slots: Any) -> Maps:
    """Maps of all scales and mirror images, summed, each class divided by its maximum."""

    def folder(settings: SmafSettings) -> Path:
        return fused_folder(number(settings), settings) / "maps"

    def dictionaries(settings: SmafSettings) -> Write:
        maps = folder(settings)

        def write(path: Path, cams: Cams) -> None:
            if settings.files.npy:
                write_by_class(maps.with_name("cam_npy") / path.relative_to(maps).with_suffix(".npy"), cams)

        return write

    return Maps(
        name=name,
        training=training,
        # A target is compared in single precision.
        write=write_single_precision,
        compute=lambda settings, network, device: FUSIONS[settings.cam.normalise](network, settings.cam, device),
        beside=dictionaries,
        decides=lambda settings: {"head": settings.head},
        folder=folder,
        **slots,
    )


def fusion_for_round(number: int) -> Maps:
    """The targets of a round: maps of the training before it."""
    before = [EPS, *ROUNDS][number - 1]
    return fusion(
        "fuse" if number == 1 else f"fuse{number - 1}",
        before,
        lambda settings: number - 1,
        text=f"fused maps of {before.name}, from which round {number} learns",
        in_chain=lambda settings: number <= settings.rounds and not (number == 1 and settings.self_training.maps),
        optional=True,
    )


FUSED = [fusion_for_round(number) for number in range(1, MOST_ROUNDS + 1)]
LAST_MAPS = fusion("cam", ROUNDS[-1], lambda settings: settings.rounds, text="fused maps of the last network")
MASKS = Labels(
    maps=LAST_MAPS,
    text="pseudo masks of the fused maps",
    row=lambda settings: settings.name,
    uses_saliency=lambda settings: settings.head != "cls" or settings.labels.uses_saliency,
    folder=mask_folder,
    report_folder=result_folder,
)


def sets_of_masks(settings: SmafSettings) -> Sequence[LabelSet]:
    """EPS and every round, so that the table shows what each adds, before and after the CRF.

    DeepLab-v2 learns from the last masks, and from EPS's where the settings say so: after the CRF, as in the paper, where the settings make those.
    """
    sets = []
    refinements = ("none", "label_all") if settings.label_crf else ("none",)
    for number in range(0 if settings.every_round else settings.rounds, settings.rounds + 1):
        last = number == settings.rounds
        values = {"rounds": number} if last else {"rounds": number, "report.method": ""}
        for crf in refinements:
            segmented = (last or (number == 0 and settings.segment_eps)) and crf == refinements[-1]
            sets.append(LabelSet({**values, "labels.crf": crf}, segmented, round=number))
    return sets


def smaf_panels(settings: SmafSettings, layout: DatasetLayout, pictured: Pictured) -> Iterator[Panel]:
    """Every scale's maps of the last network, saliency as it sees it, and the target that a further round would have."""
    device = choose_device(settings.engine.device, 0)
    network, _ = LAST_MAPS.training.last(settings).trained(settings, layout, settings.checkpoint)
    scores = cast(ScoreNetwork, network)
    yield from scale_panels(scores, pictured.sample, settings.cam, layout.classes, device)
    if scores.has_background:
        yield saliency_panel(scores, pictured.sample["image"], device)
    own = settings.self_training
    yield target_panel(pictured.cams, own.floor, pictured.sample.get("saliency"), own.saliency_weight)


def table_of_masks(settings: SmafSettings) -> list[str]:
    layout = dataset_of(settings)
    return table_arguments(layout, layout.lists.get(settings.split), mask_folder(settings), result_folder(settings))


METHOD = Method(
    "smaf",
    SmafSettings,
    (
        EPS,
        *(stage for pair in zip(FUSED, ROUNDS, strict=True) for stage in pair),
        LAST_MAPS,
        MASKS,
        Score(labels=MASKS, text="score the pseudo masks"),
        OtherProgram(
            name="table",
            module="smaf.evalue",
            arguments=table_of_masks,
            text="score the pseudo masks on VOC's official training list, as a table of classes",
        ),
    ),
    flags=SMAF_FLAGS,
    aliases=SMAF_KEYS,
    label_sets=sets_of_masks,
    panels=smaf_panels,
    variants=SMAF_ROWS,
    bench=StepBench(
        published=eps_as_published,
        batch=lambda settings, n_classes: noise_with_saliency(
            settings.engine.batch_size, settings.crop.crop_size, n_classes
        ),
    ),
    photographs=smaf_on_photographs,
    configs=(SMAF_CONFIGS / "voc.yaml", SMAF_CONFIGS / "toy.yaml"),
    home=SMAF_CONFIGS.parent,
)
