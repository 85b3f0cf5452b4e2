"""Data files that code reads and the notebook would not hold: refused, with file, line and a way out."""

import pytest

from kernelgen.inlining.closure import Closure


def names(found: Closure) -> list[str]:
    return [module.name for module in found.modules]


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
def test_a_data_file_read_beside_a_module_is_refused_with_the_way_out(refused, text: str):
    message = refused("import pk.a", {"pk/a.py": text, **DATA})
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
        "\n\nTABLE = open('%s/%s.csv' % (HERE, 1))\n",
        "\n\nTABLE = open('{}/x.csv'.format(HERE))\n",
        "\n\nTABLE = open(__file__.replace('.py', '.csv'))\n",
        "\n\nTABLE = Path(__file__).with_suffix('.csv').open()\n",
        "\n\nTABLE = open(os.path.splitext(__file__)[0] + '.csv')\n",
        "\n\ndef read(name, folder=HERE): ...\n",
        "\n\nos.chdir(HERE)\n",
    ],
)
def test_data_files_of_unknown_names_are_refused_unless_files_are_listed(project, refused, text: str):
    files = {
        "pk/a.py": f"import os\nfrom pathlib import Path\nHERE = Path(__file__).parent\n{text}",
        "pk/x.csv": "a\n",
    }
    message = refused("import pk.a", files)
    assert message.startswith("pk/a.py:3: may read any file") or "names the data file pk/x.csv" in message
    assert "files = [" in message
    assert project("import pk.a", files, files=["pk/x.csv"]).files


def test_a_data_file_read_by_the_template_through_the_library_is_refused(refused):
    code = "from pathlib import Path\nimport pk\nprint((Path(pk.__file__).parent / 'x.csv').read_text())\n"
    message = refused(code, DATA)
    assert message.startswith("kernel_templates/case.py.j2:3: ") and 'files = ["pk/x.csv"]' in message


def test_a_path_into_the_package_from_the_working_folder_is_refused(refused):
    message = refused("import pk.a", {"pk/a.py": "T = open('pk/x.csv').read()\n", "pk/x.csv": "a\n"})
    assert message.startswith("pk/a.py:1: ") and "working folder" in message


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
def test_a_use_of_file_is_accepted_where_the_notebook_holds_all_files(project, refused, text: str):
    files = {
        "pk/a.py": f"import logging, os, sys\nfrom pathlib import Path\nNUMBER = input()\n{text}\n",
        "pk/x.csv": "",
        "pk/README.md": "No code reads this.",
    }
    assert names(project("import pk.a", files, files=["pk/x.csv"])) == ["pk", "pk.a"]
    if "if False" not in text:
        assert refused("import pk.a", files).startswith("pk/a.py:4: may read any file in the library's folder")


@pytest.mark.parametrize("name", ["pk/none.csv", "../x.csv", "/etc/hostname", "pk/*.npy"])
def test_a_listed_file_that_does_not_exist_or_lies_outside_is_refused(refused, name: str):
    assert repr(name) in refused("import pk", {}, files=[name])


@pytest.mark.parametrize(
    "expression",
    [
        "open('pk/x.csv')",
        "open('./pk/x.csv')",
        "pd.read_csv('pk/x.csv')",
        "np.loadtxt(fname='pk/x.csv', delimiter=',')",
    ],
)
def test_a_path_from_the_working_folder_is_refused_even_where_the_file_is_shipped(project, refused, expression: str):
    files = {"pk/a.py": f"import os\nfrom pathlib import Path\nT = {expression}\n", "pk/x.csv": "a\n"}
    for options in ({}, {"files": ["pk/x.csv"]}):
        message = refused("import pk.a", files, **options)
        assert message.startswith("pk/a.py:3: ") and 'files = ["pk/x.csv"]' in message
    assert refused(f"import pk, os\nfrom pathlib import Path\nT = {expression}\n", files).startswith(
        "kernel_templates/case.py.j2:3: "
    )


@pytest.mark.parametrize(
    "expression",
    [
        "open(os.path.join('pk', 'x.csv'))",
        "(Path('pk') / 'x.csv').read_text()",
        "Path('pk', 'x.csv').read_text()",
        "Path('pk').joinpath('x.csv')",
        "open('pk' + '/x.csv')",
        "pd.read_csv(f'{FOLDER}/x.csv')",
        "pd.read_csv(f'{FOLDER}/deep/../x.csv')",
        "open(FOLDER + '/x.csv')",
        "os.path.join(FOLDER, 'x.csv')",
        "FOLDER / 'x.csv'",
        "{'table': 'x.csv'}",
    ],
)
def test_a_file_of_the_package_is_refused_by_its_name_wherever_a_module_names_it(project, refused, expression: str):
    files = {"pk/a.py": f"import os\n\n\ndef f(FOLDER):\n    return {expression}\n", "pk/x.csv": "a\n"}
    message = refused("import pk.a", files)
    assert message.startswith("pk/a.py:5: ") and 'files = ["pk/x.csv"]' in message
    assert names(project("import pk.a", files, files=["pk/x.csv"])) == ["pk", "pk.a"]


