"""Imports by names that are made while the code runs: followed where they can be read, else refused."""

from pathlib import Path

import pytest

from kernelgen.inlining.closure import Closure, Code, closure
from kernelgen.inlining.library import Library


def names(found: Closure) -> list[str]:
    return [module.name for module in found.modules]


UNKNOWN = [
    "import importlib\n\ndef load(name):\n    return importlib.import_module(name)\n",
    "from importlib import import_module as im\n\ndef load(name):\n    return im(f'pk.models.{name}')\n",
    "import importlib as il\n\ndef load(name):\n    return il.import_module('.' + name, __package__)\n",
    "import os\n\n\nx = __import__(os.environ['MODULE'])\n",
    "import importlib, sys\n\n\nx = importlib.import_module(sys.argv[1])\n",
    "import importlib\n\n\nload = importlib.import_module\ndef f(name):\n    return load('pk.' + name)\n",
    "import importlib\n\n\nimportlib.import_module('.'.join(['pk', 'models', 'a']))\n",
    "import importlib\nfrom pk.names import NAMES\n\n_ = [importlib.import_module(n) for n in NAMES]\n",
    "import lazy_loader\n\n\n__getattr__ = lazy_loader.attach(__name__, submodules=['a'])\n",
    "import importlib, functools\n\n\nload = functools.partial(importlib.import_module, package='pk')\n",
    "import pkgutil, pk.models\n\n\nfor found in pkgutil.iter_modules(pk.models.__path__): ...\n",
    "import pkgutil, os\n\n\nfor found in pkgutil.walk_packages([os.path.dirname(__file__)]): ...\n",
    "import runpy\n\ndef run(name):\n    runpy.run_module('pk.models.' + name)\n",
    "import importlib\n\nfor name in open('names.txt'):\n    importlib.import_module(name.strip())\n",
    "import importlib\ndef f(name='a'):\n    name = name.lower()\n    importlib.import_module(name)\n",
    "import builtins\n\n\ny = [builtins.__import__(x) for x in input()]\n",
    "import importlib\nclass Loader:\n    def load(self):\n        importlib.import_module(self.name)\n",
]
MODELS = {"pk/models/__init__.py": "", "pk/models/a.py": "", "pk/models/b.py": "", "pk/names.py": "NAMES = []\n"}


@pytest.mark.parametrize("text", UNKNOWN)
def test_a_dynamic_import_whose_name_cannot_be_known_is_refused_with_the_way_out(refused, text: str):
    message = refused("import pk.loader", {"pk/loader.py": text, **MODELS})
    assert message.startswith("pk/loader.py:4: ")
    assert "cannot be known" in message and "include = [" in message


@pytest.mark.parametrize("text", UNKNOWN)
def test_with_include_a_dynamic_import_is_accepted_and_its_modules_are_there(project, text: str):
    found = project("import pk.loader", {"pk/loader.py": text, **MODELS}, include=["pk.models.*"])
    assert {"pk.models", "pk.models.a", "pk.models.b"} <= set(names(found))


def test_a_dynamic_import_in_the_template_is_refused_as_well(refused):
    code = "import importlib\nmodel = importlib.import_module(input())\n"
    assert refused(code, {}).startswith("kernel_templates/case.py.j2:2: dynamic import")


def test_an_include_that_names_no_module_is_refused(refused):
    assert "pk.nope" in refused("import pk", {}, include=["pk.nope"])


@pytest.mark.parametrize(
    "text",
    [
        "importlib.import_module(f'scipy.{x}')",
        "importlib.import_module('scipy.' + x)",
        "importlib.import_module('.' + x, package='scipy')",
        "importlib.import_module('.' + x, 'encodings')",
        "[importlib.import_module(name) for name in ('numpy', 'torch')]",
        "importlib.util.find_spec(x)",
    ],
)
def test_a_dynamic_import_that_cannot_be_the_librarys_is_accepted(project, text: str):
    files = {"pk/a.py": f"import importlib\n\n\ndef load(x):\n    return {text}\n"}
    assert names(project("import pk.a", files)) == ["pk", "pk.a"]


@pytest.mark.parametrize(
    "text",
    [
        "importlib.import_module('pk.models.a')",
        "importlib.import_module(name='pk.models.a')",
        "importlib.import_module('.models.a', __package__)",
        "importlib.import_module('.models.a', package='pk')",
        "importlib.import_module('.a', 'pk.models')",
        "__import__('pk.models.a')",
        "importlib.import_module('pk.models.' + 'a')",
        "importlib.import_module(f'{__package__}.models.a')",
        "importlib.import_module(f'pk.models.{TABLE[x]}')",
        "importlib.import_module(f'pk.{TYPED[x]}.a')",
        "importlib.import_module(TABLE.get(x))",
        "[importlib.import_module('pk.models.' + n) for n in NAMES]",
        "[importlib.import_module(n) for n in ('pk.models.a', 'json')]",
        "os.system('python -m pk.models.a --epochs 3')",
        "subprocess.run(['python', '-c', 'from pk.models import (\\n  a as first,\\n)'])",
        "importlib.import_module('pk.models.a' if x else 'pk.other')",
        "importlib.import_module({'one': 'pk.models.a', 'two': 'pk.other'}[x])",
        "getattr(importlib, 'import_module')('pk.models.a')",
        "list(map(importlib.import_module, ['pk.models.a']))",
        "exec('import pk.models.a')",
        "runpy.run_module('pk.models.a')",
        "pkgutil.resolve_name('pk.models.a:thing')",
        "importlib.util.find_spec('pk.models.a')",
        "subprocess.run([sys.executable, '-m', 'pk.models.a'])",
        "logging.config.dictConfig({'formatters': {'f': {'()': 'pk.models.a.Formatter'}}})",
    ],
)
def test_a_dynamic_import_of_a_name_that_can_be_read_is_followed(project, text: str):
    files = {"pk/b.py": "import importlib, os, runpy, pkgutil, sys, subprocess, logging.config\nx = 1\n"}
    files["pk/b.py"] += "TABLE = {'one': 'a'}\nNAMES = ('a',)\n" if "models" in text else "TABLE = {1: 'pk.models.a'}\n"
    files["pk/b.py"] += "TYPED: dict[str, str] = {'m': 'models'}\n"
    files["pk/b.py"] += f"def load(x):\n    return {text}\n"
    found = project("import pk.b", files | MODELS | {"pk/other.py": ""})
    assert "pk.models.a" in names(found)
    assert "pk.models.b" not in names(found)
    assert ("pk.other" in names(found)) == ("pk.other" in text)


