import threading

import pytest
import torch
from torch.nn.functional import conv2d

from common.cores import torch_threads
from common.winograd import convolution
from common.winograd.convolution import convolve, gradient_of_kernels, points_of_kernels

# Images, channels, output channels, (height, width), dilation.
SHAPES = [
    (1, 128, 128, (12, 16), 1),
    (2, 128, 144, (13, 9), 1),
    (1, 130, 133, (7, 31), 2),
    (3, 40, 24, (21, 10), 4),
    (1, 16, 17, (1, 5), 1),
    (2, 33, 16, (1, 1), 4),
    (1, 18, 128, (3, 70), 3),
]


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def problem(n, channels, out_channels, size, step):
    """Images, weight, bias, gradient of the output."""
    weight = numbers(out_channels, channels, 3, 3, seed=1) / (3 * channels**0.5)
    return numbers(n, channels, *size), weight, numbers(out_channels, seed=2), numbers(n, out_channels, *size, seed=3)


def by_points(images, weight, bias, step):
    return convolve(images, points_of_kernels(weight, turned=False).transpose(1, 2), bias, step)


def assert_near(found, expected):
    assert found.dtype == torch.float32
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 5e-5 * expected.abs().max()


@pytest.fixture
def small_blocks(monkeypatch):
    """A few tiles at a time, so that small images need several blocks."""
    monkeypatch.setattr(convolution, "TILES_AT_ONCE", 7)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_output_and_gradients_are_those_of_the_direct_convolution_in_float64(shape):
    images, weight, bias, gradient = problem(*shape)
    step = shape[-1]
    exact = [tensor.double().requires_grad_() for tensor in (images, weight)]
    output = conv2d(*exact, bias.double(), 1, step, step)
    of_images, of_weight = torch.autograd.grad(output, exact, gradient.double())
    assert_near(by_points(images, weight, bias, step), output)
    assert_near(convolve(gradient, points_of_kernels(weight, turned=True), None, step), of_images)
    assert_near(gradient_of_kernels(images, gradient, step), of_weight)


def test_any_layout_gives_the_same_numbers():
    images, weight, bias, gradient = problem(2, 48, 32, (9, 11), 1)
    forms = [
        (images, gradient, weight),
        *[tuple(one.contiguous(memory_format=torch.channels_last) for one in (images, gradient, weight))],
        tuple(one.transpose(2, 3).contiguous().transpose(2, 3) for one in (images, gradient, weight)),
    ]
    outputs = [by_points(x, w, bias, 1) for x, _, w in forms]
    gradients = [gradient_of_kernels(x, g, 1) for x, g, _ in forms]
    for results in (outputs, gradients):
        assert all(torch.equal(result, results[0]) for result in results)
        assert results[0].is_contiguous(memory_format=torch.channels_last)


def test_numbers_repeated_without_memory_of_their_own_are_read_as_such():
    images, weight, _, _ = problem(1, 32, 48, (8, 8), 1)
    ones = torch.ones(()).expand(1, 48, 8, 8)
    assert torch.equal(gradient_of_kernels(images, ones, 1), gradient_of_kernels(images, ones.clone(), 1))
    column = images[..., :1].expand(1, 32, 8, 8)
    assert torch.equal(by_points(column, weight, None, 1), by_points(column.clone(), weight, None, 1))


@pytest.mark.usefixtures("small_blocks")
def test_what_scratch_memory_held_before_does_not_matter():
    large, small = problem(2, 144, 128, (20, 20), 1), problem(1, 17, 16, (6, 5), 1)
    first = gradient_of_kernels(small[0], small[3], 1)
    for tensor in large:
        tensor.fill_(torch.nan)
    assert by_points(*large[:3], 1).isnan().all()
    gradient_of_kernels(large[0], large[3], 1)
    assert torch.equal(gradient_of_kernels(small[0], small[3], 1), first)
    assert not by_points(*small[:3], 1).isnan().any()


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_does_not_change_the_result_and_a_second_run_gives_the_same_bits(threads):
    images, weight, bias, gradient = problem(2, 96, 64, (19, 14), 2)

    def results():
        return by_points(images, weight, bias, 2), gradient_of_kernels(images, gradient, 2)

    with torch_threads(1):
        expected = results()
    with torch_threads(threads):
        found, again = results(), results()
    for one, other, wanted in zip(found, again, expected, strict=True):
        assert torch.equal(one, other)
        torch.testing.assert_close(one, wanted)


def test_threads_that_compute_at_once_do_not_disturb_each_other():
    problems = [problem(1, 64, 48, (16, 16 + number), 1) for number in range(4)]
    expected = [by_points(*one[:3], 1) for one in problems]
    wrong = []

    def compute(number):
        for _ in range(20):
            if not torch.equal(by_points(*problems[number][:3], 1), expected[number]):
                wrong.append(number)

    with torch_threads(1):
        threads = [threading.Thread(target=compute, args=(number,)) for number in range(len(problems))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong
