"""Read and validate a whole suite, so that its mistakes are reported before anything is trained."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from privprune import published
from privprune.annotations import OneOf
from privprune.datasets.entry import DatasetSettings
from privprune.datasets.entry_kinds import DATASET_ENTRY
from privprune.errors import MissingAt, MissingKeysError, UserError, shortened, shown, together
from privprune.lineage import lineage, started_from
from privprune.names import NAMES
from privprune.registry import use_plugins
from privprune.settings import read
from privprune.suite.batches import check_batches
from privprune.suite.cuts import check_attacked_sides, check_reducing_wire, check_sides
from privprune.suite.deployments import Entry, check_deployments, lineage_of, network_of, origin_of
from privprune.suite.evaluation import check_section, read_section
from privprune.suite.inversions import check_budgets, check_classes
from privprune.suite.membership import check_membership
from privprune.suite.methods import check_methods, check_surrogates
from privprune.suite.reidentification import check_identities, check_training
from privprune.suite.shapes import network_shapes
from privprune.suite.sizes import check_datasets, check_decoders
from privprune.suite.vectors import check_plans, check_takes_vectors, refuse_inversion
from privprune.verdicts.own import OWN
from privprune.workflow.attack_entry import AttackEntry
from privprune.workflow.context import NetworkSettings
from privprune.workflow.deploy import DeployEntry
from privprune.workflow.inversions import InversionEntry, check_features
from privprune.workflow.prune import PruneEntry
from privprune.workflow.recognise import RecogniseEntry
from privprune.workflow.train import HardenEntry, TrainEntry

SECTIONS = ("suite", "device", "datasets", "train", "prune", "harden", "attack", "recognise", "deploy", "evaluate")
PLUGINS = "plugins"  # modules from outside that declare methods; a suite may leave the key out
WITH_PAPERS = ("train", "prune", "harden", "attack", "recognise", "deploy")
KEYS = (*SECTIONS, PLUGINS)
DEVICES = ("found", "cpu", "cuda")  # `found`: the GPU if there is one, else the CPU
NO_CELL = "None"  # what DVC makes of null; `check` writes a file of this name among the cells, see dvc.yaml
_BEFORE_ATTACKS: dict[str, type[Any] | OneOf[Any]] = {
    "datasets": DATASET_ENTRY, "train": TrainEntry, "prune": PruneEntry, "harden": HardenEntry,
}  # fmt: skip
MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class Suite:
    """A suite that has been validated.

    Attributes:
        name: of the suite; its reports are in `reports/<name>`.
        datasets: name -> settings.
        cells: name -> entry of `train`, `prune` or `harden`.
        attacks: name -> entry.

    """

    name: str
    datasets: dict[str, DatasetSettings]
    cells: dict[str, Entry]
    attacks: dict[str, AttackEntry | InversionEntry]

    def network(self, cell: str) -> NetworkSettings:
        """Return the networks of a cell."""
        return network_of(self.cells, cell)

    def without_shadows(self, cell: str) -> str | None:
        """Return why a cell has no shadow models, or None where it has some."""
        chain = lineage_of(self.cells, cell)
        for name in chain:
            entry = self.cells[name]
            if not isinstance(entry, TrainEntry) and not entry.keep_shadows:
                return f"{name} has keep_shadows: false"
        return None if self.network(cell).shadows else f"{chain[-1]} has shadows: 0"


def check_suite(content: Mapping[str, Any], file: str) -> Suite:
    """Read a suite.

    Args:
        content: of the file.
        file: its name, for messages.

    Raises:
        UserError: one line about the first mistake: file, key, found, allowed.

    """
    for key in content:
        if key not in KEYS:
            raise UserError(f"{file}: {shortened(str(key), 64)}: unknown section, allowed {', '.join(KEYS)}")
    load_plugins(content.get(PLUGINS, []), f"{file}: {PLUGINS}")
    absent = tuple(name for name in SECTIONS if name not in content)
    sections = {name: content.get(name, "suite" if name == "suite" else {}) for name in SECTIONS}
    if "device" in content and sections["device"] not in DEVICES:
        raise UserError(f"{file}: device: found {shown(sections['device'])}, allowed {', '.join(DEVICES)}")
    _check_names(sections, file)
    datasets, *cells, attacks, recognitions, deployments, _ = together(
        [
            *(partial(_entries, kind, sections, section, file) for section, kind in _BEFORE_ATTACKS.items()),
            partial(_attacks, sections, file),
            partial(_entries, RecogniseEntry, sections, "recognise", file),
            partial(_entries, DeployEntry, sections, "deploy", file),
            partial(_evaluation, absent, sections, file),
        ]
    )
    suite = Suite(
        name=str(sections["suite"]),
        datasets=datasets,
        cells={name: entry for entries in cells for name, entry in entries.items()},
        attacks=attacks,
    )
    _check_papers(sections, file)
    check_datasets(suite.datasets, file)
    places = {cell: f"{file}: {_section_of(sections, cell)}.{cell}" for cell in suite.cells}
    for check in (_check_origin, _check_own_network, _check_cell):  # each of all cells: a cell needs its origin's
        for cell, where in places.items():
            check(suite, cell, where)
    for name in suite.attacks:
        _check_attack(suite, name, f"{file}: attack.{name}")
    check_budgets({name: entry for name, entry in suite.attacks.items() if isinstance(entry, InversionEntry)}, file)
    check_deployments(recognitions, deployments, suite.cells, suite.attacks, file)
    membership, inversion = _attacked(suite, "methods"), _attacked(suite, "inversions")
    identities = [cell for cell in suite.cells if suite.network(cell).reidentification is not None]
    check_section(sections["evaluate"], list(suite.cells), membership, inversion, file, identities)
    return suite


def _evaluation(absent: tuple[str, ...], sections: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Read `evaluate`, of a suite that has all its sections; else tell which it lacks, beside other missing keys."""
    if absent:
        raise MissingKeysError([MissingAt(file, absent, SECTIONS)])
    return dict(read_section(sections["evaluate"], file))


