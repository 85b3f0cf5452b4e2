"""Small competitions in the exact shape of BirdCLEF 2021 to 2026, written without the library's writers.

    python -m tests.competitions.folders 2025 FOLDER

makes FOLDER/public, as the competition can be downloaded, and FOLDER/hidden, as it is mounted in the hidden rerun.
"""

import csv
import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .audio import Bird, birds, soundscape, write_ogg

YEARS = (2021, 2022, 2023, 2024, 2025, 2026)
SCORED_2022 = 3  # of the classes
TWELVE = "primary_label secondary_labels type latitude longitude scientific_name common_name author license rating"
METADATA = {
    2021: TWELVE.replace("license rating", "date filename license rating time url"),
    2022: f"{TWELVE} time url filename",
    2023: f"{TWELVE} url filename",
    2024: f"{TWELVE} url filename",
    2025: "primary_label secondary_labels type filename collection rating url latitude longitude scientific_name "
    "common_name author license",
    2026: "primary_label secondary_labels type latitude longitude scientific_name common_name class_name "
    "inat_taxon_id author license rating url filename collection",
}
# Labels that are no eBird codes; those of 2025 and 2026 sort as text. In 2026 the last two are in soundscapes only.
LABELS = {2025: ("1139490", "126247", "24322"), 2026: ("1161364", "22930", "47158son16", "517063")}
SOUNDSCAPE_ONLY = {2026: ("47158son16", "517063")}
TAXA = ("Insecta", "Amphibia", "Mammalia")
# Recordings of the hidden rerun. The second one is broken; the last one has an awkward name, where the year's own
# names are plain.
HIDDEN = {
    2021: ("3575_COL_20190512", "357_COL_20190513", "51010_SNE_20180604", "7954_SSW_20170611"),
    2022: ("soundscape_1000170984", "soundscape_1002321013", "soundscape_453028782", "soundscape_20220401_0630_5"),
    2023: ("soundscape_29201", "soundscape_29238", "soundscape_9312", "soundscape_20230501_0630_5"),
    2024: ("soundscape_1446779", "soundscape_1446953", "soundscape_99", "soundscape_20240501_0630_5"),
    2025: ("soundscape_8358733", "soundscape_8358734", "soundscape_99", "soundscape_20250501_0630_5"),
    2026: (
        "BC2026_Test_0001_S05_20250227_010002",
        "BC2026_Test_0002_S05_20250227_010002",
        "BC2026_Test_0003_S05_20250227_010002",
        "BC2026_Test_0010_S23_20250301_233000",
    ),
}
BROKEN = 1
SECONDS = (20.03, 20.0, 19.96, 24.4)
COMPLETE_SAMPLE = frozenset(YEARS) - {2024}  # 2024's may have stayed a placeholder in the rerun: nobody knows


@dataclass
class Competition:
    """What was made.

    Attributes:
        public, hidden: the folder in the commit run and in the hidden rerun.
        classes: those that are scored, in the sample's order.
        public_rows: the row ids that a submission of the commit run may have: any of these lists.
        rows: the row ids of the hidden rerun.
        truth: of the hidden rerun, by window ("<stem>_<end>", in 2021 "<audio_id>_<site>_<end>"): the labels.
        broken: the stem of the hidden recording that cannot be read to its end.
    """

    year: int
    public: Path
    hidden: Path
    classes: tuple[str, ...] = ()
    public_rows: tuple[tuple[str, ...], ...] = ()
    rows: tuple[str, ...] = ()
    truth: dict[str, frozenset[str]] = field(default_factory=dict)
    broken: str = ""

    @property
    def slug(self) -> str:
        return f"birdclef-{self.year}"

    def answer(self, row_id: str) -> list[str]:
        """The cells of a perfect submission's row, the row id first."""
        if self.year == 2022:
            stem, bird, end = row_id.rsplit("_", 2)
            return [row_id, str(bird in self.truth[f"{stem}_{end}"])]
        present = self.truth[row_id]
        if self.year == 2021:
            return [row_id, " ".join(sorted(present)) or "nocall"]
        return [row_id, *(f"{0.9 if label in present else 0.1}" for label in self.classes)]


