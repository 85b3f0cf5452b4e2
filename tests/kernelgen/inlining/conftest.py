"""What the inliner's tests share: a package `pk` in a temporary folder, and the closure of code over it."""

from pathlib import Path

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.inlining.closure import Closure, Code, closure
from kernelgen.inlining.library import Library


@pytest.fixture
def project(tmp_path: Path):
    """Write a package `pk` and take the closure of a piece of code over it."""

    def close(code: str, folder: dict[str, str | bytes], *, written: str = "", **options) -> Closure:
        for name, text in {"pk/__init__.py": "", **folder}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        cell = Code("kernel_templates/case.py.j2", code, written=written)
        return closure(Library(tmp_path, "pk"), [cell], **options)

    return close


@pytest.fixture
def refused(project):
    """Write a package like `project` and return the one line with which a piece of code is refused."""

    def refuse(code: str, folder: dict[str, str | bytes], **options) -> str:
        with pytest.raises(KernelgenError) as caught:
            project(code, folder, **options)
        text = str(caught.value)
        assert "\n" not in text
        return text

    return refuse
