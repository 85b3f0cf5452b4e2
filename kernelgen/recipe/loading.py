"""Reads a project: the recipe, the names in its templates, its dataset folders; the first mistake is one line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kernelgen.datasets.folder import DatasetFolder, load_datasets
from kernelgen.errors import KernelgenError, near
from kernelgen.recipe.expansion import Expanded, expand
from kernelgen.recipe.kernel import SESSION_MINUTES, Kernel, check_agreement, order_of_need
from kernelgen.recipe.owner import find_owner
from kernelgen.recipe.project import Project
from kernelgen.recipe.schema import RECIPE, RecipeTable, problem
from kernelgen.recipe.sources import Attached, Known, Source, each_of, parse_sources
from kernelgen.recipe.titles import default_title, slug_of, title_problem
from kernelgen.rendering.template import Names, Template
from kernelgen.tables import read_toml, validated

TEMPLATES, ENDING = "kernel_templates", ".py.j2"
# Keys of a kernel's table that are taken as they stand there; without them, Kernel's defaults hold.
_AS_STATED = (
    "include", "files", "gpu", "internet", "machine_shape", "private", "keywords", "docker_image",
    "docker_image_pinning_type", "submits", "time_limit",
)  # fmt: skip


def load_project(root: Path, overrides: Iterable[str] = (), owner: str | None = None) -> Project:
    """Read and check a project's recipe, templates' names and dataset folders.

    Args:
        root: the folder that holds kernel_templates/.
        overrides: ``key=value`` texts that replace settings of the kernels that are selected.
        owner: the command line's; the recipe's comes first, the credentials' last.

    Raises:
        KernelgenError: for what is wrong.
    """
    root = Path(root).absolute()
    recipe = _read_recipe(root)
    wrong: list[str] = []
    datasets = load_datasets(root, wrong)
    if wrong:
        raise KernelgenError("\n".join(wrong))
    members = expand(recipe)
    templates = _read_templates(root, members)
    names = {name: template.names() for name, template in templates.items()}
    named = {setting for template in names.values() for setting in template.settings}
    for setting in recipe.settings:
        if setting not in named:
            raise problem("settings", setting, "no template of the recipe names it; remove it")
    kernels = _kernels(root, recipe, members, names, datasets)
    _check_datasets(kernels, datasets)
    order_of_need(kernels)
    check_agreement(kernels, kernels.values())
    return Project(
        root=root,
        library=recipe.library,
        kernels=kernels,
        datasets=datasets,
        owner=find_owner(recipe.owner, owner),
        mounts=recipe.mounts,
        examples=tuple(recipe.examples),
        overrides=tuple(overrides),
        _templates={f"{name}{ENDING}": template for name, template in templates.items()},
    )


def _read_recipe(root: Path) -> RecipeTable:
    if not (root / RECIPE).is_file():
        raise KernelgenError(f"{root}: holds no {RECIPE}; make it, or point --project elsewhere")
    recipe = validated(RecipeTable, read_toml(root / RECIPE, RECIPE), RECIPE)
    if not (root / recipe.library).is_dir() and not (root / f"{recipe.library}.py").is_file():
        raise KernelgenError(
            f"{RECIPE}: library: {root} holds neither {recipe.library}/ nor {recipe.library}.py; "
            "correct the name or make it"
        )
    return recipe


def _read_templates(root: Path, members: list[Expanded]) -> dict[str, Template]:
    """The templates of all kernels by their names in the recipe."""
    known = {setting for member in members for setting in member.table["settings"]}
    templates: dict[str, Template] = {}
    for member in members:
        name = member.table.get("template")
        if name is None:
            raise problem(member.place, "template", f"missing; name a file of {TEMPLATES}/, without {ENDING}")
        path = root / TEMPLATES / f"{name}{ENDING}"
        if not path.is_file():
            hint = near(name, [other.name.removesuffix(ENDING) for other in path.parent.glob(f"*{ENDING}")])
            what = f"there is no {TEMPLATES}/{path.name}{hint}; correct the name"
            raise problem(member.place, "template", what)
        if name not in templates:
            templates[name] = Template(path, f"{TEMPLATES}/{path.name}", known)
    return templates


def _kernels(
    root: Path, recipe: RecipeTable, members: list[Expanded], names: dict[str, Names], datasets: dict[str, Any]
) -> dict[str, Kernel]:
    titles = _titles(recipe, members)
    families: dict[str, list[str]] = {}
    for member in members:
        families.setdefault(member.family, []).append(member.name)
    known = Known({name: slug_of(title) for name, title in titles.items()}, families, datasets)
    kernels = {}
    for member in members:
        table, template = member.table, member.table["template"]
        stated: dict[str, Any] = {key: _frozen(table[key]) for key in _AS_STATED if table.get(key) is not None}
        kernels[member.name] = Kernel(
            name=member.name,
            family=member.family,
            template=root / TEMPLATES / f"{template}{ENDING}",
            title=titles[member.name],
            slug=known.slugs[member.name],
            settings=_settings(member, names[template]),
            sources=_sources(member, names[template], known),
            agrees=_agrees(member, names[template]),
            **stated,
        )
    return kernels


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _titles(recipe: RecipeTable, members: list[Expanded]) -> dict[str, str]:
    titles: dict[str, str] = {}
    seen: dict[str, str] = {}
    for member in members:
        title = member.table.get("title") or default_title(recipe.library, member.name)
        if wrong := title_problem(title):
            raise problem(member.place, "title", wrong)
        if (slug := slug_of(title)) in seen:
            hint = " (a family's title needs a {name} of each key of `each`)" if member.each else ""
            what = f"{title!r} makes the slug {slug!r}, which {seen[slug]} has too{hint}; give it another title"
            raise problem(member.place, "title", what)
        titles[member.name], seen[slug] = title, member.name
    return titles


def _template_of(member: Expanded) -> str:
    """How messages name a kernel's template."""
    return f"{TEMPLATES}/{member.table['template']}{ENDING}"


