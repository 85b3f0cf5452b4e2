"""A folder datasets/NAME: its dataset.toml, its payload, its dataset-metadata.json."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from kernelgen.errors import KernelgenError
from kernelgen.tables import Strict, plain_text, read_toml, validated
from kernelgen.writing import write_text

DESCRIPTION, METADATA = "dataset.toml", "dataset-metadata.json"
# What describes the payload and is no payload itself.
NOT_PAYLOAD = frozenset({DESCRIPTION, METADATA, "README.md"})
CACHE = ".cache"  # a folder that Kaggle's client never uploads
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# Kaggle's names, from the client's documentation of dataset-metadata.json.
LICENSES = frozenset(
    "CC0-1.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC-BY-NC-SA-4.0 GPL-2.0 GPL-3.0 ODbL-1.0 DbCL-1.0 CC-BY-4.0 "
    "CC-BY-NC-4.0 PDDL CC-BY-3.0 CC-BY-3.0-IGO US-Government-Works CC-BY-NC-SA-3.0-IGO "
    "CDLA-Permissive-1.0 CDLA-Sharing-1.0 CC-BY-ND-4.0 CC-BY-NC-ND-4.0 ODC-BY-1.0 LGPL-3.0 AGPL-3.0 "
    "FDL-1.3 EU-ODP-Legal-Notice apache-2.0 copyright-authors other unknown".split()
)


def _written_as(pattern: str, otherwise: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"{value!r} {otherwise}")
        return value

    return AfterValidator(check)


License = Annotated[
    str, _written_as("|".join(LICENSES), f"is no licence of Kaggle's; choose from {', '.join(sorted(LICENSES))}")
]
PythonVersion = Annotated[str, _written_as(r"3\.\d+", "is no Python version; write for example 3.12")]
FileName = Annotated[
    str,
    _written_as(
        rf"(?!({'|'.join(map(re.escape, NOT_PAYLOAD))})$)[A-Za-z0-9_-][A-Za-z0-9._-]*",
        "is no name for a file of the dataset; letters, digits, . _ and - only",
    ),
]
Address = Annotated[
    str,
    _written_as(
        r"https?://[^\s/]+/\S+|pypi:[\w.-]+==[\w.]+/\S+",
        "is no address; write https://…, or pypi:NAME==VERSION/FILE for a file of a wheel",
    ),
]
Digest = Annotated[
    str, _written_as("[0-9a-f]{8,64}", "is no SHA-256; write its 64 hexadecimal digits, or the first 8 or more")
]


class WheelsTable(Strict):
    """``[wheels]``: packages that a kernel installs without network."""

    requirements: FileName = "requirements.txt"
    pythons: Annotated[list[PythonVersion], Field(min_length=1)]
    platforms: Annotated[list[str], Field(min_length=1)] = ["manylinux_2_28_x86_64"]
    provides: Annotated[list[str], Field(min_length=1)]


class DownloadTable(Strict):
    """``[[downloads]]``: a file that is fetched from the web, or taken out of a package's wheel on PyPI."""

    file: FileName
    url: Address
    # All of it, or its beginning as publishers write it into file names; "" where nobody said it.
    sha256: Digest = ""


class OutputTable(Strict):
    """``[output]``: files that a kernel of the recipe leaves."""

    kernel: Annotated[str, Field(min_length=1)]
    files: Annotated[list[str], Field(min_length=1)] = ["*"]


class DatasetTable(Strict):
    """The whole of dataset.toml.

    folders: what becomes of folders in it, which Kaggle would leave out. not_secret: files that look like secrets, and
    are none.
    """

    title: Annotated[str, Field(min_length=6), plain_text(50)]
    license: License
    subtitle: Annotated[str, Field(min_length=20), plain_text(80)] | None = None
    description: str | None = None
    keywords: list[Annotated[str, plain_text(255)]] = []
    wheels: WheelsTable | None = None
    downloads: list[DownloadTable] = []
    output: OutputTable | None = None
    folders: Literal["zip", "tar"] | None = None
    not_secret: list[str] = []

    @model_validator(mode="after")
    def _one_way_to_fill_it(self) -> DatasetTable:
        files = [wanted.file for wanted in self.downloads]
        if doubled := next((file for file in files if files.count(file) > 1), None):
            raise ValueError(f"downloads: {doubled!r} is named twice; keep one")
        ways = {"[wheels]": self.wheels, "[[downloads]]": files, "[output]": self.output}
        if len(chosen := [way for way, value in ways.items() if value]) > 1:
            raise ValueError(f"has both {chosen[0]} and {chosen[1]}; make two datasets of it")
        return self


@dataclass(frozen=True)
class DatasetFolder:
    """One dataset: its name is the folder's and the slug on Kaggle."""

    name: str
    folder: Path
    table: DatasetTable

    @property
    def provides(self) -> tuple[str, ...]:
        """Import names of the packages whose wheels it holds."""
        return tuple(self.table.wheels.provides) if self.table.wheels else ()

    @property
    def where(self) -> str:
        """How messages name it."""
        return f"datasets/{self.name}"

    def payload(self) -> list[Path]:
        """The files that make up the dataset, but for what describes it."""
        skipped = {*NOT_PAYLOAD, CACHE, self.table.wheels.requirements if self.table.wheels else ""}
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return sorted(path for path in files if path.relative_to(self.folder).parts[0] not in skipped)

    def entries(self) -> list[str]:
        """What is uploaded one by one: names of files in the folder, and of folders, which become an archive each."""
        return sorted({path.relative_to(self.folder).parts[0] for path in self.payload()})

    def write_metadata(self, owner: str) -> Path:
        """Writes dataset-metadata.json, in ASCII: Kaggle's client reads it in the locale's encoding."""
        told = self.table.model_dump(include={"keywords", "title", "subtitle", "description"}, exclude_none=True)
        metadata = {"id": f"{owner}/{self.name}", "licenses": [{"name": self.table.license}], **told}
        path = self.folder / METADATA
        write_text(path, json.dumps(metadata, indent=2, sort_keys=True, ensure_ascii=True) + "\n")
        return path


def load_datasets(root: Path, problems: list[str]) -> dict[str, DatasetFolder]:
    """The folders of ``root/datasets`` that have a dataset.toml; what is wrong is added to ``problems``."""
    datasets = {}
    for path in sorted((root / "datasets").glob(f"*/{DESCRIPTION}")):
        name, where = path.parent.name, f"datasets/{path.parent.name}/{DESCRIPTION}"
        if not SLUG.fullmatch(name) or not 6 <= len(name) <= 50:
            problems.append(
                f"{where}: the folder's name is the slug on Kaggle: 6 to 50 lower case letters, digits and "
                "hyphens; rename it"
            )
            continue
        try:
            datasets[name] = DatasetFolder(name, path.parent, validated(DatasetTable, read_toml(path, where), where))
        except KernelgenError as error:
            problems.extend(str(error).split("\n"))
    return datasets


def sha256(path: Path) -> str:
    """Of a file's content, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
