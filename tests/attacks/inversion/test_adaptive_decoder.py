"""The adaptive attack on a target that was trained against a decoder: it starts from that decoder, and rescales."""

from typing import Any

import pytest
import torch
from inversion_toys import FIT, threat_model
from torch import Tensor, nn

from privprune.attacks.inversion import ThreatModel
from privprune.attacks.inversion.decoder import DecoderAttack, DecoderSettings
from privprune.attacks.inversion.decoder_training import fit
from privprune.attacks.inversion.pairs import FeatureImagePairs
from privprune.metrics.image_quality import mse
from privprune.models import build_decoder
from privprune.models.decoder import DecoderSize, Standardise, fold
from privprune.settings import read

SETTINGS = {
    "attacker_data": "train",
    "blocks": 0,
    "width": 16,
    "queries": 1,
    "start": "surrogate",
    "rescale": False,
    "fit": {**FIT, "epochs": 2},
}


class Shrunken(nn.Module):
    """Means of 2 x 2 places, so small that a normalisation takes them for constant, with an offset."""

    def forward(self, images: Tensor) -> Tensor:
        """Send small features."""
        return 1e-4 * nn.functional.avg_pool2d(images, 2) + 3


def attack(**changed: Any) -> DecoderAttack:
    """Build the attack."""
    return DecoderAttack(read(DecoderSettings, {**SETTINGS, **changed}, "test"))


def error(of: DecoderAttack, against: ThreatModel) -> float:
    """Return the mean squared error."""
    found = of(against, torch.Generator().manual_seed(0))
    return float(mse(found.images, against.targets(against.scored)).mean())


def surrogate(against: ThreatModel, epochs: int = 30) -> dict[str, Tensor]:
    """Return a decoder that was trained to invert a threat model."""
    learner = attack(start="fresh", fit={**FIT, "epochs": epochs})
    pairs = FeatureImagePairs(against, against.auxiliary, 1)
    decoder = learner.initial_decoder(against, pairs, torch.Generator().manual_seed(1))
    fit(decoder, pairs, learner.settings.fit, torch.Generator().manual_seed(2))
    return {name: value.detach().clone() for name, value in decoder.state_dict().items()}


def test_a_surrogate_is_a_head_start() -> None:
    """After the same short fit it inverts better than a fresh decoder, and the surrogate itself is left alone."""
    learnt = surrogate(threat_model(nn.AvgPool2d(2)))
    kept = {name: value.clone() for name, value in learnt.items()}
    against = threat_model(nn.AvgPool2d(2), surrogate=learnt)
    assert error(attack(), against) < 0.7 * error(attack(start="fresh"), against)
    assert all(torch.equal(value, learnt[name]) for name, value in kept.items())


def test_rescaling_undoes_shrinking() -> None:
    """Features that a normalisation takes for constant are inverted after standardising, and not without."""
    against = threat_model(Shrunken())
    long = {"start": "fresh", "fit": {**FIT, "epochs": 15}}
    assert error(attack(rescale=True, **long), against) < 0.7 * error(attack(**long), against)


@pytest.mark.parametrize("width", [3, 16])
def test_a_folded_decoder_is_the_same_on_standardised_features(width: int) -> None:
    """It makes of them what it made of the features, but where a shortcut without weights reads them."""
    chance = torch.Generator().manual_seed(3)
    decoder = build_decoder((3, 4, 4), (3, 8, 8), blocks=0, width=width, generator=chance)
    features = torch.rand(50, 3, 4, 4, generator=chance) * torch.tensor([0.5, 2, 9]).view(-1, 1, 1) + 4
    decoder(features)
    decoder.eval()
    before = decoder(features)
    mean = features.mean((0, 2, 3))
    scaling = Standardise(mean, features.std((0, 2, 3)), (features - mean.view(-1, 1, 1)).abs().amax((0, 2, 3)))
    assert scaling(features).std((0, 2, 3)).tolist() == pytest.approx([1, 1, 1], rel=1e-4)
    fold(scaling, decoder)
    after = decoder(scaling(features))
    assert torch.allclose(after, before, atol=1e-3) == (width != 3)


def test_the_spread_is_that_of_the_attackers_own_features() -> None:
    """Mean, deviation and largest distance of each channel, over images and places, on either side of the mean."""
    against = threat_model(nn.AvgPool2d(2))
    features = against.features(against.auxiliary).transpose(0, 1).flatten(1)
    mean, deviation, distance = FeatureImagePairs(against, against.auxiliary, 1).spread()
    assert torch.allclose(mean, features.mean(1), atol=1e-6)
    assert torch.allclose(deviation, features.std(1, correction=0), atol=1e-6)
    lowest, highest = features.amin(1), features.amax(1)
    assert torch.allclose(distance, torch.maximum(mean - lowest, highest - mean), atol=1e-6)


def test_vectors_are_rescaled_too() -> None:
    """One number per channel, without places."""
    scaling = Standardise(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 0.0]), torch.tensor([4.0, 0.0]))
    assert scaling(torch.tensor([[3.0, 2.0], [10.0, 7.0]])).tolist() == [[1.0, 0.0], [4.0, 0.0]]


def test_an_image_that_opens_a_closed_channel_is_clipped() -> None:
    """A channel that hardly varied before reaches no further than twice what was seen, on either side of the mean."""
    seen = torch.tensor([0.0, 0.0, 1e-5, 0.0])
    scaling = Standardise(seen.mean()[None], seen.std(correction=0)[None], (seen - seen.mean()).abs().max()[None])
    furthest = 2 * scaling(seen[:, None]).abs().max().item()
    assert scaling(torch.tensor([[0.02], [-0.02]])).flatten().tolist() == pytest.approx([furthest, -furthest], rel=1e-4)


def test_the_surrogate_that_is_expected_has_the_size_of_the_decoder() -> None:
    """Blocks and width where the attack starts from a surrogate, none where it starts afresh."""
    assert attack(blocks=1).surrogate_size == DecoderSize(blocks=1, width=16)
    assert attack(start="fresh").surrogate_size is None


def test_a_surrogate_that_does_not_fit_is_refused() -> None:
    """None at all, or one of another architecture: one line."""
    with pytest.raises(
        ValueError, match=r"^start: found surrogate against a target trained without one, allowed fresh"
    ):
        error(attack(), threat_model(nn.AvgPool2d(2)))
    learnt = surrogate(threat_model(nn.AvgPool2d(2)), epochs=1)
    with pytest.raises(ValueError, match=r"^start: found a surrogate with .* of shape .*, allowed") as refused:
        error(attack(width=5), threat_model(nn.AvgPool2d(2), surrogate=learnt))
    assert "\n" not in str(refused.value)
