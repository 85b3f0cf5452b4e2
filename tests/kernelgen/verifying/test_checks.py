"""What a built kernel is refused for, each with file and line; and what is none of the checks' business."""

import json

import pytest

from kernelgen.errors import KernelgenError

IMPORT = "import pk\n"


@pytest.fixture
def refused(build, with_library):
    """The lines of the refusal of a project whose library is the given text."""

    def refused(library="", case=IMPORT, **keywords):
        files = {"pk/__init__.py": library, **keywords.pop("files", {})}
        with pytest.raises(KernelgenError) as error:
            build(case=with_library(case), files=files, **keywords)
        return str(error.value).split("\n")

    return refused


@pytest.fixture
def taken(build, with_library):
    def taken(library="", case=IMPORT, **keywords):
        files = {"pk/__init__.py": library, **keywords.pop("files", {})}
        return build(case=with_library(case), files=files, **keywords)

    return taken


@pytest.mark.parametrize(
    ("library", "line", "name"),
    [
        ("def f():\n    return gone\n", 2, "gone"),
        ("x = gone\n", 1, "gone"),
        ("def f(a: Gone):\n    return a\n", 1, "Gone"),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import re\ndef f():\n    return re\n",
            5,
            "re",
        ),
        ("class A:\n    x = 1\n    def f(self):\n        return x\n", 4, "x"),
        ("x = f'{gone}'\n", 1, "gone"),
        (
            "class A:\n    def __init__(self):\n        self.x = 1\n    def f(self):\n        return x\n",
            5,
            "x",
        ),
    ],
)
def test_an_undefined_name_is_told_with_file_and_line(refused, library, line, name):
    assert refused(library) == [f"pk/__init__.py:{line}: undefined name {name}; define or import it"]


@pytest.mark.parametrize(
    "library",
    [
        "def f(a: 'Gone') -> 'list[Gone]':\n    b: Gone = a\n    return b\n",
        "from __future__ import annotations\ndef f(a: Gone) -> Gone: ...\nclass A:\n    x: Gone\ny: Gone\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gone import Gone\n    x = Missing\n"
        "def f(a: 'Gone'): ...\n",
        "import typing as t\nif t.TYPE_CHECKING:\n    from gone import Gone\nelse:\n    Gone = int\nx = Gone\n",
        "from typing import cast, Optional\nx = cast('Gone', 1)\ndef f(a: Optional['Gone']): ...\n",
        "globals()['made'] = 1\nprint(made)\n",
        "exec('made = 1')\nx = made\n",
        "import sys\nsetattr(sys.modules[__name__], 'made', 1)\nx = lambda: made\n",
        "try:\n    unicode\nexcept NameError:\n    unicode = str\n",
        "def f():\n    return get_ipython(), display\n",
        "from os.path import *\nx = join('a', 'b')\n",
        "def __getattr__(name):\n    return name\nprint(__name__, __file__, __doc__)\n",
    ],
)
def test_names_that_are_never_looked_up_or_made_while_running_are_fine(taken, library):
    taken(library)


def test_a_name_that_another_module_sets_is_fine(taken):
    taken(
        "from . import config, user\nconfig.DEBUG = True\n",
        files={"pk/config.py": "def f():\n    return DEBUG\n", "pk/user.py": "from . import config\n"},
    )


def test_names_go_from_cell_to_cell_and_ipython_s_own_are_known(taken):
    taken(case="import pk\nx = 1\n\n# %%\ny = x\ndisplay(In, Out, _, y)\nget_ipython()\n\n# %%\nfiles = !ls\n"
          "print(files)\n")  # fmt: skip


def test_an_undefined_name_in_a_template_is_told_with_its_line(refused):
    assert refused(case="import pk\n\n# %%\nprint(pk)\nprint(gone)\n") == [
        "kernel_templates/case.py.j2:9: undefined name gone; define or import it"
    ]


@pytest.mark.parametrize(
    "code",
    [
        "from pk.a import X",
        "import pk.a as a",
        "try:\n    import pk.a\nexcept ImportError:\n    pk = None",
        "class A:\n    from pk.a import X",
        "from importlib import import_module\na = import_module('pk.a')",
        "!python -m pk.a",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pk.a'])",
        "import os\nos.system('python -c \"import pk.a\"')",
        "def f(x=__import__('pk.a')): ...",
        "f = lambda x=__import__('pk.a'): x",
    ],
)
def test_a_use_of_the_library_above_its_place_is_refused_with_its_line(build, code):
    with pytest.raises(KernelgenError) as error:
        build(
            case=f"# %%\nx = 1\n\n# %%\n{code}\n\n# %%\n{{{{ library() }}}}\n\n# %%\nimport pk.a\n",
            files={"pk/a.py": "X = 1\n"},
        )
    (line,) = [line for line in str(error.value).split("\n") if "library()" in line]
    first = 4 + next(number for number, text in enumerate(code.split("\n"), 1) if "pk" in text)
    last = 4 + code.count("\n") + 4
    assert line == (
        f"kernel_templates/case.py.j2:{first}: needs pk above {{{{ library() }}}} (line {last}), where it is not yet "
        "there; move {{ library() }} above this cell"
    )


