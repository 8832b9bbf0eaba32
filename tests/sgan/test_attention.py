import torch

from sgan.attention import attention_weights, dense_context, salient_context


def parts(mask, seed=0):
    generator = torch.Generator().manual_seed(seed)
    positions = mask.shape[1]
    made = [
        torch.randn(len(mask), channels, positions, generator=generator, dtype=torch.float64) for channels in (4, 4, 6)
    ]
    return [*made, mask]


def test_linear_context_is_the_dense_one_for_every_kind_of_mask():
    masks = torch.stack([torch.arange(12) % 3 == 0, torch.zeros(12) > 0, torch.zeros(12) == 0, torch.arange(12) == 5])
    given = parts(masks.to(torch.uint8))
    torch.testing.assert_close(salient_context(*given), dense_context(*given), rtol=1e-9, atol=1e-10)


def test_linear_context_is_exact_when_all_scores_share_a_large_part():
    query, key, values, mask = parts((torch.arange(400) % 2 == 0).to(torch.uint8)[None])
    query, key = query + 30, key + 30
    exact = dense_context(query, key, values, mask)
    single = salient_context(query.float(), key.float(), values.float(), mask)
    torch.testing.assert_close(single.double(), exact, rtol=1e-3, atol=1e-4)


def test_salient_positions_look_at_salient_positions_and_others_at_the_others():
    query, key, _, mask = parts(torch.tensor([[1, 1, 0, 0, 1]], dtype=torch.uint8))
    weights = attention_weights(query, key, mask)[0]
    salient = mask[0].bool()
    assert not weights[salient][:, ~salient].any()
    assert not weights[~salient][:, salient].any()
    torch.testing.assert_close(weights.sum(1), torch.ones(5).double(), rtol=1e-4, atol=1e-4)


def test_nothing_of_the_size_of_the_weights_is_kept_for_the_backward_pass():
    query, key, values, mask = parts((torch.arange(500) % 2 == 0).to(torch.uint8)[None])
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor
    ):
        salient_context(query.requires_grad_(), key.requires_grad_(), values.requires_grad_(), mask)
    assert max(kept) < 500 * 500
