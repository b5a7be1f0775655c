"""Tests of all registered defences, with the examples that they declare."""

import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import pytest
import torch
from cut_toys import cut_at, cut_ensemble
from toy import Toy

from privprune.defences import (
    DEFENCES,
    Defence,
    DefenceContext,
    DefenceMethod,
    build_defence,
    import_slow_modules,
    surrogate_of,
)
from privprune.errors import UserError
from privprune.registry import Registry
from privprune.settings import read
from privprune.training.batches import TrainingData
from privprune.training.ensemble import Ensemble
from privprune.training.loop import train

pytestmark = [  # warnings of torch and Opacus about inputs of the first layer, and about the toy's small budgets
    pytest.mark.filterwarnings("ignore:Full backward hook is firing"),
    pytest.mark.filterwarnings("ignore:Optimal order is the largest alpha"),
]
Example = Mapping[str, Any]
EXAMPLES = [example for method in DEFENCES.values() for example in method.examples]
ON_A_GAME: list[Example] = [{**DEFENCES["cem"].examples[1], "base": DEFENCES["resfl"].examples[0]}]
ALL = [*EXAMPLES, *ON_A_GAME]
UNCHANGED = {"dense", "from_scratch", "matched_accuracy"}  # controls: they train as always, or choose a state of it


def settings_of(example: Example) -> Any:
    """Read settings as a suite's entry does."""
    return read(DEFENCES[example["name"]].settings, example, "suite.yaml")


def defended(example: Example, context: DefenceContext, toy: Toy) -> tuple[Ensemble, Defence, Any]:
    """Train one network with a defence, on the context's members."""
    defence = build_defence(settings_of(example), context)
    ensemble = Ensemble(toy.networks(0)) if context.cut is None else cut_ensemble(context.cut)
    data = TrainingData(context.images, context.labels, context.members)
    plan = toy.plan(context.epochs, batch=context.batch, momentum=0.0)
    history = train(ensemble, data, plan, toy.generators(1), terms=defence.terms, transform=defence.transform)
    if defence.finish is not None:
        defence.finish(ensemble)
    return ensemble, defence, history


def test_every_defence_has_an_example_of_its_own_name() -> None:
    """Each file of the folder is in the registry, and its examples can be read as its settings."""
    for name, method in DEFENCES.items():
        assert method.examples
        assert {settings_of(example).name for example in method.examples} == {name}


@pytest.mark.parametrize("example", ALL, ids=lambda example: "-".join(str(one) for one in example.values())[:40])
def test_a_defence_trains_and_restores_the_network(
    example: Example, context: Callable[..., DefenceContext], toy: Toy
) -> None:
    """Weights are finite, the network has no wrapper, metrics have a value per network, and all is reproducible."""
    cut = cut_at(2, extra=True) if "cut" in DEFENCES[example["name"]].needs else None
    given = {"target_accuracy": torch.tensor([0.99]), "cut": cut}
    global_state = torch.get_rng_state()
    ensemble, defence, history = defended(example, context(0, **given), toy)
    again, _, _ = defended(example, context(0, **given), toy)
    assert torch.equal(torch.get_rng_state(), global_state)
    (state,), (state_again,) = ensemble.state_dicts(), again.state_dicts()
    fresh = toy.networks(9)[0] if cut is None else cut_ensemble(cut, seed=9).module
    fresh.load_state_dict(state)
    for name, value in state.items():
        assert torch.isfinite(value).all()
        assert torch.equal(value, state_again[name]), name
    assert all(len(rows) == 3 and {len(row) for row in rows} == {1} for rows in history.values())
    assert all(len(values) == 1 for values in defence.measured().values())


@pytest.mark.parametrize("example", ALL, ids=lambda example: "-".join(str(one) for one in example.values())[:40])
def test_the_surrogate_has_the_declared_size(example: Example, context: Callable[..., DefenceContext]) -> None:
    """A defence returns a decoder's weights exactly if it declares a decoder."""
    cut = cut_at(2, extra=True) if "cut" in DEFENCES[example["name"]].needs else None
    defence = build_defence(settings_of(example), context(0, target_accuracy=torch.tensor([0.99]), cut=cut))
    assert (defence.surrogate is None) == (surrogate_of(settings_of(example)) is None)