@pytest.mark.parametrize(
    "text",
    [
        "print('cannot read x.csv')",
        "raise ValueError(f'{NUMBER}: no x.csv')",
        "OUT = '/kaggle/working/x.csv'",
        "OUT = f'{NUMBER}/out/x.csv'",
        "OUT = 'other/x.csv'",
        "'''Reads x.csv.'''",
        "KEY = 'x'",
    ],
)
def test_text_that_names_another_file_is_accepted(project, text: str):
    files = {"pk/a.py": f"NUMBER = 1\n{text}\n", "pk/x.csv": "a\n"}
    assert names(project("import pk.a", files)) == ["pk", "pk.a"]
    assert names(project("import pk\nTABLE = 'x.csv'", files)) == ["pk"]


@pytest.mark.parametrize(
    "expression",
    [
        "glob.glob('pk/data/*.csv')",
        "sorted(Path().rglob('./pk/data/*.csv'))",
        "subprocess.run(['cat', 'pk/data/t.csv'])",
        "subprocess.run('cat pk/data/t.csv', shell=True)",
        "os.system('cat pk/data/*.csv | head')",
    ],
)
def test_a_listing_of_the_package_from_the_working_folder_is_refused(refused, expression: str):
    code = f"import glob, os, subprocess\nfrom pathlib import Path\nX = {expression}\n"
    for options in ({}, {"files": ["pk/data/t.csv"]}):
        message = refused(code, {"pk/data/t.csv": "a\n"}, **options)
        assert message.startswith("kernel_templates/case.py.j2:3: ") and "from the working folder" in message


@pytest.mark.parametrize(
    "expression",
    [
        "glob.glob('out/*.csv')",
        "glob.glob('*/*.csv')",
        "sorted(Path('pk-out').rglob('*.csv'))",
        "print('see pk/data/t.csv in the project')",
        "os.system('echo pk')",
        "list(os.walk('/kaggle/input/pk'))",
        "(Path(pk.__file__).parents[1] / 'pk/data').exists()",
    ],
)
def test_other_listings_are_accepted(project, expression: str):
    code = f"import glob, os, pk\nfrom pathlib import Path\nX = {expression}\n"
    assert names(project(code, {"pk/data/t.csv": "a\n"}, files=["pk/data/t.csv"])) == ["pk"]


@pytest.mark.parametrize(
    "line", ["!python pk/train.py", "%run pk/train.py", "!cat ./pk/x.csv | head", "%%bash\ncp pk/x.csv ."]
)
def test_a_shell_line_that_names_a_file_of_the_library_by_its_path_is_refused(refused, line: str):
    code = "\n".join(f"# {one}" for one in line.split("\n"))
    message = refused(code, {"pk/train.py": "", "pk/x.csv": "a\n"}, written=line)
    assert "from the working folder" in message
    assert "python -m pk.train" in message or 'files = ["pk/x.csv"]' in message


def test_listed_files_and_included_modules_do_not_answer_for_others(project, refused):
    here = "from pathlib import Path\nHERE = Path(__file__).parent\n"
    files = {
        "pk/a.py": f"{here}A = HERE / 'a.csv'\nB = HERE / 'b.csv'\n",
        "pk/a.csv": "",
        "pk/b.csv": "",
        "pk/m.py": "",
    }
    assert refused("import pk.a", files, files=["pk/a.csv"], include=["pk.m"]).startswith(
        "pk/a.py:4: names the data file pk/b.csv"
    )
    files["pk/a.py"] = f"{here}A = HERE / 'a.csv'\n"
    assert project("import pk.a", files, files=["pk/a.csv"]).files
    files["pk/a.py"] = f"{here}A = HERE / 'a.csv'\nALL = sorted(HERE.glob('*.csv'))\n"
    assert refused("import pk.a", files, files=["pk/a.csv"], include=["pk.m"]).startswith(
        "pk/a.py:2: may read any file"
    )
    files["pk/a.py"] = "import importlib\ndef load(name):\n    return importlib.import_module(f'pk.models.{name}')\n"
    assert refused("import pk.a", files, files=["pk"], include=["pk.m"]).startswith("pk/a.py:3: dynamic import")


@pytest.mark.parametrize(
    "code", ["os.listdir(pk.__path__[0])", "open(f'{os.path.dirname(pk.__file__)}/{1}')", "(FOLDER / 'x.csv').open()"]
)
def test_a_cell_that_asks_where_the_library_lies_is_held_to_the_same_rule(project, refused, code: str):
    cell = f"import os, pk\nfrom pathlib import Path\nFOLDER = Path(pk.__file__).parent\nprint({code})\n"
    assert refused(cell, DATA).startswith("kernel_templates/case.py.j2:")
    assert project(cell, DATA, files=["pk/x.csv"]).files


def test_the_folder_of_another_package_is_nobodys_business(project):
    text = "import numpy\nfrom pathlib import Path\nA = sorted(Path(numpy.__file__).parent.glob('*'))\n"
    assert names(project("import pk.a", {"pk/a.py": text, "pk/x.csv": ""})) == ["pk", "pk.a"]
