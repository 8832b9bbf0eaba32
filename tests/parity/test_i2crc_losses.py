"""The distances of given maps, the classification loss, and their gradients equal the published ones."""

import pytest
import torch

from common.method.plain_cam import classification_loss
from i2crc.losses import RelationConfig, RelationTerms, class_agnostic_distance, relation_terms
from tests.parity.i2crc_cases import args, cases, check, expected, given, numbers_in, tags_of, tensor, what


def rounding(maps):
    """What the published terms, in double precision, owe to maps that were enlarged in single precision."""
    return torch.finfo(torch.float32).eps * float(maps.detach().abs().max())


@pytest.mark.parametrize("case", cases("class_agnostic_distance"))
def test_class_agnostic_distance(case):
    maps, mask = map(tensor, given(case))
    distances, prototypes = class_agnostic_distance(maps.requires_grad_(), mask)
    loss = distances.mean()
    loss.backward()
    computed = {"loss": loss, "prototype": prototypes, "grad_features": maps.grad}
    check(case, computed, {"prototype": rounding(maps), "loss": rounding(maps) ** 2})


@pytest.mark.parametrize("case", cases("distance_terms"))
def test_terms_of_a_batch(case):
    maps, saliency = map(tensor, given(case))
    tags = tags_of(args(case)["labels"], maps.shape[1])
    terms = relation_terms(maps.requires_grad_(), saliency, tags, RelationConfig())
    means = RelationTerms(*(term.mean() if len(term) else term.sum() for term in terms))
    weights = numbers_in(r"d\((.*)\)/d\(cam\)", what(case))
    sum(weight * mean for weight, mean in zip(weights, means, strict=True)).backward()
    computed = {"terms": torch.stack(means), "grad_cam": maps.grad}
    check(case, {name: computed[name] for name in expected(case)}, {"terms": rounding(maps)})
    if "grad_cam" not in expected(case):
        assert not maps.grad.any()


@pytest.mark.parametrize("case", cases("distance_terms"))
def test_weights_of_the_terms_are_the_defaults(case):
    config = RelationConfig()
    defaults = [config.object_weight, config.background_weight, config.class_weight]
    assert numbers_in(r"d\((.*)\)/d\(cam\)", what(case)) == defaults


@pytest.mark.parametrize("case", cases("multilabel_soft_margin"))
def test_classification_loss(case):
    logits = tensor(*given(case)).requires_grad_()
    loss = classification_loss(logits, tags_of(args(case)["labels"], logits.shape[1]))
    loss.backward()
    check(case, {"loss": loss, "grad": logits.grad})
