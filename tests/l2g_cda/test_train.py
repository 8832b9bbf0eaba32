import pytest
import torch

from common.data.sampling import SampleKey
from l2g_cda.config import L2GConfig, LossConfig
from l2g_cda.data.collate import collate
from l2g_cda.data.dataset import training_data
from l2g_cda.data.settings import ViewConfig
from l2g_cda.models.bodies import BodyConfig
from l2g_cda.models.pair import build_pair
from l2g_cda.train import L2GStep, first_epoch, steps_per_epoch, training_settings

VIEWS = ViewConfig(resize=80, input_size=64, crop_size=48, patches=4)


@pytest.fixture(scope="module")
def batch(layout):
    data = training_data(layout, layout.ids("train")[:2], VIEWS, None, seed=0)
    return collate([data[SampleKey(0, index)] for index in range(2)])


@pytest.fixture(scope="module")
def pair(layout):
    torch.manual_seed(0)
    return build_pair(BodyConfig(name="vgg16", width=0.125, frozen_stages=0), layout.n_classes)


def gradients(pair, batch, wanted, **loss):
    """Which network a loss of the step reaches."""
    pair.zero_grad()
    losses = L2GStep(LossConfig(**loss), VIEWS.crop_size, 8)(pair, batch)
    if losses[wanted].requires_grad:
        losses[wanted].backward()
    reached = {
        name: network.fc8.weight.grad is not None for name, network in (("whole", pair.whole), ("local", pair.local))
    }
    return [name for name, is_reached in reached.items() if is_reached]


@pytest.mark.parametrize(
    ("loss", "reached"),
    [("distillation", ["whole"]), ("local_classification", ["local"]), ("global_classification", [])],
)
def test_each_loss_teaches_its_network_only(pair, batch, loss, reached):
    assert gradients(pair, batch, loss) == reached


def test_the_global_classification_teaches_when_it_has_a_weight(pair, batch):
    assert gradients(pair, batch, "global_classification", global_weight=1.0) == ["whole"]


def test_the_distillation_is_not_divided_by_the_accumulated_batches(pair, batch):
    with torch.no_grad():
        once, thrice = (L2GStep(LossConfig(), VIEWS.crop_size, 8, count)(pair.eval(), batch) for count in (1, 3))
    assert thrice["distillation"].item() == pytest.approx(3 * once["distillation"].item(), rel=1e-5)
    assert thrice["local_classification"].item() == pytest.approx(once["local_classification"].item(), rel=1e-5)


def test_the_smaller_last_batch_counts_as_a_step():
    assert steps_per_epoch(10582, L2GConfig().engine) == 3528


def test_epochs_are_counted_over_both_trainings():
    assert (first_epoch(L2GConfig(), "base"), first_epoch(L2GConfig(), "pasting")) == (0, 10)


def test_settings_of_the_pasting_do_not_concern_the_first_training():
    assert "cda" not in training_settings(L2GConfig(), "base") and "cda" in training_settings(L2GConfig(), "pasting")