def load_plugins(names: object, where: str) -> None:
    """Add the methods of a suite's plugins to all registries.

    Args:
        names: what stands under the key: a list of modules.
        where: its location, for messages.

    Raises:
        UserError: it is no list of modules, or one cannot be imported.

    """
    if not isinstance(names, list) or not all(isinstance(name, str) and MODULE.fullmatch(name) for name in names):
        raise UserError(f"{where}: found {shown(names)}, allowed a list of modules, such as [package.module]")
    use_plugins(names, where)


def _entries(kind: type[Any] | OneOf[Any], sections: Mapping[str, Any], section: str, file: str) -> dict[str, Any]:
    entries = sections[section]
    if not isinstance(entries, Mapping):
        raise UserError(f"{file}: {section}: found {shown(entries)}, allowed a mapping, {{}} where there is nothing")
    reads = [partial(read, kind, entry, f"{file}: {section}.{name}") for name, entry in entries.items()]
    return dict(zip(entries, together(reads), strict=True))


def _attacks(sections: Mapping[str, Any], file: str) -> dict[str, AttackEntry | InversionEntry]:
    """Read the entries of `attack`: those with `inversions` reconstruct images, the others infer membership."""
    content = sections["attack"]
    entries = content.items() if isinstance(content, Mapping) else ()
    inverting = {name for name, entry in entries if isinstance(entry, Mapping) and "inversions" in entry}
    parts: dict[bool, dict[str, Any]] = {True: {}, False: {}}
    for name, entry in entries:
        parts[name in inverting][name] = entry
    membership = {"attack": parts[False] if isinstance(content, Mapping) else content}
    found = together(
        [
            partial(_entries, AttackEntry, membership, "attack", file),
            partial(_entries, InversionEntry, {"attack": parts[True]}, "attack", file),
        ]
    )
    return {name: entry for entries in found for name, entry in entries.items()}


def _section_of(sections: Mapping[str, Any], cell: str) -> str:
    return next(section for section in ("train", "prune", "harden") if cell in sections[section])


def _check_names(sections: Mapping[str, Any], file: str) -> None:
    """Check names, which become folders and DVC targets; a cell's name is unique among the three sections of cells."""
    if sections["suite"] not in NAMES:
        raise UserError(f"{file}: suite: found {shown(sections['suite'])}, allowed {NAMES}")
    seen: dict[str, str] = {}
    for section in SECTIONS[1:]:
        for name in sections[section] if isinstance(sections[section], Mapping) else ():
            if name not in NAMES:
                raise UserError(f"{file}: {section}: found the name {shown(name)}, allowed {NAMES}")
            if section in ("train", "prune", "harden") and seen.setdefault(name, section) != section:
                raise UserError(f"{file}: {section}.{name}: found the name in {seen[name]} too, allowed once")


def _check_papers(sections: Mapping[str, Any], file: str) -> None:
    """Check that each entry, which has been read, names a paper: one that nobody evaluates is a mistake of spelling."""
    papers = (*published.names(), OWN)
    for section in WITH_PAPERS:
        for name, entry in sections[section].items():
            if entry["paper"] not in papers:
                raise UserError(
                    f"{file}: {section}.{name}.paper: found {shown(entry['paper'])}, allowed {', '.join(papers)}"
                )


