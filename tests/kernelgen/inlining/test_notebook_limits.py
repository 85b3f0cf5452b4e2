"""What a script can do and a notebook's cells cannot, in the words that the user reads."""

import pytest

from kernelgen.inlining.closure import Closure


def names(found: Closure) -> list[str]:
    return [module.name for module in found.modules]


DEFINED = "import multiprocessing as mp\nimport pk\n\n\ndef work(x):\n    return x\n\n\nclass Rows: ...\n\n\n"


@pytest.mark.parametrize(
    "code",
    [
        "with mp.get_context('spawn').Pool(2) as pool: pool.map(work, [1])",
        "with mp.get_context('forkserver').Pool(2, initializer=work) as pool: pass",
        "mp.set_start_method('spawn'); mp.Process(target=work, args=(1,)).start()",
        "import torch.multiprocessing as tmp; tmp.spawn(work, nprocs=2)",
        "from torch.multiprocessing import spawn; spawn(fn=work, nprocs=2)",
        "DataLoader(Rows(), num_workers=1, multiprocessing_context='spawn')",
        "rows = Rows(); DataLoader(rows, num_workers=1, multiprocessing_context=mp.get_context('spawn'))",
        "import functools; mp.get_context('spawn').Pool(1).map(functools.partial(work, 1), [1])",
        "mp.get_context('spawn').Pool(1).map(lambda x: x, [1])",
        "from concurrent.futures import ProcessPoolExecutor as P; P(1, mp_context=mp.get_context('spawn')).submit(work, 1)",
    ],
)
def test_what_the_notebook_defines_for_spawned_processes_is_refused(refused, code: str):
    message = refused(DEFINED + code + "\n", {})
    assert message.startswith("kernel_templates/case.py.j2:12: ") and "into the library" in message


SPAWNS = "import multiprocessing as mp\ndef each(f, xs):\n    with mp.get_context('spawn').Pool(2) as pool:\n        "
SPAWNS += (
    "return pool.map(f, xs)\ndef plain(f):\n    return f(1)\nclass Work:\n    def __init__(self, f): mp.Process(f)\n"
)


@pytest.mark.parametrize(
    ("code", "library"),
    [
        ("mp.Pool(2).map(work, [1])", "import multiprocessing as mp\nmp.set_start_method('spawn')\n"),
        ("METHOD = 'spawn'; mp.get_context(METHOD).Pool(2).map(work, [1])", ""),
        ("for method in ['fork', 'spawn']: mp.get_context(method).Pool(2).map(work, [1])", ""),
    ],
)
def test_a_start_method_of_the_library_or_in_a_name_counts_too(refused, code: str, library: str):
    message = refused(DEFINED + code + "\n", {"pk/__init__.py": library})
    assert message.startswith("kernel_templates/case.py.j2:12: ") and "into the library" in message


@pytest.mark.parametrize(
    ("code", "library"),
    [
        ("pk.plain(work)", SPAWNS),
        ("pk.each(pk.plain, [work(1)])", SPAWNS),
        ("pk.each(pk.work, [1])", SPAWNS),
        ("mp.Pool(2).map(work, [1])", SPAWNS),
        ("mp.get_context(pk.METHOD).Pool(2).map(work, [1])", "METHOD = 'fork'\n"),
    ],
)
def test_work_that_no_spawned_process_does_is_accepted(project, code: str, library: str):
    assert names(project(DEFINED + code + "\n", {"pk/__init__.py": library})) == ["pk"]


@pytest.mark.parametrize(
    "code",
    [
        "with mp.get_context('fork').Pool(2) as pool: pool.map(work, [1])",
        "with mp.get_context('spawn').Pool(2) as pool: print(work(pool.map(pk.work, [1])))",
        "with mp.get_context('spawn').Pool(2) as pool: pool.map(pk.work, work([1]))",
        "import numpy as np; np.random.SeedSequence(1).spawn(work(3))",
        "print('spawn'); [work(x) for x in map(work, [1])]",
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor() as threads: threads.map(work, [1])\n"
        "with mp.get_context('spawn').Pool(2) as pool: pool.map(pk.work, [1])",
        "from multiprocessing.pool import ThreadPool\nThreadPool(2).map(work, [1])\n"
        "mp.get_context('spawn').Pool(2).map(pk.work, [1])",
    ],
)
def test_other_work_for_processes_is_accepted(project, code: str):
    assert names(project(DEFINED + code + "\n", {})) == ["pk"]


LOOP = "import asyncio\n\n\nasync def _go():\n    return 1\n\n\nclass App:\n    def start(self):\n        asyncio.run(_go())\n"


@pytest.mark.parametrize(
    "code",
    [
        "asyncio.run(pk.go())",
        "if __name__ == '__main__':\n    asyncio.run(pk.go())",
        "def main():\n    asyncio.run(pk.go())\nmain()",
        "asyncio.get_event_loop().run_until_complete(pk.go())",
    ],
)
def test_an_event_loop_started_by_a_cell_is_refused(refused, code: str):
    message = refused(f"import asyncio, pk\n{code}\n", {})
    assert message.startswith("kernel_templates/case.py.j2:") and "fails in a notebook, where an event loop" in message


