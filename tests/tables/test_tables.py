"""Tables: one source, four forms that say the same; every printed row, every mark and note."""

import csv
import io
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
from attacked_records import selected
from verdict_records import cell_records

from privprune.errors import UserError
from privprune.published import load
from privprune.records import Record
from privprune.tables import (
    Table,
    TableCell,
    build,
    comma_separated,
    html,
    latex,
    latex_document,
    markdown,
    verdicts_csv,
    write,
)
from privprune.tables.latex import escape as escape_latex
from privprune.tables.numbers_as_text import plain, signed, with_interval
from privprune.tables.table import ABSENT, labels, numbers, row, texts
from privprune.verdicts import ControlSettings, EvaluateSettings, Evaluation, RowSettings, evaluate

PAPER = load("mia_pruning")
MNIST = ("MNIST", "LeNet-5")
HEADER = (
    "suite,paper,table,dataset,model,method,attack,metric,published,measured,low,high,seeds,verdict,"
    "checks_passed,checks_failed,failed"
)
NASTY = (
    "a | b",
    "_x_ *y* `z` <script>alert('1')</script> & [t](u)",
    "[0.5, 1] 50 % $#~^\\ {brace} \"quoted\" 'q'",
    "μ: two\nlines",
    "−1.5 ± 2 × ≤ ≥ – “q” ‘q’ … ε",  # noqa: RUF001
)


def evaluated(records: Sequence[Record], **cells: str) -> Evaluation:
    """Evaluate cells as rows of MNIST LeNet-5; names of controls become controls."""
    rows = tuple(RowSettings(*MNIST, name, cell, "nasr") for name, cell in cells.items() if name in PAPER.defences)
    controls = tuple(
        ControlSettings(*MNIST, name, cell, "nasr") for name, cell in cells.items() if name in PAPER.controls
    )
    return evaluate(records, PAPER, EvaluateSettings("mia_pruning", rows, controls, ()), "demo")


def example() -> Evaluation:
    """Evaluate a baseline on the printed data, DP on digits and one control."""
    records = cell_records("base", test=[0.99, 0.991, 0.992], attacks={"nasr": [0.66, 0.67, 0.68], "gap": [0.5] * 3})
    records += cell_records("dp", data="digits", note="a made-up note", seeds=[0], attacks={"nasr": [0.5]})
    records += cell_records("dense", attacks={"nasr": [0.68] * 3})
    return evaluated(records, baseline="base", dp="dp", dense_same_epochs="dense")


def table(evaluation: Evaluation, name: str) -> Table:
    """Return one table."""
    return next(one for one in build(evaluation, PAPER) if one.name == name)


def found_row(table: Table, *first: str) -> dict[str, str]:
    """Return the row that begins with these texts, by column."""
    cells = next(cells for cells in table.rows if tuple(cell.text for cell in cells[: len(first)]) == first)
    return {column.title: cell.text for column, cell in zip(table.columns, cells, strict=True)}


def nasty() -> Table:
    """Make a table whose every part is full of signs that some form gives a meaning to."""
    return Table(
        name="nasty",
        title=NASTY[0],
        caption=NASTY[1],
        columns=(*labels(NASTY[0]), *numbers(NASTY[2]), *texts(NASTY[3])),
        rows=tuple(row(text, TableCell(text, "not-run"), text) for text in NASTY),
        notes=NASTY,
    )


def test_verdicts_csv_has_one_line_per_printed_number() -> None:
    """The header is fixed; below it stands one line per printed number, run or not."""
    lines = verdicts_csv([evaluated([]), example()]).splitlines()
    assert lines[0] == HEADER
    assert len(lines) == 1 + 2 * 94
    assert lines[1] == "demo,mia_pruning,Table 1,MNIST,LeNet-5,baseline,,test_accuracy,99.3,,,,0,not run,0,0,"
    assert lines[2] == "demo,mia_pruning,Table 1,MNIST,LeNet-5,baseline,nasr,attack_accuracy,67.00,,,,0,not run,0,0,"


