"""The permutohedral lattice: simplices, vertices, and the Gaussian it approximates."""

import itertools

import numpy as np
import pytest
import torch

from common.crf.compiled_lattice import build_compiled_lattice
from common.crf.permutohedral import build_lattice, elevate, enclosing_simplex, key_layout, ranks, vertex_keys
from common.errors import ConfigError

DIMENSIONS = (1, 2, 5)


def features(n_positions, n_dimensions, spread=3.0):
    generator = torch.Generator().manual_seed(n_dimensions)
    return spread * torch.randn(n_positions, n_dimensions, generator=generator).abs()


def layout_of(positions):
    return key_layout(positions.amax(dim=0).tolist())


def vertices_of(origin, rank):
    """The coordinates of each simplex's vertices by remainder, [N, d + 1, d + 1], by their definition."""
    size = origin.shape[1]
    remainder = torch.arange(size)[None, :, None]
    return origin[:, None] + torch.where(rank[:, None] < size - remainder, remainder, remainder - size)


@pytest.mark.parametrize("n_dimensions", DIMENSIONS)
def test_elevated_positions_have_sum_zero_and_scaled_distances(n_dimensions):
    positions = features(20, n_dimensions)
    elevated = elevate(positions)
    torch.testing.assert_close(elevated.sum(dim=1), torch.zeros(20), rtol=0, atol=1e-4)
    scale = (n_dimensions + 1) * (2 / 3) ** 0.5
    torch.testing.assert_close(torch.cdist(elevated, elevated), scale * torch.cdist(positions, positions))


@pytest.mark.parametrize("n_dimensions", DIMENSIONS)
def test_a_position_is_the_weighted_mean_of_its_simplex(n_dimensions):
    elevated = elevate(features(50, n_dimensions))
    origin, rank, weights = enclosing_simplex(elevated)
    assert weights.min() >= -1e-5
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(50))
    assert (origin % (n_dimensions + 1) == 0).all() and (origin.sum(dim=1) == 0).all()
    assert (rank.sort(dim=1).values == torch.arange(n_dimensions + 1)).all()
    mean = (weights[:, :, None] * vertices_of(origin, rank)).sum(dim=1)
    torch.testing.assert_close(mean, elevated, rtol=0, atol=1e-4)


def test_equal_values_are_ranked_by_position():
    assert ranks(torch.tensor([[1.0, 3.0, 1.0, 3.0]])).tolist() == [[2, 0, 3, 1]]


@pytest.mark.parametrize("n_dimensions", DIMENSIONS)
def test_keys_are_equal_exactly_where_vertices_are(n_dimensions):
    positions = features(40, n_dimensions, spread=0.5)
    layout = layout_of(positions)
    origin, rank, _ = enclosing_simplex(elevate(positions))
    keys = vertex_keys(origin, rank, layout)
    vertices = vertices_of(origin, rank).flatten(0, 1)
    equal_vertices = (vertices[:, None] == vertices[None]).all(dim=2)
    assert ((keys.flatten()[:, None] == keys.flatten()[None]) == equal_vertices).all()
    assert equal_vertices.sum() > len(vertices)


@pytest.mark.parametrize("n_dimensions", DIMENSIONS)
def test_neighbours_are_one_step_along_one_axis(n_dimensions):
    positions = features(40, n_dimensions, spread=0.5)
    layout = layout_of(positions)
    origin, rank, _ = enclosing_simplex(elevate(positions))
    keys, steps = vertex_keys(origin, rank, layout), layout.steps
    keys, vertices = keys.flatten(), vertices_of(origin, rank).flatten(0, 1)
    for axis, step in enumerate(steps):
        move = torch.full((n_dimensions + 1,), -1)
        move[axis] = n_dimensions
        is_neighbour = (vertices[:, None] + move == vertices[None]).all(dim=2)
        assert ((keys[:, None] + step == keys[None]) == is_neighbour).all()


@pytest.mark.parametrize("n_dimensions", DIMENSIONS)
def test_steps_are_the_definition_of_splat_blur_and_slice(n_dimensions):
    positions = features(30, n_dimensions, spread=0.5)
    values = torch.rand(30, 2, generator=torch.Generator().manual_seed(0))
    origin, rank, weights = enclosing_simplex(elevate(positions))
    vertices = vertices_of(origin, rank)
    names = [[tuple(vertex) for vertex in simplex] for simplex in vertices.tolist()]
    on_vertices = {name: torch.zeros(2) for simplex in names for name in simplex}
    for index, vertex in itertools.product(range(30), range(n_dimensions + 1)):
        on_vertices[names[index][vertex]] = on_vertices[names[index][vertex]] + weights[index, vertex] * values[index]
    for axis in range(n_dimensions + 1):
        before = dict(on_vertices)
        for name in before:
            for sign in (1, -1):
                other = tuple(c + sign * (n_dimensions if k == axis else -1) for k, c in enumerate(name))
                on_vertices[name] = on_vertices[name] + 0.5 * before.get(other, torch.zeros(2))
    expected = [
        sum(weights[index, vertex] * on_vertices[names[index][vertex]] for vertex in range(n_dimensions + 1))
        for index in range(30)
    ]
    expected = torch.stack(expected) / (1 + 2.0**-n_dimensions)
    torch.testing.assert_close(
        build_lattice(positions, layout_of(positions)).filter(values), expected, rtol=1e-5, atol=1e-6
    )


