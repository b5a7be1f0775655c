"""Networks with BNNeck: sizes, cuts, embeddings and their losses."""

import pytest
import torch
from torch import nn
from toy import Toy

from privprune.errors import UserError
from privprune.models import BlockNet, CutSettings, ReidentificationSettings, build, count_parameters, embedder, split
from privprune.models.reidentification import Neck, batch_hard_triplet
from privprune.models.wire.plain import PlainSettings
from privprune.training.batches import by_identity
from privprune.training.ensemble import Ensemble
from privprune.training.loop import train
from privprune.training.tasks import Classification, Reidentification

SETTINGS = ReidentificationSettings(identities=2, images=4, margin=0.3, triplet_weight=0.5, label_smoothing=0.1)


def built(name: str, size: int, cut: int | None = None, channels: int = 3) -> BlockNet:
    """Build with a fixed generator."""
    own = None if cut is None else CutSettings(cut, None, False, PlainSettings("plain"))
    chance = torch.Generator().manual_seed(0)
    return build(name, in_channels=channels, image_size=size, classes=3, generator=chance, cut=own)


def test_edges_of_resnet18_have_the_known_parameters() -> None:
    """Stem and B blocks of torchvision's ResNet-18 have these parameters; the last stage keeps its size."""
    model = built("resnet18_reid", 64)
    edges = [split(model, f"block{number}")[0] for number in range(1, 9)]
    counts = [83_520, 157_504, 387_648, 683_072, 1_602_112, 2_782_784, 6_455_872, 11_176_512]
    assert [count_parameters(edge) for edge in edges] == counts
    with torch.no_grad():
        sizes = [edge.eval()(torch.zeros(1, 3, 64, 64)).shape[-1] for edge in edges]
    assert sizes == [16, 16, 8, 8, 4, 4, 4, 4]


def test_photos_resnet_sends_what_it_should() -> None:
    """Block2 leaves 16 channels of 16 x 16 places, block4 32 of 8 x 8; BNNeck scales without a shift."""
    model = built("photos_resnet", 32).eval()
    images = torch.zeros(2, 3, 32, 32)
    shapes = [tuple(split(model, name)[0](images).shape[1:]) for name in ("block2", "block4", "neck")]
    assert shapes == [(16, 16, 16), (32, 8, 8), (32,)]
    assert count_parameters(embedder(model)) == 43_216
    assert {name for name, _ in model.named_parameters() if name.startswith(("neck", "fc"))} == {
        "neck.weight",
        "fc.weight",
    }


def test_the_neck_is_batch_normalisation_without_a_shift() -> None:
    """It gives what PyTorch's layer with a bias of zero gives, in training and in use."""
    ours, theirs = Neck(5), nn.BatchNorm1d(5)
    values = torch.randn(8, 5, generator=torch.Generator().manual_seed(1))
    for training in (True, False):
        torch.testing.assert_close(ours.train(training)(values), theirs.train(training)(values))


@pytest.mark.parametrize("cut", [None, 3])
def test_an_observation_holds_what_is_before_the_neck(cut: int | None) -> None:
    """With a cut and without, the pooled features are the mean of the last maps, and the logits are the network's."""
    model = built("photos_resnet", 32, cut).eval()
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        seen = Ensemble([model]).observe(images)
        torch.testing.assert_close(seen.logits, model(images))
        torch.testing.assert_close(seen.pooled, split(model, "block4")[0](images).mean((2, 3)))
        assert (seen.features is None) == (cut is None)
        torch.testing.assert_close(embedder(model)(images), model.neck(seen.pooled))


def test_a_network_without_a_neck_has_no_embedding() -> None:
    """It is told with the blocks that there are."""
    with pytest.raises(UserError, match="found 'neck'"):
        embedder(built("photos_cnn", 32))


def test_batch_hard_triplet_is_the_loop() -> None:
    """Each record's farthest of its own against its nearest of the others, one by one."""
    chance = torch.Generator().manual_seed(3)
    features, labels = torch.randn(12, 4, generator=chance), torch.arange(12) % 3
    losses = []
    for anchor, label in zip(features, labels, strict=True):
        distances = [(anchor - other).norm().item() for other in features]
        own = max(one for one, other in zip(distances, labels, strict=True) if other == label)
        others = min(one for one, other in zip(distances, labels, strict=True) if other != label)
        losses.append(max(0.0, 0.3 + own - others))
    assert batch_hard_triplet(features, labels, 0.3).item() == pytest.approx(sum(losses) / 12, abs=1e-5)


def test_the_triplet_loss_has_a_gradient_where_records_are_equal() -> None:
    """Equal features, whose distance has no slope, give finite gradients and the margin as the loss."""
    features = torch.ones(6, 4, requires_grad=True)
    loss = batch_hard_triplet(features, torch.arange(6) % 2, 0.3)
    loss.backward()
    assert loss.item() == pytest.approx(0.3, abs=1e-5)
    assert features.grad is not None
    assert bool(features.grad.isfinite().all())


