"""PATROL's Lipschitz terms, and their combination with its game."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from cut_toys import HostReads, cut_at, cut_ensemble, cut_step, cut_training, same_weights
from games import GAME
from toy import Toy

from privprune.defences import DefenceContext, build_defence
from privprune.defences.lipschitz import Lipschitz, LipschitzSettings, _statistics
from privprune.defences.patrol import PatrolSettings
from privprune.errors import UserError
from privprune.metrics.lipschitz import local_lipschitz
from privprune.models import BlockNet, CutSettings, build, edge_parts, reseed
from privprune.models.skip import RandomBlocksSettings
from privprune.models.wire.plain import PlainSettings
from privprune.settings import read
from privprune.training.batches import as_input
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step

MakeSetting = Callable[..., DefenceContext]
RESIDUAL = CutSettings(3, None, extra_convolution=False, wire=PlainSettings("plain"), skip=None)


def lipschitz(**changed: Any) -> LipschitzSettings:
    """Return settings with some changed."""
    complete = {"weights": (1.0,), "deviation": 0.1, "share": 1.0, "over": "mean", "normalised": True}
    return LipschitzSettings(**{**complete, **changed})


def residual(cut: CutSettings = RESIDUAL) -> Ensemble:
    """Return ResNet-20 with an edge of stem and two blocks; normalisations have weights of both signs, and offsets."""
    chance = torch.Generator().manual_seed(1)
    network = build("resnet20", in_channels=1, image_size=8, classes=3, generator=chance, cut=cut)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data = torch.randn(module.weight.shape, generator=chance)
            module.bias.data = torch.randn(module.bias.shape, generator=chance)
    reseed(network, 0)
    return Ensemble([network])


def penalty(context: DefenceContext, ensemble: Ensemble, **changed: Any) -> tuple[torch.Tensor, Lipschitz, Step]:
    """Return the penalty of a first step, the term and the step."""
    term = Lipschitz(lipschitz(**changed), context)
    term.start(ensemble)
    step = cut_step(ensemble, context)
    return term.penalty(step), term, step


def frozen(ensemble: Ensemble, inputs: torch.Tensor) -> list[torch.nn.Sequential]:
    """Return the edge's blocks in evaluation mode, with the statistics of a batch."""
    network = copy.deepcopy(ensemble.module)
    assert isinstance(network, BlockNet)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
            module.register_forward_hook(_biased)
    blocks = edge_parts(network)
    with torch.no_grad():
        for block in blocks:
            inputs = block(inputs)
    return [block.eval() for block in blocks]


def _biased(module: torch.nn.Module, taken: tuple[torch.Tensor], output: torch.Tensor) -> None:
    """Store the biased variance, which training divides by, in place of the unbiased one."""
    del output
    if module.training:
        module.running_var.copy_(taken[0].var((0, 2, 3), correction=0))  # type: ignore[operator]


def test_the_penalty_is_that_of_the_network_with_its_batch_statistics(context: MakeSetting) -> None:
    """On a whole batch it is the metric, with the same noise, of the network in evaluation mode with its statistics."""
    own, ensemble = context(0, cut=RESIDUAL), residual()
    inputs = as_input(own.images[own.members[0, :12]])
    blocks = frozen(ensemble, inputs)
    expected = local_lipschitz(blocks, inputs, 0.1, context(0).generators[0])
    assert len(expected) == 2  # the stem counts with the first residual block
    found, term, _ = penalty(own, ensemble)
    assert found.item() == pytest.approx(sum(expected), rel=1e-3)
    assert [float(value) for value in term.measurements().values()] == pytest.approx(expected, rel=1e-3)


