"""What the inlining refuses, in the words that the user reads: file, line, and a way out."""

from pathlib import Path

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.inlining.closure import Closure, Code, closure
from kernelgen.inlining.library import Library


@pytest.fixture
def project(tmp_path: Path):
    """Writes a package `pk` and takes the closure of a piece of code over it."""

    def close(code: str, folder: dict[str, str | bytes], **options) -> Closure:
        for name, text in {"pk/__init__.py": "", **folder}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return closure(Library(tmp_path, "pk"), [Code("kernel_templates/case.py.j2", code)], **options)

    return close


def names(found: Closure) -> list[str]:
    return [module.name for module in found.modules]


def refused(project, code: str, folder: dict[str, str | bytes], **options) -> str:
    with pytest.raises(KernelgenError) as caught:
        project(code, folder, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


# --- missing modules ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("import pk.nope", "pk.nope"),
        ("import pk.b.nope as n", "pk.b.nope"),
        ("import pk.b.X", "pk.b.X"),
        ("from pk.nope import x", "pk.nope"),
        ("from pk import nope", "pk.nope"),
        ("from . import nope", "pk.nope"),
        ("from .nope import x", "pk.nope"),
        ("from .space import nope", "pk.space.nope"),
        ("import importlib; importlib.import_module('pk.nope')", "pk.nope"),
        ("__import__('pk.nope')", "pk.nope"),
    ],
)
def test_a_missing_module_is_refused_with_file_and_line(project, statement: str, name: str):
    files = {"pk/a.py": f"\n\n{statement}\n", "pk/b.py": "X = 1\n", "pk/space/x.py": ""}
    text = refused(project, "import pk.a", files)
    assert text.startswith("pk/a.py:3: ")
    assert f"there is no module {name} in the library" in text
    assert "add the module" in text


def test_a_missing_module_in_the_template_is_refused_at_the_templates_line(project):
    text = refused(project, "x = 1\nfrom pk.gone import y\n", {})
    assert text.startswith("kernel_templates/case.py.j2:2: there is no module pk.gone")


def test_a_line_of_a_later_cell_is_counted_from_the_top_of_the_template(tmp_path: Path):
    (tmp_path / "pk.py").write_text("")
    with pytest.raises(KernelgenError, match=r"^case\.py\.j2:41: "):
        closure(Library(tmp_path, "pk"), [Code("case.py.j2", "\nimport pk.gone", first_line=40)])


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    from pk import nope\nexcept ImportError:\n    nope = None\n",
        "try:\n    import pk.nope\nexcept (AttributeError, ModuleNotFoundError):\n    pass\n",
        "try:\n    import pk.nope\nexcept:\n    pass\n",
        "from contextlib import suppress\nwith suppress(ImportError):\n    import pk.nope\n",
        "from typing import TYPE_CHECKING as T\nif T:\n    import pk.nope\n",
        "import typing\nif not typing.TYPE_CHECKING:\n    pass\nelse:\n    import pk.nope\n",
        "import sys\nimport types\nsys.modules['pk.nope'] = types.ModuleType('pk.nope')\nimport pk.nope\n",
    ],
)
def test_a_missing_module_that_the_code_can_do_without_is_accepted(project, text: str):
    assert names(project("import pk.a", {"pk/a.py": text})) == ["pk", "pk.a"]


def test_an_error_that_is_raised_again_is_no_guard(project):
    text = "try:\n    import pk.nope\nexcept ImportError as error:\n    raise RuntimeError('no') from error\n"
    assert refused(project, "import pk.a", {"pk/a.py": text}).startswith("pk/a.py:2: ")


@pytest.mark.parametrize(
    "init",
    [
        "nope = 1",
        "def nope(): ...",
        "class nope: ...",
        "import json as nope",
        "if True:\n    nope = 1\nelse:\n    pass",
        "try:\n    nope = 1\nfinally:\n    pass",
        "for nope in range(3): ...",
        "with open('x') as nope: ...",
        "print(nope := 1)",
        "def make():\n    global nope\n    nope = 1\nmake()",
        "(a, [nope, *b]) = 1, [2, 3]",
        "def __getattr__(name):\n    return name",
        "from json import *",
        "globals()['nope'] = 1",
        "import sys\nsetattr(sys.modules[__name__], 'nope', 1)",
    ],
)
def test_a_name_that_the_package_binds_is_no_missing_module(project, init: str):
    assert names(project("from pk import nope", {"pk/__init__.py": init})) == ["pk"]


