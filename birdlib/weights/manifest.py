"""The manifest of a weight dataset: what export writes and submission trusts."""

import hashlib
import json
import math
import os
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path

from birdlib.audio.padding import CYCLIC, check_padding
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd

MANIFEST = "manifest.json"
SCHEMA = 1  # a field that older versions do not know needs no other one: they pass it over
INT8 = "int8"


@dataclass(frozen=True)
class Int8Verdict:
    """What a model loses and gains in INT8, whether that was taken or not.

    Attributes:
        taken: whether the model's files are INT8; if not, they are float.
        metric: the competition's, as a key of ``loss``; by it INT8 was judged.
        max_loss: the most of it that the recipe gives away.
        heard: what both were scored on, in words. On clips that the model learnt from little is lost easily: such a
            loss is a lower bound.
        windows: how many that were.
        float_scores: {metric: score} of the float model, None where one is undefined.
        loss: {metric: float score - INT8 score}, None where one is undefined.
        difference: the largest difference in probability between the two.
        speedup: windows per CPU second over float's, on the exporting machine.
        calibration_windows: on which NNCF saw what each layer holds.
    """

    taken: bool
    metric: str
    max_loss: float
    heard: str
    windows: int
    float_scores: dict[str, float | None]
    loss: dict[str, float | None]
    difference: float
    speedup: float
    calibration_windows: int


