"""Settings of a game against a small decoder, as tests of its terms change them."""

from privprune.defences.resfl import EXAMPLE_GAME

GAME: dict[str, object] = {
    **EXAMPLE_GAME,
    "weight": 1.0,
    "loss": "mse",
    "threshold": 0.9,
    "learning_rate": 0.01,
    "blocks": 0,
    "width": 8,
}