def test_a_name_that_another_module_sets_on_the_package_is_no_missing_module(project):
    files = {"pk/a.py": "import pk\npk.nope = 1\n"}
    assert names(project("import pk.a\nfrom pk import nope", files)) == ["pk", "pk.a"]


def test_a_relative_import_beyond_the_top_is_refused(project):
    text = refused(project, "import pk.a", {"pk/a.py": "from .. import x\n"})
    assert text.startswith("pk/a.py:1: ") and "beyond the top package pk" in text


def test_a_relative_import_in_a_template_is_refused(project):
    text = refused(project, "from . import a", {"pk/a.py": ""})
    assert text.startswith("kernel_templates/case.py.j2:1: ") and "belongs to no package" in text


# --- dynamic imports ---------------------------------------------------------------------------------------------

UNKNOWN = [
    "import importlib\n\ndef load(name):\n    return importlib.import_module(name)\n",
    "from importlib import import_module as im\n\ndef load(name):\n    return im(f'pk.models.{name}')\n",
    "import importlib as il\n\ndef load(name):\n    return il.import_module('.' + name, __package__)\n",
    "import os\n\n\nx = __import__(os.environ['MODULE'])\n",
    "import importlib, sys\n\n\nx = importlib.import_module(sys.argv[1])\n",
    "import importlib\nload = importlib.import_module\ndef f(name):\n    return load('pk.' + name)\n",
    "import importlib, functools\n\n\nload = functools.partial(importlib.import_module, package='pk')\n",
    "import pkgutil, pk.models\n\n\nfor found in pkgutil.iter_modules(pk.models.__path__): ...\n",
    "import pkgutil, os\n\n\nfor found in pkgutil.walk_packages([os.path.dirname(__file__)]): ...\n",
    "import runpy\n\ndef run(name):\n    runpy.run_module('pk.models.' + name)\n",
    "import importlib\n\nfor name in open('names.txt'):\n    importlib.import_module(name.strip())\n",
    "import importlib\ndef f(name='pk.models.a'):\n    name = name.lower()\n    importlib.import_module(name)\n",
    "import builtins\n\n\ny = [builtins.__import__(x) for x in input()]\n",
    "import importlib\nclass Loader:\n    def load(self):\n        importlib.import_module(self.name)\n",
]
MODELS = {"pk/models/__init__.py": "", "pk/models/a.py": "", "pk/models/b.py": ""}


@pytest.mark.parametrize("text", UNKNOWN)
def test_a_dynamic_import_whose_name_cannot_be_known_is_refused_with_the_way_out(project, text: str):
    message = refused(project, "import pk.loader", {"pk/loader.py": text, **MODELS})
    assert message.startswith("pk/loader.py:4: ")
    assert "cannot be known" in message and "include = [" in message


@pytest.mark.parametrize("text", UNKNOWN)
def test_with_include_a_dynamic_import_is_accepted_and_its_modules_are_there(project, text: str):
    found = project("import pk.loader", {"pk/loader.py": text, **MODELS}, include=["pk.models.*"])
    assert {"pk.models", "pk.models.a", "pk.models.b"} <= set(names(found))


def test_a_dynamic_import_in_the_template_is_refused_as_well(project):
    code = "import importlib\nmodel = importlib.import_module(input())\n"
    assert refused(project, code, {}).startswith("kernel_templates/case.py.j2:2: dynamic import")


def test_an_include_that_names_no_module_is_refused(project):
    assert "pk.nope" in refused(project, "import pk", {}, include=["pk.nope"])