@pytest.mark.parametrize(
    "code",
    [
        "def f():\n    from pk.a import X\n    return X",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pk.a import X",
        "NAME = 'pk.a'\nprint('pk.a', 'import pk')",
        "# from pk.a import X\n'''\nimport pk.a\n'''",
        "%%writefile worker.py\nfrom pk.a import X",
        "f = lambda: __import__('pk.a')",
        "import subprocess\nsubprocess.run(['pip', 'download', 'pk'])",
    ],
)
def test_what_runs_later_may_stand_above_the_library(build, code):
    build(
        case=f"# %%\n{code}\n\n# %%\n{{{{ library() }}}}\n\n# %%\nimport pk.a\n",
        files={"pk/a.py": "X = 1\n"},
    )


def test_a_package_that_the_image_lacks_is_refused_unless_guarded_or_attached(refused, taken):
    assert refused("import numpy\nimport openvino as ov\n") == [
        "pk/__init__.py:2: imports openvino, which Kaggle's image of 2026-08 does not hold; attach a wheel "
        "dataset that provides it, or guard the import by try/except ImportError"
    ]
    taken("try:\n    import openvino\nexcept ImportError:\n    openvino = None\n")
    taken("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import openvino\n")
    taken(
        "def f():\n    try:\n        import openvino\n    except ImportError as error:\n"
        "        raise RuntimeError('attach the wheels') from error\n    return openvino\n"
    )
    taken(
        "def f():\n    import openvino\n    return openvino\n",
        "import pk\nWHEELS = {{ sources.wheels | literal }}\n",
        recipe='library = "pk"\n[kernels.case]\ntemplate = "case"\nsources = {wheels = "dataset:vino-wheels"}\n',
        files={
            "datasets/vino-wheels/dataset.toml": 'title = "Some wheels"\nlicense = "apache-2.0"\n'
            '[wheels]\npythons = ["3.12"]\nprovides = ["openvino"]\n'
        },
    )


@pytest.mark.parametrize("package", ["openvino", "onnxruntime", "nncf", "kaggle", "jupytext"])
def test_what_a_kernel_must_not_lean_on_is_not_in_the_image_s_list(package):
    from kernelgen.kaggle_image import kaggle_image

    assert package not in kaggle_image().packages


@pytest.mark.parametrize(
    "code",
    [
        'x = "/kaggle/input/birds"',
        'x = f"/kaggle/input/{1}"',
        'x = b"/kaggle/input"',
        'x = "../input/birds"',
        'x = "/kaggle//input"',
    ],
)
def test_a_path_of_a_mounted_source_is_refused_wherever_it_is_written(refused, code):
    way_out = "writes the path of a mounted source; declare the source in kernels.toml and use {{ sources.NAME"
    (line,) = refused(code + "\n")
    assert line.startswith(f"pk/__init__.py:{code.count(chr(10)) + 1}: {way_out}")
    (line,) = refused(case="import pk\n" + code + "\n")
    assert line.startswith(f"kernel_templates/case.py.j2:{code.count(chr(10)) + 6}: {way_out}")


def test_a_path_of_a_mounted_source_in_a_magic_is_refused(refused):
    for case in ("import pk\n!ls /kaggle/input\n", "# %%\n%%bash\nls /kaggle/input\n\n# %%\nimport pk\n"):
        (line,) = refused(case=case)
        assert ": writes the path of a mounted source" in line


def test_comments_docstrings_other_paths_and_the_module_for_mounts_may_name_it(taken):
    text = '"""Under /kaggle/input."""\n# /kaggle/input\nx = "/kaggle/working", "/my/kaggle/input-data"\n'
    taken(text, text + IMPORT)
    taken('x = "/kaggle/input"\n', recipe='library = "pk"\nmounts = "pk"\n[kernels.case]\ntemplate = "case"\n')


def test_paths_of_this_machine_are_refused(refused, tmp_path, no_credentials):
    for path in (
        f"{tmp_path}/project/x",
        f"{no_credentials}/x",
        "/home/ann/x",
        "/Users/ann/x",
        "C:\\Users\\ann\\x",
    ):
        assert refused(f"\n# see {path}\n") == ["pk/__init__.py:2: holds a path of this machine; remove it"]
        assert refused(case=f"import pk\nx = {path!r}\n") == [
            "kernel_templates/case.py.j2:6: holds a path of this machine; remove it"
        ]


def test_ordinary_paths_are_fine(taken):
    home = "/" + "root"  # in two parts: no file of this project names a machine's own folder
    taken(
        f'x = "/tmp/a", "{home}/.cache", "/home", "/kaggle/temp", "C:/data", "{home.replace("root", "home")}/user/x"\n'
    )


