"""The demo without training: from a competition made from nothing to a submission, each notebook by itself."""

import json

import numpy as np
import pandas as pd
import pytest

from birdlib.frontend.mel import FrontEnd, MelSpectrogram

from .conftest import command, notebook, printed

pytestmark = pytest.mark.xdist_group("chain")


def test_every_kernel_runs_to_its_end(chain):
    for kernel in ("demo-competition", "demo-truth", "demo-untrained", "demo-untrained-submission"):
        cells = [cell for cell in notebook(chain, kernel).cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in cells), kernel


def test_the_truth_is_nowhere_near_the_kernel_that_predicts(chain):
    for kernel in ("demo-competition", "demo-untrained", "demo-untrained-submission"):
        assert not list((chain.out / kernel / "run").rglob("soundscape_labels.csv"))


def test_the_submission_has_the_rows_asked_for(chain):
    sample = pd.read_csv(chain.out / "demo-competition" / "run" / "sample_submission.csv")
    table = pd.read_csv(chain.out / "demo-untrained-submission" / "run" / "submission.csv")
    assert table.columns.tolist() == sample.columns.tolist()
    assert table["row_id"].tolist() == sample["row_id"].tolist()
    scores = table.drop(columns="row_id")
    assert (scores.dtypes == np.float64).all() and scores.notna().all().all() and scores.stack().between(0, 1).all()


def test_the_submission_is_what_torch_computes(chain):
    """The exported models, rebuilt in torch from their seed, give the notebook's table."""
    import soundfile
    import torch

    from birdlib.competition.editions import edition
    from birdlib.competition.layout import CompetitionFiles
    from birdlib.export.untrained import seeded_model
    from birdlib.export.weight_dataset import real_mels

    manifest = json.loads((chain.out / "demo-untrained" / "run" / "manifest.json").read_text())
    front_end = FrontEnd.from_dict(manifest["models"][0]["front_end"])
    files = CompetitionFiles(chain.out / "demo-competition" / "run", edition("demo"))
    mels = real_mels(files.dry_run_audio(6), front_end, manifest["models"][0]["padding"])
    table = pd.read_csv(chain.out / "demo-untrained-submission" / "run" / "submission.csv").set_index("row_id")
    path = files.test_soundscapes[0]
    wave, _ = soundfile.read(path, dtype="float32")
    windows = torch.from_numpy(wave[: 5 * front_end.samples].reshape(5, -1))
    found = table.loc[[f"{path.stem}_{end}" for end in range(5, 30, 5)]]
    expected = []
    for model in manifest["models"]:
        recipe = model["recipe"]
        net = seeded_model(
            recipe["architecture"],
            recipe["head"],
            len(model["classes"]),
            mels,
            front_end,
            seed=model["seed"],
            drop_path=recipe["drop_path"],
        )
        with torch.no_grad():
            expected.append(net.scores(MelSpectrogram(front_end)(windows)).sigmoid().numpy())
    np.testing.assert_allclose(found[manifest["models"][0]["classes"]], np.mean(expected, axis=0), atol=1e-4)


def test_the_notebook_tells_where_the_time_went_and_what_the_real_test_set_will_take(chain):
    text = printed(notebook(chain, "demo-untrained-submission"))
    for expected in ("seconds", "share", "Compile the models", "hidden test set (48 windows)"):
        assert expected in text
    images = [
        output
        for cell in notebook(chain, "demo-untrained-submission").cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(images) == 2


@pytest.mark.parametrize("layout", ["new", "old"])
def test_both_layouts_of_kaggles_mounts_give_the_same_bytes(chain, submit, layout):
    done = submit("--layout", layout)
    assert done.status == 0, done.text
    assert done.table.read_bytes() == (chain.out / "demo-untrained-submission" / "run" / "submission.csv").read_bytes()


def test_openvino_comes_from_the_wheel_dataset_alone(submit, tmp_path):
    (tmp_path / "empty").mkdir()
    done = submit("--input", f"wheels={tmp_path / 'empty'}")
    assert done.status == 1
    assert "openvino-*.whl" in done.text


def test_a_missing_input_is_one_line_with_the_command_that_makes_it(tmp_path):
    done = command("--target", "demo-submission", "--out", tmp_path, "--run")
    assert done.status == 1
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert any("run `python build_kernels.py" in line and "--target demo-export --run`" in line for line in errors)
    assert "Traceback" not in done.err