def test_the_loss_is_the_weighted_sum() -> None:
    """Smoothed cross-entropy of the logits plus the weighted triplet loss of the features before the neck."""
    chance = torch.Generator().manual_seed(4)
    logits, pooled = torch.randn(8, 3, generator=chance), torch.randn(8, 5, generator=chance)
    labels = torch.tensor([0, 0, 1, 1, 2, 2, 0, 1])
    target = torch.full((8, 3), 0.1 / 3)
    target[torch.arange(8), labels] += 0.9
    expected = -(target * logits.log_softmax(1)).sum(1).mean() + 0.5 * batch_hard_triplet(pooled, labels, 0.3)
    found = Reidentification(SETTINGS).losses(logits, pooled, labels, 1)
    torch.testing.assert_close(found, expected[None])


@pytest.mark.parametrize("images", [2, 4, 5])
def test_batches_hold_p_identities_with_k_images_each(toy: Toy, images: int) -> None:
    """Every batch has P different identities and K different images of each, fresh ones until all had their turn."""
    data = toy.data(2)
    data.labels[:] = torch.arange(96) % 8
    batches = list(by_identity(data, 3, images, toy.generators(0, 1)))
    assert len(batches) == 96 // (3 * images)
    for member in range(2):
        seen: dict[int, list[int]] = {}
        for batch in batches:
            records = data.indices[member, batch[member]]
            counts = data.labels[records].bincount()
            assert sorted(counts[counts > 0].tolist()) == [images] * 3
            assert len(set(records.tolist())) == 3 * images
            for record in records.tolist():
                seen.setdefault(record % 8, []).append(record)
        assert all(len(set(records[:12])) == min(12, len(records)) for records in seen.values())
        turns = [set((data.labels[data.indices[member, batch[member]]]).tolist()) for batch in batches]
        assert all(not first & second for first, second in zip(turns[::2], turns[1::2], strict=False))


def test_a_member_draws_by_its_own_generator_alone(toy: Toy) -> None:
    """The batches of a member are the same alone and beside others."""
    both = torch.stack(list(by_identity(toy.data(2), 2, 4, toy.generators(7, 8))))
    for member, seed in enumerate((7, 8)):
        alone = torch.stack(list(by_identity(toy.data(1), 2, 4, toy.generators(seed))))
        assert torch.equal(both[:, member], alone[:, 0])
    assert not torch.equal(both[:, 0], both[:, 1])


def test_an_identity_with_few_images_fills_its_place_with_them(toy: Toy) -> None:
    """Of three images all are in its five places; an identity with one image is never drawn."""
    data = toy.data(1)
    data.labels[:] = 0
    data.labels[:3], data.labels[3] = 1, 2
    for (batch,) in by_identity(data, 2, 5, toy.generators(0)):
        records = data.indices[0, batch]
        assert set(records[data.labels[records] == 1].tolist()) == {0, 1, 2}
        assert not bool((data.labels[records] == 2).any())


def test_what_cannot_be_filled_is_told(toy: Toy) -> None:
    """More identities than have two images, and a batch of another size, end in one line."""
    with pytest.raises(ValueError, match=r"reidentification\.identities: found 4, allowed at most 3"):
        by_identity(toy.data(1), 4, 2, toy.generators(0))
    with pytest.raises(ValueError, match=r"plan\.batch: found 32, allowed 8"):
        Reidentification(SETTINGS).batches(toy.data(1), 32, toy.generators(0))


def test_training_pulls_identities_together(toy: Toy) -> None:
    """The loop with this task sorts the toy's classes, and its losses are no classification's."""
    models = [built("photos_resnet", 8, channels=1) for _ in range(2)]
    histories = [
        train(Ensemble([model]), toy.data(1), toy.plan(4, 0.05, batch=8), toy.generators(0), task=task)
        for model, task in zip(models, (Reidentification(SETTINGS), Classification()), strict=True)
    ]
    assert histories[0]["accuracy"][-1][0] > 0.9
    assert histories[0]["loss"][-1][0] < histories[0]["loss"][0][0]
    assert histories[0]["loss"] != histories[1]["loss"]


def test_a_stack_or_a_network_without_a_neck_cannot_be_trained_so(toy: Toy) -> None:
    """Whoever has no feature before BNNeck is told."""
    with pytest.raises(ValueError, match="found a network without BNNeck or a stack"):
        train(
            Ensemble(toy.networks(0)),
            toy.data(1),
            toy.plan(1, batch=8),
            toy.generators(0),
            task=Reidentification(SETTINGS),
        )
