"""Links in texts: identifiers of arXiv and DOIs lead to the papers."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_IDENTIFIER = re.compile(
    r"\barXiv[: ](?P<arxiv>\d{4}\.\d{4,5}(?:v\d+)?)|\bdoi:(?P<doi>10\.\d{4,9}/[A-Za-z0-9./_-]*[A-Za-z0-9])"
)


def linked(text: str) -> Markup:
    """Return the text escaped for HTML, each identifier of a paper in it as a link."""
    pieces, end = [], 0
    for found in _IDENTIFIER.finditer(text):
        address = f"https://arxiv.org/abs/{found['arxiv']}" if found["arxiv"] else f"https://doi.org/{found['doi']}"
        pieces += [escape(text[end : found.start()]), Markup('<a href="{}">{}</a>').format(address, found[0])]
        end = found.end()
    return Markup("").join([*pieces, escape(text[end:])])
