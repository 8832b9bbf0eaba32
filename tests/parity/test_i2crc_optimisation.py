"""Learning rates of the classifier and of the segmentation network equal the published ones."""

import pytest

from common.engine.schedules import ScheduleConfig, build_schedule, decay_steps, step_decay
from i2crc.network import group_rules
from tests.parity.i2crc_cases import args, cases, check

# The published order of the groups.
GROUPS = ("backbone", "backbone_bias", "head", "head_bias")
STEPS_PER_EPOCH = 3


@pytest.mark.parametrize("case", cases("cls_step_lr"))
def test_rates_of_the_classifiers_groups_in_every_epoch(case):
    settings = args(case)
    multiplier = {rule.name: rule.lr_multiplier for rule in group_rules(10)}
    epochs = [int(epoch) for epoch in str(settings["decay_points"]).split(",")]
    factor = step_decay(decay_steps(epochs, STEPS_PER_EPOCH))

    def rates(step):
        return [settings["base_lr"] * factor(step) * multiplier[name] for name in GROUPS]

    starts = range(0, settings["epochs"] * STEPS_PER_EPOCH, STEPS_PER_EPOCH)
    check(case, {"lr": [rates(start) for start in starts]})
    # The rate changes between epochs only.
    assert all(rates(start) == rates(start + STEPS_PER_EPOCH - 1) for start in starts)


@pytest.mark.parametrize("case", cases("seg_poly_lr"))
def test_rates_of_the_segmentation_network(case):
    settings = args(case)
    config = ScheduleConfig(power=settings["power"], every=settings["step"])
    schedule = build_schedule(config, settings["iter_max"])
    used = [settings["base_lr"] * schedule(iteration - 1) for iteration in settings["iterations"]]
    check(case, {"lr": used, "lr_after_last": settings["base_lr"] * schedule(settings["iter_max"])})
