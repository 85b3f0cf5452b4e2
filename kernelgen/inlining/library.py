"""The library as files: which modules a package folder holds."""

import os
import tokenize
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

from kernelgen.errors import KernelgenError

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, eq=False)
class Module:
    """One source file of a library, which reads each once.

    name: dotted, "pk.sub.mod"; a package bears its folder's name.
    file: relative to the library's root, "pk/sub/mod.py".
    data: the file's bytes. text: the same decoded as Python does it, without a BOM, line ends as in the file.
    """

    name: str
    file: PurePosixPath
    data: bytes
    text: str
    is_package: bool

    @property
    def package(self) -> str:
        """What `__package__` is in this module."""
        return self.name if self.is_package else self.name.rpartition(".")[0]


class Library:
    """The package `name`, whose folder (or single file `name.py`) lies in the folder `root`.

    Raises KernelgenError where there is no such package.
    """

    def __init__(self, root: Path, name: str):
        self.root = Path(root).absolute()
        self.name = name
        self._modules: dict[str, Module | None] = {}
        if not name.isidentifier() or not self.exists(name):
            raise KernelgenError(
                f"library = {name!r}: neither {name}/ nor {name}.py is in {self.root}; name the package that lies there"
            )

    def module(self, name: str) -> Module | None:
        """The module or package of that dotted name; None if it has no source file."""
        if name not in self._modules:
            self._modules[name] = self._find(name)
        return self._modules[name]

    def is_namespace(self, name: str) -> bool:
        """Whether `name` is a folder without `__init__.py`, which Python imports as a namespace package."""
        return self.module(name) is None and os.path.isdir(self._place(name) or "")

    def exists(self, name: str) -> bool:
        """Whether `import name` would find something: a module, a package or a namespace folder."""
        return self.module(name) is not None or self.is_namespace(name)

    def owns(self, name: str) -> bool:
        """Whether a dotted name lies under this library's name, be there such a module or not."""
        return name == self.name or name.startswith(self.name + ".")

    def modules(self) -> list[Module]:
        """Every module of the library that an import statement can name, by name."""
        paths = [*(self.root / self.name).rglob("*.py"), self.root / f"{self.name}.py"]
        parts = [path.relative_to(self.root).with_suffix("").parts for path in paths]
        names = {".".join(one).removesuffix(".__init__") for one in parts if all(part.isidentifier() for part in one)}
        return [module for name in sorted(names) if (module := self.module(name))]

    def _place(self, name: str) -> Path | None:
        parts = name.split(".")
        if parts[0] != self.name or not all(parts):
            return None
        return self.root.joinpath(*parts)

    def _find(self, name: str) -> Module | None:
        place = self._place(name)
        if place is None:
            return None
        for path in (place / "__init__.py", Path(f"{place}.py")):
            if os.path.isfile(path):  # which is false for names that are too long for a file, and raises nothing
                file = PurePosixPath(path.relative_to(self.root).as_posix())
                data = read_file(path, str(file))
                return Module(name, file, data, decode(data, str(file)), path.name == "__init__.py")
        return None


def read_file(path: Path, where: str) -> bytes:
    """The bytes of a file that `where` names in messages."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise KernelgenError(f"{where}: cannot be read ({error.strerror}); check its permissions") from None


def decode(data: bytes, where: str) -> str:
    """Python source as text: its coding cookie or BOM followed, the BOM dropped, line ends kept.

    Raises KernelgenError where the bytes are not text in the encoding that they declare.
    """
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
        return data.decode(encoding).removeprefix("\ufeff")
    except SyntaxError as error:
        raise KernelgenError(f"{where}:1: {error.msg}; save the file as UTF-8") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise KernelgenError(f"{where}:{line}: is not valid {error.encoding}; save the file as UTF-8") from None
