"""A project: its library, its kernels with all their values, its datasets, and who depends on whom."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelgen.datasets.folder import DatasetFolder, load_datasets
from kernelgen.errors import KernelgenError
from kernelgen.recipe.agreement import check_agreement
from kernelgen.recipe.expansion import Expanded, Problems, expand
from kernelgen.recipe.owner import UNKNOWN_OWNER, find_owner
from kernelgen.recipe.schema import RecipeTable, near, read_toml, validated
from kernelgen.recipe.settings import override_value, split_override
from kernelgen.recipe.sources import Attached, BadReference, Source, each_of, parse_sources
from kernelgen.recipe.titles import default_title, slug_of, title_problem
from kernelgen.rendering.template import Names, Template

if TYPE_CHECKING:
    from kernelgen.inlining.library import Library

RECIPE = "kernel_templates/kernels.toml"
SESSION_MINUTES = 720.0  # Kaggle ends a CPU or GPU session after 12 hours


@dataclass(frozen=True)
class Kernel:
    """One kernel of the recipe, everything decided.

    settings: exactly those that its template names. sources: by their names in the recipe, each one
    source, several, or none. agrees: for sources that are kernels of the recipe, the settings that must
    fit theirs. time_limit: minutes, or the name of the setting that holds them, where 0 is Kaggle's session.
    resumed: whether it is given the output of an earlier run of its own, where it names that as a source.
    submits: the file of its output that a code competition takes.
    """

    name: str
    template: Path
    title: str
    slug: str
    settings: dict[str, Any]
    sources: dict[str, Attached]
    family: str = ""
    agrees: dict[str, tuple[str, ...]] = field(default_factory=dict)
    resumed: bool = False
    include: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    gpu: bool = False
    internet: bool = False
    machine_shape: str | None = None
    private: bool = True
    keywords: tuple[str, ...] = ()
    docker_image: str | None = None
    docker_image_pinning_type: str | None = None
    submits: str | None = None
    time_limit: float | str = SESSION_MINUTES

    @property
    def template_name(self) -> str:
        """How messages name the template's file."""
        return f"kernel_templates/{self.template.name}"

    @property
    def time_limit_minutes(self) -> float:
        """How long a run may take."""
        limit = self.settings[self.time_limit] if isinstance(self.time_limit, str) else self.time_limit
        return float(limit) or SESSION_MINUTES

    @property
    def needs(self) -> list[str]:
        """The kernels of the same recipe whose outputs it reads."""
        named = {source.kernel for attached in self.sources.values() for source in each_of(attached)}
        return sorted(name for name in named - {self.name} if name)

    @property
    def earlier(self) -> Source | None:
        """The source that is this kernel's own earlier output, whether or not it is resumed."""
        sources = (source for attached in self.sources.values() for source in each_of(attached))
        return next((source for source in sources if source.kernel == self.name), None)

    @property
    def attached(self) -> tuple[Source, ...]:
        """The single sources that it attaches, in the recipe's order; its own earlier output if resumed."""
        return tuple(
            source
            for attached in self.sources.values()
            for source in each_of(attached)
            if self.resumed or source.kernel != self.name
        )

    @property
    def source_literals(self) -> dict[str, str | list[str] | None]:
        """What its template is given for each name: a text, a list of them, or None."""
        there = set(self.attached)

        def value(attached: Attached) -> str | list[str] | None:
            if isinstance(attached, tuple):
                return [source.literal for source in attached]
            return attached.literal if attached in there else None

        return {name: value(attached) for name, attached in self.sources.items()}


