"""Build an attack from a mapping in a suite: its key `attack` names the method, the other keys are its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from privprune.errors import UserError, shown
from privprune.settings import read

Built = TypeVar("Built")
Built_co = TypeVar("Built_co", covariant=True)


class AttackMethod(Protocol[Built_co]):
    """The part of a declaration that `build_attack` uses, the same for both kinds of attack."""

    @property
    def settings(self) -> type[Any]:
        """Class of the attack's settings."""
        ...

    @property
    def attack(self) -> Callable[[Any], Built_co]:
        """Build the attack from its settings."""
        ...


Method = TypeVar("Method", bound=AttackMethod[Any])


def build_attack(methods: Mapping[str, AttackMethod[Built]], settings: Mapping[str, object], where: str) -> Built:
    """Build one attack.

    Args:
        methods: name -> declaration, such as `MEMBERSHIP_ATTACKS`.
        settings: a mapping from a suite; its key `attack` is a name in `methods`.
        where: file and dotted key of the mapping, for error messages.

    Raises:
        UserError: the attack is unknown, its settings are wrong, or its file is.

    """
    return attack_of(*read_attack(methods, settings, where))


def read_attack(methods: Mapping[str, Method], settings: Mapping[str, object], where: str) -> tuple[Method, Any]:
    """Return the declaration of an attack and its settings; arguments and errors are those of `build_attack`."""
    if "attack" not in settings:
        raise UserError(f"{where}.attack: missing, allowed {', '.join(methods)}")
    name = settings["attack"]
    if not isinstance(name, str) or name not in methods:
        raise UserError(f"{where}.attack: found {shown(name)}, allowed {', '.join(methods)}")
    method = methods[name]
    return method, read(method.settings, {key: value for key, value in settings.items() if key != "attack"}, where)


def attack_of(method: AttackMethod[Built], settings: Any) -> Built:
    """Build an attack from its declaration and its settings.

    Raises:
        UserError: its file is wrong: it takes no settings, or lacks a method that every attack has.

    """
    where = f"{method.attack.__module__}.{method.attack.__qualname__}"
    try:
        attack = method.attack(settings)
    except TypeError as failure:
        raise UserError(f"{where}: could not be built ({failure})") from failure
    if not callable(attack):
        raise UserError(f"{where}: found nothing that can be called, allowed an attack with __call__")
    return attack