@pytest.mark.parametrize(
    "text",
    [
        "importlib.import_module(f'scipy.{x}')",
        "importlib.import_module('scipy.' + x)",
        "importlib.import_module('scipy.%s' % x)",
        "importlib.import_module('scipy.{}'.format(x))",
        "importlib.import_module('.' + x, package='scipy')",
        "importlib.import_module('.' + x, 'encodings')",
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
        "__import__('pk.models', fromlist=['a'])",
        "__import__('models', globals(), locals(), ['a'], 1)",
        "importlib.import_module('pk.models.' + 'a')",
        "importlib.import_module('.'.join(['pk', 'models', 'a']))",
        "[importlib.import_module(n) for n in ('pk.models.a', 'json')]",
        "list(map(importlib.import_module, ['pk.models.a']))",
        "importlib.import_module('pk.models.a' if x else 'pk.other')",
        "importlib.import_module({'one': 'pk.models.a', 'two': 'pk.other'}[x])",
        "getattr(importlib, 'import_module')('pk.models.a')",
        "exec('import pk.models.a')",
        "runpy.run_module('pk.models.a')",
        "pkgutil.resolve_name('pk.models.a:thing')",
        "importlib.util.find_spec('pk.models.a')",
        "subprocess.run([sys.executable, '-m', 'pk.models.a'])",
        "logging.config.dictConfig({'formatters': {'f': {'()': 'pk.models.a.Formatter'}}})",
    ],
)
def test_a_dynamic_import_of_a_name_that_can_be_read_is_followed(project, text: str):
    files = {"pk/b.py": "import importlib, runpy, pkgutil, sys, subprocess, logging.config\nx = 1\n"}
    files["pk/b.py"] += f"def load(x):\n    return {text}\n"
    found = project("import pk.b", files | MODELS | {"pk/other.py": ""})
    assert "pk.models.a" in names(found)
    assert "pk.models.b" not in names(found)
    assert ("pk.other" in names(found)) == ("pk.other" in text)


# --- data files --------------------------------------------------------------------------------------------------

READS = [
    "from pathlib import Path\nHERE = Path(__file__).parent\nTABLE = (HERE / 'x.csv').read_text()\n",
    "from pathlib import Path\n\nTABLE = Path(__file__).with_name('x.csv').read_text()\n",
    "import os\n\nTABLE = open(os.path.join(os.path.dirname(__file__), 'x.csv')).read()\n",
    "import os.path as p\nHERE = p.dirname(p.abspath(__file__))\nTABLE = open(HERE + '/x.csv').read()\n",
    "from pathlib import Path\n\nTABLE = Path(__file__).resolve().parents[0].joinpath('x.csv').open().read()\n",
    "from importlib import resources\n\nTABLE = resources.files('pk').joinpath('x.csv').read_text()\n",
    "from importlib.resources import files\n\nTABLE = (files(__package__) / 'x.csv').read_text()\n",
    "import importlib.resources as r\n\nTABLE = r.read_text('pk', 'x.csv')\n",
    "import importlib.resources, pk\n\nTABLE = importlib.resources.files(pk) / 'x.csv'\n",
    "import pkgutil\n\nTABLE = pkgutil.get_data(__package__, 'x.csv')\n",
    "import pkgutil\n\nTABLE = pkgutil.get_data('pk', 'x.csv')\n",
    "import os\n\nTABLE = open(f'{os.path.dirname(os.path.realpath(__file__))}/x.csv').read()\n",
    "import os\n\nTABLE = open(os.path.join(os.path.split(__file__)[0], 'x.csv')).read()\n",
    "import os\n\nTABLE = open(__file__.replace('a.py', 'x.csv')).read()\n",
    "import os\n\nTABLE = open(__file__.rsplit('/', 1)[0] + '/x.csv').read()\n",
    "import pk, os\n\nTABLE = open(os.path.join(pk.__path__[0], 'x.csv')).read()\n",
    "from pk.paths import HERE\n\nTABLE = (HERE / 'x.csv').read_text()\n",
    "from pk import paths\n\nTABLE = (paths.here() / 'x.csv').read_text()\n",
    "import inspect, os\n\nTABLE = open(os.path.join(os.path.dirname(inspect.getfile(inspect.currentframe())), 'x.csv'))\n",
]
PATHS = "from pathlib import Path\nHERE = Path(__file__).parent\n\n\ndef here():\n    return HERE\n"
DATA = {"pk/x.csv": "a,b\n", "pk/paths.py": PATHS}


@pytest.mark.parametrize("text", READS)
def test_a_data_file_read_beside_a_module_is_refused_with_the_way_out(project, text: str):
    message = refused(project, "import pk.a", {"pk/a.py": text, **DATA})
    assert message.startswith("pk/a.py:3: ")
    assert "pk/x.csv" in message and 'files = ["pk/x.csv"]' in message


@pytest.mark.parametrize("text", READS)
def test_a_data_file_that_is_listed_is_shipped(project, text: str):
    found = project("import pk.a", {"pk/a.py": text, **DATA}, files=["pk/x.csv"])
    assert [(str(one.file), one.data) for one in found.files] == [("pk/x.csv", b"a,b\n")]


