"""The same networks and scores on a GPU as on the CPU: a real one where there is one, else one that is simulated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from device_suite import completed, device_suite, names_in
from locations import ROOT, SUITES
from safetensors.torch import load_file

from privprune.attacks.inversion import INVERSION_ATTACKS
from privprune.attacks.membership import MEMBERSHIP_ATTACKS
from privprune.defences import DEFENCES
from privprune.models.wire import WIRES
from privprune.pruning import PRUNING
from privprune.suite.check import check_suite
from privprune.yaml_file import load_yaml

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
GPU = "cuda" if torch.cuda.is_available() else "simulated"
_NOISY = ("cut", "laplace", "dropout", "local_dp", "skip", "removed", "distance_correlation", "resfl")
_NOISY_WITH_CEM = ("patrol_as_in_cem", "cem-as_written", "cem-as_released")
# A GPU draws other numbers from the same seed; in the simulation only those of DP-SGD are others.
DRAW = {"private", *(_NOISY + _NOISY_WITH_CEM if GPU == "cuda" else ())}
OF_A_WEIGHT = {"simulated": 1e-5, "cuda": 1e-2}
OF_A_MEASURE = {"simulated": 1e-3, "cuda": 0.05}  # shares, squared errors, and decibels


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, int]]]:
    """Run the suite on both devices: folder, and how often the steps of each entry waited."""
    root = tmp_path_factory.mktemp("devices")
    for device in ("cpu", GPU):
        (root / device).mkdir()
        (root / device / "params.yaml").write_text(yaml.safe_dump(device_suite(), sort_keys=False))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(HERE), str(ROOT / "tests" / "support")))}
    command = [sys.executable, "-W", "ignore", str(HERE / "on_device.py"), "cpu", GPU]
    ended = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert ended.returncode == 0, ended.stderr
    return {device: (root / device, json.loads((root / device / "waits.json").read_text())) for device in ("cpu", GPU)}


def test_every_method_is_in_the_suite() -> None:
    """A method that the file does not name joins the suite by its example, so that a new one needs no entry here."""
    names = {*DEFENCES, *PRUNING, *WIRES, *MEMBERSHIP_ATTACKS, *INVERSION_ATTACKS}
    assert names <= names_in(device_suite())
    lacking = load_yaml(SUITES / "devices.yaml")
    del lacking["harden"]["confidence_penalty"], lacking["train"]["laplace"]["network"]["cut"]["wire"]
    lacking["train"]["laplace"]["network"]["cut"]["wire"] = {"name": "plain"}
    del lacking["attack"]["base"]["methods"]["gap"], lacking["attack"]["cut-inverted"]["inversions"]["rmle"]
    del lacking["prune"]["magnitude"]
    again = completed(lacking)
    assert {"confidence_penalty", "laplace", "gap", "rmle", "magnitude"} <= names_in(again)
    check_suite({**again, "recognise": {}}, "params.yaml")


def test_networks_are_those_of_the_cpu(ran: dict[str, tuple[Path, dict[str, int]]]) -> None:
    """Weights, masks and statistics after some steps differ by no more than the tolerance."""
    folders = {device: folder / "data" / "models" for device, (folder, _) in ran.items()}
    compared = 0
    for file in sorted(folders["cpu"].rglob("*.safetensors")):
        place = file.relative_to(folders["cpu"])
        ours, theirs = load_file(file), load_file(folders[GPU] / place)
        assert ours.keys() == theirs.keys()
        for name, value in ours.items() if place.parts[0] not in DRAW else ():
            compared += 1
            torch.testing.assert_close(theirs[name], value, rtol=0, atol=OF_A_WEIGHT[GPU], msg=f"{place}: {name}")
    assert compared > 200


def measures(record: Path) -> dict[str, float]:
    """Return the mean of each measure of each attack in a record."""
    attacks = json.loads(record.read_text())["attacks"]
    return {f"{label} {name}": one["mean"] for label, made in attacks.items() for name, one in made["metrics"].items()}


def test_attacks_find_what_they_find_on_the_cpu(ran: dict[str, tuple[Path, dict[str, int]]]) -> None:
    """Each measure of each attack differs by no more than the tolerance, where what it attacks is the same."""
    ours, theirs = (ran[device][0] / "reports" for device in ("cpu", GPU))
    records = [file for file in sorted(ours.rglob("attack/*.json")) if "records" in file.parts]
    assert len(records) == 3
    for record in records:
        if record.stem.removesuffix("-inverted") in DRAW:
            continue
        assert measures(theirs / record.relative_to(ours)) == pytest.approx(measures(record), abs=OF_A_MEASURE[GPU])


def test_no_step_waits_for_the_device(ran: dict[str, tuple[Path, dict[str, int]]]) -> None:
    """No step of a training reads a value back but the last of an epoch, whatever the defence."""
    assert {entry: count for entry, count in ran[GPU][1].items() if count} == {}