def _check_own_network(suite: Suite, cell: str, where: str) -> None:
    entry = suite.cells[cell]
    if not isinstance(entry, PruneEntry) and entry.network is not None:
        _check_network(suite.datasets[entry.data], suite.network(cell), entry.data, f"{where}.network")


def _check_cell(suite: Suite, cell: str, where: str) -> None:
    entry = suite.cells[cell]
    network = suite.network(cell)
    check_training(entry, network, where)
    check_plans(entry, suite.datasets[entry.data], where)
    check_methods(entry, suite.datasets[entry.data], network, where)
    check_batches(entry, suite.datasets[entry.data], network, where)


def _check_origin(suite: Suite, cell: str, where: str) -> None:
    """Check that its dataset and what it starts from exist, that both are one, and that it is not its own start."""
    data = suite.cells[cell].data
    if data not in suite.datasets:
        raise UserError(f"{where}.data: found {shown(data)}, allowed {', '.join(suite.datasets)}")

    def origin(name: str) -> str:
        start = origin_of(suite.cells[name])
        before = started_from(start)
        if before is not None and before not in suite.cells:
            raise UserError(f"{where}.from: found {start}, allowed models/ with {', '.join(suite.cells)}")
        if before is not None and suite.cells[before].data != data:
            raise UserError(f"{where}.data: found {data}, allowed {suite.cells[before].data} ({start})")
        return start

    try:
        lineage(cell, origin)
    except ValueError as circle:
        raise UserError(f"{where}.from: {circle}, allowed a chain without a circle") from None


def _check_network(data: DatasetSettings, network: NetworkSettings, name: str, where: str) -> None:
    if network.protocol not in data.protocols:
        raise UserError(f"{where}.protocol: found {network.protocol}, prepared for {name}: {', '.join(data.protocols)}")
    if len(network.seeds) > data.targets:
        found = len(network.seeds)
        raise UserError(f"{where}.seeds: found {found}, allowed at most datasets.{name}.targets, {data.targets}")
    if network.shadows > data.shadows:
        raise UserError(
            f"{where}.shadows: found {network.shadows}, allowed at most datasets.{name}.shadows, {data.shadows}"
        )
    if network.reserve_reference and not data.protocols[network.protocol].reference:
        raise UserError(f"{where}.reserve_reference: found true, but datasets.{name} keeps no reference records")
    check_takes_vectors(data, network, name, where)
    shapes = network_shapes(data, network, where)
    check_identities(data, network, shapes.model, where)
    check_sides(network, shapes.model, where)
    check_reducing_wire(network, shapes, where)


def _check_attack(suite: Suite, name: str, where: str) -> None:
    entry = suite.attacks[name]
    if entry.target not in suite.cells:
        raise UserError(f"{where}.target: found {shown(entry.target)}, allowed {', '.join(suite.cells)}")
    if entry.data != suite.cells[entry.target].data:
        raise UserError(f"{where}.data: found {entry.data}, allowed {suite.cells[entry.target].data} (the target's)")
    if isinstance(entry, InversionEntry):
        _check_inversion(suite, entry, where)
        return
    if suite.network(entry.target).reidentification is not None:
        raise UserError(f"{where}.methods: found some, allowed `inversions` ({entry.target} finds identities again)")
    check_membership(suite, entry, where)


def _check_inversion(suite: Suite, entry: InversionEntry, where: str) -> None:
    """Check an entry's attacks against the features that its target's edge would send."""
    data, network = suite.datasets[entry.data], suite.network(entry.target)
    refuse_inversion(data, entry.data, where)
    attacks = entry.built(where)
    shapes = network_shapes(data, network, where)
    try:
        sent = shapes.features(entry.cut)
    except UserError as refused:
        raise UserError(f"{where}.{refused}") from None
    check_attacked_sides(network, shapes.model, entry.cut, where)
    check_features(attacks, sent, data.info.image_shape.image, where)
    check_decoders(entry.inversions, sent, data, f"{where}.inversions")
    check_surrogates(suite.cells[entry.target], attacks, f"{where}.inversions")
    check_classes(entry, network.reidentification is not None, where)


def _attacked(suite: Suite, key: str) -> dict[str, tuple[str, ...]]:
    """Return the attacks on each cell under one key: `methods` infer membership, `inversions` reconstruct images."""
    entries = suite.attacks.values()
    return {entry.target: tuple(getattr(entry, key)) for entry in entries if hasattr(entry, key)}
