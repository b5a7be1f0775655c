"""Cells: trained networks on disk."""

import resource
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from privprune.cells import Cell, Manifest, load_cell
from privprune.errors import UserError
from privprune.files import read_json, write_json
from privprune.models import Structure, prunable
from privprune.randomness import Purpose, generator

MANIFEST = Manifest(
    data="digits",
    fingerprint="f" * 64,
    protocol="clean",
    model="digits_cnn",
    in_channels=1,
    image_size=8,
    classes=10,
    seeds=(5, 3),
    shadows=1,
    reserve_reference=True,
    small_dense=None,
    pretrained=None,
    cut=None,
    structures=None,
    reidentification=None,
    output=None,
)


@pytest.fixture
def cell() -> Cell:
    """Return a pruned cell of two targets and a shadow model."""
    networks = [MANIFEST.fresh(generator(seed, Purpose.INITIAL_WEIGHTS)) for seed in MANIFEST.model_seeds()]
    masks = [{name: weight > 0 for name, weight in prunable(network).items()} for network in networks]
    return Cell(MANIFEST, [dict(network.state_dict()) for network in networks], masks)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Return whether two mappings have the same tensors, bit for bit."""
    return one.keys() == other.keys() and all(
        torch.equal(one[name], other[name]) and one[name].dtype == other[name].dtype for name in one
    )


def test_a_saved_cell_is_read_unchanged(cell: Cell, tmp_path: Path) -> None:
    """Manifest, weights and masks are read as they were written; saving them again writes the same bytes."""
    cell.save(tmp_path / "a")
    found = load_cell(tmp_path / "a")
    assert found.manifest == cell.manifest
    assert all(same(one, other) for one, other in zip(found.states, cell.states, strict=True))
    assert all(same(one, other) for one, other in zip(found.masks, cell.masks, strict=True))
    found.save(tmp_path / "b")
    for name in ("models.safetensors", "manifest.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_models_have_the_saved_weights(cell: Cell) -> None:
    """Networks are returned in the given order, with their saved weights."""
    for number, model in zip((2, 0), cell.models([2, 0]), strict=True):
        assert same(dict(model.state_dict()), cell.states[number])


def test_targets_come_first_and_shadows_continue_their_seeds(cell: Cell) -> None:
    """Shadow models have seeds that no target has; `targets_only` does not change the targets."""
    assert MANIFEST.model_seeds() == [5, 3, 6]
    alone = cell.targets_only()
    assert (alone.manifest.networks, alone.manifest.seeds) == (2, (5, 3))
    assert same(alone.states[1], cell.states[1])
    assert len(alone.masks) == 2


def test_masks_are_stacked_in_the_given_order(cell: Cell) -> None:
    """The leading dimension counts the networks; a cell without masks has none."""
    stacked = cell.stacked_masks([1, 0])
    for name, mask in stacked.items():
        assert torch.equal(mask[0], cell.masks[1][name])
        assert torch.equal(mask[1], cell.masks[0][name])
    assert replace(cell, masks=[{}, {}, {}]).stacked_masks([0, 1]) == {}


def test_smaller_networks_are_read_unchanged(tmp_path: Path) -> None:
    """Each network is rebuilt in its own shape, with the surrogate that it was trained against."""
    sizes = (5, 16, 9)
    structures = tuple(Structure((), {"conv2.conv": (16, size), "fc1.linear": (4 * size, 64)}) for size in sizes)
    manifest = replace(MANIFEST, structures=structures)
    states = [
        dict(manifest.fresh(generator(number, Purpose.INITIAL_WEIGHTS), number).state_dict()) for number in range(3)
    ]
    surrogates = [{"decoder.weight": torch.rand(2, 3)}, {}, {}]
    Cell(manifest, states, [{}, {}, {}], surrogates).save(tmp_path)
    found = load_cell(tmp_path)
    assert found.manifest == manifest
    assert all(same(one, other) for one, other in zip(found.surrogates, surrogates, strict=True))
    for model, state in zip(found.models([0, 1, 2]), states, strict=True):
        assert same(dict(model.state_dict()), state)
    alone = found.targets_only()
    assert alone.manifest.structures == structures[:2]
    assert same(dict(alone.models([1])[0].state_dict()), states[1])


def test_weights_of_another_structure_are_refused(cell: Cell, tmp_path: Path) -> None:
    """The error names the tensor and both shapes; a manifest with too few structures is refused, too."""
    smaller = Structure((), {"conv1.conv": (1, 4)})
    folder = tmp_path / "cell"
    replace(cell, manifest=replace(MANIFEST, structures=(smaller,) * 3)).save(folder)
    assert "conv1.conv.bias: found shape (16,), allowed (4,) (digits_cnn)" in refused(folder)
    replace(cell, manifest=replace(MANIFEST, structures=(smaller,))).save(folder)
    assert refused(folder) == f"{folder / 'models.safetensors'}: found 1 structures, allowed 3"


def refused(folder: Path) -> str:
    """Return the message with which a cell is refused."""
    with pytest.raises(UserError) as raised:
        load_cell(folder)
    return str(raised.value)


def test_a_checkpoint_of_another_architecture_is_refused(cell: Cell, tmp_path: Path) -> None:
    """The error names the file, the tensor, both shapes and the architecture."""
    cell.save(tmp_path)
    write_json(tmp_path / "manifest.json", {**read_json(tmp_path / "manifest.json"), "classes": 7})
    assert refused(tmp_path) == (
        f"{tmp_path / 'models.safetensors'}: fc2.linear.bias: found shape (10,), allowed (7,) (digits_cnn)"
    )


def test_a_missing_or_surplus_weight_is_refused(cell: Cell, tmp_path: Path) -> None:
    """The error names a tensor that is missing, or that the architecture does not have."""
    cell.save(tmp_path)
    path = tmp_path / "models.safetensors"
    tensors = load_file(path)
    save_file({name: value for name, value in tensors.items() if name != "1/weights/conv1.conv.bias"}, path)
    assert refused(tmp_path) == f"{path}: conv1.conv.bias: found shape none, allowed (16,) (digits_cnn)"
    save_file({**tensors, "2/weights/more": torch.zeros(2)}, path)
    assert refused(tmp_path) == f"{path}: more: found shape (2,), allowed none (digits_cnn)"


@pytest.mark.parametrize("name", ["conv1.weight", "3/weights/conv1.conv.weight", "x/weights/a", "0/bias/a"])
def test_weights_that_no_cell_has_written_are_refused(cell: Cell, tmp_path: Path, name: str) -> None:
    """A file of another tool, or of more networks than the manifest counts, is refused; the error names the tensor."""
    cell.save(tmp_path)
    path = tmp_path / "models.safetensors"
    save_file({**load_file(path), name: torch.zeros(2)}, path)
    assert refused(tmp_path) == f"{path}: {name}: found this name, allowed weights and masks of networks 0 to 2"


def test_a_manifest_of_another_version_is_refused(cell: Cell, tmp_path: Path) -> None:
    """A manifest that lacks a key, or is none, is refused; the error says what to do."""
    cell.save(tmp_path)
    path = tmp_path / "manifest.json"
    content = read_json(path)
    for wrong in ({key: value for key, value in content.items() if key != "seeds"}, {**content, "more": 1}, [1]):
        write_json(path, wrong)
        assert refused(tmp_path) == f"{path}: not a manifest of this version, run `dvc repro` to make it again"


def test_a_truncated_or_missing_file_is_refused(cell: Cell, tmp_path: Path) -> None:
    """Truncated and missing weights are refused; the error names the file and says what to do."""
    cell.save(tmp_path)
    path = tmp_path / "models.safetensors"
    content = path.read_bytes()
    for length in (0, 5, 300, len(content) - 1):
        path.write_bytes(content[:length])
        assert refused(tmp_path).startswith(f"{path}: missing or damaged (")
    path.unlink()
    assert f"remove {tmp_path} and run `dvc repro` again" in refused(tmp_path)


def test_a_full_disk_leaves_the_old_cell(cell: Cell, tmp_path: Path) -> None:
    """Weights that do not fit on the disk give one line, and the old cell stays; a limit on file size simulates it."""
    cell.save(tmp_path / "cell")
    before = (tmp_path / "cell" / "models.safetensors").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"cell: could not be written, .*File too large") as raised:
            cell.save(tmp_path / "cell")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["cell"]
    assert (tmp_path / "cell" / "models.safetensors").read_bytes() == before