def test_verdicts_csv_is_in_the_printed_unit() -> None:
    """Percent as printed with the measured mean and interval, weights as counts, ratios in times."""
    records = cell_records("base", attacks={"nasr": [0.66, 0.67, 0.68]})
    records += cell_records("pruned", weights=(61470, 3896), attacks={"nasr": [0.5] * 3})
    lines = verdicts_csv([evaluated(records, baseline="base", mia_pruning="pruned")]).splitlines()
    start = "demo,mia_pruning,Table"
    assert (
        f"{start} 1,MNIST,LeNet-5,baseline,nasr,attack_accuracy,67.00,67.000,66.000,68.000,3,reproduced,4,0," in lines
    )
    assert f"{start} 4,MNIST,LeNet-5,mia_pruning,,weights_after,3800,3896,3896,3896,3,reproduced,0,0," in lines
    assert f"{start} 4,MNIST,LeNet-5,mia_pruning,,weights_ratio,15.78,15.778,15.778,15.778,3,reproduced,0,0," in lines


@pytest.mark.parametrize("make", [example, lambda: evaluated([])])
def test_every_printed_row_is_in_its_table(make: Callable[[], Evaluation]) -> None:
    """The six tables show all 42 printed rows and all 94 printed numbers in printed order, whatever was run."""
    tables = [one for one in build(make(), PAPER) if re.fullmatch(r"table_\d", one.name)]
    assert [len(one.rows) for one in tables] == [18, 4, 4, 6, 6, 4]
    printed = [
        cell.text.partition(" (")[0]
        for one in tables
        for cells in one.rows
        for cell, column in zip(cells, one.columns, strict=True)
        if column.title.endswith("published")
    ]
    assert printed == [number.printed for number in PAPER.numbers]


def test_row_shows_published_measured_and_verdict() -> None:
    """A judged row shows print, mean, interval and verdict, and one that was not run shows only its print."""
    one = table(example(), "table_1")
    judged = found_row(one, "MNIST, LeNet-5", "Baseline")
    assert judged["Attack accuracy (%): published"] == "67.00 (a)"
    assert judged["Attack accuracy: measured"] == "67.00 [66.00, 68.00]"
    assert judged["Attack accuracy: verdict"] == "reproduced"
    assert judged["Seeds"] == "3"
    absent = found_row(one, "CIFAR-10, VGG16", "Baseline")
    assert absent["Attack accuracy: measured"] == absent["Seeds"] == "\N{EN DASH}"
    assert absent["Attack accuracy: verdict"] == "not run"


def test_stand_in_and_single_seed_are_said() -> None:
    """A row on other data names the data, and a single seed is written `one seed`."""
    found = found_row(table(example(), "table_2"), "MNIST, LeNet-5", "DP-SGD")
    assert found["Notes"] == "stand-in: data set digits"
    assert found["Test accuracy: verdict"] == "stand-in data"
    assert found["Seeds"] == "one seed"


def test_marks_lead_to_flags() -> None:
    """Every mark behind a printed number has its note, and every flag of the table is marked."""
    for one, printed in zip((table(example(), f"table_{number}") for number in range(1, 7)), PAPER.tables, strict=True):
        marks = {mark for cells in one.rows for cell in cells for mark in re.findall(r"\(([a-z])\)", cell.text)}
        noted = dict(re.findall(r"^\(([a-z])\) (.*)\.$", "\n".join(one.notes), flags=re.MULTILINE))
        assert marks == set(noted)
        assert set(noted.values()) == {flag for number in printed.rows for flag in number.flags.values()}


def test_note_of_a_data_set_stands_under_every_table_that_uses_it() -> None:
    """The note stands under the tables with the cell measured on that data, and under no other printed table."""
    uses = {one.name for one in build(example(), PAPER) if "Data set digits: a made-up note." in one.notes}
    assert {"claims", "table_2", "attacks", "base_rates"} <= uses
    assert not uses & {"table_1", "table_3", "table_4", "table_5", "table_6"}


def test_tolerances_stand_under_the_table_that_they_judge() -> None:
    """Each table of the paper says its tolerances and their reasons."""
    for number, printed in enumerate(PAPER.tables, start=1):
        notes = " ".join(table(example(), f"table_{number}").notes)
        reasons = {one.tolerance.reason for one in PAPER.numbers if one.table == printed.name}
        assert all(reason in notes for reason in reasons)


