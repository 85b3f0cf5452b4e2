"""Modules that are named in strings, shell lines and bodies of cell magics."""

from pathlib import Path

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.inlining.closure import Closure, Code, closure
from kernelgen.inlining.library import Library

FILES = {
    "pk/train.py": "",
    "pk/sub/__init__.py": "",
    "pk/sub/x.py": "",
    "pk/sub/__main__.py": "",
    "pk/other.py": "",
}


def names(found: Closure) -> list[str]:
    return [module.name for module in found.modules]


def commented(written: str) -> str:
    """A cell's lines as the generator's other rooms read them: IPython's own as comments."""
    lines = written.split("\n")
    all_magic = lines[0].startswith("%%")
    return "\n".join(f"# {line}" if all_magic or line[:1] in "!%" else line for line in lines)


@pytest.mark.parametrize(
    ("written", "brought"),
    [
        ("!python -m pk.train --epochs 3", ["pk", "pk.train"]),
        ("!cd /tmp && PYTHONUNBUFFERED=1 torchrun --nproc 2 -m pk.train | tee log", ["pk", "pk.train"]),
        ("!python -m pk.sub", ["pk", "pk.sub", "pk.sub.__main__"]),
        ("!python -mpk.sub", ["pk", "pk.sub", "pk.sub.__main__"]),
        ("!python -m 'pk.train'", ["pk", "pk.train"]),
        ("run([python, '-mpk.train'])", ["pk", "pk.train"]),
        ("for mode in ('train', 'other'):\n    run(f'python -m pk.{mode}')", ["pk", "pk.train", "pk.other"]),
        ('!python -c "import pk.train; from pk.sub import x"', ["pk", "pk.train", "pk.sub", "pk.sub.x"]),
        ("%run -m pk.train", ["pk", "pk.train"]),
        ("%load_ext pk.train", ["pk", "pk.train"]),
        ("%%bash\nset -e\npython -m pk.train", ["pk", "pk.train"]),
        ("%%bash\npython - <<END\nfrom pk import (train as t,\n  other)\nEND", ["pk", "pk.train", "pk.other"]),
        ("%%writefile worker.py\nfrom pk import train\ntrain.main()", ["pk", "pk.train"]),
        ("%%writefile worker.py\nfrom pk.sub import x", ["pk", "pk.sub", "pk.sub.x"]),
        ("%%writefile run.sh\npython -m pk.train", ["pk", "pk.train"]),
        ("%%writefile broken.py\nimport pk.train\nif (", ["pk", "pk.train"]),
        ("import os\nos.system('python -m pk.train')", ["pk", "pk.train"]),
        ("run([python, '-m', 'pk.train'])", ["pk", "pk.train"]),
        ("run([python, '-m', 'pk.sub'])", ["pk", "pk.sub", "pk.sub.__main__"]),
        ("run(python, '-c', 'import pk')", ["pk"]),
        ("exec('from pk.sub.x import *')", ["pk", "pk.sub", "pk.sub.x"]),
        ("TABLE = {'t': 'pk.train:main', 'x': 'pk.sub.x.Mel'}", ["pk", "pk.train", "pk.sub", "pk.sub.x"]),
        ("print(f'pk.train took {1} s')", ["pk", "pk.train"]),
        ("print('pk is the library, npk.train and pk.nothing are none; see pk.')", []),
        ("!echo pk", []),
        ("'''Like pk.train.'''", []),
        ("# pk.train", []),
        ("def f(x: 'pk.train.X') -> 'pk.sub.x': ...", []),
    ],
)
def test_a_module_that_a_cell_names_is_in_the_notebook(project, written: str, brought: list[str]):
    found = project(commented(written), FILES, written=written)
    assert sorted(names(found)) == sorted(brought)
    in_a_module = project("import pk.user", {**FILES, "pk/user.py": commented(written) + "\n"})
    if commented(written) == written:
        assert set(names(in_a_module)) == set(names(found)) | {"pk", "pk.user"}


def test_a_built_kernel_holds_what_its_shell_lines_run(build, with_library):
    case = with_library("!python -m pk.train\n\n# %%\n%%bash\npython -m pk.other\n")
    assert names(build(case=case, files=FILES).closure) == ["pk", "pk.train", "pk.other"]


