"""ADMM against brute force and a plain loop."""

import math
from itertools import combinations
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from cut_toys import HostReads

from privprune.errors import UserError
from privprune.pruning import Counts
from privprune.pruning.admm import AdmmSettings, AdmmTerm, admm, checks, project
from privprune.pruning.magnitude import magnitude_mask
from privprune.settings import read
from privprune.training.batches import as_input, shuffled
from privprune.training.ensemble import Ensemble
from privprune.training.loop import History, Step, train
from privprune.training.trained import Trained

COUNTS: Counts = {
    "conv1.conv.weight": 100,
    "conv2.conv.weight": 600,
    "fc1.linear.weight": 900,
    "fc2.linear.weight": 192,
}


def test_the_z_step_is_the_euclidean_projection() -> None:
    """Among all sets of three out of six weights, none is nearer than what `project` returns."""
    values = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(3))
    projected = project({"layer": values}, {"layer": 3})["layer"]
    for value, found in zip(values.flatten(1), projected.flatten(1), strict=True):
        candidates = []
        for places in combinations(range(6), 3):
            candidate = torch.zeros(6)
            candidate[list(places)] = value[list(places)]
            candidates.append(candidate)
        nearest = min(candidates, key=lambda candidate, value=value: float((candidate - value).square().sum()))
        assert torch.equal(found, nearest)


def test_the_term_is_admm_as_a_plain_loop_does_it(toy: Any) -> None:
    """Weights after four epochs, Z and U moved after the second and the fourth, agree with explicit W, Z and U."""
    rho, plan = 0.1, toy.plan(4)
    ensemble = Ensemble(toy.networks(0))
    history = train(ensemble, toy.data(1), plan, toy.generators(0), terms=(AdmmTerm(COUNTS, rho, update_every=2),))

    (twin,) = toy.networks(0)
    data, generators = toy.data(1), toy.generators(0)
    optimiser = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9, weight_decay=0.001)
    weights = {name: value for name, value in twin.named_parameters() if COUNTS.get(name, math.inf) < value.numel()}

    def cut(name: str, value: torch.Tensor) -> torch.Tensor:
        smallest = value.abs().flatten().sort(descending=True).values[COUNTS[name] - 1]
        return torch.where(value.abs() >= smallest, value, 0.0)

    Z = {name: cut(name, weight.detach()) for name, weight in weights.items()}
    U = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for epoch in range(4):
        for places in shuffled(data, 32, generators):
            records = data.indices[0, places[0]]
            loss = F.cross_entropy(twin(as_input(data.images[records])), data.labels[records])
            for name, weight in weights.items():
                loss = loss + rho / 2 * (weight - Z[name] + U[name]).square().sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        if epoch in (1, 3):
            for name, weight in weights.items():
                Z[name] = cut(name, weight.detach() + U[name])
                U[name] = U[name] + weight.detach() - Z[name]
    for name, weight in weights.items():
        torch.testing.assert_close(ensemble.weights()[name][0], weight, rtol=1e-4, atol=1e-5)
    missed = sum(float((weight.detach() - Z[name]).square().sum()) for name, weight in weights.items()) ** 0.5
    size = sum(float(weight.detach().square().sum()) for weight in weights.values()) ** 0.5
    assert history["primal_residual"][-1][0] == pytest.approx(missed / size, rel=1e-3)


def test_the_primal_residual_falls_as_rho_grows(toy: Any) -> None:
    """It ends each phase lower than the one before, and the last one below a hundredth, for each network."""
    histories: dict[str, History] = {}
    ensemble = Ensemble(toy.networks(0, 1))
    plan = toy.plan(8, learning_rate=0.05, batch=8, momentum=0.5)
    settings = AdmmSettings(name="admm", rho_start=0.1, rho_rounds=3, update_every=2, carry=False, plan=plan)
    fit = toy.fit(ensemble, histories)
    fit("dense", toy.plan(4, learning_rate=0.05, batch=8, momentum=0.5), (), {})
    mask = admm(settings, ensemble, COUNTS, fit, toy.generators(0, 1))
    assert list(histories)[1:] == ["admm, rho 0.1", "admm, rho 1", "admm, rho 10"]
    first, second, third = (history["primal_residual"][-1] for history in list(histories.values())[1:])
    for member in range(2):
        assert first[member] > second[member] > third[member]
        assert third[member] < 0.01
    at_the_end = magnitude_mask(ensemble.weights(), COUNTS)
    assert all(torch.equal(mask.kept[name], at_the_end.kept[name]) for name in COUNTS)


