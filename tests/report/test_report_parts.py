"""The parts of the page that stand alone: timings, headings, marks, pictures as URIs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from example_records import example_records

from privprune.errors import UserError
from privprune.files import write_json
from privprune.report import read_timings
from privprune.report.figures import data_uri
from privprune.report.headings import headings, marked
from privprune.report.run_summary import summary_lines
from privprune.report.timings import Timings, duration
from privprune.tables import Column


def test_timings_are_read_by_place(tmp_path: Path) -> None:
    """Paper, stage and cell are the path; a record without timing has none, and no folder means no timings."""
    record = example_records()[0]
    write_json(tmp_path / "mia_pruning" / "train" / "digits-baseline.json", {"seconds": 2.5, "cores": 2})

    assert read_timings(tmp_path).of(record) == 2.5
    assert read_timings(tmp_path / "absent").of(record) is None


@pytest.mark.parametrize("content", ["{", "[]", '{"seconds": "2"}', '{"seconds": true}'])
def test_damaged_timing_is_a_clear_line(tmp_path: Path, content: str) -> None:
    """A file without seconds is named in the error."""
    path = tmp_path / "mia_pruning" / "train" / "cell.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)

    with pytest.raises(UserError, match=r"cell\.json"):
        read_timings(tmp_path)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599.6, "1 h 0 min"),
        (4321, "1 h 12 min"),
    ],
)
def test_durations_read_well(seconds: float, words: str) -> None:
    """Seconds are rounded to what a reader needs, and 60 of anything become one of the next."""
    assert duration(seconds) == words


def test_named_classes_stand_beside_their_data() -> None:
    """In the order of their numbers, and cut off where there are very many; data without names has none."""
    record = example_records()[0]

    def shown_for(**data: str) -> str:
        lines = summary_lines("s", [replace(record, data={**record.data, **data})], Timings({}, {}))
        return next(line.texts[0] for line in lines if line.term == "Data")

    assert "classes" not in shown_for()
    assert "\u2026); classes in the order of their numbers: cat, dog" in shown_for(classes="cat, dog")
    assert len(shown_for(classes="a class, " * 1000)) < 500


def test_columns_of_one_quantity_share_a_heading() -> None:
    """Neighbours that begin alike stand under one heading, the longest; a column alone keeps its title."""
    columns = [
        Column("Row", "label"),
        Column("Loss (nats): mean", "number"),
        Column("Loss: last", "number"),
        Column("Gap: mean", "number"),
        Column("Seeds", "number"),
    ]
    found = [(one.title, [column.title for column in one.columns], one.grouped) for one in headings(columns)]

    assert found == [
        ("Row", ["Row"], False),
        ("Loss (nats)", ["Mean", "Last"], True),
        ("Gap: mean", ["Gap: mean"], False),
        ("Seeds", ["Seeds"], False),
    ]


@pytest.mark.parametrize(
    ("text", "parts"),
    [("53.41 (b)", ("53.41", "b")), ("60 K (a) (c)", ("60 K", "ac")), ("1.0 [0.9, 1.1]", ("1.0 [0.9, 1.1]", ""))],
)
def test_marks_stand_apart_from_numbers(text: str, parts: tuple[str, str]) -> None:
    """The letters of notes are divided from the number, which stays as it is."""
    assert marked(text) == parts


def test_picture_survives_as_data_uri() -> None:
    """What the browser decodes is the picture, but for the kind of quotes; nothing in it ends an attribute."""
    picture = '<svg id="a"><style>[b*="c: #d"]{}</style>100 % &amp; \u00d7</svg>'
    uri = data_uri(picture)

    assert unquote(uri.removeprefix("data:image/svg+xml,")) == picture.replace('"', "'")
    assert not set('"#&') & set(uri)
