"""The benchmark of SAMIA runs, and says what it measured."""

from __future__ import annotations

from benchmarks import samia


def test_samia_is_timed_to_its_scores() -> None:
    """One row with the aim; the note says how many steps were taken, here all that were allowed."""
    (found,) = samia.measure(samia.QUICK)
    assert (found.aim, found.unit, found.better) == (samia.AIM, "s", "lower")
    assert found.value is not None
    assert 0 < found.value < samia.AIM
    assert "ended after 4 steps of 128 records" in found.note


def test_its_evidence_leaks() -> None:
    """Members have the higher logit in their class, by the leak that is declared."""
    evidence = samia.evidence_of(4000, samia.SETTINGS)
    own = [
        part.logits.gather(1, part.labels[:, None]).mean()
        for part in (evidence.known_members, evidence.known_nonmembers)
    ]
    assert abs(float(own[0] - own[1]) - samia.LEAK) < 0.2
