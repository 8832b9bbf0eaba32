import pytest
from torch import nn

from common.models.winograd import pays, suits
from common.winograd.transforms import grid_over


def convolution(channels=128, out_channels=128, dilation=1, **options):
    return nn.Conv2d(channels, out_channels, **{"kernel_size": 3, "padding": dilation, "dilation": dilation} | options)


@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_wide_convolutions_suit_at_any_dilation(dilation):
    assert suits(convolution(dilation=dilation))
    assert suits(convolution(200, 130, dilation, bias=False))


@pytest.mark.parametrize(
    "changes",
    [
        {"stride": 2},
        {"kernel_size": 1, "padding": 0},
        {"padding": 0},
        {"padding": "same"},
        {"groups": 2},
        {"padding_mode": "reflect"},
        {"channels": 64},
        {"out_channels": 64},
        {"dilation": (1, 2), "padding": (1, 2)},
    ],
    ids=str,
)
def test_convolutions_it_cannot_compute_or_does_not_speed_up_are_left_alone(changes):
    assert not suits(convolution(**changes))


def test_other_layers_do_not_suit():
    assert not suits(nn.Linear(128, 128))
    assert not suits(nn.ConvTranspose2d(128, 128, 3, padding=1))


# Images, channels, output channels, side, dilation; measured ratios of both ways of a training step are below 0.9 or above 1.3.
@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((6, 512, 512, 20, 1), True),
        ((2, 256, 256, 41, 2), True),
        ((1, 512, 512, 28, 1), True),
        ((2, 128, 128, 160, 1), True),
        ((1, 256, 256, 20, 1), True),
        ((6, 256, 256, 20, 4), False),
        ((1, 256, 256, 21, 4), False),
        ((1, 256, 256, 7, 1), False),
        ((1, 128, 128, 14, 1), False),
        ((1, 512, 512, 14, 1), False),
    ],
    ids=str,
)
def test_the_choice_agrees_with_measurements(shape, expected):
    n, channels, out_channels, side, dilation = shape
    assert pays(grid_over(n, side, side, dilation), channels, out_channels) == expected


def test_tiles_that_are_partly_empty_count_in_full():
    full, waste = grid_over(6, 32, 32, 4), grid_over(6, 20, 20, 4)
    assert full.tiles == waste.tiles == 6 * 16 * 4
    assert pays(full, 512, 512)
    assert not pays(waste, 512, 512)


def test_more_images_or_channels_never_speak_against_it():
    for side in (9, 14, 20, 33):
        for dilation in (1, 2, 4):
            answers = [pays(grid_over(n, side, side, dilation), 256, 256) for n in (1, 2, 4, 16)]
            assert answers == sorted(answers)
            answers = [pays(grid_over(2, side, side, dilation), c, c) for c in (128, 256, 512, 1024)]
            assert answers == sorted(answers)