def test_the_gradient_includes_the_batch_statistics(context: MakeSetting) -> None:
    """It agrees with finite differences along random directions, where the batch statistics change too."""
    ensemble = residual()
    ensemble.module.double()
    own = context(0, cut=RESIDUAL)
    inputs = as_input(own.images[own.members[0, :12]]).double()
    parameters = [value for name, value in ensemble.module.named_parameters() if name.startswith(("stem", "block1"))]
    chance = torch.Generator().manual_seed(4)
    direction = [torch.randn(value.shape, generator=chance, dtype=torch.float64) for value in parameters]

    def at(distance: float) -> tuple[float, float]:
        """Return the penalty at a distance along the direction, and its directional derivative there."""
        _move(parameters, direction, distance)
        term = Lipschitz(lipschitz(share=0.5, normalised=False), context(0, cut=RESIDUAL))
        term.start(ensemble)
        seen = ensemble.observe(inputs)
        found = term.penalty(
            Step(ensemble, inputs, own.labels[:12], seen.logits, seen.features, seen.sent, 0.1, 0, False)
        )
        term.stop(ensemble)
        gradients = torch.autograd.grad(found, parameters)
        _move(parameters, direction, -distance)
        return found.item(), sum(float((one * along).sum()) for one, along in zip(gradients, direction, strict=True))

    _, slope = at(0.0)
    difference = (at(1e-6)[0] - at(-1e-6)[0]) / 2e-6
    assert slope == pytest.approx(difference, rel=1e-3)


