"""A table as HTML, to be put into a page that has styles for its classes."""

import jinja2

from privprune.tables.table import Table

_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("privprune.tables"),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=jinja2.StrictUndefined,
    autoescape=True,
)


def html(table: Table) -> str:
    """Return a figure element with caption, table and notes; cells have column kind and style as classes."""
    return _templates.get_template("table.html.jinja").render(table=table)