def test_overview_counts_all_numbers() -> None:
    """Each line of the overview adds up to its printed numbers, the last to 94."""
    one = table(example(), "overview")
    counts = [[int(cell.text) for cell in cells[1:]] for cells in one.rows]
    assert all(line[0] == sum(line[1:]) for line in counts)
    assert [sum(column) for column in zip(*counts[:-1], strict=True)] == counts[-1]
    assert counts[-1][0] == 94


def test_controls_stand_beside_the_methods() -> None:
    """The control has the baseline's columns, and the controls that were not run are named."""
    one = table(example(), "controls")
    methods = [cells[2].text for cells in one.rows]
    assert methods == ["Baseline", "Control: Dense, same extra epochs"]
    missing = next(note for note in one.notes if note.startswith("Not run"))
    assert "Random mask" in missing
    assert "Dense, same" not in missing


def test_controls_show_the_strongest_attack_beside_the_papers() -> None:
    """The attack that is most accurate on selection records stands with its name and its evaluated accuracy."""
    scores = [0.60, 0.61, 0.62]
    records = cell_records("base", attacks={"nasr": scores, "gap": [0.70, 0.72, 0.74]})
    records += cell_records("dense", attacks={"nasr": scores, "gap": [0.50, 0.52, 0.54]})
    chosen = selected(records, {"nasr": 0.6, "gap": 0.65}, "balanced_accuracy")
    one = table(evaluated(chosen, baseline="base", dense_same_epochs="dense"), "controls")
    column = [title.title for title in one.columns].index("Strongest attack (%)")

    assert [cells[column].text.split(" ")[0] for cells in one.rows] == ["72.00", "52.00"]
    assert all(cells[column].text.endswith(", Gap") for cells in one.rows)


def test_controls_name_the_papers_attack_and_failed_checks() -> None:
    """An accuracy stands with its attack; a failed check of the cell counts in its row, one of another attack not."""
    scores = [0.60, 0.61, 0.62]
    records = cell_records("base", attacks={"nasr": scores}, failed={"network": "trained out"})
    records += cell_records("dense", attacks={"nasr": scores, "gap": scores}, failed={"gap": "looks at the model"})
    one = table(evaluated(records, baseline="base", dense_same_epochs="dense"), "controls")
    columns = [title.title for title in one.columns]
    shown = [[cells[columns.index(name)].text for name in ("Attack accuracy (%)", "Checks")] for cells in one.rows]

    assert [accuracy.rpartition(", ")[2] for accuracy, _ in shown] == ["Nasr", "Nasr"]
    assert [checks for _, checks in shown] == ["1 of 3 failed", "all 3 passed"]


def test_controls_count_the_checks_of_the_strongest_attack() -> None:
    """Checks of a row are those of its cell, of the paper's attack and of the strongest, each once; of no other."""
    scores = {"nasr": [0.60, 0.61, 0.62], "gap": [0.70, 0.72, 0.74], "loss": [0.55, 0.56, 0.57]}
    base = cell_records("base", attacks=scores, failed={"gap": "looks at the model"})
    dense = cell_records("dense", attacks=scores, failed={"loss": "looks at the model"})
    records = selected(base, {"nasr": 0.6, "gap": 0.7, "loss": 0.5}, "balanced_accuracy")
    records += selected(dense, {"nasr": 0.6, "gap": 0.5, "loss": 0.5}, "balanced_accuracy")
    one = table(evaluated(records, baseline="base", dense_same_epochs="dense"), "controls")
    columns = [title.title for title in one.columns]
    shown = [[cells[columns.index(name)].text for name in ("Strongest attack (%)", "Checks")] for cells in one.rows]

    assert [accuracy.rpartition(", ")[2] for accuracy, _ in shown] == ["Gap", "Nasr"]
    assert [checks for _, checks in shown] == ["1 of 4 failed", "all 3 passed"]


def test_an_attack_that_other_cells_were_spared_is_not_the_strongest() -> None:
    """A row whose attack ran on its cell alone, such as one on two networks, has no strongest attack beside it."""
    scores = [0.60, 0.61, 0.62]
    records = cell_records("base", attacks={"nasr": scores})
    records += cell_records("both", attacks={"nasr": scores, "released_together": [0.70, 0.72, 0.74]})
    chosen = selected(records, {"nasr": 0.6, "released_together": 0.9}, "balanced_accuracy")
    rows = (RowSettings(*MNIST, "baseline", "base", "nasr"), RowSettings(*MNIST, "mia_pruning", "both", "nasr"))
    control = ControlSettings(*MNIST, "released_together", "both", "released_together")
    one = table(evaluate(chosen, PAPER, EvaluateSettings("mia_pruning", rows, (control,), ()), "demo"), "controls")
    column = [title.title for title in one.columns].index("Strongest attack (%)")

    assert [cells[column].text[-6:] for cells in one.rows] == [", Nasr", ", Nasr", ABSENT]


