"""What docs/security.md promises of services and of names, where no other test says it."""

from __future__ import annotations

import re

import pytest
from example_records import SETTINGS, example_records
from locations import ROOT
from quoted_files import pages

from privprune.command_line import main
from privprune.plots import draw_own, picture
from privprune.report import Own, Timings, render
from privprune.settings import read
from privprune.verdicts import OwnSettings, evaluate_own

SCRIPT = "<script>alert(1)</script>"
SERVICE = re.compile(r"^.*distributed\.cli\.dask_(?:scheduler|worker)\b.*$", re.MULTILINE)


def test_documented_services_name_their_address() -> None:
    """Each documented command that starts a scheduler or a worker says where it listens, for HTTP too."""
    commands = [line for page in pages() for line in SERVICE.findall((ROOT / page).read_text(encoding="utf-8"))]
    assert len(commands) >= 2
    for command in commands:
        assert "--host $HERE" in command
        assert "--dashboard-address $HERE:0" in command


def test_the_server_listens_to_this_machine_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """`privprune serve` without `--host` listens to 127.0.0.1."""
    taken: list[str] = []
    monkeypatch.setattr("privprune.command_line.serve", lambda _, host, __: taken.append(host))
    monkeypatch.setattr("sys.argv", ["privprune", "serve", "folder"])
    main()
    assert taken == ["127.0.0.1"]


def test_free_names_of_a_suite_stay_text() -> None:
    """A dataset, model or method of one's own that is called a script is shown as that, and is no element."""
    row = {"dataset": SCRIPT, "model": SCRIPT, "method": SCRIPT, "cell": SETTINGS.rows[0].cell}
    evaluation = evaluate_own(example_records(), read(OwnSettings, {"reads": "own", "rows": [row]}, ""), SCRIPT)
    own = Own(evaluation, [picture(one) for one in draw_own(evaluation)])
    page = render(SCRIPT, [], [], Timings({}), [own], example_records())
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count("<script") == 1  # the one of the page itself, which sorts and filters
