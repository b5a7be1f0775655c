"""Early stop at matched accuracy."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from toy import Toy

from privprune.defences import DefenceContext
from privprune.defences.matched_accuracy import MatchedAccuracySettings, accuracy_each, matched_accuracy
from privprune.training.batches import TrainingData
from privprune.training.ensemble import Ensemble
from privprune.training.loop import train
from privprune.training.prediction import predict

EPOCHS = 12


class Film:
    """Records states and accuracies after every epoch of plain training."""

    def __init__(self, ensemble: Ensemble, own: DefenceContext) -> None:
        self.ensemble, self.own = ensemble, own
        self.states: list[Any] = []
        self.accuracies: list[list[float]] = []

    def epoch(self, epoch: int, measurements: Mapping[str, float]) -> None:
        self.states.append(self.ensemble.state_dicts())
        found = accuracy_each(self.ensemble, self.own.images, self.own.labels, self.own.selection)
        self.accuracies.append(found.tolist())

    def close(self) -> None:
        raise AssertionError


@pytest.fixture
def own(context: Callable[..., DefenceContext]) -> DefenceContext:
    """Return the context of two networks with different selection records."""
    return context(0, 1, selection=torch.stack([torch.arange(60, 78), torch.arange(78, 96)]))


def watched(toy: Toy, own: DefenceContext) -> Film:
    """Train without a defence, and record every epoch."""
    ensemble = Ensemble(toy.networks(0, 1))
    film = Film(ensemble, own)
    data = TrainingData(own.images, own.labels, own.members)
    train(ensemble, data, toy.plan(EPOCHS, 0.03), toy.generators(0, 1), reporter=film)
    return film


def test_it_stops_at_the_first_epoch_that_is_as_accurate(toy: Toy, own: DefenceContext) -> None:
    """Each network is that of plain training after the first epoch that reaches the network's target."""
    film = watched(toy, own)
    tops = [max(row[member] for row in film.accuracies[:-2]) for member in (0, 1)]
    targets = torch.tensor(tops)
    stops = [next(e for e in range(EPOCHS) if film.accuracies[e][member] >= targets[member]) for member in (0, 1)]
    assert 0 < stops[0] < stops[1] < EPOCHS - 2
    defence = matched_accuracy(
        MatchedAccuracySettings("matched_accuracy"), DefenceContext(**{**vars(own), "target_accuracy": targets})
    )
    assert defence.fresh
    assert defence.finish is not None
    ensemble = Ensemble(toy.networks(0, 1))
    data = TrainingData(own.images, own.labels, own.members)
    history = train(ensemble, data, toy.plan(EPOCHS, 0.03), toy.generators(0, 1), terms=defence.terms)
    defence.finish(ensemble)
    assert torch.allclose(torch.tensor(history["selection_accuracy"]), torch.tensor(film.accuracies))
    for member in (0, 1):
        for name, value in ensemble.state_dicts()[member].items():
            assert torch.equal(value, film.states[stops[member]][member][name])
    assert defence.measured()["stopped_after_epochs"] == [stop + 1 for stop in stops]
    assert defence.measured()["accuracy_to_match"] == pytest.approx(targets.tolist())


def test_without_reaching_the_target_training_is_complete(toy: Toy, own: DefenceContext) -> None:
    """Where no epoch reaches the target, the network is that of plain training after the last epoch."""
    film = watched(toy, own)
    targets = torch.tensor([1.1, 1.1])
    defence = matched_accuracy(
        MatchedAccuracySettings("matched_accuracy"), DefenceContext(**{**vars(own), "target_accuracy": targets})
    )
    ensemble = Ensemble(toy.networks(0, 1))
    data = TrainingData(own.images, own.labels, own.members)
    train(ensemble, data, toy.plan(EPOCHS, 0.03), toy.generators(0, 1), terms=defence.terms)
    assert defence.finish is not None
    defence.finish(ensemble)
    assert torch.equal(ensemble.state_dicts()[1]["fc1.linear.weight"], film.states[-1][1]["fc1.linear.weight"])
    assert defence.measured()["stopped_after_epochs"] == [EPOCHS, EPOCHS]


def test_accuracy_is_of_each_networks_own_records(toy: Toy, own: DefenceContext) -> None:
    """The accuracy of a network is the fraction of its own records that it classifies correctly."""
    ensemble = Ensemble(toy.networks(0, 1))
    found = accuracy_each(ensemble, own.images, own.labels, own.selection)
    for member in (0, 1):
        alone = Ensemble([toy.networks(0, 1)[member]])
        records = own.selection[member]
        hits = predict(alone, own.images, records)[0].argmax(1) == own.labels[records]
        assert found[member] == hits.float().mean()


def test_without_a_cell_there_is_nothing_to_match(own: DefenceContext) -> None:
    """Starting from a dataset is refused."""
    with pytest.raises(ValueError, match="matched_accuracy: starts from a dataset, allowed models/CELL"):
        matched_accuracy(MatchedAccuracySettings("matched_accuracy"), own)
