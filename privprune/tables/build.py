"""All tables of an evaluation, and their files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from privprune.files import new_folder
from privprune.published import Paper
from privprune.tables.attacks import attacks_table, base_rates_table, every_attack_table
from privprune.tables.cells import controls_table, search_table, sweep_table
from privprune.tables.checks import checks_table
from privprune.tables.claims import claims_table, comparisons_table
from privprune.tables.comma_separated import comma_separated
from privprune.tables.edge import ablation_table, deployment_table, methods_table
from privprune.tables.gains import gains_table
from privprune.tables.inversions import curves_table, features_table, inversions_table
from privprune.tables.latex import latex, latex_document
from privprune.tables.literature import literature_table
from privprune.tables.markdown import escape, markdown
from privprune.tables.matched import matched_table
from privprune.tables.printed import overview, printed_table, was_run
from privprune.tables.quantisation import quantisation_table
from privprune.tables.table import Table
from privprune.verdicts import Evaluation


def build(
    evaluation: Evaluation, paper: Paper, timings: Mapping[str, Mapping[str, float]] | None = None
) -> tuple[Table, ...]:
    """Return all tables of an evaluation, in the order of the report.

    A table without rows is left out, and so is a table of our own experiments if none of them was measured. `timings`
    maps a cell to the timed quantities of its exported halves. Without it the table has no times, as in the files that
    must be the same on every machine.
    """
    further = (
        methods_table(evaluation, paper),
        ablation_table(evaluation, paper),
        deployment_table(evaluation, paper, timings or {}),
        quantisation_table(evaluation),
        matched_table(evaluation, paper),
        gains_table(evaluation),
        controls_table(evaluation, paper),
        comparisons_table(evaluation, paper),
        every_attack_table(evaluation, paper),
        base_rates_table(evaluation, paper),
        attacks_table(evaluation, paper),
        inversions_table(evaluation, paper),
        features_table(evaluation, paper),
        sweep_table(evaluation),
        curves_table(evaluation, paper),
        search_table(evaluation),
        literature_table([(paper, evaluation)]),
        checks_table(evaluation),
    )
    return (
        claims_table(evaluation, paper),
        overview(evaluation, paper),
        *(
            printed_table(evaluation, paper, table)
            for table in paper.tables
            if not table.ours or was_run(table, evaluation)
        ),
        *(table for table in further if table.rows),
    )


def write(tables: Sequence[Table], title: str, folder: Path) -> None:
    """Write each table as Markdown, LaTeX and CSV, and all of them as one Markdown page and one LaTeX document.

    The labels of the LaTeX tables begin with the folder's name, which is the paper's.

    Raises:
        UserError: the folder cannot be written to.

    """
    with new_folder(folder) as place:
        for table in tables:
            (place / f"{table.name}.md").write_text(markdown(table), encoding="utf-8")
            (place / f"{table.name}.tex").write_text(latex(table, folder.name), encoding="utf-8")
            (place / f"{table.name}.csv").write_text(comma_separated(table), encoding="utf-8")
        page = "\n".join([f"# {escape(title)}\n", *(markdown(table) for table in tables)])
        (place / "all.md").write_text(page, encoding="utf-8")
        (place / "all.tex").write_text(latex_document(tables, title, folder.name), encoding="utf-8")
