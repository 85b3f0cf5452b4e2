"""The benchmark of the submission: whose time is compared with whose, and what is run."""

import re

import nbformat
import numpy as np
import pandas as pd
import pytest
import soundfile

from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.demo.ogg import write_ogg
from birdlib.submission.preparation import prepare
from birdlib.submission.run import Run, Spent


@pytest.fixture(scope="module")
def submission(script):
    return script("submission")


@pytest.fixture
def measure(submission):
    """Wall and CPU milliseconds of a window in each repeat, by contestant, as the benchmark measures them."""

    def make(spent, windows=100):
        results = {
            name: [
                {"windows": windows, "seconds": wall * windows / 1000, "CPU seconds": cpu * windows / 1000, "peak": 2e9}
                for wall, cpu in repeats
            ]
            for name, repeats in spent.items()
        }
        return submission.per_window(results)

    return make


# ---------------------------------------------------------------- the measurements


def test_a_row_per_contestant_and_repeat_in_milliseconds_of_its_own_windows(submission):
    one = {"windows": 240, "seconds": 24.0, "CPU seconds": 48.0, "peak": 1.5e9, "stages": "not in the table"}
    other = {"windows": 120, "seconds": 24.0, "CPU seconds": 36.0, "peak": 3e9}
    table = submission.per_window({"a": [one, other], "b": [other]})
    assert list(zip(table["contestant"], table["repeat"], strict=True)) == [("a", 0), ("a", 1), ("b", 0)]
    assert table["ms per window"].tolist() == pytest.approx([100, 200, 200])
    assert table["CPU ms per window"].tolist() == pytest.approx([200, 300, 300])
    assert table["peak GB"].tolist() == pytest.approx([1.5, 3, 3])
    assert table["windows"].tolist() == [240, 120, 120]


# ---------------------------------------------------------------- faster by how much


def ratio_of(text):
    """Median, smallest and largest of a cell such as 1.29 (1.21 to 1.36)."""
    return tuple(map(float, re.fullmatch(r"([\d.]+) \(([\d.]+) to ([\d.]+)\)", text).groups()))


def test_who_takes_twice_the_time_is_told_that_ours_is_faster_by_two(submission, measure):
    table = submission.comparison(measure({submission.OURS: [(50, 80)], "slow": [(100, 240)], "fast": [(25, 60)]}))
    cpu, wall = (table[f"our notebook is faster by ({kind})"].map(ratio_of) for kind in ("CPU", "wall"))
    assert wall["slow"] == (2, 2, 2) and cpu["slow"] == (3, 3, 3)
    assert wall["fast"] == (0.5, 0.5, 0.5) and cpu["fast"] == (0.75, 0.75, 0.75)
    assert cpu[submission.OURS] == wall[submission.OURS] == (1, 1, 1)
    assert table["windows per second"].to_dict() == {submission.OURS: 20, "slow": 10, "fast": 40}
    assert table["CPU ms per window"].to_dict() == {submission.OURS: 80, "slow": 240, "fast": 60}
    assert list(table.index) == [submission.OURS, "slow", "fast"], "in the order in which they ran"


def test_each_repeat_is_compared_with_its_own_turn_so_that_a_slow_hour_does_not_count(submission, measure):
    # In the third turn the machine was ten times as busy for all: nobody is faster or slower for that.
    ours = [(50, 50), (60, 60), (500, 500)]
    table = submission.comparison(
        measure({submission.OURS: ours, "other": [(wall * 1.5, cpu * 1.2) for wall, cpu in ours]})
    )
    assert ratio_of(table.loc["other", "our notebook is faster by (wall)"]) == (1.5, 1.5, 1.5)
    assert ratio_of(table.loc["other", "our notebook is faster by (CPU)"]) == (1.2, 1.2, 1.2)


def test_several_repeats_are_told_by_their_median_with_the_range_of_their_ratios(submission, measure):
    spent = {submission.OURS: [(100, 100)] * 3, "other": [(300, 130), (110, 120), (120, 150)]}
    table = submission.comparison(measure(spent))
    assert ratio_of(table.loc["other", "our notebook is faster by (wall)"]) == (1.2, 1.1, 3.0)
    assert ratio_of(table.loc["other", "our notebook is faster by (CPU)"]) == (1.3, 1.2, 1.5)
    assert table.loc["other", "windows per second"] == pytest.approx(1000 / 120, abs=0.05)
    assert table.loc["other", "CPU ms per window"] == 130


def test_the_peak_of_memory_is_that_of_the_worst_repeat(submission):
    one = {"windows": 1, "seconds": 1.0, "CPU seconds": 1.0}
    repeats = [one | {"peak": size} for size in (1e9, 3.25e9, 2e9)]
    assert submission.comparison(submission.per_window({submission.OURS: repeats}))["peak GB"].tolist() == [3.25]


# ---------------------------------------------------------------- what was to be reached


