"""Points of a paper's figures, read off by eye where the paper prints no numbers."""

from dataclasses import dataclass
from importlib import resources

from privprune.settings import read
from privprune.yaml_file import load_yaml


@dataclass(frozen=True)
class PrintedFigures:
    """The points of all figures of a paper that were read off.

    Attributes:
        paper: its short name.
        datasets: our names of the data on which measured points may stand beside them.
        precision: quantity -> how far a point may lie from the printed one.
        figures: figure -> curve -> points (x, y) in the order along the curve; MSE on [0, 1], accuracy in percent.

    """

    paper: str
    datasets: tuple[str, ...]
    precision: dict[str, float]
    figures: dict[str, dict[str, tuple[tuple[float, ...], ...]]]

    def __post_init__(self) -> None:
        """Refuse points that are no pairs."""
        points = [point for curves in self.figures.values() for curve in curves.values() for point in curve]
        if any(len(point) != 2 for point in points):
            raise ValueError("figures: a point has two numbers, x and y")

    def on(self, dataset: str) -> bool:
        """Whether points measured on this data may stand beside them."""
        return dataset in self.datasets

    def curves(self, figure: str) -> dict[str, tuple[tuple[float, ...], ...]]:
        """Return the curves of a figure, none where none was read off."""
        return self.figures.get(figure, {})


def load_figures(paper: str) -> PrintedFigures:
    """Return what was read off a paper's figures, nothing for a paper without.

    Raises:
        UserError: the file holds what does not belong there.

    """
    with resources.as_file(resources.files("privprune.published") / "figures" / f"{paper}.yaml") as file:
        if not file.exists():
            return PrintedFigures(paper, (), {}, {})
        return read(PrintedFigures, load_yaml(file), file.name)
