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
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # eager models are pickled with their classes' names

from usual_notebooks import clock  # noqa: E402

CALIBRATION = 12  # windows that NNCF sees: few, since how fast a model is does not depend on them


class Network(NamedTuple):
    """A backbone, the table of its head, and the name of both."""

    name: str
    architecture: str
    head: dict


def rooms_of(networks: list[Network], seeds: int) -> dict[str, list[tuple[Network, int]]]:
    """Network and seed of the models of each folder: those of the ensemble, and one of each other network."""
    return {
        "weights": [(networks[0], seed) for seed in range(1, seeds + 1)],
        "weights-others": [(network, 1) for network in networks[1:]],
    }


def name_of(network: Network, seed: int) -> str:
    return f"{network.name}-untrained-seed{seed}"


def make_mels(folder: Path, soundscapes: list[Path], seeds: int, networks: list[Network]) -> None:
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
    rooms = rooms_of(networks, seeds)
    about["names"] = [name_of(*model) for model in rooms["weights"]]
    about["architectures"] = {
        model[0].name: name_of(*model) for model in [rooms["weights"][0], *rooms["weights-others"]]
    }
    (folder / "about.json").write_text(json.dumps(about))


def make_models(folder: Path, room: str, soundscapes: list[Path], seeds: int, networks: list[Network]) -> None:
    """A folder's models, which differ in all their weights, in every runtime's form."""
    import torch

    from birdlib.export.openvino_ir import Scores
    from birdlib.export.untrained import seeded_model
    from birdlib.export.weight_dataset import WeightDataset, real_mels
    from birdlib.frontend.mel import FrontEnd

    about = json.loads((folder / "about.json").read_text())
    front_end, classes = FrontEnd.from_dict(about["front_end"]), tuple(about["classes"])
    statistics = real_mels(tuple(soundscapes), front_end, "cyclic", windows_each=8)
    dataset = WeightDataset(folder / room, "benchmark", measured_seconds=0.2)
    for network, seed in rooms_of(networks, seeds)[room]:
        name = name_of(network, seed)
        model = seeded_model(
            network.architecture, network.head, len(classes), statistics, front_end, seed=seed, drop_path=0.2
        )
        dataset.add(
            model,
            mels=statistics,
            name=name,
            architecture=network.name,
            front_end=front_end,
            classes=classes,
            seed=seed,
            fold=None,
            score=None,
            score_name="untrained",
            padding="cyclic",
            recipe={},
        )
        scores = Scores(model).eval()
        torch.save(scores, folder / "peers" / f"{name}.pt")
        example = statistics[:2]
        with torch.no_grad():
            torch.jit.trace(scores, example).save(str(folder / "peers" / f"{name}.torchscript"))
            torch.onnx.export(
                scores,
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
    networks = [Network(*network) for network in about["wanted"]]
    if what == "mels":
        make_mels(folder, soundscapes, about["seeds"], networks)
    else:
        make_models(folder, what, soundscapes, about["seeds"], networks)


if __name__ == "__main__":
    main()