@dataclass
class Project:
    """A folder with kernel_templates/, a library and perhaps datasets/."""

    root: Path
    library: str
    kernels: dict[str, Kernel]
    datasets: dict[str, DatasetFolder]
    owner: str | None
    mounts: str | None = None
    overrides: tuple[str, ...] = ()
    _templates: dict[str, Template] = field(default_factory=dict, repr=False)
    _override_problems: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    _as_written: dict[str, Kernel] = field(default_factory=dict, repr=False)
    _library_files: Any = field(default=None, repr=False)

    @property
    def owner_or_placeholder(self) -> str:
        """Our name on Kaggle, or a placeholder that Kaggle refuses and a reader understands."""
        return self.owner or UNKNOWN_OWNER

    @property
    def setting_names(self) -> set[str]:
        """Every setting of every kernel."""
        return {name for kernel in self.kernels.values() for name in kernel.settings}

    def template(self, kernel: Kernel) -> Template:
        """The kernel's template, read once."""
        return self._templates[kernel.template.name]

    def library_files(self) -> Library:
        """The library as files, read once."""
        if self._library_files is None:
            from kernelgen.inlining.library import Library

            self._library_files = Library(self.root, self.library)
        return self._library_files

    def select(self, targets: str | Iterable[str]) -> list[Kernel | DatasetFolder]:
        """Kernels and datasets for names, comma lists, globs, family names and "all" (every kernel).

        Returns them with what others need first: datasets, then kernels in the order of their outputs.

        Raises:
            KernelgenError: where a part matches nothing, or a ``--set`` does not fit the selection.
        """
        texts = [targets] if isinstance(targets, str) else list(targets)
        parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
        if not parts:
            raise KernelgenError(f"--target: names nothing{near('', self._target_names())}")
        chosen: set[str] = set()
        for part in parts:
            found = self._matching(part)
            if not found:
                raise KernelgenError(
                    f"--target {part}: no kernel or dataset of that name{near(part, self._target_names())}; see --list"
                )
            chosen |= found
        selected: list[Kernel | DatasetFolder] = [self.datasets[name] for name in self.datasets if name in chosen]
        kernels = [self.kernels[name] for name in self.in_order() if name in chosen]
        self._check_overrides(kernels)
        return selected + kernels

    def in_order(self) -> list[str]:
        """All kernels' names, each after those that it needs, otherwise in the recipe's order."""
        order: dict[str, None] = {}

        def visit(name: str) -> None:
            if name not in order:
                for needed in self.kernels[name].needs:
                    visit(needed)
                order[name] = None

        for name in self.kernels:
            visit(name)
        return list(order)

    def _target_names(self) -> set[str]:
        return {*self.kernels, *self.datasets, *(kernel.family for kernel in self.kernels.values()), "all"}

    def _matching(self, part: str) -> set[str]:
        if part in self.kernels or part in self.datasets:
            return {part}
        if part == "all":
            return set(self.kernels)
        family = {name for name, kernel in self.kernels.items() if kernel.family == part}
        names = [*self.kernels, *self.datasets]
        return family or {name for name in names if fnmatch.fnmatchcase(name, part)}

    def _check_overrides(self, kernels: Sequence[Kernel]) -> None:
        for text in self.overrides:
            key, _ = split_override(text)
            naming = [kernel for kernel in kernels if key in kernel.settings]
            if not naming:
                known = {name for kernel in kernels for name in kernel.settings}
                raise KernelgenError(
                    f"--set {text}: none of the selected kernels has a setting {key}{near(key, known)}"
                )
            for kernel in naming:
                if problem := self._override_problems.get((kernel.name, text)):
                    raise KernelgenError(problem)
        # A kernel that is not built this time was built from the recipe as it stands.
        built = {kernel.name: kernel for kernel in kernels}
        if problems := check_agreement(self._as_written | built, kernels, RECIPE):
            raise KernelgenError("\n".join(problems))


