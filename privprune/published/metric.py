"""The quantities that printed numbers and claims are about, with the unit that they are printed in."""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["percent", "count", "times", "loss", "epochs", "rank correlation", "ratio"]


@dataclass(frozen=True)
class Metric:
    """How a quantity is called in a table, and its unit."""

    label: str
    unit: Unit


METRICS = {
    "test_accuracy": Metric("Test accuracy", "percent"),
    "train_accuracy": Metric("Train accuracy", "percent"),
    "attack_accuracy": Metric("Attack accuracy", "percent"),
    "accuracy_gap": Metric("Train-test gap", "percent"),
    "weights": Metric("Weights", "count"),
    "weights_after": Metric("Weights after pruning", "count"),
    "weights_ratio": Metric("Reduction", "times"),
    "final_loss": Metric("Final training loss", "loss"),
    "epochs_to_converge": Metric("Epochs to converge", "epochs"),
}