@pytest.mark.parametrize(
    "secret",
    [
        "ghp_" + "a1" * 18,
        "hf_" + "a" * 34,
        "AKIA" + "A" * 16,
        "KGAT_" + "0f" * 16,
        "-----BEGIN RSA PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_secret_is_refused_and_not_repeated(refused, secret):
    (line,) = refused(f"x = {secret!r}\n")
    assert line.startswith("pk/__init__.py:1: holds a") and secret not in line


def test_the_secrets_of_this_machine_are_refused_wherever_they_stand(refused, no_credentials, monkeypatch):
    monkeypatch.setenv("KAGGLE_KEY", "just-some-words")
    (no_credentials / ".kaggle").mkdir()
    (no_credentials / ".kaggle/access_token").write_text("other-plain-words\n")
    (no_credentials / ".kaggle/kaggle.json").write_text(json.dumps({"username": "ann", "key": "third-of-them"}))
    for secret in ("just-some-words", "other-plain-words", "third-of-them"):
        (line,) = refused(case=f"import pk\nx = '{secret}'\n")
        assert line.startswith("kernel_templates/case.py.j2:6: holds a secret") and secret not in line


def test_a_secret_in_a_setting_is_refused(refused, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "a-token-of-ours")
    recipe = 'library = "pk"\n[kernels.case]\ntemplate = "case"\nsettings = {token = "a-token-of-ours"}\n'
    (line,) = refused(case="import pk\nTOKEN = {{ token | literal }}\n", recipe=recipe)
    assert line.startswith("kernel_templates/case.py.j2:6: holds a secret")


@pytest.mark.parametrize(
    ("keys", "case", "place"),
    [
        ('title = "Birds ghp_{}"', "", "kernel_templates/kernels.toml: [kernels.case] title"),
        ('keywords = ["audio", "ghp_{}"]', "", "kernel_templates/kernels.toml: [kernels.case] keywords"),
        (
            'docker_image = "gcr.io/birds/python:ghp_{}"',
            "",
            "kernel_templates/kernels.toml: [kernels.case] docker_image",
        ),
        ("", '# %% tags=["ghp_{}"]\nx = 1\n', "kernel_templates/case.py.j2:2: the cell's metadata"),
        ("", "# %% [markdown]\n# Words.\n#\n# [a](https://a.example/?x=ghp_{})\n", "kernel_templates/case.py.j2:4"),
        ('settings = {{ note = "one\\ntwo ghp_{}" }}', "# {{ note }}\n", "kernel_templates/case.py.j2:1"),
    ],
)
def test_a_secret_is_refused_in_all_that_is_pushed(build, keys, case, place):
    token = "a1" * 18
    recipe = 'library = "pk"\n[kernels.case]\ntemplate = "case"\n' + (keys.format(token) if keys else "")
    with pytest.raises(KernelgenError) as error:
        build(recipe, case.replace("{}", token) if "{}" in case else case or "x = 1\n")
    lines = str(error.value).split("\n")
    assert f"{place}: holds a GitHub token; remove it, and revoke it if it was shared" in lines
    assert token not in str(error.value)


def test_the_owner_in_a_notebook_is_refused(refused, taken):
    for text in ("x = 'anntheowner/weights'", "# by anntheowner", "# https://www.kaggle.com/anntheowner/x"):
        (line,) = refused(text + "\n", owner="anntheowner")
        assert line.startswith("pk/__init__.py:1: names the owner anntheowner")
    taken("x = '/kaggle/working', 'pk/sub', 'a tk b', 'anntheowners'\n", owner="kaggle")
    taken("x = 'spk', 'pk.sub'\n", owner="tk")


def test_a_notebook_that_kaggle_would_not_take_is_refused_with_its_size(refused, taken):
    (line,) = refused("x = '''\n" + "y" * 900_000 + "\n'''\n")
    assert line.startswith("kernel case: 90") and "900 kB are allowed" in line
    # What counts is what the client sends: ASCII, so that an umlaut takes six bytes.
    (line,) = refused("x = '''\n" + "ü" * 200_000 + "\n'''\n")
    assert line.startswith("kernel case: 120")
    taken("x = '''\n" + "y" * 800_000 + "\n'''\n")


def test_everything_that_is_wrong_is_said_at_once(refused):
    lines = refused("x = gone\ny = '/kaggle/input'\nimport nncf\n# /home/ann/x\n")
    assert [line.split(": ")[0] for line in lines] == [
        "pk/__init__.py:1", "pk/__init__.py:3", "pk/__init__.py:2", "pk/__init__.py:4"
    ]  # fmt: skip


def test_the_image_s_list_holds_what_training_and_submission_use():
    from kernelgen.kaggle_image import kaggle_image

    image = kaggle_image()
    assert image.python == (3, 12) and image.date
    assert image.packages >= {
        "IPython", "PIL", "accelerate", "cv2", "librosa", "matplotlib", "numpy", "onnx", "pandas", "psutil",
        "pytorch_lightning", "scipy", "sklearn", "soundfile", "soxr", "timm", "torch", "torchaudio",
        "torchvision", "tqdm", "yaml",
    }  # fmt: skip