def test_an_import_by_a_helper_is_followed_where_the_same_file_has_the_names(project, refused):
    helper = (
        "import importlib\n\n\ndef optional(name):\n    try:\n        return importlib.import_module(name)\n"
        "    except ImportError:\n        return None\n"
    )
    message = refused("import pk.compat", {"pk/compat.py": helper, **MODELS})
    assert message.startswith("pk/compat.py:6: dynamic import") and 'include = ["pk.*"]' in message
    found = project("import pk.compat", {"pk/compat.py": f"{helper}fast = optional('pk.models.a')\n", **MODELS})
    assert names(found) == ["pk", "pk.models", "pk.models.a", "pk.compat"]


def test_names_of_one_cell_are_known_in_the_next(tmp_path: Path):
    for name in ("pk/__init__.py", "pk/a.py", "pk/b.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    cells = [
        Code("case.py.j2", "import importlib\nfrom typing import TYPE_CHECKING\nNAME = 'pk.a'\n"),
        Code("case.py.j2", "importlib.import_module(NAME)\nif TYPE_CHECKING:\n    import pk.b\n", 10),
    ]
    assert names(closure(Library(tmp_path, "pk"), cells)) == ["pk", "pk.a"]


@pytest.mark.parametrize("name", ["f'{__package__}.{x}'", "'pk.' + x", "f'pk.models.{x}'"])
def test_a_module_that_a_child_process_runs_by_an_unknown_name_is_refused(project, refused, name: str):
    files = {"pk/a.py": f"import sys\ndef command(x):\n    return [sys.executable, '-m', {name}]\n", **MODELS}
    assert refused("import pk.a", files).startswith("pk/a.py:3: dynamic import")
    assert names(project("import pk.a", files, include=["pk.models.a"]))
    other = {"pk/a.py": "import sys\ndef command(x):\n    return [sys.executable, '-m', x, '-m', f'pip.{x}']\n"}
    assert names(project("import pk.a", other)) == ["pk", "pk.a"]


@pytest.mark.parametrize(
    "written",
    [
        "!python -m pk.models.{mode}",
        "!python -m pk.models.$MODE",
        "%%bash\npython -m pk.models.$MODE",
        "os.system(f'python -m pk.models.{mode} --epochs 3')",
        "os.system('python -m pk.models.%s' % mode)",
        "os.system('python -m pk.models.{}'.format(mode))",
        "os.system(python + ' -m pk.models.' + mode)",
        "os.system('python -mpk.models.' + mode + ' --epochs 3')",
    ],
)
def test_a_module_that_a_command_names_only_in_part_is_refused(project, refused, written: str):
    text = "".join(f"# {line}\n" if written[0] in "!%" else line for line in written.split("\n")).rstrip("\n")
    message = refused(text, MODELS, written=written)
    assert "case.py.j2:" in message and 'include = ["pk.models.*"]' in message
    assert "pk.models.a" in names(project(text, MODELS, written=written, include=["pk.models.a"]))


def test_a_command_may_compute_what_follows_the_module(project):
    text = "os.system(f'python -m pk.models.a {mode}')\nos.system('python -m pk.models.a ' + mode)\n"
    text += "print(f'start `python -m pk.models.a` {mode} times')\nprint('python -m pk.models.a --x %s' % mode)\n"
    assert "pk.models.a" in names(project(text, MODELS))


def test_a_package_may_load_names_of_two_tables_lazily(project):
    lazy = (
        "import importlib\n_LAZY = {'Mel': 'mel'}\n_SUB = ('sub',)\n\n\ndef __getattr__(name):\n"
        "    if name in _LAZY:\n        return getattr(importlib.import_module(f'.{_LAZY[name]}', __name__), name)\n"
        "    if name in _SUB:\n        return importlib.import_module(f'.{name}', __name__)\n"
        "    raise AttributeError(name)\n"
    )
    found = project("import pk\npk.Mel\n", {"pk/__init__.py": lazy, "pk/mel.py": "", "pk/sub.py": "", "pk/no.py": ""})
    assert sorted(names(found)) == ["pk", "pk.mel", "pk.sub"]