def make_competition(year: int, folder: Path) -> Competition:
    """Make both forms of a year's competition in ``folder``; the training data of both are the same files."""
    made = Competition(year, folder / "public", folder / "hidden", broken=HIDDEN[year][BROKEN])
    random = np.random.default_rng(year)
    species = _named(year, birds("birdfield" if year >= 2025 else "birdmini", 8))
    _write_training_data(year, made.public, species, random)
    labels = tuple(sorted(bird.label for bird in species))
    made.classes = labels[:SCORED_2022] if year == 2022 else labels
    shutil.copytree(made.public, made.hidden, copy_function=os.link)
    for root in (made.public, made.hidden):
        (root / "test_soundscapes").mkdir()
        _write_beside_the_tests(year, root / "test_soundscapes", hidden=root == made.hidden)
    _write_hidden(made, species, random)
    _write_public(made, species, random)
    return made


def window(year: int, stem: str, end: int) -> str:
    """A window's name. In 2021 it lacks the date that the file's name has."""
    return f"{stem.rpartition('_')[0] if year == 2021 else stem}_{end}"


def _named(year: int, species: list[Bird]) -> list[Bird]:
    labels = LABELS.get(year, ())
    return [bird.called(label) for bird, label in zip(species, labels, strict=False)] + species[len(labels) :]


# ---------------------------------------------------------------- what is asked


def _row_ids(made: Competition, windows: dict[str, Iterable[int]]) -> tuple[str, ...]:
    """Row ids, file by file, in 2022 bird by bird. windows: stem -> ends."""
    if made.year == 2022:
        return tuple(f"{stem}_{bird}_{end}" for stem, ends in windows.items() for bird in made.classes for end in ends)
    return tuple(window(made.year, stem, end) for stem, ends in windows.items() for end in ends)


def _write_asked(made: Competition, root: Path, row_ids: Sequence[str]) -> None:
    """The sample submission, and in 2021 and 2022 the table of the rows that are asked for."""
    if made.year == 2021:
        _write(root / "sample_submission.csv", ["row_id", "birds"], ((row_id, "wewpew batpig1") for row_id in row_ids))
        parts = (row_id.split("_") for row_id in row_ids)
        asked = [(f"{audio}_{site}_{end}", site, audio, end) for audio, site, end in parts]
        _write(root / "test.csv", ["row_id", "site", "audio_id", "seconds"], asked)
    elif made.year == 2022:
        _write(root / "sample_submission.csv", ["row_id", "target"], ((row_id, False) for row_id in row_ids))
        split = [row_id.rsplit("_", 2) for row_id in row_ids]
        asked = [(f"{stem}_{bird}_{end}", stem, bird, end) for stem, bird, end in split]
        _write(root / "test.csv", ["row_id", "file_id", "bird", "end_time"], asked)
    else:
        cells = [repr(1 / len(made.classes))] * len(made.classes)
        rows = [[row_id, *cells] for row_id in row_ids]
        _write(root / "sample_submission.csv", ["row_id", *made.classes], rows)


