"""A training that diverges."""

import pickle

import pytest
import torch
from toy import Toy

from privprune.errors import UserError
from privprune.training.divergence import Diverged, told_with_seeds
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, Term, train


class Spoils(Term):
    """Make the weights of one network infinite in one epoch."""

    def __init__(self, member: int, epoch: int) -> None:
        self._at = member, epoch

    def update(self, step: Step) -> None:
        member, epoch = self._at
        if step.epoch == epoch and step.last_of_epoch:
            for weight in step.ensemble.weights().values():
                weight.data[member] = torch.inf


def test_a_loss_that_is_not_finite_ends_the_training(toy: Toy) -> None:
    """Which network and which epoch are known, and survive the way from a worker; nothing is trained after it."""
    with pytest.raises(Diverged) as told:
        train(Ensemble(toy.networks(0, 1)), toy.data(2), toy.plan(4), toy.generators(0, 1), terms=(Spoils(1, 1),))
    known = pickle.loads(pickle.dumps(told.value))  # noqa: S301 (made above)
    assert (known.phase, known.epoch, known.members) == ("train", 3, (1,))


def test_weights_that_are_not_finite_at_the_end_are_noticed(toy: Toy) -> None:
    """The last step of all may spoil them, when no loss follows."""
    with pytest.raises(Diverged) as told:
        train(Ensemble(toy.networks(0)), toy.data(1), toy.plan(2), toy.generators(0), terms=(Spoils(0, 1),))
    assert told.value.epoch == 2


def test_a_training_that_stays_finite_is_not_touched(toy: Toy) -> None:
    """A large learning rate alone is no divergence."""
    history = train(Ensemble(toy.networks(0)), toy.data(1), toy.plan(2), toy.generators(0))
    assert len(history["loss"]) == 2


def test_it_is_told_with_cell_seed_and_epoch() -> None:
    """One line, without the words of a traceback."""
    with pytest.raises(UserError) as told, told_with_seeds("digits-dp", [3, 4, 5]):
        raise Diverged("retrain", 7, (0, 2))
    assert str(told.value) == (
        "digits-dp: training diverged: found a loss that is not finite, seed 3, 5, epoch 7 of retrain; "
        "allowed a lower learning rate or weight of a defence"
    )
