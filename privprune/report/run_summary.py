"""A summary of the run, from its records: data, networks, machines, versions, time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from privprune.errors import shortened
from privprune.plots.style import attack_order
from privprune.published import attack_label
from privprune.records import MAKING, Record
from privprune.report.timings import Timings, duration
from privprune.report.view import SummaryLine
from privprune.verdicts.cell_of_record import threat_of

_LONGEST_CLASSES = 300  # characters; the record has all names


def summary_lines(suite: str, records: Sequence[Record], timings: Timings) -> tuple[SummaryLine, ...]:
    """Return the lines of the section `What was run`; lines without content are left out."""
    cells = [record for record in records if record.stage in MAKING]
    attacks = [record for record in records if record.stage == "attack"]
    lines = [
        SummaryLine("Suite", (f"{suite} (params.yaml, {len(records)} records in reports/{suite}/records/)",)),
        SummaryLine("Data", _distinct(_data(record) for record in records)),
        SummaryLine("Networks", _networks(cells)),
        SummaryLine("Trained", (_trained(cells),)),
        SummaryLine(
            "Membership attacks", (_attacks(record for record in attacks if threat_of(record) == "membership"),)
        ),
        SummaryLine("Inversion attacks", (_attacks(record for record in attacks if threat_of(record) == "inversion"),)),
        SummaryLine("Device", _distinct(record.device for record in records)),
        SummaryLine("Versions", _distinct(_versions(record.versions) for record in records)),
        SummaryLine("Time", _time(records, timings)),
    ]
    return tuple(line for line in lines if line.texts and any(line.texts))


def data_notes(records: Iterable[Record]) -> tuple[str, ...]:
    """Return the note of each dataset, each note once."""
    return _distinct(f"{record.data['name']}: {record.data['note']}" for record in records if record.data.get("note"))


def _data(record: Record) -> str:
    """Return a dataset's name, the start of its fingerprint, the names of its classes and its note."""
    names = record.data.get("classes", "")
    classes = f"; classes in the order of their numbers: {shortened(names, _LONGEST_CLASSES)}" if names else ""
    note = f"; {record.data['note']}" if record.data.get("note") else ""
    return f"{record.data['name']} (sha256 {record.data['fingerprint'][:12]}\u2026){classes}{note}"


def _networks(cells: Sequence[Record]) -> tuple[str, ...]:
    """Return model, data, protocol and for how many epochs stages train, in a line for each kind."""
    epochs: dict[str, set[int]] = {}
    for cell in cells:
        kind = f"{cell.model} on {cell.data['name']}, protocol {cell.protocol}"
        epochs.setdefault(kind, set()).add(sum(int(phase["epochs"]) for phase in cell.phases))
    return tuple(f"{kind}, {_range(found)} epochs a stage" for kind, found in epochs.items())


def _range(numbers: Iterable[int]) -> str:
    least, *more = sorted(set(numbers))
    return f"{least} to {more[-1]}" if more else f"{least}"


def _trained(cells: Sequence[Record]) -> str:
    """Return how many networks were trained."""
    targets = sum(len(cell.seeds) for cell in cells)
    shadows = sum(cell.shadows for cell in cells)
    each = _range(len(cell.seeds) for cell in cells) if cells else "0"
    per_cell = "1 seed each" if each == "1" else f"{each} seeds each"
    return f"{len(cells)} cells, {per_cell}: {targets} target networks and {shadows} shadow networks"


def _attacks(records: Iterable[Record]) -> str:
    """Return the attacks that were run, in the order of all figures."""
    names = {name for record in records for name in record.attacks}
    return ", ".join(attack_label(name) for name in sorted(names, key=attack_order))


def _versions(versions: Mapping[str, str]) -> str:
    """Return versions in one line, Python first."""
    ordered = sorted(versions, key=lambda name: (name != "python", name))
    return ", ".join(f"{'Python' if name == 'python' else name} {versions[name]}" for name in ordered)


def _time(records: Sequence[Record], timings: Timings) -> tuple[str, ...]:
    """Return the total measured time of the stages."""
    known = [seconds for record in records if (seconds := timings.of(record)) is not None]
    if not known:
        return ()
    missing = len(records) - len(known)
    rest = f"; {missing} stages were not timed" if missing else ""
    return (f"{duration(sum(known))} for {len(known)} stages one after another{rest}",)


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct texts in the order given."""
    return tuple(dict.fromkeys(texts))
