#!/usr/bin/env python3
"""What benchmarks/submission.py runs: its windows' mel spectrograms, and its models in every runtime's form.

    python benchmarks/submission_models.py FOLDER mels
    python benchmarks/submission_models.py FOLDER weights|weights-others

The mels first; the two folders of models may then be made side by side.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # eager models are pickled with their classes' names

from usual_notebooks import clock  # noqa: E402

CALIBRATION = 12  # windows that NNCF sees: few, since how fast a model is does not depend on them


def rooms_of(architectures: list[str], seeds: int) -> dict[str, list[tuple[str, int]]]:
    """Architecture and seed of the models of each folder: those of the ensemble, and one of each other architecture."""
    return {
        "weights": [(architectures[0], seed) for seed in range(1, seeds + 1)],
        "weights-others": [(architecture, 1) for architecture in architectures[1:]],
    }


def name_of(architecture: str, seed: int) -> str:
    return f"{architecture}-untrained-seed{seed}"


def make_mels(folder: Path, soundscapes: list[Path], seeds: int, architectures: list[str]) -> None:
    """The windows' mel spectrograms, what they cost, and which models there will be."""
    import torch

    from birdlib.audio.recordings import read_windows
    from birdlib.frontend.mel import FrontEnd, MelSpectrogram

    about = json.loads((folder / "about.json").read_text())
    front_end = FrontEnd.from_dict(about["front_end"])
    torch.set_num_threads(1)  # as the submission has it
    before = clock()
    mel, mels = MelSpectrogram(front_end), []
    for path in soundscapes:
        ends = list(np.arange(front_end.window_seconds, 601, front_end.window_seconds))
        waves, _ = read_windows(path, ends, window_seconds=5, sample_rate=front_end.sample_rate)
        with torch.inference_mode():
            mels += [mel(torch.from_numpy(wave[None])).numpy() for wave in waves]
    mels = np.concatenate(mels)
    about["front_end_cpu_seconds"] = float((clock() - before)[1] / len(mels))
    (folder / "peers").mkdir(exist_ok=True)
    np.save(folder / "peers" / "mels.npy", mels)
    rooms = rooms_of(architectures, seeds)
    about["names"] = [name_of(*model) for model in rooms["weights"]]
    about["architectures"] = {model[0]: name_of(*model) for model in [rooms["weights"][0], *rooms["weights-others"]]}
    (folder / "about.json").write_text(json.dumps(about))


def make_models(folder: Path, room: str, soundscapes: list[Path], seeds: int, architectures: list[str]) -> None:
    """A folder's models, which differ in all their weights, in every runtime's form."""
    import torch

    from birdlib.export.untrained import seeded_model
    from birdlib.export.weight_dataset import WeightDataset, real_mels
    from birdlib.frontend.mel import FrontEnd

    about = json.loads((folder / "about.json").read_text())
    front_end, classes = FrontEnd.from_dict(about["front_end"]), tuple(about["classes"])
    statistics = real_mels(tuple(soundscapes), front_end, "cyclic", windows_each=8)
    dataset = WeightDataset(folder / room, "benchmark", measured_seconds=0.2)
    for architecture, seed in rooms_of(architectures, seeds)[room]:
        name = name_of(architecture, seed)
        model = seeded_model(
            architecture, len(classes), statistics, front_end, seed=seed, dropout=0.3, drop_path=0.2
        ).eval()
        dataset.add(
            model,
            mels=statistics,
            name=name,
            architecture=architecture,
            front_end=front_end,
            classes=classes,
            seed=seed,
            fold=None,
            score=None,
            score_name="untrained",
            padding="cyclic",
            recipe={},
        )
        torch.save(model, folder / "peers" / f"{name}.pt")
        example = statistics[:2]
        with torch.no_grad():
            torch.jit.trace(model, example).save(str(folder / "peers" / f"{name}.torchscript"))
            torch.onnx.export(
                model,
                (example,),
                folder / "peers" / f"{name}.onnx",
                dynamo=False,
                input_names=["mel"],
                output_names=["logits"],
                dynamic_axes={"mel": {0: "windows"}, "logits": {0: "windows"}},
            )
    mels = np.load(folder / "peers" / "mels.npy", mmap_mode="r")
    write_in_int8(dataset, np.array(mels[:: len(mels) // CALIBRATION]), folder / room.replace("weights", "int8"))


def write_in_int8(dataset, mels: np.ndarray, folder: Path) -> None:
    """The same models by NNCF, as the export kernel quantises them; nobody has trained them, so nothing is lost."""
    from birdlib.export.int8_ir import quantize_ir
    from birdlib.weights.manifest import INT8, sha256, write_manifest

    folder.mkdir()
    for entry in dataset.entries:
        quantize_ir(dataset.folder / entry.xml, mels, folder / entry.xml)
    entries = [
        replace(entry, precision=INT8, files={name: sha256(folder / name) for name in entry.files})
        for entry in dataset.entries
    ]
    write_manifest(folder, entries)


def main() -> None:
    folder, what = Path(sys.argv[1]), sys.argv[2]
    about = json.loads((folder / "about.json").read_text())
    soundscapes = [Path(path) for path in about["soundscapes"]]
    if what == "mels":
        make_mels(folder, soundscapes, about["seeds"], about["wanted"])
    else:
        make_models(folder, what, soundscapes, about["seeds"], about["wanted"])


if __name__ == "__main__":
    main()
