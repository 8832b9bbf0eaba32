"""The teacher follows the network, the prototypes follow the features, and both are part of a training's checkpoints."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from common.cam.files import read_cams
from common.engine.checkpoint import load_model_state
from common.models.backbones import BackboneConfig
from smaf.network import build_network
from smaf.prototypes import Teacher, mean_vectors, move_prototypes, move_teacher, similarities

TINY = BackboneConfig(name="resnet18", width=0.125, output_stride=8, freeze_batchnorm=True)
RECTIFIED = ("--self_training.prototypes", "true", "--self_training.prototype_momentum", "0.1")


@pytest.fixture
def student():
    torch.manual_seed(0)
    return build_network(TINY, 2, "projection").eval()


def change(network):
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)


def test_a_mean_vector_needs_ten_pixels_in_which_its_class_is_the_strongest():
    features = torch.arange(20.0).reshape(1, 1, 4, 5)
    maps = torch.zeros(1, 3, 4, 5)
    # Ten pixels of class 2, nine of class 1, one of class 0.
    maps[0, 2, :2], maps[0, 1, 2:], maps[0, 0, 3, 4] = 1, 1, 2
    found = mean_vectors(features, maps)
    assert found.classes.tolist() == [2] and found.vectors.tolist() == [[4.5]]


def test_prototypes_move_by_their_momentum_and_not_to_zero():
    prototypes = torch.ones(3, 2)
    features = torch.zeros(1, 2, 4, 5)
    features[0, :, :2] = 3.0
    maps = torch.zeros(1, 3, 4, 5)
    maps[0, 1, :2], maps[0, 2, 2:] = 1, 1
    move_prototypes(prototypes, mean_vectors(features, maps), 0.25)
    assert prototypes.tolist() == [[1, 1], [1.5, 1.5], [1, 1]]


def test_the_teacher_moves_a_thousandth_of_the_way(student):
    teacher = Teacher(student, 0.1).network
    before = teacher.head.fc8.weight.clone()
    change(student)
    student.head.bn.running_mean += 5
    move_teacher(teacher, student)
    torch.testing.assert_close(teacher.head.fc8.weight, before + 0.001, rtol=0, atol=1e-6)
    assert torch.equal(teacher.head.bn.running_mean, student.head.bn.running_mean)


def test_the_teacher_does_not_learn_by_gradient_and_has_no_dropout(student):
    teacher = Teacher(student, 0.1).train()
    assert not [name for name, parameter in teacher.named_parameters() if parameter.requires_grad]
    assert not teacher.network.training


def test_similarities_are_cosines_without_their_negative_part():
    features = torch.tensor([[1.0, -2.0, 0.0], [0.0, 0.0, 3.0]])[None, :, None]
    prototypes = torch.tensor([[5.0, 0.0], [0.0, 0.0]])
    assert similarities(features, prototypes)[0, :, 0].tolist() == [[1, 0, 0], [0, 0, 0]]


def test_weights_are_shares_and_a_class_without_a_prototype_is_trusted(student):
    teacher = Teacher(student, 0.1)
    images, tags = torch.randn(2, 3, 32, 32), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    weights = teacher.weights(student, images, tags, torch.Size((8, 8)))
    assert weights.shape == (2, 3, 8, 8) and weights.min() >= 0 and weights.max() <= 1 + 1e-6
    assert not teacher.known[1], "no image has the class"
    assert (weights[:, 1] == 1).all()
    known = teacher.known.nonzero().flatten().tolist()
    assert known and all((weights[:, number] < 1).any() for number in known)


def test_the_first_vector_of_a_class_is_its_prototype_and_later_ones_move_it(student):
    teacher, size = Teacher(student, 0.25), torch.Size((8, 8))
    first, second, tags = torch.randn(1, 3, 32, 32), torch.randn(1, 3, 32, 32), torch.tensor([[1.0, 0.0]])

    def means(images):
        scores = teacher.network(images)
        maps, features = (
            interpolate(values, size, mode="bilinear", align_corners=True) for values in (scores.maps, scores.features)
        )
        # Pixels vote among the image's classes and the background.
        maps[:, 1] = -torch.inf
        found = mean_vectors(features, maps)
        return dict(zip(found.classes.tolist(), found.vectors, strict=True)), features

    with torch.no_grad():
        before, features = means(first)
        found = teacher.weights(student, first, tags, size)
        assert teacher.known.nonzero().flatten().tolist() == sorted(before)
        for number, vector in before.items():
            torch.testing.assert_close(teacher.prototypes[number], vector)
            torch.testing.assert_close(found[:, number], similarities(features, vector[None])[:, 0])
        after, _ = means(second)
        teacher.weights(student, second, tags, size)
    moved = set(before) & set(after)
    assert moved
    for number in moved:
        torch.testing.assert_close(teacher.prototypes[number], 0.75 * before[number] + 0.25 * after[number])


def test_rectified_targets_give_another_network(smaf, work):
    assert smaf("round1", "--force", *RECTIFIED) == 0
    rectified = torch.load(work / "logdir/proda_model/checkpoint_cls_finally.pth", weights_only=True)["Net"]
    assert smaf("round1", "--force") == 0
    plain = torch.load(work / "logdir/proda_model/checkpoint_cls_finally.pth", weights_only=True)["Net"]
    assert rectified["model_state"].keys() == plain["model_state"].keys(), "the published file has no teacher"
    assert not torch.equal(rectified["model_state"]["fc8.weight"], plain["model_state"]["fc8.weight"])
    assert rectified["objective_vectors"].abs().sum() > 0 and plain["objective_vectors"].abs().sum() == 0


def test_a_stopped_rectified_training_continues_to_the_same_bits_teacher_and_prototypes_included(smaf, work):
    folder = work / "logdir/proda_model/checkpoints"
    assert smaf("round1", "--force", *RECTIFIED) == 0
    straight = load_model_state(folder / "checkpoint_2.pth")
    assert {"teacher.prototypes", "teacher.known", "teacher.network.head.fc8.weight"} <= straight.keys()
    assert smaf("round1", "--force", *RECTIFIED, "--engine.stop_at", "1") == 0
    assert not (folder / "checkpoint_2.pth").exists()
    assert smaf("round1", *RECTIFIED) == 0
    continued = load_model_state(folder / "checkpoint_2.pth")
    assert continued.keys() == straight.keys()
    assert not [name for name, tensor in straight.items() if not torch.equal(tensor, continued[name])]


def test_maps_and_a_second_round_follow_a_rectified_one(smaf, work):
    assert smaf("round1", "--force", *RECTIFIED) == 0
    assert smaf("fuse1", "round2", *RECTIFIED, "--rounds", "2", "--force") == 0
    name = next((work / "logdir/proda_model/result_crf/maps").glob("*.npz"))
    assert np.isfinite(read_cams(name).maps).all()
