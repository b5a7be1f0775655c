"""Which measured errors CEM's Theorem 1 bounds: those of attacks that know what was sent once, and unseen images."""

from collections.abc import Mapping
from typing import Any

from privprune.records import Record


def bounded_errors(record: Record) -> tuple[str, ...]:
    """Return the metrics of a record of inversion, `<attack>_<measure>`, that Theorem 1 says something about.

    The theorem (CEM, Section 3.2) is about a reconstruction from z, the features of an image as they were sent once. It
    does not bound an attack

    * that sees several transmissions of one image, whose noise it can average: `queries` above 1;
    * that is told more than was sent, such as the true class: `label: true`;
    * that is scored on images it was trained on, of which it may remember more than was sent: the scoring as CEM's
      paper says (`_as_written`) of attacks with the target's training images, `attacker_data: train`.
    """
    entries: Mapping[str, Mapping[str, Any]] = record.parameters.get("inversions") or {}
    errors: list[str] = []
    for attack in record.attacks:
        settings = entries.get(attack, {})
        if settings.get("queries", 1) == 1 and settings.get("label") != "true":
            errors.append(f"{attack}_mse")
            if settings.get("attacker_data") != "train":
                errors.append(f"{attack}_mse_as_written")
    return tuple(errors)