def test_what_was_to_be_reached_is_reached_only_in_cpu_time_and_in_wall_time(submission, measure):
    (ours, other), wanted = next(iter(submission.TO_REACH.items()))
    just, less = 100 * wanted, 100 * wanted - 1
    for wall, cpu, verdict in ((just, just, "yes"), (just, less, "no"), (less, just, "no"), (less, less, "no")):
        table = submission.reached(measure({ours: [(100, 100)], other: [(wall, cpu)]}))
        assert list(table.index) == [f"{ours} against {other}"]
        row = table.iloc[0]
        assert (row["to reach"], row["reached"]) == (wanted, verdict)
        assert row["wall"] == pytest.approx(wall / 100, abs=1e-3) and row["CPU"] == pytest.approx(cpu / 100, abs=1e-3)


def test_one_good_repeat_of_three_reaches_nothing(submission, measure):
    (ours, other), wanted = next(iter(submission.TO_REACH.items()))
    for good, verdict in ((1, "no"), (2, "yes")):
        spent = [(200 * wanted,) * 2] * good + [(50 * wanted,) * 2] * (3 - good)
        table = submission.reached(measure({ours: [(100, 100)] * 3, other: spent}))
        assert table["reached"].tolist() == [verdict]


def test_whatever_ran_is_held_against_what_was_to_be_reached_and_nothing_else(submission, measure):
    names = {name for pair in submission.TO_REACH for name in pair}
    whole = submission.reached(measure({name: [(100, 100)] for name in names}))
    assert list(whole.index) == [f"{ours} against {other}" for ours, other in submission.TO_REACH]
    assert whole["reached"].tolist() == ["yes" if wanted <= 1 else "no" for wanted in submission.TO_REACH.values()]
    some = submission.reached(measure({name: [(100, 100)] for name in names - {submission.OURS_INT8}}))
    assert list(some.index) == [name for name in whole.index if not name.startswith(submission.OURS_INT8)]


# ---------------------------------------------------------------- tables as GitHub shows them


def test_a_table_in_markdown_has_every_cell_at_its_place(submission):
    table = pd.DataFrame({"ms": [1.5, 20.0], "reached": ["yes", "no"]}, pd.Index(["one", "two"], name="who"))
    lines = [[cell.strip() for cell in line[1:-1].split("|")] for line in submission.markdown(table).splitlines()]
    assert lines[0] == ["who", "ms", "reached"] and lines[2:] == [["one", "1.5", "yes"], ["two", "20.0", "no"]]
    assert len(lines[1]) == 3 and all(re.fullmatch(":?-{3,}:?", cell) for cell in lines[1])
    assert all(line.startswith("| ") and line.endswith(" |") for line in submission.markdown(table).splitlines())
    nameless = submission.markdown(table.rename_axis(None)).splitlines()[0]
    assert nameless.count("|") == 4 and "None" not in nameless


# ---------------------------------------------------------------- the notebook's stages


