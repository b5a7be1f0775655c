"""Registries of methods: a method declares itself in its own file, and the registry of its kind finds it there.

A module of a registry's folder that sets `METHOD`, or `METHODS` for several of a family, declares methods. So do the
modules that entry points of the registry's group name, and the `plugins` of a suite. Nothing else has to be edited.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, Generic, Protocol, TypeVar

from privprune.errors import UserError


class Named(Protocol):
    """What a registry needs to know of a method."""

    @property
    def name(self) -> str:
        """Its name in a suite."""
        ...


Method = TypeVar("Method", bound=Named)
_plugins: dict[str, ModuleType] = {}  # of this process, by name: every registry looks at them


def use_plugins(names: Sequence[str], where: str) -> None:
    """Import modules from outside, whose methods all registries have from now on.

    Args:
        names: of modules, `package.module`; each is looked for in the working directory and among what is installed.
        where: the place of the names, for the message.

    Raises:
        UserError: a module cannot be imported.

    """
    for name in names:
        if name in _plugins:
            continue
        try:
            _plugins[name] = importlib.import_module(name)
        except Exception as failure:
            raise UserError(
                f"{where}: {name}: could not be imported ({type(failure).__name__}: {failure})"
            ) from failure


class Registry(Mapping[str, Method], Generic[Method]):
    """The methods of one kind, name -> declaration, in alphabetical order. The folder is read at the first look-up."""

    def __init__(self, package: str, kind: type[Method], group: str) -> None:
        """Describe where methods are declared.

        Args:
            package: the folder, as a package; each module in it is imported.
            kind: class of the declarations; others in the same module belong to other registries.
            group: of the entry points by which installed packages add methods.

        """
        self.package, self.kind, self.group = package, kind, group
        self._declared: dict[str, tuple[str, Method]] | None = None
        self._plugins: set[str] = set()  # those that have been read

    def __getitem__(self, name: str) -> Method:
        """Return the method of a name; KeyError where there is none."""
        return self._read()[name][1]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._read()))

    def __len__(self) -> int:
        return len(self._read())

    def module_of(self, name: str) -> str:
        """Return the dotted name of the module that declares a method."""
        return self._read()[name][0]

    def look_up(self, name: object, where: str) -> Method:
        """Return the method of a name.

        Raises:
            UserError: there is none; the line begins with `where` and names those that there are.

        """
        if not isinstance(name, str) or name not in self:
            raise UserError(f"{where}: found {name!r}, allowed {', '.join(self)}")
        return self[name]

    def add(self, module: ModuleType) -> list[str]:
        """Take the methods of this kind that a module declares, and return their names.

        Raises:
            UserError: another module has declared a method of the same name.

        """
        declared = self._read() if self._declared is None else self._declared
        found = [method for method in declarations(module) if isinstance(method, self.kind)]
        for method in found:
            before = declared.setdefault(method.name, (module.__name__, method))
            if before[1] is not method:
                raise UserError(f"{module.__name__}: found the name {method.name!r}, which {before[0]} has taken")
        return [method.name for method in found]

    def _read(self) -> dict[str, tuple[str, Method]]:
        if self._declared is None:
            self._declared = {}
            folder = importlib.import_module(self.package)
            for entry in pkgutil.iter_modules(folder.__path__, f"{self.package}."):
                self.add(importlib.import_module(entry.name))
            for point in importlib.metadata.entry_points(group=self.group):
                self.add(importlib.import_module(point.module))
        for name in _plugins.keys() - self._plugins:
            self._plugins.add(name)
            self.add(_plugins[name])
        return self._declared


def declarations(module: ModuleType) -> tuple[Any, ...]:
    """Return what a module declares: its `METHOD`, or all of its `METHODS`."""
    single = getattr(module, "METHOD", None)
    return (*getattr(module, "METHODS", ()), *(() if single is None else (single,)))
