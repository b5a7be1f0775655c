"""The benchmark of client and server runs and compares what it says; how fast anything is, no test asserts."""

from __future__ import annotations

import pytest

from benchmarks import split_service


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((500, 30, 1500, 20), "beats the JPEG below 0.8 Mbit/s"),  # 1000 bytes less, 10 ms later: 8 kbit in 10 ms
        ((500, 20, 1500, 30), "beats the JPEG at any bandwidth"),
        ((500, 20, 1500, 20), "beats the JPEG at any bandwidth"),
        ((2500, 20, 1500, 30), "beats the JPEG above 0.8 Mbit/s"),
        ((2500, 30, 1500, 20), "beats the JPEG at no bandwidth"),
        ((1500, 30, 1500, 20), "as many bytes as the JPEG"),
    ],
)
def test_the_bandwidth_is_where_both_arrive_together(given: tuple[int, float, int, float], words: str) -> None:
    """Time on loopback and bytes over bandwidth are added up, by hand."""
    assert split_service.beats(*given) == words


@pytest.mark.slow
def test_it_runs() -> None:
    """The edge has its row in int8, and each type its round trip beside the JPEG's."""
    speed, *trips = split_service.measure(split_service.QUICK)
    assert speed.measure.endswith("edge in int8 against float32")
    assert [one.measure.rpartition("loopback, ")[2] for one in trips] == [
        *(f"{edge}, {dtype}" for edge in ("float32", "int8") for dtype in ("float32", "uint8", "uint4")),
        "JPEG",
    ]
    assert all(one.value is not None and one.value > 0 for one in (speed, *trips))