def load_project(root: Path, overrides: Iterable[str] = (), owner: str | None = None) -> Project:
    """Reads and checks a project's recipe, templates' names and dataset folders.

    Args:
        root: the folder that holds kernel_templates/.
        overrides: ``key=value`` texts that replace settings for this build.
        owner: the command line's; the recipe's comes first, the credentials' last.

    Raises:
        KernelgenError: with one line for everything that is wrong.
    """
    root = Path(root).absolute()
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
    problems = Problems(RECIPE)
    datasets = load_datasets(root, problems)
    expanded = expand(recipe, problems)
    kernels, templates = _kernels(root, recipe, expanded, datasets, problems)
    for name in sorted(set(kernels) & set(datasets)):
        problems.add(f"kernels.{name}", "", f"datasets/{name} has the same name; rename one of them")
    for dataset in datasets.values():
        if (output := dataset.table.output) and output.kernel not in kernels:
            problems.append(
                f"{dataset.where}/dataset.toml: [output] kernel: there is no kernel {output.kernel!r}"
                f"{near(output.kernel, kernels)}; correct it"
            )
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
        overrides=tuple(overrides),
        _templates=templates,
    )
    _apply_overrides(project)
    return project


def _kernels(
    root: Path,
    recipe: RecipeTable,
    expanded: list[Expanded],
    datasets: dict[str, DatasetFolder],
    problems: Problems,
) -> tuple[dict[str, Kernel], dict[str, Template]]:
    templates: dict[str, Template] = {}
    names: dict[str, Names] = {}
    known = {name for member in expanded for name in member.settings}
    folder = root / "kernel_templates"
    there = {path.name.removesuffix(".py.j2") for path in folder.glob("*.py.j2")}
    slugs: dict[str, str] = {}
    for member in expanded:
        table = f"kernels.{member.family}"
        template = member.table.get("template")
        if template is None:
            problems.add(table, "template", "missing; name a file of kernel_templates/, without .py.j2")
            continue
        if template not in there:
            problems.add(
                table,
                "template",
                f"there is no kernel_templates/{template}.py.j2{near(template, there)}; correct the name",
            )
            continue
        if template not in names:
            try:
                read = Template(folder / f"{template}.py.j2", f"kernel_templates/{template}.py.j2", known)
                names[template] = read.names()
            except KernelgenError as error:
                if str(error) not in problems:
                    problems.append(str(error))
                continue
            templates[f"{template}.py.j2"] = read
        title = member.table.get("title") or default_title(recipe.library, member.name)
        if problem := title_problem(title):
            problems.add(table, "title", problem)
            continue
        member.table["title"] = title
        slugs[member.name] = slug_of(title)
    kernels = {}
    families: dict[str, list[str]] = {}
    for member in expanded:
        families.setdefault(member.family, []).append(member.name)
    for member in expanded:
        template = member.table.get("template")
        if template in names:
            kernel = _kernel(member, folder, names[template], families, slugs, datasets, problems)
            if kernel:
                kernels[member.name] = kernel
    if len(names) == len({member.table.get("template") for member in expanded}):
        named = {setting for used in names.values() for setting in used.settings}
        for name in recipe.settings:
            if name not in named:
                problems.add("settings", name, f"no template of the recipe names it{near(name, named)}; remove it")
    return kernels, templates


