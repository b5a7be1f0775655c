"""Whether a network sends the same for an image each time, as its records say."""

from collections.abc import Mapping
from typing import Any

from privprune.lineage import started_from
from privprune.records import Record

# Wires and skips that draw nothing; any other counts as random, one of a user's own too. A test holds these against
# the registry, which is not read here, since it needs torch.
REPEATING_WIRES = ("plain", "pooled", "top_k")
REPEATING_SKIPS = ("no_shortcuts",)


def repeats(record: Record, made: Mapping[str, Record]) -> bool:
    """Whether every transmission of an image is the same, so that an attacker learns nothing from more of them.

    False where that is not known: a record of the lineage is missing.

    Args:
        record: of the stage that made the cell.
        made: cell -> record of the stage that made it, of all cells.

    """
    network = record.parameters.get("network")
    if isinstance(network, Mapping):
        return _draws_nothing(network.get("cut"))
    before = made.get(started_from(record.origin) or "")
    return before is not None and before.cell != record.cell and repeats(before, made)


def _draws_nothing(cut: Any) -> bool:
    """Whether a cut, as a suite has it, draws no random numbers; a network without one is cut and sent as it is."""
    if cut is None:
        return True
    skip = cut.get("skip")
    return cut["wire"].get("name") in REPEATING_WIRES and (skip is None or skip.get("name") in REPEATING_SKIPS)