def _settings(member: Expanded, names: Names) -> dict[str, Any]:
    """The settings that a kernel's template names, and the one that holds its time limit."""
    settings, used = member.table["settings"], set(names.settings)
    limit = member.table.get("time_limit", SESSION_MINUTES)
    if isinstance(limit, str):
        held = settings.get(limit)
        if isinstance(held, bool) or not isinstance(held, int | float) or held < 0:
            raise problem(member.place, "time_limit", f"{limit!r} is not a setting that holds a number of minutes")
        used.add(limit)
    for name, line in names.settings.items():
        if name not in settings:
            raise KernelgenError(
                f"{_template_of(member)}:{line}: {name} has no value in kernels.toml"
                f"{near(name, settings)}; write it under [{member.place}.settings] or [settings]"
            )
    for name in sorted(member.own_settings - used):
        hint = near(name, names.settings)
        what = f"{_template_of(member)} does not name {name}{hint}; remove it or use it there"
        raise problem(f"{member.place}.{'each' if name in member.each else 'settings'}", name, what)
    return {name: value for name, value in settings.items() if name in used}


def _sources(member: Expanded, names: Names, known: Known) -> dict[str, Attached]:
    """The sources that a kernel's template names; one that is declared and not named is a problem."""
    place, declared = f"{member.place}.sources", member.table["sources"]
    sources: dict[str, Attached] = {}
    for name, text in declared.items():
        is_used = name in names.sources or names.all_sources
        if is_used or name in member.own_sources:
            try:
                sources[name] = parse_sources(name, text, member.name, known)
            except ValueError as error:
                raise problem(place, name, str(error)) from None
        if not is_used and name in member.own_sources:
            what = f"{_template_of(member)} does not use it; remove it or read it by {{{{ sources.{name} | literal }}}}"
            raise problem(place, name, what)
    for name, line in names.sources.items():
        if name not in declared:
            raise KernelgenError(
                f"{_template_of(member)}:{line}: sources.{name} is not declared"
                f"{near(name, declared)}; write it under [{place}]"
            )
    # In Kaggle's old layout sources of one slug, whatever their kind and owner, share a folder.
    seen: dict[str, Source] = {}
    for source in [source for attached in sources.values() for source in each_of(attached)]:
        other = seen.setdefault(source.slug, source)
        if (other.kind, other.owner) != (source.kind, source.owner):
            what = (
                f"{source.kind}:{source.reference} and {other.kind}:{other.reference} would be mounted at the same "
                "place; rename one of them"
            )
            raise problem(place, source.name, what)
    return sources


def _agrees(member: Expanded, names: Names) -> dict[str, tuple[str, ...]]:
    agrees, place = member.table.get("agrees") or {}, f"{member.place}.agrees"
    for name, keys in agrees.items():
        if name not in (declared := member.table["sources"]):
            raise problem(place, name, f"there is no such source{near(name, declared)}; name one")
        for key in keys:
            if key not in names.settings:
                hint = near(key, names.settings)
                raise problem(place, name, f"{_template_of(member)} does not name {key}{hint}; correct or remove it")
    return {name: tuple(keys) for name, keys in agrees.items()}


def _check_datasets(kernels: dict[str, Kernel], datasets: dict[str, DatasetFolder]) -> None:
    for name in sorted(set(kernels) & set(datasets)):
        raise problem(f"kernels.{name}", "", f"datasets/{name} has the same name; rename one of them")
    for dataset in datasets.values():
        if (output := dataset.table.output) and output.kernel not in kernels:
            where = f"{dataset.where}/dataset.toml: [output] kernel"
            raise KernelgenError(
                f"{where}: there is no kernel {output.kernel!r}{near(output.kernel, kernels)}; correct it"
            )
