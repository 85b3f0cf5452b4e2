"""build_kernels.py as a user calls it: what it prints, what it leaves, how it ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.running.environment import find_environment

COMMAND = Path(__file__).parents[3] / "build_kernels.py"
SOURCES = '''"""Finds what is attached."""

import os
from pathlib import Path


def find(source):
    slug = source.partition(":")[2]
    return next(Path(os.environ.get("KAGGLE_INPUT_ROOT", "/kaggle/input")).rglob(slug))
'''
RECIPE = """
library = "pk"
mounts = "pk.sources"
[kernels.second]
template = "second"
[kernels.second.settings]
greeting = "hello"
[kernels.second.sources]
first = "kernel:first"
words = "dataset:the-words"
birds = "competition:birdclef-2023"
[kernels.first]
template = "first"
"""
FIRST = "from pathlib import Path\nPath('number.txt').write_text('42')\n"
SECOND = """# %%
{{ library() }}

# %%
import os
from pk.sources import find
number = (find({{ sources.first | literal }}) / "number.txt").read_text()
words = (find({{ sources.words | literal }}) / "words.txt").read_text()
bird = (find({{ sources.birds | literal }}) / "bird.txt").read_text()
print({{ greeting | literal }}, number, words, bird, os.environ.get("KAGGLE_IS_COMPETITION_RERUN"))
open("out.txt", "w").write(number + words + bird)
"""
FILES = {
    "pk/sources.py": SOURCES,
    "kernel_templates/first.py.j2": FIRST,
    "kernel_templates/second.py.j2": SECOND,
    "datasets/the-words/dataset.toml": 'title = "The words"\nlicense = "other"\n',
}


@pytest.fixture
def call(no_credentials, tmp_path):
    def call(*arguments, cwd=tmp_path, **environment):
        return subprocess.run(
            [sys.executable, str(COMMAND), *map(str, arguments)],
            cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment},
        )  # fmt: skip

    return call


@pytest.fixture
def chain(write_project):
    return write_project(RECIPE, files=FILES)


@pytest.fixture
def run_environment():
    try:
        return find_environment()
    except KernelgenError as error:
        pytest.skip(f"no environment for runs: {error}")


def test_the_smallest_project_builds_with_a_line_for_each_file(call, write_project):
    root = write_project()
    done = call("--project", root, "--target", "case", "--owner", "ann")
    assert done.returncode == 0
    assert done.stdout == "project/build/case/case.ipynb\nproject/build/case/kernel-metadata.json\n"
    assert (root / "build/case/case.ipynb").is_file()


def test_without_an_owner_a_note_says_what_to_do(call, write_project):
    done = call("--project", write_project(), "--target", "all", "--out", "elsewhere")
    assert done.returncode == 0 and done.stdout.startswith("elsewhere/case/case.ipynb\n")
    assert done.stderr.startswith("note: no owner is known") and "--owner" in done.stderr


def test_list_shows_template_and_needs_of_each(call, chain):
    done = call("--project", chain, "--list", "--owner", "ann")
    lines = [line.split("  ") for line in done.stdout.splitlines()]
    rows = {line[0]: [cell.strip() for cell in line[1:] if cell.strip()] for line in lines}
    assert done.returncode == 0
    assert rows["first"] == ["first", "-"]
    assert rows["second"] == ["second", "kernel:first, dataset:the-words, competition:birdclef-2023"]
    assert rows["the-words"] == ["The words", "other", "ann/the-words"]


def test_listing_and_building_need_no_more_than_they_must(chain):
    code = f"""if True:
        import sys
        sys.path.insert(0, {str(COMMAND.parent)!r})
        import build_kernels
        assert build_kernels.main(["--project", {str(chain)!r}, "--list"]) == 0
        print(sorted({{"jupytext", "nbformat", "pyflakes", "kaggle", "numpy"}} & set(sys.modules)))
        assert build_kernels.main(["--project", {str(chain)!r}, "--target", "all"]) == 0
        print(sorted({{"kaggle", "numpy", "torch", "papermill", "IPython", "birdlib"}} & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines().count("[]") == 2


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--list", "--target", "case"], "not allowed with argument --list"),
        (["--target", "case", "--layout", "odd"], "invalid choice: 'odd'"),
        (["--push"], "--push: give --target NAME as well; --list shows the names"),
        (["case"], "unrecognized arguments: case"),
    ],
)
def test_a_wrong_command_line_exits_with_2(call, arguments, problem):
    done = call(*arguments)
    assert done.returncode == 2 and problem in done.stderr and done.stdout == ""


