"""Points of a paper's printed figures, read by eye where the paper prints no numbers."""

from dataclasses import dataclass
from importlib import resources

from privprune.settings import read
from privprune.yaml_file import load_yaml


@dataclass(frozen=True)
class PrintedFigures:
    """The points that were read from the figures of a paper.

    Attributes:
        paper: its short name.
        datasets: our names of the data on which measured points are comparable with them.
        precision: quantity -> the largest error of reading a point.
        figures: figure -> curve -> points (x, y) in the order along the curve; MSE on [0, 1], accuracy in percent.

    """

    paper: str
    datasets: tuple[str, ...]
    precision: dict[str, float]
    figures: dict[str, dict[str, tuple[tuple[float, ...], ...]]]

    def __post_init__(self) -> None:
        """Refuse points that are not pairs."""
        points = [point for curves in self.figures.values() for curve in curves.values() for point in curve]
        if any(len(point) != 2 for point in points):
            raise ValueError("figures: a point has two numbers, x and y")

    def on(self, dataset: str) -> bool:
        """Whether points measured on this data are comparable with the printed ones."""
        return dataset in self.datasets

    def curves(self, figure: str) -> dict[str, tuple[tuple[float, ...], ...]]:
        """Return the curves of a figure, empty where none was read."""
        return self.figures.get(figure, {})


def load_figures(paper: str) -> PrintedFigures:
    """Return the points read from a paper's figures, empty for a paper without.

    Raises:
        UserError: the file has an unknown or missing key, or a value of the wrong type.

    """
    with resources.as_file(resources.files("privprune.published") / "figures" / f"{paper}.yaml") as file:
        if not file.exists():
            return PrintedFigures(paper, (), {}, {})
        return read(PrintedFigures, load_yaml(file), file.name)