@pytest.mark.parametrize(
    "text",
    [
        "def read(name):\n\n    return (HERE / name).read_text()\n",
        "def read(k):\n\n    return open(HERE / f'fold{k}.csv')\n",
        "def read(k):\n\n    return open(os.path.join(HERE, '%s.csv' % k))\n",
        "\n\nTABLES = sorted(HERE.glob('*.csv'))\n",
        "\n\nTABLES = [p for p in HERE.iterdir()]\n",
        "\n\nTABLES = os.listdir(HERE)\n",
        "\n\nTABLES = list(os.walk(str(HERE)))\n",
        "import glob\n\nTABLES = glob.glob(str(HERE / '*.csv'))\n",
        "import glob\n\nTABLES = glob.glob(os.path.join(os.path.dirname(__file__), '*.csv'))\n",
        "from importlib.resources import files\n\nTABLES = [p for p in files('pk').iterdir()]\n",
        "class Tables:\n    root = HERE\n    def read(self, name): return self.root / name\n",
    ],
)
def test_data_files_of_unknown_names_are_refused_unless_files_are_listed(project, text: str):
    files = {
        "pk/a.py": f"import os\nfrom pathlib import Path\nHERE = Path(__file__).parent\n{text}",
        "pk/x.csv": "a\n",
    }
    message = refused(project, "import pk.a", files)
    assert message.startswith("pk/a.py:6: ") and "files = [" in message
    assert project("import pk.a", files, files=["pk/x.csv"]).files


def test_a_data_file_read_by_the_template_through_the_library_is_refused(project):
    code = "from pathlib import Path\nimport pk\nprint((Path(pk.__file__).parent / 'x.csv').read_text())\n"
    message = refused(project, code, DATA)
    assert message.startswith("kernel_templates/case.py.j2:3: ") and 'files = ["pk/x.csv"]' in message


def test_a_path_into_the_package_from_the_working_folder_is_refused(project):
    message = refused(project, "import pk.a", {"pk/a.py": "T = open('pk/x.csv').read()\n", "pk/x.csv": "a\n"})
    assert message.startswith("pk/a.py:1: ") and "working folder" in message


def test_data_beside_the_package_can_be_shipped_as_well(project):
    files = {
        "pk/a.py": "from pathlib import Path\nT = Path(__file__).parent.parent / 'data' / 'x.bin'\n",
        "data/x.bin": b"\0\1",
    }
    assert 'files = ["data/x.bin"]' in refused(project, "import pk.a", files)
    assert [str(one.file) for one in project("import pk.a", files, files=["data/*.bin"]).files] == ["data/x.bin"]


def test_the_source_of_a_module_that_is_not_imported_is_refused(project):
    files = {
        "pk/a.py": "from pathlib import Path\nT = Path(__file__).with_name('b.py').read_text()\n",
        "pk/b.py": "",
    }
    assert 'include = ["pk.b"]' in refused(project, "import pk.a", files)
    assert names(project("import pk.a", files, include=["pk.b"])) == ["pk", "pk.a", "pk.b"]


@pytest.mark.parametrize(
    "text",
    [
        "print(__file__)",
        "NAME = Path(__file__).stem + Path(__file__).parent.name + os.path.basename(__file__)",
        "sys.path.insert(0, str(Path(__file__).parent))",
        "sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))",
        "logging.getLogger(__name__).info('in %s', Path(__file__).parent)",
        "WHERE = f'{__file__}:{NUMBER}'",
        "raise ValueError(f'{Path(__file__).parent}/{NUMBER} is not there')",
        "HERE = Path(__file__).parent\nprint(HERE, HERE.exists())",
        "SOURCE = open(__file__).read()",
        "(Path(__file__).parent / 'absent.txt').exists()",
        "if False:\n    T = Path(__file__).with_name('x.csv')",
    ],
)
def test_a_harmless_use_of_file_is_accepted(project, text: str):
    files = {
        "pk/a.py": f"import logging, os, sys\nfrom pathlib import Path\nNUMBER = input()\n{text}\n",
        "pk/x.csv": "",
    }
    assert names(project("import pk.a", files)) == ["pk", "pk.a"]


@pytest.mark.parametrize("name", ["pk/none.csv", "../x.csv", "/etc/hostname", "pk/*.npy"])
def test_a_listed_file_that_does_not_exist_or_lies_outside_is_refused(project, name: str):
    assert repr(name) in refused(project, "import pk", {}, files=[name])


