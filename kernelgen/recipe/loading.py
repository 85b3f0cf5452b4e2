"""Reads a project: the recipe, the names in its templates, its dataset folders; the first mistake is one line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from kernelgen.datasets.folder import DatasetFolder, load_datasets
from kernelgen.errors import KernelgenError, near
from kernelgen.inlining.library import Library
from kernelgen.recipe.expansion import PLACEHOLDER, Member, expand
from kernelgen.recipe.kernel import Kernel, check_agreement, order_of_need
from kernelgen.recipe.project import Project
from kernelgen.recipe.schema import OWNER, RECIPE, RecipeTable, problem
from kernelgen.recipe.sources import Attached, Known, Source, each_of, filled, parse_sources
from kernelgen.rendering.template import Names, Template
from kernelgen.secrets.own_secrets import user_names
from kernelgen.tables import read_toml, validated

# The keys of a kernel's table that are not taken as they stand.
_WORKED_OUT = {"template", "title", "extends", "each", "settings", "sources"}


def load_project(root: Path, overrides: Iterable[str] = (), owner: str | None = None) -> Project:
    """Read and check the recipe, the names in the templates and the dataset folders of ``root``.

    ``overrides`` are texts ``key=value``, for the kernels that are selected. ``owner`` is the command line's.

    Raises:
        KernelgenError: for what is wrong.
    """
    if owner and not re.fullmatch(OWNER, owner):
        raise KernelgenError(f"--owner {owner}: not a Kaggle user or organisation name")
    root = Path(root).absolute()
    recipe = validated(RecipeTable, read_toml(root / RECIPE, RECIPE), RECIPE)
    library = Library(root, recipe.library)
    members = expand(recipe)
    datasets = _datasets(root, members)
    templates = _read_templates(root, members.values())
    known: dict[str, Member | DatasetFolder] = {f"kernel:{name}": member for name, member in members.items()}
    known |= {f"dataset:{name}": dataset for name, dataset in datasets.items()}
    used_names = {name: _used_names(member, templates[member.template].names()) for name, member in members.items()}
    for setting in recipe.settings:
        if not any(setting in used for used in used_names.values()):
            raise problem("settings", setting, "no template of the recipe names it; remove it")

    def sources_of(name: str, settings: Mapping[str, Any]) -> dict[str, Attached]:
        return _sources(members[name], settings, used_names[name], known)

    kernels = {}
    for name, member in members.items():
        stated: dict[str, Any] = {key: value for key, value in member.table if key not in _WORKED_OUT}
        kernels[name] = Kernel(
            name=name,
            family=member.family,
            template=root / member.template,
            title=member.title,
            slug=member.slug,
            settings={key: value for key, value in member.table.settings.items() if key in used_names[name]},
            sources=sources_of(name, {}),
            **stated,
        )
    order_of_need(kernels)
    check_agreement(kernels, kernels.values())
    return Project(
        root=root,
        library=recipe.library,
        kernels=kernels,
        datasets=datasets,
        owner=next((name for name in (recipe.owner, owner, *user_names()) if name and re.fullmatch(OWNER, name)), None),
        mounts=recipe.mounts,
        examples=recipe.examples,
        overrides=tuple(overrides),
        library_files=library,
        templates=templates,
        sources_of=sources_of,
    )


def _read_templates(root: Path, members: Collection[Member]) -> dict[str, Template]:
    known = {setting for member in members for setting in member.table.settings}
    templates: dict[str, Template] = {}
    for member in members:
        path = root / member.template
        if not path.is_file():
            hint = near(member.table.template, [other.name.partition(".")[0] for other in path.parent.glob("*.py.j2")])
            raise problem(member.place, "template", f"there is no {member.template}{hint}; correct the name")
        if member.template not in templates:
            templates[member.template] = Template(path, member.template, known)
    return templates


def _used_names(member: Member, names: Names) -> set[str]:
    """The settings and sources ("sources.NAME") that the template names.

    And the settings that such a source is made of, and the one that holds the time limit.
    """
    table = member.table
    lines = {**names.settings, **{f"sources.{name}": line for name, line in names.sources.items()}}
    declared = [*table.settings, *(f"sources.{name}" for name in table.sources)]
    for name, line in lines.items():
        if name not in declared:
            kind = "sources" if name.startswith("sources.") else "settings"
            what = f"{name} has no value in kernels.toml{near(name, declared)}"
            raise KernelgenError(f"{member.template}:{line}: {what}; write it under [{member.place}.{kind}]")
    used = {*lines, *(name for name in declared if names.all_sources and name.startswith("sources."))}
    texts = [table.sources[name] for name in table.sources if f"sources.{name}" in used]
    used |= {name for name in PLACEHOLDER.findall(str(texts)) if name in table.settings}
    if isinstance(limit := table.time_limit, str):
        used.add(limit)
        if type(table.settings.get(limit)) not in (int, float) or table.settings[limit] < 0:
            raise problem(member.place, "time_limit", f"{limit!r} is not a setting that holds a number of minutes")
    agreeing = [name for source, keys in table.agrees.items() for name in (f"sources.{source}", *keys)]
    including = [path.partition(".")[0] for pattern in table.include for path in PLACEHOLDER.findall(pattern)]
    for name in [*sorted(member.own), *agreeing, *including]:
        if name not in used:
            what = f"{member.template} does not name it{near(name, used)}; remove it or use it there"
            raise problem(member.place, name, what)
    return used


def _sources(member: Member, changed: Mapping[str, Any], used: set[str], known: Known) -> dict[str, Attached]:
    """The sources of a kernel, some of whose settings were changed since the recipe was read."""
    settings = {**member.table.settings, **changed, "self": member.name}
    place, sources = f"{member.place}.sources", dict[str, Attached]()
    # In Kaggle's old layout sources of one slug, whatever their kind and owner, share a folder.
    seen: dict[str, Source] = {}
    for name, text in member.table.sources.items():
        if f"sources.{name}" not in used:
            continue
        try:
            sources[name] = parse_sources(name, filled(text, settings), member, known)
        except ValueError as error:
            raise problem(place, name, str(error)) from None
        for source in each_of(sources[name]):
            other = seen.setdefault(source.slug, source)
            if (other.kind, other.owner) != (source.kind, source.owner):
                names = f"{source.kind}:{source.reference} and {other.kind}:{other.reference}"
                raise problem(place, name, f"{names} would be mounted at the same place; rename one of them")
    return sources


def _datasets(root: Path, members: Mapping[str, Member]) -> dict[str, DatasetFolder]:
    wrong: list[str] = []
    datasets = load_datasets(root, wrong)
    for dataset in datasets.values():
        if dataset.name in members:
            wrong.append(f"{RECIPE}: [kernels.{dataset.name}] {dataset.where} has the same name; rename one of them")
        if (output := dataset.table.output) and output.kernel not in members:
            what = f"there is no kernel {output.kernel!r}{near(output.kernel, members)}; correct it"
            wrong.append(f"{dataset.where}/dataset.toml: [output] kernel: {what}")
    if wrong:
        raise KernelgenError("\n".join(wrong))
    return datasets