def _write_hidden(made: Competition, species: list[Bird], random: np.random.Generator) -> None:
    windows: dict[str, Iterable[int]] = {}
    for number, (stem, seconds) in enumerate(zip(HIDDEN[made.year], SECONDS, strict=True)):
        path = made.hidden / "test_soundscapes" / f"{stem}.ogg"
        wave, truth = soundscape(species, seconds, random)
        write_ogg(path, wave)
        if number == BROKEN:
            data = path.read_bytes()
            path.write_bytes((data[: len(data) // 2], b"", b"This is not a recording.\n" * 99)[made.year % 3])
        windows[stem] = truth
        made.truth |= {window(made.year, stem, end): frozenset(labels) for end, labels in truth.items()}
    made.rows = _row_ids(made, windows)
    _write_asked(made, made.hidden, made.rows if made.year in COMPLETE_SAMPLE else made.rows[:3])


def _write_public(made: Competition, species: list[Bird], random: np.random.Generator) -> None:
    """Placeholders: three rows; in 2022 and 2023 one recording, in 2022 another one than the rows are about."""
    stem = HIDDEN[made.year][0]
    rows = _row_ids(made, {stem: (5, 10, 15)})[:3]
    _write_asked(made, made.public, rows)
    made.public_rows = (rows,)
    if shown := {2022: HIDDEN[2022][2], 2023: stem}.get(made.year):
        wave, truth = soundscape(species, 20.02, random)
        write_ogg(made.public / "test_soundscapes" / f"{shown}.ogg", wave)
        made.public_rows += (_row_ids(made, {shown: truth}),)


def _write_beside_the_tests(year: int, folder: Path, *, hidden: bool) -> None:
    if year == 2021:
        for site, place in (("COL", "Jardín, Colombia"), ("SNE", "Sierra Nevada, USA"), ("SSW", "Ithaca, USA")):
            text = f"{place}\nLatitude: 5.57\nLongitude: -75.85\n"
            (folder / f"{site}_recording_location.txt").write_text(text, encoding="utf-8")
        _write(folder / "test_set_recording_dates.csv", ["site", "date"], [("COL", 20190512), ("SNE", 20180604)])
    elif year >= 2024 and not hidden:
        (folder / "readme.txt").write_text("The hidden test set takes the place of this folder.\n")


# ---------------------------------------------------------------- training data


def _write_training_data(year: int, root: Path, species: list[Bird], random: np.random.Generator) -> None:
    audio = root / ("train_short_audio" if year == 2021 else "train_audio")
    others = [bird.label for bird in species] + ["nobird1", "x00001"]  # two that are no class
    rows = []
    for place, bird in enumerate(species):
        if bird.label in SOUNDSCAPE_ONLY.get(year, ()):
            continue
        for number, clip in enumerate(bird.clips[:1] if place == 5 else bird.clips):  # one class is rare
            row = _metadata(year, bird, place, number, others[(place + number) % len(others)])
            write_ogg(audio / bird.label / row["filename"].rpartition("/")[2], clip)
            rows.append(row)
    columns = METADATA[year].split()
    name = "train.csv" if year >= 2025 else "train_metadata.csv"
    _write(root / name, columns, ([row[column] for column in columns] for row in rows))
    _write_taxonomy(year, root, species)
    _write_soundscapes(year, root, species, random)
    if year == 2022:
        scored = sorted(bird.label for bird in species)[:SCORED_2022]
        (root / "scored_birds.json").write_text(json.dumps(scored))
    if year >= 2025:
        (root / "recording_location.txt").write_text("Pantanal, Brazil\nLat -16.5 to -21.6, Lon -55.9 to -57.6\n")


def _metadata(year: int, bird: Bird, place: int, number: int, other: str) -> dict[str, object]:
    collection = "iNat" if bird.label[0].isdigit() else "XC"
    name = f"{collection}{100_000 + 10 * place + number}"
    empty = "['']" if year == 2025 else "[]"
    return {
        "primary_label": bird.label,
        "secondary_labels": f"['{other}']" if number == 1 and other != bird.label else empty,
        "type": empty if number == 2 else "['call', 'song']",
        "latitude": "" if number == 2 else f"{-20 + place / 7:.4f}",
        "longitude": "" if number == 2 else f"{-56 - number / 7:.4f}",
        "scientific_name": bird.scientific_name,
        "common_name": bird.common_name,
        "class_name": _taxon(bird.label),
        "inat_taxon_id": _taxon_id(bird.label, place),
        "author": f"Recordist {(place + 2 * number) % 7}, the {number}.",
        "date": f"2019-0{1 + number}-1{place}",
        "time": f"0{6 + number}:30",
        "license": "cc-by-nc-sa 4.0" if year >= 2025 else "Creative Commons Attribution-NonCommercial-ShareAlike 4.0",
        "rating": 0.0 if collection == "iNat" else 3.5 + number / 2,
        "url": f"https://example.org/{name}",
        "filename": f"{name}.ogg" if year == 2021 else f"{bird.label}/{name}.ogg",
        "collection": collection,
    }


def _taxon(label: str) -> str:
    labels = {label: TAXA[place % 3] for some in LABELS.values() for place, label in enumerate(some)}
    return labels.get(label, "Aves")


def _taxon_id(label: str, place: int) -> int:
    """iNaturalist's number: that in the label ("47158son16" is a sound of taxon 47158), else an invented one."""
    number = label.partition("son")[0]
    return int(number) if number.isdigit() else 10_000 + place


def _write_taxonomy(year: int, root: Path, species: list[Bird]) -> None:
    if year >= 2025:
        columns = ["primary_label", "inat_taxon_id", "scientific_name", "common_name", "class_name"]
        rows = [
            (bird.label, _taxon_id(bird.label, place), bird.scientific_name, bird.common_name, _taxon(bird.label))
            for place, bird in enumerate(sorted(species, key=lambda bird: bird.label))
        ]
        _write(root / "taxonomy.csv", columns, rows)
    elif year >= 2022:
        columns = "TAXON_ORDER CATEGORY SPECIES_CODE PRIMARY_COM_NAME SCI_NAME ORDER1 FAMILY SPECIES_GROUP REPORT_AS"
        rows = [
            (place, "species", bird.label, bird.common_name, bird.scientific_name, "Passeriformes", "", "", "")
            for place, bird in enumerate(species)
        ]
        mark = "utf-8-sig" if year == 2022 else "utf-8"
        _write(root / "eBird_Taxonomy_v2021.csv", columns.split(), rows, encoding=mark)


def _write_soundscapes(year: int, root: Path, species: list[Bird], random: np.random.Generator) -> None:
    """Soundscapes for training: labelled in 2021, in part in 2026, unlabelled in 2024 and 2025, none in between."""
    names = {
        2021: ("train_soundscapes/7019_COR_20190904", "train_soundscapes/2782_SSW_20170701"),
        2024: ("unlabeled_soundscapes/460830", "unlabeled_soundscapes/1000308"),
        2025: ("train_soundscapes/H02_20230420_074000", "train_soundscapes/H27_20230510_202000"),
        2026: (
            "train_soundscapes/BC2026_Train_0039_S22_20211231_201500",
            "train_soundscapes/BC2026_Train_0040_S22_20211231_201500",
            "train_soundscapes/BC2026_Train_0051_S08_20220115_060000",
            "train_soundscapes/BC2026_Train_9999_S09_20220116_060000",  # without labels
        ),
    }.get(year, ())
    rows = []
    first = [bird for bird in species if bird.label in SOUNDSCAPE_ONLY.get(year, ())]
    for number, name in enumerate(names):
        # Those that only soundscapes have are heard in each of them.
        wave, truth = soundscape(first or species, 30.01, random)
        more, others = soundscape(species, 30.01, random)
        write_ogg(root / f"{name}.ogg", np.clip(wave + more, -1, 1) if first else wave)
        stem = name.partition("/")[2]
        for end, labels in truth.items():
            labels = sorted(labels | others[end] if first else labels)
            if year == 2021:
                audio, site, _ = stem.split("_")
                rows.append((f"{audio}_{site}_{end}", site, audio, end, " ".join(labels) or "nocall"))
            elif year == 2026 and labels and number < 3:
                rows += [(f"{stem}.ogg", f"00:00:{end - 5:02d}", f"00:00:{end:02d}", ";".join(labels))] * 2
    if year == 2021:
        columns = ["row_id", "site", "audio_id", "seconds", "birds"]
        _write(root / "train_soundscape_labels.csv", columns, rows)
    elif year == 2026:
        _write(root / "train_soundscapes_labels.csv", ["filename", "start", "end", "primary_label"], rows)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]], *, encoding: str = "utf-8") -> None:
    path.unlink(missing_ok=True)  # it may be linked to the other form's
    with open(path, "w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


if __name__ == "__main__":
    made = make_competition(int(sys.argv[1]), Path(sys.argv[2]))
    print(f"{made.public} and {made.hidden}: {len(made.classes)} classes, {len(made.rows)} rows in the rerun")
