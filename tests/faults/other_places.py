"""Another user, a home and a temporary folder elsewhere, line ends of Windows, and a path that is not plain."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.faults.bench import Around, Bench, Ended, Outcome
from tests.faults.means import NOBODY
from tests.support.clones import Clone

ODD = "Mein Ordner äöüß & \U0001f332"  # spaces, umlauts, and a tree
_READING = "dac_read_search"  # the right to read what only root may: where Python lies below /root


def another_user(bench: Bench) -> Iterator[Outcome]:
    """Run as nobody, in a clone that is nobody's, and in one that is root's."""
    fault = "another user"
    if os.geteuid() != 0:
        yield Outcome(fault, "as nobody", "", "not at hand: needs root", passed=None)
        return
    for own in (True, False):
        clone = bench.fresh()
        outside = clone.folder.parent
        home, temporary = outside / "home", outside / "temporary"
        for folder in (home, temporary):
            folder.mkdir()
            os.chown(folder, NOBODY, NOBODY)
        _open(outside)
        if own:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", outside], check=True)  # noqa: S603, S607
        around = _as_nobody({"HOME": str(home), "TMPDIR": str(temporary)})
        done = f"as nobody, with its own HOME and TMPDIR, in a clone of {'its own' if own else 'root'}"
        yield bench.judged(fault, done, clone, bench.run(clone, around))
        bench.remove(clone)


def _open(folder: Path) -> None:
    """Let everybody pass through the folders above."""
    for above in (folder, *folder.parents):
        if above.stat().st_uid == os.geteuid() and not above.stat().st_mode & 0o005 and above != Path.home():
            above.chmod(above.stat().st_mode | 0o005)


def _as_nobody(environment: dict[str, str]) -> Around:
    setpriv = shutil.which("setpriv") or "setpriv"
    user = (f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    rights = (f"--inh-caps=-all,+{_READING}", f"--ambient-caps=-all,+{_READING}", f"--bounding-set=-all,+{_READING}")
    return Around(environment={**environment, "USER": "nobody"}, python=(setpriv, *user, *rights, sys.executable))


def home_and_temporary_folder(bench: Bench) -> Iterator[Outcome]:
    """HOME is not there or cannot be written to, TMPDIR is elsewhere or not there."""
    for home, temporary in (("/nonexistent", "elsewhere"), ("/proc", "elsewhere"), ("elsewhere", "/nonexistent")):
        clone = bench.fresh()
        elsewhere = clone.folder.parent / "elsewhere"
        elsewhere.mkdir()
        environment = {
            name: str(elsewhere) if value == "elsewhere" else value
            for name, value in (("HOME", home), ("TMPDIR", temporary))
        }
        ended = bench.run(clone, Around(environment=environment))
        yield bench.judged("HOME and TMPDIR", f"HOME={home}, TMPDIR={temporary}", clone, ended)
        bench.remove(clone)


def line_ends(bench: Bench) -> Iterator[Outcome]:
    """Run in a git clone with `core.autocrlf=true`, which turns line ends into those of Windows where it may."""
    origin = bench.fresh("origin")
    folder = origin.folder.parent.parent / "clone" / "privprune"
    git = shutil.which("git") or "git"
    for command in (
        ("-C", origin.folder, "add", "--all"),
        ("-C", origin.folder, "-c", "user.name=x", "-c", "user.email=x", "commit", "--quiet", "--message", "x"),
        ("clone", "--quiet", "-c", "core.autocrlf=true", origin.folder, folder),
    ):
        subprocess.run([git, *command], check=True)  # noqa: S603 (git itself)
    clone = Clone(folder)
    yield bench.judged("line ends", "in a git clone with `core.autocrlf=true`", clone, bench.run(clone))
    bench.remove(origin)


def odd_path(bench: Bench) -> Iterator[Outcome]:
    """Run below a folder with spaces, umlauts, `&` and an emoji; so are the home and the temporary folder."""
    clone = bench.fresh(ODD)
    elsewhere = clone.folder.parent / "Übergang"
    elsewhere.mkdir()
    environment = {"HOME": str(elsewhere), "TMPDIR": str(elsewhere)}
    ended = bench.run(clone, Around(environment=environment))
    yield bench.judged("odd path", f"in `{ODD}`, one after another", clone, ended)
    bench.remove(clone)
    clone = bench.fresh(ODD)
    yield _side_by_side(bench, clone)
    bench.remove(clone)


def _side_by_side(bench: Bench, clone: Clone) -> Outcome:
    process = clone.start("-m", "stages.parallel", "--jobs", "2")
    output, _ = process.communicate()
    return bench.judged("odd path", f"in `{ODD}`, side by side", clone, Ended(process.returncode, output))