def test_file_in_a_template_is_refused(project):
    message = refused(project, "import pk\n\nprint(__file__)", {})
    assert message.startswith("kernel_templates/case.py.j2:3: `__file__` has no value in a notebook")
    assert names(project("try:\n    x = __file__\nexcept NameError:\n    x = None\nimport pk", {})) == ["pk"]


# --- syntax ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\ny = t'{x}'\n", "newer than Kaggle's image (Python 3.12)"),
        ("try: ...\nexcept A, B: ...\n", "newer than Kaggle's image (Python 3.12)"),
        ("x = 1\ndef f[T = int](): ...\n", "newer than Kaggle's image (Python 3.12)"),
        ("x = 1\ny = (\n", "is not valid Python 3.12"),
        ("x = 1\nreturn x\n", "is not valid Python 3.12"),
    ],
)
def test_syntax_that_the_image_does_not_know_is_refused_with_file_and_line(project, text: str, said: str):
    message = refused(project, "import pk.a", {"pk/a.py": text})
    assert message.startswith("pk/a.py:2: ")
    assert said in message


def test_syntax_is_held_against_the_python_that_is_given(project):
    files = {"pk/a.py": "\ntry: ...\nexcept* ValueError: ...\n"}
    assert names(project("import pk.a", files)) == ["pk", "pk.a"]
    message = refused(project, "import pk.a", files, python=(3, 10))
    assert message.startswith("pk/a.py:") and "newer than Kaggle's image (Python 3.10)" in message


def test_bytes_that_are_not_the_declared_text_are_refused_with_their_line(project):
    message = refused(project, "import pk.a", {"pk/a.py": b"x = 1\ny = '\xff'\n"})
    assert message.startswith("pk/a.py:2: ") and "UTF-8" in message


def test_a_template_may_await_at_the_top(project):
    assert names(project("import pk\nawait pk.run()", {})) == ["pk"]


def test_a_library_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(KernelgenError, match="neither pk/ nor pk.py"):
        Library(tmp_path, "pk")


# --- what cells cannot do ----------------------------------------------------------------------------------------


def test_an_optional_import_by_a_helper_is_accepted_if_it_only_asks_for_others(project):
    helper = (
        "import importlib\n\n\ndef optional(name):\n    try:\n        return importlib.import_module(name)\n"
        "    except ImportError:\n        return None\n\n\ncupy = optional('cupy')\n"
    )
    found = project("from pk.compat import optional as o\no('json')\n", {"pk/compat.py": helper})
    assert [(one.root, one.where, one.guarded) for one in found.third_party] == [("cupy", "pk/compat.py:6", True)]
    for call in ("o('pk.models')", "o(input())", "list(map(o, ['json']))"):
        code = f"from pk.compat import optional as o\n{call}\n"
        assert refused(project, code, {"pk/compat.py": helper, **MODELS}).startswith("pk/compat.py:6: dynamic import")


def test_names_of_one_cell_are_known_in_the_next(tmp_path: Path):
    for name in ("pk/__init__.py", "pk/a.py", "pk/b.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    cells = [
        Code("case.py.j2", "import importlib\nfrom typing import TYPE_CHECKING\nNAME = 'pk.a'\n"),
        Code("case.py.j2", "importlib.import_module(NAME)\nif TYPE_CHECKING:\n    import pk.b\n", 10),
    ]
    assert names(closure(Library(tmp_path, "pk"), cells)) == ["pk", "pk.a"]


@pytest.mark.parametrize("how", ["spawn", "forkserver"])
def test_a_function_of_the_notebook_for_spawned_processes_is_refused(project, how: str):
    code = (
        "import multiprocessing as mp\nimport pk\n\n\ndef work(x):\n    return x\n\n\n"
        "with mp.get_context('HOW').Pool(2) as pool:\n    print(pool.map(work, [1]))\n"
    )
    message = refused(project, code.replace("HOW", how), {})
    assert message.startswith("kernel_templates/case.py.j2:10: ") and "into the library" in message
    assert names(project(code.replace("HOW", "fork"), {})) == ["pk"]


