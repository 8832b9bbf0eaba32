"""Steps of the classifier's training: losses, gradients and weights equal the published ones."""

import pytest
import torch
from torch import nn

from common.engine.losses import Mean
from common.engine.optimizer import OptimizerConfig, build_optimizer, parameter_groups
from i2crc.losses import RelationConfig, RelationStep
from i2crc.network import group_rules
from tests.parity.i2crc_cases import (
    CLASSIFIER,
    args,
    bound,
    cases,
    check,
    expected,
    filled_network,
    given,
    numbers_in,
    tags_of,
    tensor,
    what,
)

# The published order of the groups.
GROUPS = ("backbone", "backbone_bias", "head", "head_bias")
# Of a score, relative to the greatest, after the layers of the network.
ROUNDING = 1e-6
TERMS = ("within_object", "within_background", "between")


def value_of(loss):
    """A loss as the engine counts it: a mean over no image is 0."""
    return loss.total / max(loss.count, 1) if isinstance(loss, Mean) else loss


class Steps:
    """The network of a case, its optimiser at the case's rates, and its batch."""

    def __init__(self, case):
        self.network = filled_network(CLASSIFIER).train()
        images, saliency = map(tensor, given(case))
        tags = tags_of(args(case)["labels"], self.network.extra_convs[-1].out_channels)
        self.batch = {"image": images, "saliency": saliency, "tags": tags}
        self.step = RelationStep(RelationConfig())
        config = OptimizerConfig(lr=bound("lr", what(case)), nesterov=True)
        groups = parameter_groups(self.network, group_rules(10), config.lr, config.weight_decay)
        self.optimizer = build_optimizer(config, groups)
        self.groups = {group["name"]: group for group in self.optimizer.param_groups}

    def losses(self):
        return {name: value_of(loss) for name, loss in self.step(self.network, self.batch).items()}

    def norms(self, tensors_of):
        """L2 norm per group of what ``tensors_of`` gives of its parameters."""
        return [float(nn.utils.get_total_norm(tensors_of(self.groups[name]["params"]))) for name in GROUPS]

    def learn(self, count):
        """Total loss before each of ``count`` steps and after the last; the norm per group of what they changed."""
        before = {one: one.detach().clone() for one in self.network.parameters()}
        curve = []
        for _ in range(count):
            self.optimizer.zero_grad()
            total = sum(self.losses().values())
            total.backward()
            curve.append(total.detach())
            self.optimizer.step()
        with torch.no_grad():
            curve.append(sum(self.losses().values()))
        return torch.stack(curve), self.norms(lambda group: [one.detach() - before[one] for one in group])


def weighted(config):
    return dict(zip(TERMS, (config.object_weight, config.background_weight, config.class_weight), strict=True))


def first_gradients(run, scores, wanted):
    """Terms, norms and parts of the gradient at the beginning."""
    losses, weights = run.losses(), weighted(run.step.config)
    total = sum(losses.values())
    total.backward()
    terms = [losses["classification"], *(losses[name] / weights[name] for name in TERMS), total]
    last, first = run.network.extra_convs[-1], run.network.backbone.features[0]
    return {
        "logits": scores.logits,
        "terms": torch.stack([term.detach() for term in terms]),
        "grad_norms": run.norms(lambda group: [one.grad for one in group]),
        "grad_extra6_w": last.weight.grad,
        "grad_extra6_b": last.bias.grad,
        "grad_f0_w": first.weight.grad[:: first.out_channels // len(wanted["grad_f0_w"])],
    }


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("cls_train"))
def test_steps(case):
    wanted, run = expected(case), Steps(case)
    assert [len(run.groups[name]["params"]) for name in GROUPS] == args(case)["param_group_sizes"]
    with torch.no_grad():
        scores = run.network(run.batch["image"])
    computed = first_gradients(run, scores, wanted)
    if "loss_curve" in wanted:
        rates = [run.groups[name]["lr"] for name in GROUPS]
        chosen = run.optimizer.param_groups[0]
        assert (chosen["momentum"], chosen["weight_decay"]) == (bound("momentum", what(case)), bound("wd", what(case)))
        factors = numbers_in(r"lr [\d.e-]+ x \[(.*?)\]", what(case))
        assert rates == pytest.approx([bound("lr", what(case)) * factor for factor in factors])
        curve, updates = run.learn(len(wanted["loss_curve"]) - 1)
        computed |= {"loss_curve": curve, "update_norms": updates}
    # A difference of scores may lie near 0, where their rounding shows.
    check(case, computed, {"terms": ROUNDING * float(scores.maps.abs().max())})


@pytest.mark.parametrize("case", cases("cls_train"))
def test_weights_of_the_terms_are_the_defaults(case):
    published = numbers_in(r"soft margin \+ (.*?);", what(case))
    assert published == list(weighted(RelationConfig()).values())
