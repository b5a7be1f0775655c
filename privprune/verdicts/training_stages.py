"""The trainings that lead to a cell, with their epochs, so that two cells can be compared from where they part."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from privprune.lineage import lineage
from privprune.records import MAKING, Record

ANEW = ("from_scratch", "matched_accuracy")  # defences of new weights; the cell in `from` gives widths or a goal
UNDONE = {"random_channels": "mask"}  # pruning method -> its phase after which the weights before it are restored


@dataclass(frozen=True)
class TrainingStage:
    """One stage of training: the cell that it made, and its own epochs in all phases."""

    cell: str
    epochs: int


def training_stages(records: Iterable[Record]) -> dict[str, tuple[TrainingStage, ...] | None]:
    """Return cell -> the trainings of its weights, the first one first; None where the record of one is missing."""
    made = {record.cell: record for record in records if record.stage in MAKING}
    return {cell: _stages(cell, made) for cell in made}


def epochs_apart(one: Sequence[TrainingStage], other: Sequence[TrainingStage]) -> tuple[int, int]:
    """Return the epochs of two cells after their last common ancestor; all epochs where they have none."""
    shared = len(list(takewhile(lambda pair: pair[0].cell == pair[1].cell, zip(one, other, strict=False))))
    return sum(stage.epochs for stage in one[shared:]), sum(stage.epochs for stage in other[shared:])


def last_training(record: Record, made: Mapping[str, Record]) -> Record:
    """Return the record of the training that made a cell's networks as they are.

    Zero epochs change nothing: a cell that copies another, to be attacked elsewhere for instance, rests on its checks.

    Args:
        record: of the stage that made the cell.
        made: cell -> record of the stage that made it, of all cells.

    """
    origin = made.get(record.origin.removeprefix("models/")) if record.origin.startswith("models/") else None
    return record if _epochs(record) or origin is None else last_training(origin, made)


def _stages(cell: str, made: Mapping[str, Record]) -> tuple[TrainingStage, ...] | None:
    try:
        chain = lineage(cell, lambda name: _weights_before(made[name]))
    except KeyError:  # an ancestor without a record
        return None
    return tuple(TrainingStage(name, _epochs(made[name])) for name in reversed(chain))


def _weights_before(record: Record) -> str:
    """Return the origin of the weights that a stage began with; no cell where they were drawn anew."""
    return "" if _named(record, "defence") in ANEW else record.origin


def _named(record: Record, key: str) -> str:
    """Return the name of the defence or method of a record's entry; empty where it has none."""
    settings = record.parameters.get(key)
    return str(settings.get("name", "")) if isinstance(settings, Mapping) else ""


def _epochs(record: Record) -> int:
    """Return the epochs of a stage; its phases name them, else the curve of its loss has one point for each.

    A phase whose weights were given up, as by random channels, which learn their widths from it, does not count.
    """
    undone = UNDONE.get(_named(record, "method"))
    phases = sum(int(phase["epochs"]) for phase in record.phases if phase["name"] != undone)
    return phases or len(record.history.get("loss", []))
