"""What a kernel attaches: datasets, outputs of kernels, competitions, models."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kernelgen.errors import near
from kernelgen.recipe.schema import OWNER

Kind = Literal["dataset", "kernel", "competition", "model"]
SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
MODEL_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Source:
    """One attached source.

    name: as the recipe calls it. kind: dataset, kernel, competition or model. reference: what stands
    after the colon. slug: without owner and version; for models ``model/framework/variation/version``.
    kernel: the kernel of this recipe that makes it. dataset: the dataset folder of this project.
    owner: the owner that the reference names, None where it is our own.
    """

    name: str
    kind: Kind
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
        parts = [self.owner or owner, self.slug] + ([self.version] if self.version else [])
        return "/".join(parts)


# What a recipe's name of a source stands for: one source, several in a list, or none.
Attached = Source | tuple[Source, ...] | None


def each_of(attached: Attached) -> tuple[Source, ...]:
    """The single sources."""
    if attached is None:
        return ()
    return (attached,) if isinstance(attached, Source) else attached


@dataclass(frozen=True)
class Known:
    """What a reference without an owner may name. slugs: of each kernel. families: the kernels of each."""

    slugs: Mapping[str, str]
    families: Mapping[str, Sequence[str]]
    datasets: Collection[str]


def parse_sources(name: str, text: str | list[str], of: str, known: Known) -> Attached:
    """What a recipe's ``name = text`` stands for; "" is none.

    In a list, a kernel may also be a family or a glob over the names of kernels and families; the kernel
    whose source it is (``of``) is never meant by these.

    Raises:
        ValueError: as parse_source; a glob that matches nothing; a kernel in a list of its own.
    """
    if text == "":
        return None
    if isinstance(text, str):
        kind, _, reference = text.partition(":")
        if kind == "kernel" and reference not in known.slugs and _is_several(reference, known):
            raise ValueError(f'{text!r} may be several kernels; name one, or write a list: ["{text}"]')
        return parse_source(name, text, known)
    items = dict.fromkeys(item for reference in text for item in _expanded(reference, of, known))
    sources = tuple(dict.fromkeys(parse_source(name, item, known) for item in items))
    if any(source.kernel == of for source in sources):
        raise ValueError(f"{f'kernel:{of}'!r}: its own earlier output needs a name of its own, outside the list")
    return sources


def _is_several(reference: str, known: Known) -> bool:
    return reference in known.families or any(sign in reference for sign in "*?[")


def _expanded(text: str, of: str, known: Known) -> list[str]:
    kind, _, reference = text.partition(":")
    if kind != "kernel" or reference in known.slugs or not _is_several(reference, known):
        return [text]
    matching = fnmatch.filter([*known.families, *known.slugs], reference)
    if reference in known.families:
        matching = [reference]
    chosen = {member for name in matching for member in known.families.get(name, [name])} - {of}
    if not chosen:
        raise ValueError(f"{text!r}: matches no other kernel of the recipe; correct or remove it")
    return [f"kernel:{name}" for name in known.slugs if name in chosen]


def parse_source(name: str, text: str, known: Known) -> Source:
    """The source that ``text`` ("kind:reference") names.

    Raises:
        ValueError: unknown kind, a kernel or dataset that does not exist, a malformed reference.
    """
    kind, _, reference = text.partition(":")
    parts = reference.split("/")
    match kind, len(parts):
        case "competition", 1 if SLUG.fullmatch(reference):
            return Source(name, "competition", reference, reference)
        case "model", 4 | 5 if all(map(MODEL_PART.fullmatch, parts)) and parts[-1].isdecimal():
            is_ours = len(parts) == 4
            slug = reference if is_ours else reference.partition("/")[2]
            return Source(name, "model", reference, slug, owner=None if is_ours else parts[0])
        case "kernel", 1 if reference:
            if reference not in known.slugs:
                raise ValueError(
                    f"{text!r}: the recipe has no kernel of that name{near(reference, known.slugs)}; "
                    "name one, or write kernel:OWNER/SLUG"
                )
            return Source(name, "kernel", reference, known.slugs[reference], kernel=reference)
        case "dataset", 1 if reference:
            if reference not in known.datasets:
                raise ValueError(
                    f"{text!r}: there is no datasets/{reference}/dataset.toml{near(reference, known.datasets)}; "
                    "make it, or write dataset:OWNER/SLUG"
                )
            return Source(name, "dataset", reference, reference, dataset=reference)
        case (("kernel" | "dataset"), (2 | 3)) if OWNER.fullmatch(parts[0]) and SLUG.fullmatch(parts[1]):
            version = parts[2] if len(parts) == 3 else None
            if version is None or version.isdecimal():
                of_kind: Kind = "kernel" if kind == "kernel" else "dataset"
                return Source(name, of_kind, reference, parts[1], owner=parts[0], version=version)
    raise ValueError(
        f"{text!r} is no source; write dataset:NAME, kernel:NAME, either also as OWNER/SLUG or OWNER/SLUG/VERSION, "
        "competition:SLUG or model:OWNER/MODEL/FRAMEWORK/VARIATION/VERSION"
    )