@pytest.mark.parametrize("arguments", [[], ["--project", "anywhere"]])
def test_without_anything_to_do_it_shows_the_way_and_exits_with_2(call, arguments):
    done = call(*arguments)
    assert (done.returncode, done.stderr) == (2, "")
    for words in ("--list ", "--target NAME ", "--run ", "kaggle kernels push -p build/NAME", "--push "):
        assert words in done.stdout


def test_help_groups_the_options_and_hides_their_former_names(call):
    done = call("--help")
    groups = ["what to build:", "run here:", "to Kaggle:", "from Kaggle:", "rarely needed:", "the way:"]
    places = [done.stdout.index(f"\n{group}\n") for group in groups]
    assert done.returncode == 0 and places == sorted(places)
    for name in ("--force", "--output", "--hidden-rerun", "--diff", "--pull"):
        assert f"\n  {name} " in done.stdout
    for name in ("--again", "--outputs", "--rerun"):
        assert f"\n  {name}" not in done.stdout and f"{name} " not in done.stdout


def test_a_build_says_what_comes_next_and_not_among_its_results(call, write_project):
    root = write_project()
    done = call("--project", root, "--target", "case", "--owner", "ann")
    run, push = done.stderr.splitlines()
    assert run.startswith(f"next: python build_kernels.py --project {root} --target case --owner ann --run ")
    assert push.strip().startswith("kaggle kernels push -p project/build/case ")
    assert "next" not in done.stdout


def test_after_a_build_of_several_the_push_names_none_of_them(call, chain):
    done = call("--project", chain, "--target", "all", "--owner", "ann", "--out", "elsewhere")
    assert "kaggle kernels push -p elsewhere/NAME " in done.stderr


