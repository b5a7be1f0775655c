"""A clone whose git turns line ends into those of Windows has the bytes that DVC has hashed, and scripts that start."""

import shutil
import subprocess
from pathlib import Path

from locations import ROOT

FILES = (".gitattributes", "dvc.lock", "dvc.yaml", "params.yaml", ".ci/run", "privprune/cells.py", "docs/report.png")


def git(folder: Path, *arguments: str) -> None:
    """Run git with no configuration but that of the folder."""
    command = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x", *arguments]
    subprocess.run(command, check=True, capture_output=True, env={"PATH": "/usr/bin:/bin", "HOME": str(folder)})  # noqa: S603


def test_line_ends_survive_a_clone_with_autocrlf(tmp_path: Path) -> None:
    """Every byte of a text, a script, a lock file and a picture is the same with `core.autocrlf=true`."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    for file in FILES:
        (origin / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, origin / file)
    git(origin, "init", "--quiet")
    git(origin, "add", "--all")
    git(origin, "commit", "--quiet", "--message", "x")
    git(tmp_path, "clone", "--quiet", "-c", "core.autocrlf=true", str(origin), str(clone))
    for file in FILES:
        assert (clone / file).read_bytes() == (ROOT / file).read_bytes(), file


def test_dvc_writes_small_numbers_that_the_suite_reads_as_numbers(tmp_path: Path) -> None:
    """`dvc exp run -S key=0.00001` writes 1e-05, which YAML 1.1 takes for a text; it is the same number."""
    from dvc.utils.hydra import apply_overrides  # noqa: PLC0415 (seconds, which only this test needs)

    from privprune.yaml_file import load_yaml  # noqa: PLC0415

    path = tmp_path / "params.yaml"
    path.write_text("harden: {a: {delta: 0.001, epsilon: 6.28}}\n")
    apply_overrides(path, ["harden.a.delta=0.00001", "harden.a.epsilon=1e22"])
    assert "1e-05" in path.read_text()
    assert load_yaml(path)["harden"]["a"] == {"delta": 0.00001, "epsilon": 1e22}