def test_filter_has_standard_deviation_one_and_about_the_mass_of_a_gaussian():
    rows, columns = torch.meshgrid(torch.arange(25.0), torch.arange(25.0), indexing="ij")
    positions = torch.stack([columns.flatten(), rows.flatten()], dim=1) / 3
    impulse = torch.zeros(25 * 25, 1)
    impulse[12 * 25 + 12] = 1
    response = build_lattice(positions, layout_of(positions)).filter(impulse).flatten()
    squares = (positions - 4).square().sum(dim=1)
    assert (response * squares).sum() / response.sum() == pytest.approx(2, rel=0.1)
    assert response.sum() == pytest.approx(2 * torch.pi * 3**2, rel=0.2)


def test_empty_positions_add_their_vertices_and_no_value():
    # Between the first two lies a vertex that neither of them has; without it the blur stops.
    positions = torch.tensor([[0.5], [2.8], [1.65], [1.95]])
    values = torch.tensor([[1.0], [0.0]])
    layout = layout_of(positions)
    assert build_lattice(positions[:2], layout).filter(values)[1] == 0
    bridged = build_lattice(positions, layout, n_empty=2).filter(values)
    assert bridged.shape == (2, 1)
    assert bridged[1] > 0
    zeros = torch.zeros(2, 1)
    torch.testing.assert_close(bridged, build_lattice(positions, layout).filter(torch.cat([values, zeros]))[:2])


def test_images_on_one_lattice_do_not_see_each_other():
    positions, values = features(20, 2, spread=0.5), torch.rand(20, 3, generator=torch.Generator().manual_seed(2))
    layout = key_layout(positions.amax(dim=0).tolist(), 2)
    image = torch.arange(20) % 2
    together = build_lattice(positions, layout, image).filter(values)
    for number in range(2):
        alone = build_lattice(positions[number::2], layout).filter(values[number::2])
        torch.testing.assert_close(together[number::2], alone)


def test_scaled_lattice_weighs_both_sides():
    positions, factors = features(20, 2), torch.rand(20, generator=torch.Generator().manual_seed(1))
    values = torch.rand(20, 3, generator=torch.Generator().manual_seed(2))
    lattice = build_lattice(positions, layout_of(positions))
    expected = factors[:, None] * lattice.filter(factors[:, None] * values)
    torch.testing.assert_close(lattice.scaled(factors).filter(values), expected)


@pytest.mark.parametrize("n_dimensions", [2, 5])
def test_the_compiled_lattice_is_the_same_kernel(n_dimensions):
    positions, values = features(80, n_dimensions, spread=0.7), torch.rand(80, 3)
    layout = layout_of(positions)
    lattice = build_lattice(positions, layout, n_empty=4)
    sums = lattice.filter(torch.ones(76, 1)).flatten()
    expected = lattice.scaled(torch.rsqrt(sums + 1e-20)).filter(values[:76])
    compiled = build_compiled_lattice(np.ascontiguousarray(positions.numpy().T), layout, n_empty=4)
    on_vertices = np.zeros((compiled.n_vertices, 4), np.float32)
    for position, (vertices, weights) in enumerate(zip(compiled.vertices, compiled.weights, strict=True)):
        on_vertices[vertices, :3] += weights[:, None] * values[position].numpy()
    compiled.blur(on_vertices, (0,) * 4)
    sliced = compiled.gain * np.einsum("nk,nkc->nc", compiled.weights, on_vertices[compiled.vertices, :3])
    np.testing.assert_allclose(sliced, expected, rtol=1e-5, atol=1e-6)


def test_a_growing_table_finds_every_vertex_once():
    """Memory that is used again holds the keys of the lattice before, which must not be taken for its own."""
    positions = features(2000, 5, spread=10)
    layout, columns = layout_of(positions), np.ascontiguousarray(positions.numpy().T)
    origin, rank, _ = enclosing_simplex(elevate(positions))
    expected = len(vertex_keys(origin, rank, layout).unique())
    assert expected > 3 * len(positions)
    for _ in range(5):
        lattice = build_compiled_lattice(columns, layout)
        assert lattice.n_vertices == expected == lattice.vertices.max() + 1


def test_more_vertices_than_can_be_numbered_are_an_error():
    with pytest.raises(ConfigError, match="standard deviations are too small"):
        key_layout([1e5] * 5)
