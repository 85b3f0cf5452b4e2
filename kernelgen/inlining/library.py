"""The library as files: which modules a package folder holds."""

import tokenize
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from io import BytesIO
from pathlib import Path, PurePosixPath

from kernelgen.errors import KernelgenError

BOM = b"\xef\xbb\xbf"
_LONGEST = 250  # a longer name is no file's, and some systems refuse to look for it


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
        if not name.isidentifier():
            raise KernelgenError(f"library = {name!r}: is no name that Python can import; use a package's name")
        if not self.exists(name):
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
        folder = self._place(name)
        return folder is not None and self.module(name) is None and folder.is_dir()

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
        # importlib takes names that no import statement could write, such as "pk.my-module".
        if parts[0] != self.name or not all(parts) or len(name) > _LONGEST or any(sign in name for sign in "/\\\0"):
            return None
        # A part that is a plain module has no modules below it, even if a folder of that name lies beside it.
        for length in range(1, len(parts)):
            above = self.module(".".join(parts[:length]))
            if above is not None and not above.is_package:
                return None
        return self.root.joinpath(*parts)

    def _find(self, name: str) -> Module | None:
        place = self._place(name)
        if place is None:
            return None
        package = place / "__init__.py"
        if package.is_file():
            return self._read(name, package, is_package=True)
        for suffix in EXTENSION_SUFFIXES:
            compiled = place.with_name(place.name + suffix)
            if compiled.is_file():
                raise KernelgenError(
                    f"{compiled.relative_to(self.root)}: a compiled module cannot be written into a notebook; "
                    "ship it in a wheel dataset, or write it in Python"
                )
        source = place.with_name(place.name + ".py")
        return self._read(name, source, is_package=False) if source.is_file() else None

    def _read(self, name: str, path: Path, *, is_package: bool) -> Module:
        file = PurePosixPath(path.relative_to(self.root).as_posix())
        try:
            data = path.read_bytes()
        except OSError as error:
            raise KernelgenError(f"{file}: cannot be read ({error.strerror}); check its permissions") from None
        return Module(name, file, data, decode(data, str(file)), is_package)


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
