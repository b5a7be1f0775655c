"""Which cell a record is about, and which threat its attacks stand for."""

from collections.abc import Iterable

from privprune.records import Record
from privprune.verdicts.settings import Threat


def attacked_cell(record: Record) -> str:
    """Return the cell that the attacks of a record were run on; the record itself is named after the suite's entry."""
    return str(record.parameters.get("target", record.cell))


def deployed_cell(record: Record) -> str:
    """Return the cell whose two halves a record of deployment describes."""
    return str(record.parameters.get("cell", record.cell))


def threat_of(record: Record) -> Threat:
    """Return whether the attacks of a record rebuild inputs (inversion) or infer membership."""
    inverts = any(result.get("kind") == "inversion" for result in record.attacks.values())
    return "inversion" if inverts or "inversions" in record.parameters else "membership"


def attack_records(records: Iterable[Record], threat: Threat) -> dict[str, Record]:
    """Return attacked cell -> record of its attacks under one threat."""
    attacks = [record for record in records if record.stage == "attack" and threat_of(record) == threat]
    return {attacked_cell(record): record for record in attacks}