def test_an_event_loop_started_by_a_function_that_a_cell_calls_is_refused_where_it_starts(refused):
    for code in ("from pk.app import App\nApp().start()\n", "import pk.app as a\napp = a.App()\napp.start()\n"):
        assert refused(code, {"pk/app.py": LOOP}).startswith("pk/app.py:10: asyncio.run() fails in a notebook")
    main = "import asyncio\ndef main():\n    asyncio.run(None)\n"
    message = refused("from pk.app import main as go\ngo()\n", {"pk/app.py": main})
    assert message.startswith("pk/app.py:3: asyncio.run() fails in a notebook")


@pytest.mark.parametrize(
    ("code", "library"),
    [
        ("import pk.app\n", LOOP),
        ("from pk.app import App\nfrom threading import Thread\nThread(target=App().start).start()\n", LOOP),
        ("import pk.app, subprocess\nsubprocess.run(['true'])\n", LOOP.replace("start", "run")),
        ("import pk.app\npk.app.main()\n", "def main(): ...\nif __name__ == '__main__':\n    asyncio.run(main())\n"),
        (
            "from pk.app import start\nstart()\n",
            "import asyncio\ndef start():\n    try:\n        asyncio.get_running_loop()\n"
            "    except RuntimeError:\n        asyncio.run(None)\n",
        ),
        ("import asyncio, pk.app\nawait asyncio.sleep(0)\n", LOOP),
        ("import asyncio, nest_asyncio, pk.app\nnest_asyncio.apply()\nasyncio.run(pk.app.go())\n", LOOP),
        ("from pk.app import App\nApp().start()\n", LOOP + "import nest_asyncio\nnest_asyncio.apply()\n"),
        ("import asyncio, pk.app, threading as t\nt.Thread(target=lambda: asyncio.run(pk.app.go())).start()\n", LOOP),
        ("import asyncio, pk.app\ndef own(): asyncio.run(pk.app.go())\nprint(own)\n", LOOP),
    ],
)
def test_an_event_loop_that_a_notebook_can_start_is_accepted(project, code: str, library: str):
    assert names(project(code, {"pk/app.py": library})) == ["pk", "pk.app"]


@pytest.mark.parametrize(
    "text",
    [
        "from importlib.metadata import version\n\n__version__ = version('pk')\n",
        "import importlib.metadata as m\n\n__version__ = m.version(__name__)\n",
        "import importlib.metadata\n\nD = importlib.metadata.distribution(__package__.split('.')[0])\n",
        "from importlib import metadata\n\nD = metadata.requires(distribution_name='pk')\n",
        "import pkg_resources\n\nV = pkg_resources.get_distribution('pk').version\n",
    ],
)
def test_a_library_that_asks_for_its_own_installed_version_is_refused(project, refused, text: str):
    message = refused("import pk", {"pk/__init__.py": text})
    assert message.startswith("pk/__init__.py:3: ") and "write the version into the library" in message
    lines = text.split("\n")
    caught = f"{lines[0]}\ntry:\n    {lines[2]}\nexcept Exception:\n    pass\n"
    assert names(project("import pk", {"pk/__init__.py": caught})) == ["pk"]
    fallback = f"{lines[0]}\ntry:\n    import pk.version\nexcept ImportError:\n    {lines[2]}\n"
    assert refused("import pk", {"pk/__init__.py": fallback}).startswith("pk/__init__.py:5: ")
    caught = f"{lines[0]}\nimport contextlib as c\nwith c.suppress(Exception):\n    {lines[2]}\n"
    assert names(project("import pk", {"pk/__init__.py": caught})) == ["pk"]
    assert names(project("import pk", {"pk/__init__.py": text.replace("pk'", "numpy'").replace("__name__", "'numpy'")
                                       .replace("__package__", "'numpy'")})) == ["pk"]  # fmt: skip


def test_a_library_that_asks_for_its_own_plugins_is_refused(project, refused):
    text = "from importlib.metadata import entry_points\nE = entry_points(group='pk.plugins')\n"
    message = refused("import pk", {"pk/__init__.py": text})
    assert message.startswith("pk/__init__.py:2: ") and "import the plugins" in message
    assert names(project("import pk", {"pk/__init__.py": text.replace("pk.", "other.")})) == ["pk"]


@pytest.mark.parametrize("name", ["exit", "quit"])
def test_an_exit_that_would_not_stop_the_cell_is_refused(project, refused, name: str):
    message = refused(f"import pk\nif pk.done():\n    {name}(0)\nprint(1)\n", {})
    assert message == f"kernel_templates/case.py.j2:3: {name}() does not stop a notebook's cell; use sys.exit()"
    assert names(project(f"import pk\ndef {name}(): ...\n{name}()\nprint(1)\n", {})) == ["pk"]


@pytest.mark.parametrize("code", ['"""\n>>> f(2)\n4\n"""\nimport pk\n', "# a session\n... \nimport pk\n"])
def test_a_cell_that_ipython_takes_for_a_pasted_session_is_refused(project, refused, code: str):
    line = next(number for number, line in enumerate(code.split("\n"), 1) if line[:3] in {">>>", "..."})
    message = refused(code, {})
    assert message.startswith(f"kernel_templates/case.py.j2:{line}: ") and "put two other lines above it" in message
    assert names(project("# one\n# two\n" + code, {})) == ["pk"]