@dataclass(frozen=True)
class ModelEntry:
    """One model of a weight dataset.

    Attributes:
        name: unique in the dataset, and the stem of its files.
        architecture: as ``birdlib.models`` names it.
        front_end: the parameters of its mel spectrogram.
        classes: its outputs' labels, in order.
        precision: of the stored weights, "f32", "f16" or "int8"; the last computes in INT8 too.
        files: SHA-256 by file name; the .xml and the .bin of the IR.
        seed, fold: of its training; fold "full" means all data, None untrained.
        score: its out-of-fold score as it was trained, None where there is none; what INT8 costs is in ``int8``.
        score_name: which score that is, and whose.
        seconds_per_window: wall time of one window on the exporting machine, all cores busy with it.
        parity: the largest difference of the float IR from torch's probabilities on real audio.
        recipe: the settings of the kernel that trained it.
        commit: of the source that built the kernel which wrote it.
        int8: what INT8 was found to cost and to bring, None where it was not tried or could not be done.
        padding: how the model learnt to hear a window that is short of audio; see ``birdlib.audio.padding``.
        validation: SHA-256 of the files of its predictions, by what they are on: "soundscapes" is NAME.soundscapes.npz.
    """

    name: str
    architecture: str
    front_end: FrontEnd
    classes: tuple[str, ...]
    precision: str
    files: dict[str, str]
    seed: int
    fold: int | str | None
    score: float | None
    score_name: str
    seconds_per_window: float
    parity: float
    recipe: dict
    commit: str
    int8: Int8Verdict | None = None
    padding: str = CYCLIC
    validation: dict[str, str] | None = None

    @property
    def xml(self) -> str:
        return f"{self.name}.xml"


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, entries: list[ModelEntry]) -> Path:
    """Write ``folder/manifest.json``, whole or not at all."""
    models = [{**asdict(entry), "classes": list(entry.classes)} for entry in entries]
    target = folder / MANIFEST
    temporary = target.with_suffix(".json.part")
    temporary.write_text(json.dumps({"schema": SCHEMA, "models": models}, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, target)
    return target


def read_manifest(folder: Path, on_fault: Callable[[Exception], None]) -> list[ModelEntry]:
    """The models of a weight dataset, best score first; those without a score keep the manifest's order behind.

    Every entry is checked by itself, files and hashes too, and a bad one is handed to ``on_fault`` and left out:
    the caller decides whether that stops the run.

    Raises:
        BirdlibError: there is no manifest, or it cannot be read as one.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        names = ", ".join(sorted(item.name for item in folder.iterdir())[:10]) or "nothing"
        raise BirdlibError(f"{folder}: no {MANIFEST}; attach the output of an export kernel (found: {names})") from None
    except (OSError, ValueError) as error:
        raise BirdlibError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA or not isinstance(content.get("models"), list):
        raise BirdlibError(f"{path}: not a manifest of schema {SCHEMA}; export the models anew")
    if not content["models"]:
        raise BirdlibError(f"{path}: lists no model; export the models anew")
    entries: dict[str, ModelEntry] = {}
    for number, values in enumerate(content["models"], 1):
        try:
            entry = _entry(values, f"{path}: model {number}")
            if entry.name in entries:
                raise BirdlibError(f"{path}: model {number}: the name {entry.name!r} stands twice")
            _check_files(folder, entry)
        except BirdlibError as fault:
            on_fault(fault)
        else:
            entries[entry.name] = entry
    return sorted(entries.values(), key=lambda entry: -entry.score if entry.score is not None else float("inf"))


_TYPES = {
    "name": str,
    "architecture": str,
    "front_end": dict,
    "classes": list,
    "precision": str,
    "files": dict,
    "seed": int,
    "fold": (int, str, type(None)),
    "score": (int, float, type(None)),
    "score_name": str,
    "seconds_per_window": (int, float),
    "parity": (int, float),
    "recipe": dict,
    "commit": str,
    "padding": str,
    "int8": (dict, type(None)),
    "validation": (dict, type(None)),
}
_INT8_TYPES = {
    "taken": bool,
    "metric": str,
    "max_loss": (int, float),
    "heard": str,
    "windows": int,
    "float_scores": dict,
    "loss": dict,
    "difference": (int, float),
    "speedup": (int, float),
    "calibration_windows": int,
}


def _entry(values: object, where: str) -> ModelEntry:
    if not isinstance(values, dict):
        raise BirdlibError(f"{where}: not a table")
    if isinstance(values.get("name"), str):
        where = f"{where} ({values['name']})"
    if isinstance(values.get("recipe"), dict):  # older manifests say it only where they quote the training's settings
        values = {"padding": values["recipe"].get("padding", CYCLIC)} | values
    values = _checked(values, ModelEntry, _TYPES, where)
    if not 0 < values["seconds_per_window"] < math.inf:
        raise BirdlibError(f"{where}: seconds_per_window is {values['seconds_per_window']}; export the model anew")
    if values["score"] is not None and not math.isfinite(values["score"]):
        raise BirdlibError(f"{where}: score is {values['score']}, so its place among the others is not known")
    classes = values["classes"]
    if not classes or len(set(map(str, classes))) != len(classes) or not all(isinstance(c, str) for c in classes):
        raise BirdlibError(f"{where}: classes must be distinct labels, at least one")
    try:
        check_padding(values["padding"])
        front_end = FrontEnd.from_dict(values["front_end"])
    except BirdlibError as error:
        raise BirdlibError(f"{where}: {error}") from None
    int8 = values["int8"]
    if int8 is not None:
        int8 = Int8Verdict(**_checked(int8, Int8Verdict, _INT8_TYPES, f"{where}: int8"))
        if int8.taken != (values["precision"] == INT8) or not 0 < int8.speedup < math.inf:
            raise BirdlibError(
                f"{where}: precision {values['precision']!r}, but INT8 taken = {int8.taken} and its speed-up "
                f"{int8.speedup}; export the model anew"
            )
    return ModelEntry(**values | {"classes": tuple(classes), "front_end": front_end, "int8": int8})


def _checked(values: dict, kind: type, types: dict, where: str) -> dict:
    """The values of a dataclass's fields, each of its type; fields that an older version did not write get defaults."""
    defaults = {field.name: field.default for field in fields(kind)}
    missing = [name for name, default in defaults.items() if default is MISSING and name not in values]
    if missing:
        raise BirdlibError(f"{where}: {', '.join(missing)} missing; export the model anew")
    checked = {name: values.get(name, default) for name, default in defaults.items()}
    for name, value in checked.items():
        # To Python a bool is an int.
        if not isinstance(value, types[name]) or (isinstance(value, bool) and types[name] is not bool):
            raise BirdlibError(f"{where}: {name} is a {type(value).__name__}; export the model anew")
    return checked


def _check_files(folder: Path, entry: ModelEntry) -> None:
    if entry.xml not in entry.files:
        raise BirdlibError(f"{folder / MANIFEST}: {entry.name}: its files lack {entry.xml}")
    for file, expected in sorted(entry.files.items()):
        path = folder / file
        if Path(file).name != file or not path.is_file():
            raise BirdlibError(f"{path}: missing, though the manifest names it; upload the weight dataset whole")
        if sha256(path) != expected:
            raise BirdlibError(f"{path}: damaged (its SHA-256 is not the manifest's); upload the weight dataset again")