@pytest.mark.parametrize(("file", "name"), [("datasets.py", "datasets"), ("helpers/__init__.py", "helpers"),
                                            ("tools/x.py", "tools.x"), ("colorsys.py", "colorsys")])  # fmt: skip
@pytest.mark.parametrize("guard", [False, True])
def test_a_module_beside_the_library_is_refused_with_the_advice_to_move_it(project, refused, file, name, guard):
    statement = f"import {name}"
    text = f"try:\n    {statement}\nexcept ImportError:\n    pass\n" if guard else f"\n{statement}\n"
    message = refused("import pk.a", {"pk/a.py": text, file: ""})
    assert message.startswith(f"pk/a.py:2: imports {name} from ") and "into pk/" in message
    message = refused(f"\n{statement}\n", {file: ""})
    assert message.startswith("kernel_templates/case.py.j2:2: ")


@pytest.mark.parametrize(
    "written",
    [
        "!python helper.py --x 1",
        "!python3 -u ./helper.py",
        "%run helper.py",
        "!python ./pk/train.py",
        "!torchrun --nproc_per_node=2 helper.py",
        "!{sys.executable} helper.py",
        "import os\nos.system('python helper.py')",
        "import os, sys\nos.system(f'{sys.executable} helper.py')",
        "import subprocess, sys\nsubprocess.run([sys.executable, 'helper.py'])",
    ],
)
def test_a_script_of_the_project_that_a_cell_starts_by_its_path_is_refused(refused, written: str):
    files = {"helper.py": "", "pk/train.py": "", "pk/__main__.py": ""}
    message = refused(commented(written), files, written=written)
    assert message.startswith("kernel_templates/case.py.j2:") and "python -m pk." in message


@pytest.mark.parametrize(
    "written",
    [
        "!git clone some/repo && cd repo && python helper.py",
        "!python other.py",
        "!pip install helper",
        "print('python helper.py')",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pip', 'install', 'helper'])",
        "Path('helper.py').write_text('')\n!python helper.py",
    ],
)
def test_other_scripts_that_a_cell_starts_are_accepted(project, written: str):
    assert project(commented(written), {"helper.py": ""}, written=written).modules == ()


@pytest.mark.parametrize(
    ("written", "statement"),
    [
        ("%%writefile sub/mymod.py\nX = 1", "from sub import mymod"),
        ("%%file mymod.py\nX = 1", "import mymod"),
        ("%%writefile sub/mymod.py\nX = 1", "import sys; sys.path.append('sub'); import mymod"),
        ("Path('mymod.py').write_text('X = 1')", "import mymod"),
        ("with open('./mymod.py', 'w') as file: file.write('X = 1')", "import mymod"),
    ],
)
def test_a_module_that_a_cell_writes_need_not_come_from_the_image(tmp_path: Path, written: str, statement: str):
    (tmp_path / "pk.py").touch()
    cells = [Code("case.py.j2", commented(written), written=written), Code("case.py.j2", statement, 9)]
    assert closure(Library(tmp_path, "pk"), cells).third_party == ()


def test_a_folder_beside_the_library_that_is_no_package_stands_in_nobodys_way(project):
    found = project("from datasets import load_dataset\nimport pk", {"datasets/make.py": ""})
    assert [one.root for one in found.third_party] == ["datasets"]


def test_the_build_refuses_a_module_beside_the_library_that_the_image_has_too(build, with_library):
    with pytest.raises(KernelgenError, match=r"case\.py\.j2:5: imports datasets from datasets\.py beside the library"):
        build(case=with_library("import datasets\nimport pk\n"), files={"datasets.py": "NAME = 'ours'\n"})


def test_text_of_any_length_is_read(project):
    name, path, prose = "pk." + "a" * 400, "b/" * 300 + "c", "\\nimport pk.train\\n" + "word " * 200
    text = f"T = {name!r}, {path!r}, 'x\\0y', '{prose}'\nHERE = __file__\n"
    assert names(project("import pk.a", {"pk/a.py": text, "pk/train.py": ""})) == ["pk", "pk.train", "pk.a"]


def test_a_module_that_a_cell_writes_beside_the_notebook_is_at_hand(build, with_library):
    case = with_library(
        "%%writefile helpers.py\nimport pk.train\n\n# %%\n%%writefile w.py\nimport helpers\n\n# %%\nimport helpers\n"
    )
    assert names(build(case=case, files=FILES).closure) == ["pk", "pk.train"]