def _kernel(
    member: Expanded,
    folder: Path,
    names: Names,
    families: dict[str, list[str]],
    slugs: dict[str, str],
    datasets: dict[str, DatasetFolder],
    problems: Problems,
) -> Kernel | None:
    table, template = f"kernels.{member.family}", f"{member.table['template']}.py.j2"
    limit = member.table.get("time_limit", SESSION_MINUTES)
    members = [name for family in families.values() for name in family]
    used = dict(names.settings)
    if isinstance(limit, str):
        held = member.settings.get(limit)
        if isinstance(held, bool) or not isinstance(held, int | float) or held < 0:
            problems.add(table, "time_limit", f"{limit!r} is not a setting that holds a number of minutes")
        used.setdefault(limit, 0)
    for name, line in names.settings.items():
        if name not in member.settings:
            problems.append(
                f"kernel_templates/{template}:{line}: {name} has no value in kernels.toml"
                f"{near(name, member.settings)}; write it under [{table}.settings] or [settings]"
            )
    for name in sorted(member.own_settings - set(used)):
        place = "each" if name in member.each else f"{name}"
        problems.add(
            table if name in member.each else f"{table}.settings",
            place,
            f"kernel_templates/{template} does not name {name}{near(name, names.settings)}; remove it or use it there",
        )
    sources: dict[str, Attached] = {}
    for name, text in member.sources.items():
        used_here = name in names.sources or names.all_sources
        if not used_here and name not in member.own_sources:
            continue
        try:
            sources[name] = parse_sources(
                name,
                text,
                of=member.name,
                kernels=members,
                families=families,
                datasets=datasets,
                slug_of_kernel=lambda name: slugs.get(name, name),
            )
        except BadReference as error:
            problems.add(f"{table}.sources", name, str(error))
            continue
        if not used_here:
            problems.add(
                f"{table}.sources",
                name,
                f"kernel_templates/{template} does not use it{near(name, names.sources)}; "
                f"remove it or read it by {{{{ sources.{name} | literal }}}}",
            )
    for name, line in names.sources.items():
        if name not in member.sources:
            problems.append(
                f"kernel_templates/{template}:{line}: sources.{name} is not declared"
                f"{near(name, member.sources)}; write it under [{table}.sources]"
            )
    _check_one_folder_each(sources, f"{table}.sources", problems)
    agrees = {name: tuple(keys) for name, keys in (member.table.get("agrees") or {}).items()}
    for name, keys in agrees.items():
        if name not in member.sources:
            problems.add(f"{table}.agrees", name, f"there is no such source{near(name, member.sources)}; name one")
        for key in keys:
            if key not in used:
                problems.add(
                    f"{table}.agrees",
                    name,
                    f"kernel_templates/{template} does not name {key}{near(key, names.settings)}; correct or remove it",
                )
    if member.name not in slugs:
        return None
    return Kernel(
        name=member.name,
        family=member.family,
        template=folder / template,
        title=member.table["title"],
        slug=slugs[member.name],
        settings={name: value for name, value in member.settings.items() if name in used},
        sources=sources,
        agrees=agrees,
        include=tuple(member.table.get("include") or ()),
        files=tuple(member.table.get("files") or ()),
        gpu=bool(member.table.get("gpu")),
        internet=bool(member.table.get("internet")),
        machine_shape=member.table.get("machine_shape"),
        private=member.table.get("private") is not False,
        keywords=tuple(member.table.get("keywords") or ()),
        docker_image=member.table.get("docker_image"),
        docker_image_pinning_type=member.table.get("docker_image_pinning_type"),
        submits=member.table.get("submits"),
        time_limit=limit,
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
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            circle = " -> ".join([*above[above.index(name) :], name])
            problems.add(
                f"kernels.{kernels[name].family}.sources",
                "",
                f"kernels feed on each other: {circle}; break the circle",
            )
        elif name not in done and name in kernels:
            for needed in kernels[name].needs:
                visit(needed, (*above, name))
            done.add(name)

    for name in kernels:
        visit(name, ())


def _apply_overrides(project: Project) -> None:
    project._as_written = dict(project.kernels)
    for text in project.overrides:
        key, value = split_override(text)
        naming = [kernel for kernel in project.kernels.values() if key in kernel.settings]
        if not naming:
            raise KernelgenError(
                f"--set {text}: no kernel of the recipe has a setting {key}{near(key, project.setting_names)}"
            )
        for kernel in naming:
            try:
                settings = {**kernel.settings, key: override_value(key, value, kernel.settings[key])}
            except KernelgenError as error:
                project._override_problems[kernel.name, text] = str(error)
                continue
            project.kernels[kernel.name] = replace(kernel, settings=settings)
        if all((kernel.name, text) in project._override_problems for kernel in naming):
            raise KernelgenError(project._override_problems[naming[0].name, text])
