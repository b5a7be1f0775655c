"""Where the tests find the repository and its suites."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITES = ROOT / "tests" / "suites"
TINY = SUITES / "tiny.yaml"
PAPER = ROOT / "params" / "paper.yaml"
CALIBRATION = ROOT / "params" / "calibration.yaml"
