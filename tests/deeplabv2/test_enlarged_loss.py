import pytest
import torch
from torch.nn import functional

from deeplabv2.enlarged_loss import enlarged_cross_entropy
from deeplabv2.losses import cross_entropy
from deeplabv2.resize import enlarge_maps

SIZES = [((5, 6), (10, 12)), ((7, 4), (33, 9)), ((1, 1), (3, 2)), ((8, 8), (5, 3))]


def scores(size, generator):
    return torch.randn(3, 4, *size, generator=generator) * 5


def truth(size, generator):
    labels = torch.randint(0, 4, (3, *size), generator=generator)
    labels[:, 0] = 255
    return labels


@pytest.mark.parametrize(("small", "large"), SIZES, ids=str)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_sum_and_gradient_are_those_of_the_enlarged_logits(small, large, layout):
    generator = torch.Generator().manual_seed(0)
    logits = scores(small, generator).contiguous(memory_format=layout).requires_grad_()
    labels = truth(large, generator)
    wanted = functional.cross_entropy(enlarge_maps(logits.double(), large), labels, ignore_index=255, reduction="sum")
    (wanted_gradient,) = torch.autograd.grad(3 * wanted, logits)
    total = enlarged_cross_entropy(logits, labels, 255)
    (gradient,) = torch.autograd.grad(3 * total, logits)
    torch.testing.assert_close(total.double(), wanted, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(gradient, wanted_gradient, rtol=1e-5, atol=1e-5)


def test_half_precision_logits_have_the_sum_of_their_float32_values_also_under_autocast():
    generator = torch.Generator().manual_seed(0)
    logits, labels = scores((5, 6), generator).bfloat16(), truth((40, 48), generator)
    wanted = functional.cross_entropy(enlarge_maps(logits.float(), (40, 48)), labels, ignore_index=255, reduction="sum")
    with torch.autocast("cpu", torch.bfloat16):
        total = enlarged_cross_entropy(logits.requires_grad_(), labels, 255)
    total.backward()
    assert total.dtype == torch.float32
    assert logits.grad.dtype == torch.bfloat16
    torch.testing.assert_close(total, wanted)


def test_only_ignored_pixels_give_0_and_no_gradient():
    logits = torch.randn(1, 3, 2, 2).requires_grad_()
    total = enlarged_cross_entropy(logits, torch.full((1, 6, 6), 255), 255)
    total.backward()
    assert total.item() == 0
    assert not logits.grad.any()


def test_a_label_that_no_logit_stands_for_is_refused():
    with pytest.raises(IndexError, match="out of bounds"):
        enlarged_cross_entropy(torch.randn(1, 3, 2, 2), torch.full((1, 6, 6), 3), 255)


def test_nothing_of_the_labels_size_is_kept_for_the_backward_pass():
    kept = []
    logits = torch.randn(2, 3, 4, 4).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()) or tensor, lambda x: x):
        cross_entropy(logits, torch.zeros(2, 64, 64, dtype=torch.int64)).total.backward()
    assert max(kept) == logits.numel()