@pytest.mark.parametrize("example", ALL, ids=lambda example: "-".join(str(one) for one in example.values())[:40])
def test_a_defence_changes_what_is_learnt(example: Example, context: Callable[..., DefenceContext], toy: Toy) -> None:
    """A network ends elsewhere than one that is trained without; a term whose weight is lost would change nothing."""
    cut = cut_at(2, extra=True) if "cut" in DEFENCES[example["name"]].needs else None
    given = context(0, target_accuracy=torch.tensor([0.99]), cut=cut)
    ensemble, _, _ = defended(example, given, toy)
    plain, _, _ = defended(DEFENCES["dense"].examples[0], given, toy)
    (state,), (plain_state,) = ensemble.state_dicts(), plain.state_dicts()
    same = all(torch.equal(value, plain_state[name]) for name, value in state.items())
    assert same == (example["name"] in UNCHANGED), example["name"]


STACKED = [example for example in ALL if not DEFENCES[example["name"]].needs & {"cut", "one_network"}]


@pytest.mark.parametrize("example", STACKED, ids=lambda example: example["name"] + example.get("variant", ""))
def test_a_stack_is_its_networks_one_by_one(example: Example, context: Callable[..., DefenceContext], toy: Toy) -> None:
    """Two networks trained as one stack end as each does alone: no defence mixes the networks of a stack."""
    given = {"target_accuracy": torch.tensor([0.99])}
    alone = [trained(example, context(seed, **given), toy, seed) for seed in (0, 1)]
    stacked = trained(example, context(0, 1, target_accuracy=torch.tensor([0.99, 0.99])), toy, 0, 1)
    for network, (state,) in enumerate(alone):
        for name, value in state.items():
            torch.testing.assert_close(stacked[network][name], value, rtol=0, atol=1e-5)


def trained(example: Example, context: DefenceContext, toy: Toy, *seeds: int) -> list[dict[str, torch.Tensor]]:
    """Return the weights of networks that are trained with a defence, a network for each seed."""
    defence = build_defence(settings_of(example), context)
    ensemble = Ensemble(toy.networks(*seeds))
    data = TrainingData(context.images, context.labels, context.members)
    plan = toy.plan(context.epochs, batch=context.batch, momentum=0.0)
    train(ensemble, data, plan, toy.generators(*seeds), terms=defence.terms, transform=defence.transform)
    if defence.finish is not None:
        defence.finish(ensemble)
    return ensemble.state_dicts()


def test_slow_modules_are_imported_before_workers_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """`import_slow_modules` imports the modules that the defence declares, and nothing without a defence."""
    monkeypatch.delitem(sys.modules, "slow_module", raising=False)
    imported: list[str] = []
    monkeypatch.setattr("privprune.defences.registry.import_module", imported.append)
    import_slow_modules(None)
    assert imported == []
    import_slow_modules(settings_of(DEFENCES["dp_sgd"].examples[0]))
    assert imported == ["opacus"]


def test_a_file_adds_a_defence_and_a_name_is_taken_once() -> None:
    """A module that declares a method is registered without other edits; a second method of that name is refused."""
    registry = Registry("privprune.defences", DefenceMethod, "privprune.tests-have-none")
    method = DEFENCES["dense"]
    module = ModuleType("outside")
    module.METHOD = DefenceMethod(settings=method.settings, build=method.build, examples=())  # type: ignore[attr-defined]
    with pytest.raises(UserError, match=r"outside: found the name 'dense', which privprune\.defences\.dense has taken"):
        registry.add(module)


def test_a_need_that_nothing_checks_is_refused() -> None:
    """A misspelt need would need nothing."""
    method = DEFENCES["dense"]
    with pytest.raises(ValueError, match=r"^needs: found 'class', allowed cut, reference, "):
        DefenceMethod(method.settings, method.build, (), needs=frozenset({"class"}))  # type: ignore[arg-type]