def test_stacked_networks_are_pruned_as_one_by_one(toy: Any) -> None:
    """Two networks side by side end with the weights and residuals that each has alone."""
    plan = toy.plan(3)
    together = Ensemble(toy.networks(0, 1))
    stacked = train(together, toy.data(2), plan, toy.generators(0, 1), terms=(AdmmTerm(COUNTS, 0.1, 1),))
    for member in range(2):
        alone = Ensemble(toy.networks(member))
        single = train(alone, toy.data(1), plan, toy.generators(member), terms=(AdmmTerm(COUNTS, 0.1, 1),))
        for name, weight in alone.weights().items():
            torch.testing.assert_close(together.weights()[name][member], weight[0], rtol=1e-3, atol=1e-4)
        expected = [row[0] for row in single["primal_residual"]]
        assert [row[member] for row in stacked["primal_residual"]] == pytest.approx(expected, rel=1e-3)


def test_a_budget_that_prunes_nothing_adds_nothing(toy: Any) -> None:
    """With every layer whole, training with the term is training without it, to the bit."""
    plain, with_term = Ensemble(toy.networks(0)), Ensemble(toy.networks(0))
    whole = {name: weight[0].numel() for name, weight in plain.weights().items()}
    train(plain, toy.data(1), toy.plan(2), toy.generators(0))
    history = train(with_term, toy.data(1), toy.plan(2), toy.generators(0), terms=(AdmmTerm(whole, 1.0, 1),))
    assert all(torch.equal(weight, plain.weights()[name]) for name, weight in with_term.weights().items())
    assert "primal_residual" not in history


def test_phases_that_never_move_z_are_refused() -> None:
    """The line names both numbers."""
    plan = {
        "epochs": 5,
        "batch": 32,
        "optimiser": {"name": "sgd", "learning_rate": 0.01, "momentum": 0.5, "weight_decay": 0},
        "schedule": {"name": "constant", "milestones": [], "factor": 1},
        "augmentation": "none",
        "precision": "float32",
    }
    written = {"name": "admm", "rho_start": 0.001, "rho_rounds": 4, "update_every": 9, "carry": True, "plan": plan}
    with pytest.raises(UserError, match=r"method: update_every: found 9, allowed at most plan\.epochs 5"):
        read(AdmmSettings, written, "method")


def test_z_and_u_are_carried_to_the_next_rho(toy: Any) -> None:
    """Z stays, and U is divided by what rho is multiplied by, so that rho U, the dual variable, stays."""
    ensemble = Ensemble(toy.networks(0))
    first = AdmmTerm(COUNTS, 0.1, 1)
    train(ensemble, toy.data(1), toy.plan(2), toy.generators(0), terms=(first,))
    second = AdmmTerm(COUNTS, 1.0, 1, first)
    second.start(ensemble)
    for name, dual in first._dual.items():
        assert dual.abs().sum() > 0
        torch.testing.assert_close(1.0 * second._dual[name], 0.1 * dual)
        assert torch.equal(second._split[name], first._split[name])
        torch.testing.assert_close(second._target[name], first._split[name] - dual / 10)


def test_several_updates_in_an_epoch_are_made(toy: Any) -> None:
    """Three steps an epoch, and an update every third of an epoch, are an update after every step."""
    moves: list[int] = []

    class Counted(AdmmTerm):
        def update(self, step: Any) -> None:
            before = self._updates
            super().update(step)
            moves.append(self._updates - before)

    train(Ensemble(toy.networks(0)), toy.data(1), toy.plan(3), toy.generators(0), terms=(Counted(COUNTS, 0.1, 1 / 3),))
    assert moves == [1] * 9
    moves.clear()
    train(Ensemble(toy.networks(0)), toy.data(1), toy.plan(3), toy.generators(0), terms=(Counted(COUNTS, 0.1, 1.5),))
    assert moves == [0, 0, 0, 0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize(("last", "passed"), [(0.009, True), (0.03, False), (math.nan, False)])
def test_the_residual_at_the_cut_is_checked(last: float, passed: bool) -> None:
    """The last value that was measured counts, whatever retraining follows; without any the check fails."""
    rows = [[0.2, 0.2], [0.005, last], [math.nan, math.nan]]
    curves = {"primal_residual": rows if math.isfinite(last) else [[math.nan, math.nan]]}
    trained = Trained(curves, (("admm", 2), ("retrain", 1)), {})
    (found,) = checks(None, trained)  # type: ignore[arg-type]
    assert found.passed == passed


def test_an_update_within_an_epoch_waits_for_no_value(toy: Any) -> None:
    """On a GPU, reading one back would make the step wait."""
    ensemble = Ensemble(toy.networks(0))
    term = AdmmTerm(COUNTS, 0.1, 0.5)
    term.start(ensemble)
    inputs = as_input(toy.data(1).images[:6])
    step = Step(ensemble, inputs, toy.data(1).labels[:6], ensemble(inputs), None, None, 0.1, 0, False, passed=0.5)
    with HostReads() as reads:
        term.update(step)
    assert term._updates == 1
    assert reads.count == 0
