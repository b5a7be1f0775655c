"""Registries of methods: each method is declared in a file of its own, where the registry of its kind finds it.

A module in a registry's folder declares a method by setting `METHOD`, or several by setting `METHODS`. Methods can also
be declared by modules that are named in entry points of the registry's group, or in the `plugins` of a suite. No other
file has to be edited.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, Generic, Protocol, TypeVar

from privprune.errors import UserError, shown


class Named(Protocol):
    """The only requirement on the declaration of a method: a name."""

    @property
    def name(self) -> str:
        """The method's name in a suite."""
        ...


Method = TypeVar("Method", bound=Named)
_plugins: dict[str, ModuleType] = {}  # those imported in this process, by name; all registries read them


def use_plugins(names: Sequence[str], where: str) -> None:
    """Import modules of other packages, and add the methods that they declare to all registries.

    Args:
        names: of modules, `package.module`, in the working directory or installed.
        where: location of the names, for the message.

    Raises:
        UserError: a module cannot be imported.

    """
    for name in names:
        if name not in _plugins:
            _plugins[name] = _imported(name, f"{where}: {name}")


def _imported(module: str, where: str) -> ModuleType:
    """Import a module that others write; whatever is wrong with it is one line.

    Raises:
        UserError: the module cannot be imported.

    """
    try:
        return importlib.import_module(module)
    except Exception as failure:
        raise UserError(f"{where}: could not be imported ({type(failure).__name__}: {failure})") from failure


class Registry(Mapping[str, Method], Generic[Method]):
    """The methods of one kind, name -> declaration, in alphabetical order. The first look-up reads the folder."""

    def __init__(self, package: str, kind: type[Method], group: str) -> None:
        """Store where methods are declared.

        Args:
            package: dotted name of the folder; each module in it is imported.
            kind: class of the declarations; those of other classes in the same module belong to other registries.
            group: name of the entry points by which installed packages add methods.

        """
        self.package, self.kind, self.group = package, kind, group
        self._declared: dict[str, tuple[str, Method]] | None = None
        self._plugins: set[str] = set()  # those that have been read

    def __getitem__(self, name: str) -> Method:
        """Return the method of a name; raises KeyError if there is none."""
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
            UserError: there is none; the message begins with `where` and lists the names of all methods.

        """
        if not isinstance(name, str) or name not in self:
            raise UserError(f"{where}: found {shown(name)}, allowed {', '.join(self)}")
        return self[name]

    def add(self, module: ModuleType) -> list[str]:
        """Add the methods of this kind that a module declares, and return their names.

        Raises:
            UserError: another module has declared a method of the same name.

        """
        declared = self._read() if self._declared is None else self._declared
        methods = [method for method in declarations(module) if isinstance(method, self.kind)]
        for method in methods:
            existing = declared.setdefault(method.name, (module.__name__, method))
            if existing[1] is not method:
                raise UserError(f"{module.__name__}: found the name {method.name!r}, which {existing[0]} has taken")
        return [method.name for method in methods]

    def _read(self) -> dict[str, tuple[str, Method]]:
        if self._declared is None:
            try:
                self._read_folder()
            except UserError:
                self._declared = None  # the next look-up fails in the same way
                raise
        for name in _plugins.keys() - self._plugins:
            self._plugins.add(name)
            self.add(_plugins[name])
        assert self._declared is not None  # noqa: S101 (read above)
        return self._declared

    def _read_folder(self) -> None:
        self._declared = {}  # before modules are imported, which may look something up
        folder = importlib.import_module(self.package)
        for entry in pkgutil.iter_modules(folder.__path__, f"{self.package}."):
            module = _imported(entry.name, entry.name)
            if not self.add(module) and declarations(module):
                found = type(declarations(module)[0]).__name__
                raise UserError(f"{entry.name}: found a declaration of type {found}, allowed {self.kind.__name__}")
        for point in importlib.metadata.entry_points(group=self.group):
            self.add(_imported(point.module, f"entry point {self.group}: {point.module}"))


def declarations(module: ModuleType) -> tuple[Any, ...]:
    """Return the declarations in a module: those in `METHODS`, and `METHOD`.

    Raises:
        UserError: one of them has no name, so that it is no declaration.

    """
    single = getattr(module, "METHOD", None)
    found = (*getattr(module, "METHODS", ()), *(() if single is None else (single,)))
    for one in found:
        if not hasattr(one, "name"):
            raise UserError(
                f"{module.__name__}: found a declaration of type {type(one).__name__}, allowed those with a name"
            )
    return found