@pytest.mark.parametrize("code", ["asyncio.run(pk.go())", "def main():\n    asyncio.run(pk.go())\nmain()"])
def test_an_event_loop_started_by_a_cell_is_refused(project, code: str):
    message = refused(project, f"import asyncio, pk\n{code}\n", {})
    assert message.startswith("kernel_templates/case.py.j2:") and "asyncio.run() fails in a notebook" in message


def test_an_event_loop_started_by_a_function_of_the_library_is_refused_where_it_starts(project):
    library = (
        "import asyncio\n\n\nasync def _go():\n    return 1\n\n\ndef go():\n    return start()\n\n\n"
        "def start():\n    return asyncio.run(_go())\n"
    )
    message = refused(project, "from pk.net import go\nprint(go())\n", {"pk/net.py": library})
    assert message.startswith("pk/net.py:13: ") and "asyncio.run() fails in a notebook" in message
    assert names(project("import pk.net\n", {"pk/net.py": library})) == ["pk", "pk.net"]
    threaded = library.replace("return start()", "Thread(target=start).start()")
    threaded = threaded.replace("import asyncio\n", "import asyncio\nfrom threading import Thread\n")
    assert names(project("from pk.net import go\ngo()\n", {"pk/net.py": threaded})) == ["pk", "pk.net"]


@pytest.mark.parametrize("use", ["sys.stdout.buffer.write(b'x')", "sys.stderr.reconfigure(encoding='utf-8')"])
def test_what_a_notebooks_output_lacks_is_refused_unless_the_code_asks_first(project, use: str):
    message = refused(project, "import pk\npk.show()\n", {"pk/__init__.py": f"import sys\ndef show():\n    {use}\n"})
    assert message.startswith("pk/__init__.py:3: ") and "is not there in a notebook" in message
    name = use.split(".")[2].partition("(")[0]
    asked = f"import sys\ndef show():\n    if hasattr({use.rpartition('.' + name)[0]}, {name!r}):\n        {use}\n"
    assert names(project("import pk\npk.show()\n", {"pk/__init__.py": asked})) == ["pk"]


@pytest.mark.parametrize("name", ["exit", "quit"])
def test_an_exit_that_would_not_stop_the_cell_is_refused(project, name: str):
    message = refused(project, f"import pk\nif pk.done():\n    {name}(0)\nprint(1)\n", {})
    assert message == f"kernel_templates/case.py.j2:3: {name}() does not stop a notebook's cell; use sys.exit()"
    for code in (f"import pk\n{name}()\n", f"import pk\nif __name__ == '__main__':\n    print(1)\n    {name}(0)\n"):
        assert names(project(code, {})) == ["pk"]
    assert names(project(f"import pk\ndef {name}(): ...\n{name}()\nprint(1)\n", {})) == ["pk"]


def test_an_exit_with_none_as_its_status_is_refused(project):
    code = "import pk\n\n\ndef main():\n    RETURN\n\n\nraise SystemExit(main())\n"
    message = refused(project, code.replace("RETURN", "print(1)"), {})
    assert message.startswith("kernel_templates/case.py.j2:8: ") and "write sys.exit(main())" in message
    assert names(project(code.replace("RETURN", "return 0"), {})) == ["pk"]


@pytest.mark.parametrize("code", ['"""\n>>> f(2)\n4\n"""\nimport pk\n', "\n\n# a session\n... \nimport pk\n"])
def test_a_cell_that_ipython_takes_for_a_pasted_session_is_refused(project, code: str):
    line = next(number for number, line in enumerate(code.split("\n"), 1) if line[:3] in {">>>", "..."})
    message = refused(project, code, {})
    assert message.startswith(f"kernel_templates/case.py.j2:{line}: ") and "put two other lines above it" in message
    assert names(project("# one\n# two\n" + code.lstrip("\n"), {})) == ["pk"]


@pytest.mark.parametrize(
    "code",
    [
        "try:\n    import one\nexcept ImportError:\n    HAVE = False\nelse:\n    HAVE = True\nif HAVE:\n    import two\n",
        "import two\nfrom importlib.util import find_spec\nHAVE = find_spec('two')\n",
        "import sys\nif sys.version_info >= (3, 9):\n    import two\n",
        "def load(kind):\n    if kind == 'two':\n        import two\n",
    ],
)
def test_a_condition_that_does_not_ask_for_a_package_is_no_guard(project, code: str):
    found = project("import pk.a", {"pk/a.py": code}).third_party
    assert [one.guarded for one in found if one.root == "two"] == [False]
