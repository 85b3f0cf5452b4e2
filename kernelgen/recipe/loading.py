"""Reads a project: the recipe, the names in its templates, its dataset folders; every mistake is one line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kernelgen.datasets.folder import DatasetFolder, load_datasets
from kernelgen.errors import KernelgenError, near
from kernelgen.recipe.agreement import check_agreement
from kernelgen.recipe.expansion import Expanded, Problems, expand
from kernelgen.recipe.kernel import SESSION_MINUTES, Circle, Kernel, order_of_need
from kernelgen.recipe.owner import find_owner
from kernelgen.recipe.project import RECIPE, Project
from kernelgen.recipe.schema import RecipeTable
from kernelgen.recipe.sources import Attached, BadReference, Source, each_of, parse_sources
from kernelgen.recipe.titles import default_title, slug_of, title_problem
from kernelgen.rendering.template import Names, Template
from kernelgen.tables import read_toml, validated

TEMPLATES, ENDING = "kernel_templates", ".py.j2"
# Keys of a kernel's table that are taken as they stand there; without them, Kernel's defaults hold.
_AS_STATED = (
    "include", "files", "gpu", "internet", "machine_shape", "private", "keywords", "docker_image",
    "docker_image_pinning_type", "submits",
)  # fmt: skip


def load_project(root: Path, overrides: Iterable[str] = (), owner: str | None = None) -> Project:
    """Read and check a project's recipe, templates' names and dataset folders.

    Args:
        root: the folder that holds kernel_templates/.
        overrides: ``key=value`` texts that replace settings for this build.
        owner: the command line's; the recipe's comes first, the credentials' last.

    Raises:
        KernelgenError: with one line for everything that is wrong.
    """
    root = Path(root).absolute()
    recipe = _read_recipe(root)
    problems = Problems(RECIPE)
    datasets = load_datasets(root, problems)
    reading = _Reading(root, recipe, expand(recipe, problems), datasets, problems)
    kernels = reading.kernels()
    _check_datasets(kernels, datasets, problems)
    _check_slugs(kernels, problems)
    _check_circles(kernels, problems)
    if not problems:
        problems += check_agreement(kernels, kernels.values(), RECIPE)
    if problems:
        raise KernelgenError("\n".join(problems))
    project = Project(
        root=root,
        library=recipe.library,
        kernels=kernels,
        datasets=datasets,
        owner=find_owner(recipe.owner, owner),
        mounts=recipe.mounts,
        examples=tuple(recipe.examples),
        overrides=tuple(overrides),
        _templates={f"{name}{ENDING}": template for name, template in reading.templates.items()},
    )
    project.apply_overrides()
    return project


def _read_recipe(root: Path) -> RecipeTable:
    if not root.is_dir():
        raise KernelgenError(f"{root}: there is no such folder; give --project an existing one")
    if not (root / RECIPE).is_file():
        raise KernelgenError(f"{root}: holds no {RECIPE}; make it, or point --project elsewhere")
    recipe = validated(RecipeTable, read_toml(root / RECIPE, RECIPE), RECIPE)
    if not (root / recipe.library).is_dir() and not (root / f"{recipe.library}.py").is_file():
        raise KernelgenError(
            f"{RECIPE}: library: {root} holds neither {recipe.library}/ nor {recipe.library}.py; "
            "correct the name or make it"
        )
    return recipe


class _Reading:
    """What the kernels of one recipe are read with. templates: by their names in the recipe."""

    def __init__(
        self,
        root: Path,
        recipe: RecipeTable,
        members: list[Expanded],
        datasets: dict[str, DatasetFolder],
        problems: Problems,
    ) -> None:
        self.templates: dict[str, Template] = {}
        self._root, self._recipe, self._members = root, recipe, members
        self._datasets, self._problems = datasets, problems
        self._names: dict[str, Names] = {}
        self._titles: dict[str, str] = {}
        self._families: dict[str, list[str]] = {}
        for member in members:
            self._families.setdefault(member.family, []).append(member.name)

    def kernels(self) -> dict[str, Kernel]:
        """Every kernel that can be made; what is wrong with the others is added to the problems."""
        for member in self._members:
            if self._read_template(member):
                self._read_title(member)
        kernels = {member.name: self._kernel(member) for member in self._members if self._template(member)}
        if len(self._names) == len({member.table.get("template") for member in self._members}):
            named = {setting for names in self._names.values() for setting in names.settings}
            for name in self._recipe.settings:
                if name not in named:
                    what = f"no template of the recipe names it{near(name, named)}; remove it"
                    self._problems.add("settings", name, what)
        return {name: kernel for name, kernel in kernels.items() if name in self._titles}

    def _template(self, member: Expanded) -> Names | None:
        return self._names.get(member.table.get("template", ""))

    def _read_template(self, member: Expanded) -> bool:
        name, table = member.table.get("template"), f"kernels.{member.family}"
        if name is None:
            self._problems.add(table, "template", f"missing; name a file of {TEMPLATES}/, without {ENDING}")
            return False
        if name in self._names:
            return True
        folder = self._root / TEMPLATES
        templates = {path.name.removesuffix(ENDING) for path in folder.glob(f"*{ENDING}")}
        if name not in templates:
            what = f"there is no {TEMPLATES}/{name}{ENDING}{near(name, templates)}; correct the name"
            self._problems.add(table, "template", what)
            return False
        known = {setting for member in self._members for setting in member.settings}
        try:
            self.templates[name] = Template(folder / f"{name}{ENDING}", f"{TEMPLATES}/{name}{ENDING}", known)
            self._names[name] = self.templates[name].names()
        except KernelgenError as error:
            if str(error) not in self._problems:
                self._problems.append(str(error))
            return False
        return True

    def _read_title(self, member: Expanded) -> None:
        title = member.table.get("title") or default_title(self._recipe.library, member.name)
        if problem := title_problem(title):
            self._problems.add(f"kernels.{member.family}", "title", problem)
        else:
            self._titles[member.name] = title

    def _kernel(self, member: Expanded) -> Kernel:
        table, title = member.table, self._titles.get(member.name, "")
        used = self._used_settings(member)
        agrees = {name: tuple(keys) for name, keys in (table.get("agrees") or {}).items()}
        self._check_agrees(member, agrees, used)
        stated: dict[str, Any] = {key: _frozen(table[key]) for key in _AS_STATED if table.get(key) is not None}
        return Kernel(
            name=member.name,
            family=member.family,
            template=self._root / TEMPLATES / f"{table['template']}{ENDING}",
            title=title,
            slug=slug_of(title),
            settings={name: value for name, value in member.settings.items() if name in used},
            sources=self._sources(member),
            agrees=agrees,
            **stated,
            time_limit=table.get("time_limit", SESSION_MINUTES),
        )

    def _used_settings(self, member: Expanded) -> set[str]:
        """The settings that a kernel's template names, and the one that holds its time limit."""
        table, template, names = _where(member, self._names)
        limit = member.table.get("time_limit", SESSION_MINUTES)
        used = set(names.settings)
        if isinstance(limit, str):
            held = member.settings.get(limit)
            if isinstance(held, bool) or not isinstance(held, int | float) or held < 0:
                what = f"{limit!r} is not a setting that holds a number of minutes"
                self._problems.add(table, "time_limit", what)
            used.add(limit)
        for name, line in names.settings.items():
            if name not in member.settings:
                self._problems.append(
                    f"{template}:{line}: {name} has no value in kernels.toml"
                    f"{near(name, member.settings)}; write it under [{table}.settings] or [settings]"
                )
        for name in sorted(member.own_settings - used):
            place = (table, "each") if name in member.each else (f"{table}.settings", name)
            what = f"{template} does not name {name}{near(name, names.settings)}; remove it or use it there"
            self._problems.add(*place, what)
        return used

    def _sources(self, member: Expanded) -> dict[str, Attached]:
        """The sources that a kernel's template names; one that is declared and not named is a problem."""
        table, template, names = _where(member, self._names)
        sources: dict[str, Attached] = {}
        for name, text in member.sources.items():
            is_used = name in names.sources or names.all_sources
            if not is_used and name not in member.own_sources:
                continue
            try:
                sources[name] = parse_sources(
                    name,
                    text,
                    of=member.name,
                    kernels=[name for family in self._families.values() for name in family],
                    families=self._families,
                    datasets=self._datasets,
                    slug_of_kernel=lambda name: slug_of(self._titles[name]) if name in self._titles else name,
                )
            except BadReference as error:
                self._problems.add(f"{table}.sources", name, str(error))
                continue
            if not is_used:
                what = (
                    f"{template} does not use it{near(name, names.sources)}; remove it or read it by "
                    f"{{{{ sources.{name} | literal }}}}"
                )
                self._problems.add(f"{table}.sources", name, what)
        for name, line in names.sources.items():
            if name not in member.sources:
                self._problems.append(
                    f"{template}:{line}: sources.{name} is not declared"
                    f"{near(name, member.sources)}; write it under [{table}.sources]"
                )
        _check_one_folder_each(sources, f"{table}.sources", self._problems)
        return sources

    def _check_agrees(self, member: Expanded, agrees: dict[str, tuple[str, ...]], used: set[str]) -> None:
        table, template, names = _where(member, self._names)
        for name, keys in agrees.items():
            if name not in member.sources:
                what = f"there is no such source{near(name, member.sources)}; name one"
                self._problems.add(f"{table}.agrees", name, what)
            for key in keys:
                if key not in used:
                    what = f"{template} does not name {key}{near(key, names.settings)}; correct or remove it"
                    self._problems.add(f"{table}.agrees", name, what)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _where(member: Expanded, names: dict[str, Names]) -> tuple[str, str, Names]:
    """A kernel's table and template as messages name them, and what the template names."""
    template = member.table["template"]
    return f"kernels.{member.family}", f"{TEMPLATES}/{template}{ENDING}", names[template]


