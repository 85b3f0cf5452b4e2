"""What a kernel attaches: datasets, outputs of kernels, competitions, models."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kernelgen.datasets.folder import DatasetFolder
from kernelgen.errors import in_line, near
from kernelgen.recipe.expansion import PLACEHOLDER, Member

_OWNER, _SLUG = "(?P<owner>[A-Za-z0-9][A-Za-z0-9_-]*)", "[A-Za-z0-9][A-Za-z0-9_-]*"
_MODEL = "/".join(["[A-Za-z0-9][A-Za-z0-9._-]*"] * 3)
# What stands after the colon, but for kernels of the recipe and datasets of the project.
_REFERENCES = {
    "competition": f"(?P<slug>{_SLUG})",
    "model": rf"({_OWNER}/)?(?P<slug>{_MODEL}/\d+)",
    "dataset": rf"{_OWNER}/(?P<slug>{_SLUG})(/(?P<version>\d+))?",
    "kernel": rf"{_OWNER}/(?P<slug>{_SLUG})(/(?P<version>\d+))?",
}


@dataclass(frozen=True)
class Source:
    """One attached source.

    name: as the recipe calls it. kind: dataset, kernel, competition or model. reference: what stands after the colon.
    slug: without owner and version; for models ``model/framework/variation/version``. kernel, dataset: the kernel of
    this recipe, the dataset folder of this project. owner: as the reference names it, None where it is our own.
    """

    name: str
    kind: str
    reference: str
    slug: str
    kernel: str | None = None
    dataset: str | None = None
    owner: str | None = None
    version: str | None = None

    @property
    def literal(self) -> str:
        """What a template is given: ``kind:slug``, never an owner."""
        return f"{self.kind}:{self.slug}"

    def identity(self, owner: str) -> str:
        """How the metadata names it, ``owner`` standing in for our own name."""
        if self.kind == "competition":
            return self.slug
        return "/".join(part for part in (self.owner or owner, self.slug, self.version) if part)


# What a recipe's name of a source stands for: one source, several in a list, or none.
Attached = Source | tuple[Source, ...] | None
# What is ours, as "kernel:NAME" and "dataset:NAME".
Known = Mapping[str, Member | DatasetFolder]


def each_of(attached: Attached) -> tuple[Source, ...]:
    """The single sources."""
    if isinstance(attached, tuple):
        return attached
    return (attached,) if attached else ()


def filled(text: str | list[str], settings: Mapping[str, Any]) -> str | list[str]:
    """A source's text, or each of a list, with the value of a setting in place of ``{setting}``.

    Raises:
        ValueError: there is no such setting, or its value is neither text nor a whole number.
    """
    if isinstance(text, list):
        return [str(filled(item, settings)) for item in text]
    for setting in PLACEHOLDER.findall(text):
        if setting not in settings:
            raise ValueError(f"{in_line(text)!r}: there is no setting {in_line(setting)}{near(setting, settings)}")
        if type(settings[setting]) not in (str, int):
            raise ValueError(f"{text!r}: {setting} = {settings[setting]!r} is no text; a source's name needs one")
    return PLACEHOLDER.sub(lambda match: str(settings[match[1]]), text)


def parse_sources(name: str, text: str | list[str], of: Member, known: Known) -> Attached:
    """What a recipe's ``name = text`` stands for; "" is none.

    In a list, a kernel may also be a family or a glob over the names of kernels and families; the kernel whose source
    it is (``of``) is never meant by these.

    Raises:
        ValueError: a source that there is not; a kernel in a list of its own.
    """
    if isinstance(text, str):
        return _parsed(name, text, known) if text else None
    if f"kernel:{of.name}" in text:
        raise ValueError(f"'kernel:{of.name}': its own earlier output needs a name of its own, outside the list")
    others = [member for member in known.values() if isinstance(member, Member) and member.name != of.name]
    families = {f"kernel:{member.name}": f"kernel:{member.family}" for member in others}
    sources: dict[Source, None] = {}
    for item in text:
        chosen = [kernel for kernel, family in families.items() if fnmatch.filter([kernel, family], item)]
        sources |= dict.fromkeys(_parsed(name, each, known) for each in chosen or [item])
    return tuple(sources)


def _parsed(name: str, text: str, known: Known) -> Source:
    """The source that ``text`` ("kind:reference") names."""
    kind, _, reference = text.partition(":")
    ours = known.get(text)
    if isinstance(ours, Member):
        return Source(name, kind, reference, ours.slug, kernel=ours.name)
    if ours:
        return Source(name, kind, reference, ours.name, dataset=ours.name)
    if kind not in _REFERENCES or not (match := re.fullmatch(_REFERENCES[kind], reference)):
        raise ValueError(
            f"{text!r} is no source{near(text, known)}; write kernel:NAME (in a list also a family or a glob), "
            "dataset:NAME with datasets/NAME/dataset.toml, either also as OWNER/SLUG or OWNER/SLUG/VERSION, "
            "competition:SLUG or model:OWNER/MODEL/FRAMEWORK/VARIATION/VERSION"
        )
    return Source(name, kind, reference, **match.groupdict())