def test_base_rates_begin_with_always_answering_member() -> None:
    """Beside the replays stands what an attacker reaches who always answers `member`: 1/2, 2/3 and 5/6."""
    one = table(example(), "base_rates")
    assert [cell.text for cell in one.rows[0][-3:]] == ["50.00", "66.67", "83.33"]
    assert found_row(one, *MNIST[:0], "MNIST, LeNet-5", "Baseline")["Published (%)"] == "67.00"


def test_all_attacks_on_all_cells_are_shown() -> None:
    """There is one line per cell and attack, with the number of attacked records."""
    one = table(example(), "attacks")
    assert [(cells[0].text, cells[2].text) for cells in one.rows] == [
        ("base", "Nasr"), ("base", "Gap"), ("dense", "Nasr"), ("dp", "Nasr"),
    ]  # fmt: skip
    assert found_row(one, "base")["Members + non-members"] == "5,000 + 5,000"


def test_claims_say_where_they_were_tested() -> None:
    """A claim shows its verdict, the place, and for how many printed places the paper's own numbers satisfy it."""
    records = cell_records("base", data="digits", attacks={"nasr": [0.60] * 3})
    records += cell_records("pruned", data="digits", attacks={"nasr": [0.58] * 3})
    found = found_row(table(evaluated(records, baseline="base", mia_pruning="pruned"), "claims"), "1")
    assert found["Verdict"] == "supported (stand-in data)"
    assert found["Measured on"] == "digits, lenet5, paper (stand-in)"
    assert found["In print"] == "8 of 8"


def test_csv_gives_back_every_cell() -> None:
    """A CSV reader finds columns and cells as they are, with the ASCII minus."""
    found = list(csv.reader(io.StringIO(comma_separated(nasty()))))
    expected = [[column.title for column in nasty().columns], *([text] * 3 for text in NASTY)]
    assert found == [[text.replace("\N{MINUS SIGN}", "-") for text in line] for line in expected]


def test_markdown_gives_back_every_cell() -> None:
    """Split at unescaped bars and unescaped, every line of the Markdown table gives the texts of its row."""
    lines = [line for line in markdown(nasty()).splitlines() if line.startswith("| ")]
    found = [[_plain(text) for text in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert found[0] == [" ".join(column.title.split()) for column in nasty().columns]
    assert found[2:] == [[" ".join(text.split())] * 3 for text in NASTY]
    assert not re.search(r"<script|(?<!\\)\*y|(?<!\\)`", markdown(nasty()))


def _plain(text: str) -> str:
    text = re.sub(r"\\([\\|*`_])", r"\1", text.strip())
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


class _Cells(HTMLParser):
    """Collects tags, and the text of headings, cells and notes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: dict[str, list[str]] = {"th": [], "td": [], "li": []}
        self.classes: list[str] = []
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a text."""
        self.tags.add(tag)
        self._open = tag
        if tag in self.texts:
            self.texts[tag].append("")
        if tag == "td":
            self.classes.append(dict(attrs)["class"] or "")

    def handle_endtag(self, tag: str) -> None:
        """End a text."""
        self._open = ""

    def handle_data(self, data: str) -> None:
        """Add to a text."""
        if self._open in self.texts:
            self.texts[self._open][-1] += data


def test_html_gives_back_every_cell() -> None:
    """An HTML parser finds the texts as they are, the styles as classes, and no tag that came with a text."""
    parser = _Cells()
    parser.feed(html(nasty()))
    assert parser.texts["th"] == [column.title for column in nasty().columns]
    assert parser.texts["td"] == [text for text in NASTY for _ in range(3)]
    assert parser.texts["li"] == list(NASTY)
    assert parser.classes[:3] == ["label", "number not-run", "text"]
    assert "script" not in parser.tags


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b & 5 % of $1 #2", r"a\_b \& 5 \% of \$1 \#2"),
        ("\\{~^}", r"\textbackslash{}\{\textasciitilde{}\textasciicircum{}\}"),
        ("[1, 2] *", "{[}1, 2{]} {*}"),
        ("<x|y>", r"\textless{}x\textbar{}y\textgreater{}"),
        ("a\nb", "a b"),
        ("é μ", "é U+03BC"),
        ("\N{MINUS SIGN}1 ± 2 ≤ 3", r"$-$1 $\pm$ 2 $\le$ 3"),
    ],
)
def test_latex_is_escaped(text: str, escaped: str) -> None:
    """Every sign that LaTeX gives a meaning to is written as itself."""
    assert escape_latex(text) == escaped


