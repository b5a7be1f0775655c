"""Checkpoints of a long stage on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from interruption import KilledError

from privprune.checkpoints import store as module
from privprune.checkpoints.store import NONE, Checkpoints, checkpoints_in
from privprune.errors import UserError


class Stage:
    """A stage of two parts, each a loop of three turns; it can be killed before any turn, and records its turns."""

    def __init__(self, folder: Path, key: str = "key", seconds: float = 0.0) -> None:
        self.folder, self.key, self.seconds = folder, key, seconds
        self.keys_asked = 0
        self.did: list[str] = []

    def run(self, killed_at: str = "") -> list[str]:
        """Return the turns that were done, also in a run that was killed."""
        self.did = []
        try:
            with checkpoints_in(self.folder, self._asked, self.seconds) as checkpoints:
                found = [self._part(part, killed_at, checkpoints) for part in ("part/one", "two")]
            assert found == [["part/one", 0, 1, 2], ["two", 0, 1, 2]]
        except KilledError:
            assert killed_at
        return self.did

    def _asked(self) -> str:
        self.keys_asked += 1
        return self.key

    def _part(self, part: str, killed_at: str, checkpoints: Checkpoints) -> list[Any]:
        def work() -> list[Any]:
            state: list[Any] = [part]
            for turn in checkpoints.within(part).turns("loop", 3, [state]):
                if killed_at == f"{part} {turn}":
                    raise KilledError
                self.did.append(f"{part} {turn}")
                state.append(turn)
            return state

        return checkpoints.done(part, work)

    def files(self) -> list[Path]:
        """Return all files of checkpoints."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


ALL = [f"{part} {turn}" for part in ("part/one", "two") for turn in range(3)]


@pytest.mark.parametrize("killed_at", range(6))
def test_a_killed_stage_resumes(tmp_path: Path, killed_at: int) -> None:
    """A stage that was killed before a turn resumes with that turn; at its end no files are left."""
    stage = Stage(tmp_path / "stage")
    assert stage.run(killed_at=ALL[killed_at]) == ALL[:killed_at]
    assert stage.run() == ALL[killed_at:]
    assert not stage.folder.exists()
    assert stage.run() == ALL


def test_a_finished_part_keeps_its_result_only(tmp_path: Path) -> None:
    """The states of a finished part are removed; its result stays."""
    stage = Stage(tmp_path / "stage")
    stage.run(killed_at="part/one 2")
    assert [path.name for path in stage.files()] == ["loop-1.checkpoint"]
    stage.run(killed_at="two 0")
    assert [path.name for path in stage.files()] == ["part%2Fone-1.checkpoint"]


def test_another_key_starts_again(tmp_path: Path) -> None:
    """Checkpoints of another key are discarded when the stage begins, and all turns are done."""
    stage = Stage(tmp_path / "stage")
    stage.run(killed_at="two 1")
    stage.key = "other"
    assert stage.run(killed_at="part/one 0") == []
    assert stage.files() == []
    assert stage.run() == ALL


def test_another_number_of_threads_starts_again(tmp_path: Path) -> None:
    """Checkpoints of another number of threads, with which rounding may differ, are not used."""
    stage = Stage(tmp_path / "stage")
    stage.run(killed_at="two 1")
    torch.set_num_threads(2)
    assert stage.run() == ALL


@pytest.mark.parametrize(
    "damage", [lambda _: b"", lambda whole: whole[:-1], lambda whole: whole[:50] + b"?" + whole[51:]]
)
def test_a_damaged_file_restarts_its_part(tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Any) -> None:
    """The file is reported in one line, and its part starts again; other parts do not."""
    stage = Stage(tmp_path / "stage")
    stage.run(killed_at="two 2")
    (file,) = (path for path in stage.files() if path.name.startswith("loop"))
    file.write_bytes(damage(file.read_bytes()))
    assert stage.run() == ALL[3:]
    assert [record.getMessage() for record in caplog.records] == [
        f"warning: {file} is damaged; that part of the work starts over"
    ]


def test_a_short_stage_writes_nothing(tmp_path: Path) -> None:
    """A stage shorter than the interval writes nothing and never computes the key, whether it succeeds or fails."""
    stage = Stage(tmp_path / "stage", seconds=60.0)
    for killed_at in ("two 2", ""):
        stage.run(killed_at)
        assert list(tmp_path.iterdir()) == []
    assert stage.keys_asked == 0


def test_states_are_written_once_per_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With turns of 25 seconds a state is written after every third turn, and after the last one of a loop."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    written: list[float] = []
    monkeypatch.setattr(Checkpoints, "_write", lambda *_: written.append(now[0]))
    checkpoints = Checkpoints(tmp_path, str, 60.0, 0.0)
    for _ in checkpoints.turns("loop", 8, []):
        now[0] += 25.0
    assert written == [75.0, 150.0, 200.0]


def test_without_checkpoints_nothing_is_written() -> None:
    """A loop without a store does all its turns, and a part is computed directly."""
    part = NONE.within("part")
    assert list(part.turns("loop", 3, [])) == [0, 1, 2]
    assert part.done("part", lambda: 5) == 5


def test_a_failed_stage_resumes(tmp_path: Path) -> None:
    """A stage that failed resumes once the cause of the failure is removed."""

    def stage(result: int, cause: list[int]) -> int:
        with checkpoints_in(tmp_path / "stage", lambda: "key", 0.0) as kept:
            return kept.done("part", lambda: result) + cause[0]

    with pytest.raises(IndexError):
        stage(1, [])
    assert stage(2, [0]) == 1


def test_a_checkpoint_that_cannot_be_written_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The stage goes on to its end, says so in one line, and keeps what was stored before."""
    stage = Stage(tmp_path / "stage")
    stage.run(killed_at="part/one 2")
    stored = stage.files()

    def full(target: Path, _: bytes) -> None:
        raise UserError(f"{target}: could not be written, No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_bytes", full)
        assert stage.run(killed_at="two 1") == [*ALL[2:3], *ALL[3:4]]
        assert stage.files() == stored
        assert caplog.messages[0].endswith("No space left on device; the work goes on without this checkpoint")
        assert stage.run() == ALL[2:]
    assert not stage.folder.exists()
