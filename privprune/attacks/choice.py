"""An attack by its name in a suite: settings whose key `attack` says which, the others how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from privprune.errors import UserError
from privprune.settings import read


def build_attack(attacks: Mapping[str, tuple[type[Any], type[Any]]], settings: Mapping[str, object], where: str) -> Any:
    """Build one attack.

    Args:
        attacks: name -> class of its settings, and of the attack.
        settings: as a suite has them.
        where: their place in the suite, for messages.

    Raises:
        UserError: an unknown attack, or settings that it does not take.

    """
    name = settings.get("attack")
    if not isinstance(name, str) or name not in attacks:
        raise UserError(f"{where}.attack: found {name!r}, allowed {', '.join(attacks)}")
    kind, attack = attacks[name]
    return attack(read(kind, {key: value for key, value in settings.items() if key != "attack"}, where))
