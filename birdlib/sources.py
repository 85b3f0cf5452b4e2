"""Where the attached sources are mounted."""

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from birdlib.errors import BirdlibError

# kind -> folder of Kaggle's new layout, and how many owner folders stand between it and the slug.
_NEW_LAYOUT = {
    "competition": ("competitions", 0),
    "dataset": ("datasets", 1),
    "kernel": ("notebooks", 1),
    "model": ("models", 1),
}
_SLUG = re.compile(r"[\w.-]+(/[\w.-]+)*", re.ASCII)
_SEARCH_DEPTH = 6  # that of models/<owner>/<model>/<framework>/<variation>/<version>
_LISTED = 15


def input_root() -> Path:
    """The folder that holds all attached sources: `KAGGLE_INPUT_ROOT` if set, else Kaggle's own."""
    return Path(os.environ.get("KAGGLE_INPUT_ROOT") or "/kaggle/input")


def find_source(source: str | None, marker: str | None = None) -> Path:
    """The folder where an attached source is mounted.

    Looks for Kaggle's new layout (`datasets/<owner>/<slug>` …), then the old one (`<slug>`), then anywhere
    for a folder of that name, then, with a marker, for the folder that holds the marker.

    source: "kind:slug" with kind dataset, kernel, competition or model; a model's slug is
        "model/framework/variation/version". "dataset:owner/slug" narrows the choice to an owner.
    marker: file name or glob that the right folder directly holds ("manifest.json", "*.whl").
    Raises BirdlibError with what is mounted if nothing fits, or if several folders fit equally well; for None.
    """
    if source is None:
        raise BirdlibError("a source that is needed here is None in the settings; attach it, and name it there")
    kind, owner, slug = _parse(source)
    root = input_root()
    candidates: list[Path] = []
    for tier in _tiers(root, kind, owner, slug):
        folders = list(dict.fromkeys(folder for folder in tier if folder not in candidates))
        candidates += folders
        fitting = [folder for folder in folders if _holds(folder, marker)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise BirdlibError(_ambiguous(source, root, fitting))
    if marker:
        # A folder inside the named one (a dataset that was uploaded with sub-folders) before any other.
        inside = [f for folder in candidates for f in _folders(folder, 2) if _holds(f, marker)]
        fitting = inside or [f for f in _folders(root, _SEARCH_DEPTH) if _holds(f, marker)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise BirdlibError(_ambiguous(source, root, fitting))
    raise BirdlibError(_missing(source, kind, slug, root, candidates, marker))


def find_folders(sources: Sequence[str] | None) -> dict[str, Path]:
    """The folders of several sources, by the last part of their names: "dataset:owner/noise" is "noise".

    Raises:
        BirdlibError: one is not mounted, or two have one name.
    """
    folders: dict[str, Path] = {}
    for source in sources or []:
        name = source.replace("/", ":").rpartition(":")[2]
        if name in folders:
            raise BirdlibError(f"source {source!r}: another one is called {name!r}, too; attach one of them")
        folders[name] = find_source(source)
    return folders


def _parse(source: str) -> tuple[str, str, str]:
    """Kind, owner ("*" if none is given) and slug."""
    kind, _, reference = source.partition(":")
    parts = reference.split("/")
    size = 4 if kind == "model" else 1
    owned = kind != "competition" and len(parts) == size + 1
    written_well = _SLUG.fullmatch(reference) and ".." not in parts and len(parts) == size + owned
    if kind not in _NEW_LAYOUT or not written_well:
        raise BirdlibError(
            f"source {source!r}: write it as dataset:SLUG, kernel:SLUG, competition:SLUG "
            "or model:MODEL/FRAMEWORK/VARIATION/VERSION"
        )
    return kind, parts[0] if owned else "*", "/".join(parts[1:] if owned else parts)


def _tiers(root: Path, kind: str, owner: str, slug: str) -> Iterator[Iterable[Path]]:
    """The candidates of each layout, the surest layout first."""
    room, owners = _NEW_LAYOUT[kind]
    yield _matching(root, "/".join([room, *[owner] * owners, slug]))
    yield _matching(root, slug)
    tail = [part.lower() for part in slug.split("/")]
    named = [f for f in _folders(root, _SEARCH_DEPTH) if [p.lower() for p in f.parts[-len(tail) :]] == tail]
    depths = sorted({len(folder.parts) for folder in named})
    for depth in depths:
        yield [folder for folder in named if len(folder.parts) == depth]


def _matching(root: Path, pattern: str) -> list[Path]:
    return [path for path in sorted(root.glob(pattern)) if path.is_dir()]


def _folders(root: Path, depth: int) -> Iterator[Path]:
    """All folders below root down to a depth, the shallow ones first, each level sorted."""
    level = [root]
    for _ in range(depth):
        below: list[Path] = []
        for folder in level:
            try:
                with os.scandir(folder) as entries:
                    below += sorted(Path(entry.path) for entry in entries if entry.is_dir())
            except OSError:
                continue
        yield from below
        level = below


def _holds(folder: Path, marker: str | None) -> bool:
    if marker is None:
        return True
    try:
        return any(fnmatch.fnmatchcase(entry.name, marker) for entry in os.scandir(folder))
    except OSError:
        return False


def _mounted(root: Path) -> str:
    """One line: the sources that are mounted, as paths below the root."""
    if not root.is_dir():
        return f"{root} does not exist"
    depth_of = {"competitions": 2, "datasets": 3, "notebooks": 3, "models": 6}  # of a source, by its room
    paths = [folder.relative_to(root) for folder in _folders(root, max(depth_of.values()))]
    shown = [path.as_posix() for path in paths if len(path.parts) == depth_of.get(path.parts[0], 1)]
    if not shown:
        return "nothing is mounted"
    more = f" and {len(shown) - _LISTED} more" if len(shown) > _LISTED else ""
    return "mounted: " + ", ".join(shown[:_LISTED]) + more


def _missing(source: str, kind: str, slug: str, root: Path, candidates: list[Path], marker: str | None) -> str:
    if candidates:
        where = f"{candidates[0]} is there but holds no {marker}"
    else:
        room, owners = _NEW_LAYOUT[kind]
        usual = f"{root}/{room}/{'<owner>/' * owners}{slug}"
        where = f"not at {usual}, not at {root}/{slug}, nor anywhere below {root}"
    return f"source {source!r} not found: {where}; {_mounted(root)}; attach it to the notebook and run again"


def _ambiguous(source: str, root: Path, folders: list[Path]) -> str:
    listed = ", ".join(folder.relative_to(root).as_posix() for folder in folders)
    return f"source {source!r} could be any of {listed} below {root}; detach all but one of them"