@torch.no_grad()
def _move(parameters: list[torch.Tensor], direction: list[torch.Tensor], distance: float) -> None:
    for value, along in zip(parameters, direction, strict=True):
        value.add_(distance * along)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_statistics_are_those_that_the_normalisation_kept(precision: torch.dtype) -> None:
    """The values that PyTorch stores for the backward pass are mean and 1 / sqrt(variance + epsilon) of the inputs."""
    norm, taken = torch.nn.BatchNorm2d(5), 2 + 3 * torch.randn(6, 5, 4, 4, generator=torch.Generator().manual_seed(3))
    taken = taken.to(precision)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        output = norm(taken)
    assert hasattr(output.grad_fn, "_saved_result1")  # else both were computed, and nothing was compared
    kept = _statistics(norm, taken, output)
    computed = _statistics(norm, taken, norm(taken).detach())
    for one, other in zip(kept, computed, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_scaling_features_down_does_not_lower_the_normalised_penalty(context: MakeSetting) -> None:
    """A hundredth of the last normalisation's scale does not change the normalised penalty, but lowers the other."""
    found: dict[bool, list[float]] = {True: [], False: []}
    for normalised, values in found.items():
        for factor in (1.0, 0.01):
            ensemble = cut_ensemble(cut_at(1, None))
            convolution = ensemble.module.get_submodule("conv1.conv")
            for value in convolution.parameters():
                value.data *= factor
            values.append(penalty(context(0, cut=cut_at(1, None)), ensemble, normalised=normalised)[0].item())
    assert found[True][1] == pytest.approx(found[True][0], rel=1e-3)
    assert found[False][1] == pytest.approx(0.01 * found[False][0], rel=1e-3)


def test_the_step_is_undisturbed(context: MakeSetting) -> None:
    """The noisy pass changes no statistics, no gradient of the cloud and no later pass; the host does not wait."""
    own, ensemble = context(0, cut=RESIDUAL), residual()
    term = Lipschitz(lipschitz(share=0.5), own)
    term.start(ensemble)
    step = cut_step(ensemble, own)
    before = ensemble.state_dicts()[0]
    with HostReads() as reads:
        loss = term.penalty(step)
    assert reads.count == 0
    assert all(torch.equal(value, before[name]) for name, value in ensemble.state_dicts()[0].items())
    loss.backward()
    moved = {name.split(".")[0] for name, value in ensemble.module.named_parameters() if value.grad is not None}
    assert moved == {"stem", "block1", "block2"}
    hooks = [module for module in ensemble.module.modules() if module._forward_hooks or "forward" in vars(module)]
    term.stop(ensemble)
    assert hooks
    assert not any(module._forward_hooks or "forward" in vars(module) for module in ensemble.module.modules())


def test_weights_and_the_supremum(context: MakeSetting) -> None:
    """One alpha applies to all blocks, several to one each; the batch's maximum is not below its mean."""
    cut = cut_at(2, None)

    def of(**changed: Any) -> float:
        return penalty(context(0, cut=cut), cut_ensemble(cut), **changed)[0].item()

    both, first, second = of(weights=(2.0,)), of(weights=(1.0, 0.0)), of(weights=(0.0, 1.0))
    assert both == pytest.approx(2 * (first + second), rel=1e-5)
    assert of(over="max") > 1.01 * (first + second)


def test_the_terms_lower_what_they_measure(toy: Toy, context: MakeSetting) -> None:
    """Training with a large weight gives smaller normalised constants than training with weight 0."""
    ends = []
    for weight in (0.0, 0.3):
        own = context(0, cut=cut_at(2, None))
        term = Lipschitz(lipschitz(weights=(weight,)), own)
        _, history = cut_training(toy, own, (term,), epochs=8)
        ends.append(sum(history[f"lipschitz_{number}"][-1][0] for number in (1, 2)))
    assert ends[1] < 0.9 * ends[0]


def test_without_weight_it_is_plain_training(toy: Toy, context: MakeSetting) -> None:
    """With alpha = 0 the network is that of training without the term, and has no hooks left."""
    own = context(0, cut=cut_at())
    plain, _ = cut_training(toy, own, ())
    watched, _ = cut_training(toy, own, (Lipschitz(lipschitz(weights=(0.0,)), own),))
    assert same_weights(plain, watched)
    assert not any(module._forward_hooks for module in watched.module.modules())


@pytest.mark.parametrize("parts", [("lipschitz",), ("game",), ("lipschitz", "game")])
def test_patrol_takes_either_part_or_both(toy: Toy, context: MakeSetting, parts: tuple[str, ...]) -> None:
    """Each part logs its own metrics; the game returns a surrogate that fits a decoder, the other part none."""
    alone = {"weights": [0.1], "deviation": 0.1, "share": 0.5, "over": "max", "normalised": True}
    complete = {"lipschitz": alone, "game": {**GAME, "relative": False}}
    found = {"name": "patrol", **{key: value if key in parts else None for key, value in complete.items()}}
    own = context(0, cut=cut_at(bottleneck=None))
    defence = build_defence(read(PatrolSettings, found, "suite.yaml"), own)
    _, history = cut_training(toy, own, defence.terms)
    assert ("lipschitz_1" in history, "decoder_mse" in history) == ("lipschitz" in parts, "game" in parts)
    assert (defence.surrogate is not None) == ("game" in parts)
    if defence.surrogate is not None:
        surrogate = defence.surrogate()
        assert all(not value.requires_grad and torch.isfinite(value).all() for value in surrogate.values())
        assert surrogate["0.conv1.weight"].shape == (8, 16, 3, 3)


def test_what_cannot_be_regularised_is_refused(context: MakeSetting) -> None:
    """Networks without a cut, a wrong number of weights, and an edge with random layers: one line each."""
    with pytest.raises(ValueError, match=r"^patrol: found a whole network, allowed one with network.cut"):
        build_defence(PatrolSettings("patrol", lipschitz(), None), context(0))
    with pytest.raises(UserError, match=r"^lipschitz.weights: found 3, allowed 1, or 2 for the edge's blocks"):
        penalty(context(0, cut=RESIDUAL), residual(), weights=(1.0, 1.0, 1.0))
    skip = RandomBlocksSettings("random_blocks", 0.5)
    random = CutSettings(3, None, extra_convolution=False, wire=PlainSettings("plain"), skip=skip)
    with pytest.raises(UserError, match=r"^lipschitz: found an edge that draws random numbers"):
        penalty(context(0, cut=random), residual(random))
