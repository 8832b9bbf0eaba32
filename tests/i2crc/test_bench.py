"""The published form of the step has the losses and the gradients of this toolbox's form."""

import copy

import pytest
import torch

from common.errors import ConfigError
from common.method.steps import Form
from common.models.backbones import BackboneConfig
from common.models.frozen import fold_frozen_batchnorm
from i2crc.bench import noise_with_objects, relations_as_published
from i2crc.losses import RelationConfig, RelationStep
from i2crc.measure_terms import compare_terms, main
from i2crc.network import build_classifier

VGG = BackboneConfig(name="vgg16", width=0.0625, output_stride=8)
RESNET = BackboneConfig(name="resnet18", width=0.125, output_stride=8, freeze_batchnorm=True)


@pytest.mark.parametrize("backbone", [VGG, RESNET])
@pytest.mark.parametrize(
    "relation",
    [
        RelationConfig(),
        RelationConfig(images_with="all", divide_by="tags", margin=1.0),
        RelationConfig(images_with="background"),
    ],
)
def test_both_forms_have_the_same_losses_and_gradients(backbone, relation):
    torch.manual_seed(0)
    network = build_classifier(backbone, 5).train()
    batch = noise_with_objects(3, 48, 5)
    # One image of two tags, which takes part only where all do.
    batch["tags"][0, :2] = 1
    ours = Form(network, RelationStep(relation), batch)
    published = relations_as_published(Form(copy.deepcopy(network), ours.step, batch))
    fold_frozen_batchnorm(network)
    found = []
    for form in (ours, published):
        losses = {
            name: loss if isinstance(loss, torch.Tensor) else loss.total / loss.count
            for name, loss in form.step(form.network, form.batch).items()
        }
        sum(losses.values()).backward()
        found.append((losses, form.network.extra_convs[6].weight.grad))
    (losses, own), (expected, others) = found
    assert losses.keys() == expected.keys()
    assert losses.keys() == {"classification", "within_object", "within_background", "between"}
    for name, loss in expected.items():
        torch.testing.assert_close(losses[name].double(), loss.double(), rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(own, others, rtol=1e-3, atol=1e-5 * others.abs().max().item())


def test_without_an_image_that_takes_part_the_published_form_has_no_distances():
    batch = noise_with_objects(2, 48, 5)
    batch["tags"][:] = 1
    form = Form(build_classifier(VGG, 5), RelationStep(RelationConfig()), batch)
    losses = relations_as_published(form).step(form.network, batch)
    assert all(losses[name].count == 0 for name in ("within_object", "within_background", "between"))


def test_a_made_up_batch_has_the_form_of_a_real_one():
    batch = noise_with_objects(2, 48, 5)
    assert batch["image"].shape == (2, 3, 48, 48) and batch["saliency"].shape == (2, 48, 48)
    assert batch["tags"].shape == (2, 5) and batch["tags"].sum(1).tolist() == [1, 1]
    assert batch["saliency"].min() >= 0 and batch["saliency"].max() <= 1 and 0 < batch["saliency"].mean() < 1


@pytest.mark.parametrize("double", [True, False])
def test_the_measured_terms_are_compared_with_the_loop(double):
    assert "loop over enlarged maps" in compare_terms(2, 3, 32, 1, double).text()


def test_a_wrong_size_of_the_measurement_is_refused():
    with pytest.raises(ConfigError, match=r"^--\w+ is .*; give a "):
        main(["--images", "0"])