def test_latex_tables_have_labels_of_their_own() -> None:
    """In all tables of two papers no label stands twice, though tables of both have the same name."""
    both = [latex(one, paper) for paper in ("first", "second") for one in build(example(), PAPER)]
    labels_ = re.findall(r"\\label\{([^}]*)\}", "".join(both))
    assert len(labels_) == len(set(labels_)) >= len(both)


def test_a_long_latex_table_is_divided_and_loses_no_row() -> None:
    """Each part fits a page and a column, has the headings, and the parts have all rows in their order."""
    rows = tuple(row(f"row {number}", "words " * 30) for number in range(100))
    text = latex(Table("long", "Long", "", (*labels("Name"), *texts("A heading of many words")), rows, ()))
    assert re.findall(r"^(row \d+) &", text, flags=re.MULTILINE) == [f"row {number}" for number in range(100)]
    assert text.count(r"\toprule") == text.count(r"max width=\linewidth") == text.count(r"\label{") > 5
    assert r"\shortstack[l]{A heading of \\ many words}" in text


def test_latex_uses_booktabs() -> None:
    """A table has booktabs' rules and one line of cells per row."""
    text = latex(nasty())
    assert all(text.count(rule) == 1 for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\caption"))
    assert len(re.findall(r"&.*\\\\$", text, flags=re.MULTILINE)) == 1 + len(NASTY)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_document_compiles(tmp_path: Path) -> None:
    """All tables, and one full of special signs, compile as one document."""
    document = latex_document([*build(example(), PAPER), nasty()], NASTY[2])
    (tmp_path / "all.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603
    assert ended.returncode == 0, ended.stdout[-2000:]


def test_files_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    """Each table is written as Markdown, LaTeX and CSV, and the same evaluation gives the same bytes."""
    tables = build(example(), PAPER)
    for folder in ("first", "second"):
        write(tables, "MIA-Pruning, suite demo", tmp_path / folder / "mia_pruning")
    written = {path.name: path.read_bytes() for path in (tmp_path / "first" / "mia_pruning").iterdir()}
    names = [*(one.name for one in tables), "all"]
    assert set(written) == {f"{name}.{ending}" for name in names for ending in ("md", "tex", "csv")} - {"all.csv"}
    assert written == {path.name: path.read_bytes() for path in (tmp_path / "second" / "mia_pruning").iterdir()}


def test_unwritable_folder_is_told(tmp_path: Path) -> None:
    """A file where the folder's parent should be ends with one line."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="could not be written"):
        write(build(evaluated([]), PAPER), "title", tmp_path / "file" / "tables")


def test_rows_fit_their_columns() -> None:
    """A row of another length than the columns is refused."""
    with pytest.raises(ValueError, match="a row has not 2 cells"):
        Table("x", "t", "c", labels("a", "b"), (row("one"),), ())


def test_numbers_are_written_by_unit() -> None:
    """Decimals, commas, exponents and signs depend on the unit; an interval is shown where it differs from the mean."""
    assert plain(61470.0, "count") == "61,470"
    assert plain(1691526666.667, "ratio") == "1.69e9"
    assert plain(1691.5, "ratio") == "1691.500"
    assert signed(-0.5, "percent") == "\N{MINUS SIGN}0.50"
    assert with_interval(None, None, None, "percent") == "\N{EN DASH}"
    assert with_interval(50.0, None, None, "percent") == "50.00"
    assert with_interval(50.0, 49.999, 50.001, "percent") == "50.00"
    assert with_interval(1.0, -1.0, 3.0, "percent", difference=True) == "+1.00 [\N{MINUS SIGN}1.00, +3.00]"