def test_a_fault_of_the_generator_is_one_line_and_debug_shows_its_traceback(chain, monkeypatch, capsys):
    import build_kernels
    from kernelgen import command

    monkeypatch.setattr(command, "show_list", lambda options: 1 // 0)
    assert build_kernels.main(["--project", str(chain), "--list"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: the generator has a fault: ZeroDivisionError: ") and "KERNELGEN_DEBUG=1" in line
    monkeypatch.setenv("KERNELGEN_DEBUG", "1")
    assert build_kernels.main(["--project", str(chain), "--list"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_debug_shows_the_traceback_of_a_users_mistake_too(call, chain):
    done = call("--project", chain, "--target", "frst", KERNELGEN_DEBUG="1")
    assert "Traceback (most recent call last)" in done.stderr and done.stderr.splitlines()[-1].startswith(
        "error: --targ"
    )


def test_a_file_that_cannot_be_read_is_named_without_a_traceback(chain, monkeypatch, capsys):
    import build_kernels
    from kernelgen import command

    def refuse(options):
        raise PermissionError(13, "Permission denied", "some/file")

    monkeypatch.setattr(command, "show_list", refuse)
    assert build_kernels.main(["--project", str(chain), "--list"]) == 1
    assert capsys.readouterr().err == "error: some/file: Permission denied (KERNELGEN_DEBUG=1 shows where)\n"


def test_a_reader_that_has_enough_is_no_fault(chain):
    command = f"{sys.executable} {COMMAND} --project {chain} --list | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stderr == ""


def test_ctrl_c_is_one_line(chain, monkeypatch, capsys):
    import build_kernels
    from kernelgen import command

    def stop(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "publish", stop)
    assert build_kernels.main(["--project", str(chain), "--target", "first", "--push", "--wait"]) == 130
    assert capsys.readouterr().err == "error: stopped by the keyboard\n"


@pytest.mark.parametrize(
    ("former", "name"), [("--again", "force"), ("--outputs", "output"), ("--rerun", "hidden_rerun")]
)
def test_former_names_of_options_work(tmp_path, former, name):
    from kernelgen.command import parse

    needed = {"force": "--push", "hidden_rerun": "--run"}.get(name)
    options = parse(["--target", "x", former, *([needed] if needed else [])], tmp_path)
    assert getattr(options, name) is True
    assert getattr(parse(["--target", "x"], tmp_path), name) is False


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--dry-run"], "--dry-run: only together with --push"),
        (["--force"], "--force: only together with --push"),
        (["--hidden-rerun"], "--hidden-rerun: only together with --run"),
        (["--run", "--push"], "--run and --push: give them in two calls, one after the other"),
        (["--pull", "--output"], "--output and --pull: give them in two calls, one after the other"),
    ],
)
def test_options_that_do_not_go_together_are_one_line(call, chain, arguments, line):
    done = call("--project", chain, "--target", "first", *arguments)
    assert (done.returncode, done.stderr) == (1, f"error: {line}\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--target", "frst"], "error: --target frst: no kernel or dataset of that name (did you mean first?)"),
        (["--target", "second", "--set", "greting=x"], "error: --set greting=x: none of the selected kernels has"),
        (["--target", "the-words"], "error: datasets/the-words: is empty, and dataset.toml does not"),
        (["--target", "second", "--run", "--input", "dogs=."],
         "error: --input dogs=.: no selected kernel has such a source (there is birdclef-2023, pk-first, the-words)"),
        (["--target", "second", "--run", "--input", "birdclef-2023=gone"],
         "error: --input birdclef-2023=gone: there is no folder gone; check the path"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_line_and_exits_with_1(call, chain, arguments, line):
    done = call("--project", chain, "--owner", "ann", *arguments)
    assert done.returncode == 1
    (last,) = done.stderr.splitlines()
    assert last.startswith(line.replace("=.:", f"={os.fspath(chain.parent)}:"))


def test_several_settings_may_follow_one_set(call, chain, tmp_path):
    done = call("--project", chain, "--target", "second", "--set", "greeting=good day", "--out", tmp_path / "out")
    assert done.returncode == 0
    assert 'print(\\"good day\\", number' in (tmp_path / "out/second/second.ipynb").read_text()


def test_missing_sources_are_told_with_the_command_that_makes_them(call, chain):
    done = call("--project", chain, "--target", "second", "--run", "--owner", "ann", "--out", "o u t")
    assert done.returncode == 1
    command = f"python build_kernels.py --project {chain} --out 'o u t'"
    assert done.stderr.splitlines() == [
        f"error: kernel second: first = kernel:first has no finished run; run "
        f"`{command} --target first --run`, "
        "or give --input pk-first=FOLDER",
        f"error: kernel second: words = dataset:the-words is not filled; run `{command} --target the-words`, "
        "or give --input the-words=FOLDER",
        "error: kernel second: birds = competition:birdclef-2023 is not on this machine; "
        "give --input birdclef-2023=FOLDER",
    ]


@pytest.mark.parametrize("layout", ["new", "old"])
def test_a_chain_runs_in_the_order_of_need_and_feeds_on_itself(call, chain, tmp_path, run_environment, layout):
    (chain / "datasets/the-words/words.txt").write_text(" words ")
    (tmp_path / "birds").mkdir()
    (tmp_path / "birds/bird.txt").write_text("bird")
    done = call("--project", chain, "--target", "second,first", "--run", "--hidden-rerun", "--layout", layout,
                "--set", "greeting=moin", "--input", "birds=birds")  # fmt: skip
    assert done.returncode == 0, done.stderr
    out = chain / "build"
    assert (out / "second/run/out.txt").read_text() == "42 words bird"
    assert "moin 42  words  bird 1" in done.stdout
    assert (out / "first/run/__notebook__.ipynb").is_file()
    # Each on its own now, from what the other left; whichever name --input uses.
    if layout == "old":
        again = call("--project", chain, "--target", "second", "--run", "--input", "birdclef-2023=birds")
        assert again.returncode == 0, again.stderr


def test_a_source_that_a_later_kernel_lacks_is_told_before_the_first_one_runs(call, chain):
    done = call("--project", chain, "--target", "all", "--run", "--owner", "ann")
    assert done.returncode == 1
    assert [line.split(" = ")[0] for line in done.stderr.splitlines()] == [
        "error: kernel second: words", "error: kernel second: birds"
    ]  # fmt: skip
    assert not (chain / "build/first/run").exists()


def test_a_failing_kernel_stops_the_chain_and_feeds_nothing(call, chain, run_environment):
    (chain / "kernel_templates/first.py.j2").write_text(
        f"{SECOND.partition('import os')[0]}from pk.fail import fail\nfail()\n"
    )
    (chain / "pk/fail.py").write_text("def fail():\n    raise RuntimeError('no more birds')\n")
    (chain / "datasets/the-words/words.txt").write_text("words")
    done = call("--project", chain, "--target", "all", "--run", "--input", f"birds={chain}")
    assert done.returncode == 1
    assert "failed in pk/fail.py:2, `raise RuntimeError('no more birds')`" in done.stderr
    assert "RuntimeError: no more birds" in done.stderr and "build/first/run/__notebook__.ipynb" in done.stderr
    assert not (chain / "build/second/run").exists()
    later = call("--project", chain, "--target", "second", "--run")
    assert "first = kernel:first has no finished run" in later.stderr