def _check_datasets(kernels: dict[str, Kernel], datasets: dict[str, DatasetFolder], problems: Problems) -> None:
    for name in sorted(set(kernels) & set(datasets)):
        problems.add(f"kernels.{name}", "", f"datasets/{name} has the same name; rename one of them")
    for dataset in datasets.values():
        if (output := dataset.table.output) and output.kernel not in kernels:
            problems.append(
                f"{dataset.where}/dataset.toml: [output] kernel: there is no kernel {output.kernel!r}"
                f"{near(output.kernel, kernels)}; correct it"
            )


def _check_one_folder_each(sources: dict[str, Attached], table: str, problems: Problems) -> None:
    """In Kaggle's old layout sources of one slug, whatever their kind and owner, share a folder."""
    seen: dict[str, Source] = {}
    for source in [source for attached in sources.values() for source in each_of(attached)]:
        other = seen.setdefault(source.slug, source)
        if (other.kind, other.owner) != (source.kind, source.owner):
            problems.add(
                table,
                source.name,
                f"{source.kind}:{source.reference} and {other.kind}:{other.reference} would be mounted "
                "at the same place; rename one of them",
            )


def _check_slugs(kernels: dict[str, Kernel], problems: Problems) -> None:
    seen: dict[str, Kernel] = {}
    for kernel in kernels.values():
        other = seen.setdefault(kernel.slug, kernel)
        if other is not kernel:
            hint = " (a family's title needs a {name} of each key of `each`)" if kernel.family != kernel.name else ""
            problems.add(
                f"kernels.{kernel.family}",
                "title",
                f"{kernel.title!r} makes the slug {kernel.slug!r}, which {other.name} has too{hint}; "
                "give it another title",
            )


def _check_circles(kernels: dict[str, Kernel], problems: Problems) -> None:
    try:
        order_of_need(kernels)
    except Circle as circle:
        family = kernels[str(circle).partition(" ")[0]].family
        problems.add(f"kernels.{family}.sources", "", f"kernels feed on each other: {circle}; break the circle")
