"""The step of the self-training, its teacher and its prototypes equal the published ones."""

import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from common.engine.optimizer import OptimizerConfig, build_optimizer, set_learning_rates
from common.engine.schedules import ScheduleConfig, build_schedule
from smaf.losses import SelfTrainingStep, attention_target, probabilities_at, tagged_attention
from smaf.network import MapScores
from smaf.prototypes import mean_vectors, move_prototypes, move_teacher
from smaf.samples import reduced
from smaf.settings import SmafSettings
from tests.parity.smaf_cases import (
    CASES,
    args,
    cases,
    check,
    entry,
    given,
    step_in,
    tags_of,
    tensor,
)

FLOOR = SmafSettings().self_training.floor


class GivenScores(nn.Module):
    """A network whose maps and features are its parameters, with a buffer beside."""

    def __init__(self, case, who):
        super().__init__()
        self.maps = nn.Parameter(tensor(given(case, f".{who}.cam")))
        self.features = nn.Parameter(tensor(given(case, f".{who}.feat")))
        self.register_buffer("stat", tensor(given(case, f".{who}.stat")))

    def forward(self, images):
        return MapScores(self.maps.mean(dim=(2, 3))[:, :-1], self.maps, self.features)


def fused_maps(case):
    """The maps of a case, all channels; several cases give them in words."""
    _, described = entry(case, ".lp")
    rule = described["rule"]
    if rule.startswith("unit"):
        return tensor(given(case, ".lp"))
    maps = torch.zeros(described["shape"])
    for number, values in re.findall(r"channel (\d+) = ([^;]*)", rule):
        for score, first, last in re.findall(r"([\d.]+) (?:everywhere|in columns (\d+)\.\.(\d+))", values):
            columns = slice(int(first), int(last) + 1) if first else slice(None)
            maps[:, int(number), :, columns] = float(score)
    return maps


@pytest.mark.parametrize("case", cases("smaf_step"))
def test_step(case):
    settings, maps = args(case), fused_maps(case)
    student, teacher = GivenScores(case, "student"), GivenScores(case, "ema")
    tags = tags_of(settings["label_indices"], maps.shape[1] - 1)
    attention = torch.stack([reduced(one[:-1]) for one in maps])
    config = OptimizerConfig(lr=settings["lr"], momentum=settings["weight_decay"])
    group = {"name": "all", "params": [student.maps, student.features], "weight_decay": settings["weight_decay"]}
    optimizer = build_optimizer(config, [{**group, "lr": settings["lr"], "initial_lr": settings["lr"]}])

    loss = SelfTrainingStep(FLOOR)(student, {"image": None, "tags": tags, "attention": attention})["attention"]
    loss.backward()
    target = attention_target(tagged_attention(attention, tags), FLOOR)
    computed = {"loss": loss, "target": target, "student_softmax": probabilities_at(student.maps, target.shape[2:])}
    computed["grad_cam"] = student.maps.grad.clone()

    features, scores = (
        interpolate(one.detach(), target.shape[2:], mode="bilinear", align_corners=True)
        for one in (teacher.features, teacher.maps)
    )
    means, prototypes = mean_vectors(features, scores), tensor(given(case, ".proto")).clone()
    move_prototypes(prototypes, means, settings["proto_momentum"])
    set_learning_rates(optimizer, build_schedule(ScheduleConfig(), settings["max_step"])(0))
    optimizer.step()
    move_teacher(teacher, student)
    computed |= {"student_cam_after": student.maps, "ema_cam_after": teacher.maps, "ema_stat_after": teacher.stat}
    computed |= {"prototypes_after": prototypes}
    computed |= {"prototype_updates": torch.bincount(means.classes, minlength=len(prototypes))}
    check(case, {name: computed[name] for name in CASES[case]["arrays"]})


@pytest.mark.parametrize("case", cases("mean_vectors"))
def test_mean_features_of_classes(case):
    logits, (_, described) = given(case, ".logits"), entry(case, ".logits")
    for number, image, summand in re.findall(r"channel (\d+)(?: of image (\d+))? \+= ([\d.]+)", described["rule"]):
        images = slice(int(image), int(image) + 1) if image else slice(None)
        logits[images, int(number)] += np.float32(summand)
    classes, vectors = mean_vectors(tensor(given(case, ".feat")), tensor(logits))
    check(case, {"ids": classes, "vectors": vectors[:, :: step_in(CASES[case]["notes"])]})