def notebook_of(path, *texts):
    """A notebook that was run, whose last cell shows these; other cells print and show other things."""
    shown = [nbformat.v4.new_output("display_data", {"text/plain": text, "text/html": "<table>"}) for text in texts]
    printed = nbformat.v4.new_output("stream", name="stdout", text="Scored in 3 CPU seconds\n")
    other = pd.DataFrame({"seconds": [7.0]}, ["not a stage"])
    cells = [
        nbformat.v4.new_markdown_cell("# Submission, seconds and CPU seconds"),
        nbformat.v4.new_code_cell("1 + 1", outputs=[printed]),
        nbformat.v4.new_code_cell(
            "plan", outputs=[nbformat.v4.new_output("display_data", {"text/plain": repr(other)})]
        ),
        nbformat.v4.new_code_cell("run.table()", outputs=shown),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_the_stages_are_read_as_the_notebook_tells_them(submission, tmp_path):
    run = Run()
    run.stages = {
        "Import": Spent(2.7, 2.8),
        "Install OpenVINO": Spent(3.5, 3.4),
        "Compile and measure": Spent(1.3, 2.2),
        "Score rexnet150-untrained-seed1": Spent(1234.5, 2469.0),
        "Check the file": Spent(0.04, 0.0),
        "Draw": Spent(12.0, 11.9),
    }
    shown = run.table()
    with pd.option_context("display.width", 80, "display.max_columns", 20):  # as a notebook shows it
        stages = submission.stages_of(notebook_of(tmp_path / "run.ipynb", repr(shown)))
    assert list(stages.index) == list(shown.index) and len(stages) == 7
    for column in ("seconds", "CPU seconds"):
        assert stages[column].tolist() == shown[column].tolist()


def test_every_stage_that_is_told_apart_is_a_stage_of_the_template(submission):
    template = (submission.ROOT / "kernel_templates" / "submission.py.j2").read_text()
    library = "".join(path.read_text() for path in (submission.ROOT / "birdlib").rglob("*.py"))
    for stage in submission.APART:
        assert f'"{stage}"' in template or f'"{stage}"' in library, stage


# ---------------------------------------------------------------- what is run


def recordings(folder, names):
    folder.mkdir(parents=True)
    for name in names:
        soundfile.write(folder / name, np.zeros(8000, np.float32), 8000)
    return folder


def test_too_few_recordings_are_refused_in_a_line_that_says_where_and_how_many(submission, tmp_path):
    audio = recordings(tmp_path / "audio", ["a.wav"])
    (audio / "notes.txt").write_text("no recording")
    for folder, found in ((audio, 1), (tmp_path / "nowhere", 0)):
        with pytest.raises(SystemExit) as stopped:
            submission.find_soundscapes(folder, tmp_path / "work", 2)
        (line,) = stopped.value.code.splitlines()
        assert line.startswith(f"{folder}: holds {found} recordings, 2 are wanted")
    assert not (tmp_path / "work").exists(), "nothing was made in their place"


def test_of_the_recordings_given_the_first_by_name_are_taken_and_what_is_no_recording_is_not(submission, tmp_path):
    audio = recordings(tmp_path / "audio", ["c.wav", "a.flac", "d.ogg", "b.wav"])
    (audio / "a.csv").write_text("no recording")
    found = submission.find_soundscapes(audio, tmp_path / "work", 3)
    assert [path.name for path in found] == ["a.flac", "b.wav", "c.wav"] and all(path.exists() for path in found)


def test_without_a_folder_given_the_real_recordings_are_taken_where_there_are_enough(submission, tmp_path, monkeypatch):
    real = recordings(tmp_path / "real", ["b.wav", "a.wav"])
    monkeypatch.setattr(submission, "SOUNDSCAPES", real)
    assert submission.find_soundscapes(None, tmp_path / "work", 2) == [real / "a.wav", real / "b.wav"]


def test_the_library_finds_every_window_of_ten_minutes_in_the_competition_that_is_made(submission, tmp_path):
    audio = tmp_path / "audio"
    audio.mkdir()
    for name in ("one.ogg", "two.ogg"):
        write_ogg(audio / name, np.zeros(600 * 8000, np.float32), 8000)
    classes = ["robin", "wren", "dunnock"]
    (tmp_path / "competition" / "test_soundscapes").mkdir(parents=True)
    (tmp_path / "competition" / "test_soundscapes" / "old.ogg").write_bytes(b"of an earlier run")
    submission.make_competition_folder(tmp_path, [audio / "one.ogg", audio / "two.ogg"], classes)

    task = prepare(CompetitionFiles(tmp_path / "competition", edition("demo")), tmp_path / "submission.csv")
    assert task.problems == () and list(task.plan.classes) == classes
    assert [soundscape.path.name for soundscape in task.soundscapes] == ["one.ogg", "two.ogg"]
    for soundscape in task.soundscapes:
        assert list(soundscape.ends) == [5 * number for number in range(1, 121)]
        assert soundscape.path.read_bytes() == (audio / soundscape.path.name).read_bytes()
    assert len(task.plan.row_ids) == task.windows == 240


@pytest.mark.parametrize("shown", [["a\\\n", "CPU seconds  \\\nstage\n"], []], ids=["folded", "none"])
def test_stages_that_cannot_be_read_end_the_benchmark_in_one_line(submission, tmp_path, shown):
    with pytest.raises(SystemExit, match=r"run\.ipynb: its table of stages cannot be read"):
        submission.stages_of(notebook_of(tmp_path / "run.ipynb", *shown))


# ---------------------------------------------------------------- twenty models


def of_models(milliseconds):
    """What the runtimes were measured at: CPU seconds of a window on two cores, by architecture."""
    return pd.DataFrame(
        [
            {"architecture": name, "runtime": runtime, "CPU seconds": ms / 1000, "cores": 2}
            for name, (float_ms, int8_ms) in milliseconds.items()
            for runtime, ms in (("openvino", float_ms), ("openvino int8", int8_ms), ("eager", 90))
        ]
    )


def test_twenty_models_are_projected_onto_the_hidden_windows_and_the_limit(submission):
    """24,000 windows on two cores: a CPU millisecond of a window is 0.2 minutes."""
    table = submission.twenty_models(of_models({"a": (30, 15), "b": (50, 20)}), front_end_seconds=0.010)
    assert table.loc["OpenVINO", ["a, minutes each", "b, minutes each"]].tolist() == [6, 10]
    assert table["decoding and mels, minutes"].tolist() == [2, 2]
    assert table["all 10, minutes"].tolist() == [82, 37] and table["fit into 114 minutes"].tolist() == [10, 10]


def test_where_they_do_not_fit_it_is_told_how_many_do(submission):
    table = submission.twenty_models(of_models({"a": (60, 30), "b": (100, 50)}), front_end_seconds=0.020)
    slow = table.loc["OpenVINO"]
    assert slow["all 10, minutes"] == 164 and slow["fit into 114 minutes"] == 7  # 4 + 5 x 12 + 2 x 20 are 104
