"""What a kernel attaches: datasets, outputs of kernels, competitions, models."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kernelgen.errors import near
from kernelgen.recipe.schema import OWNER

Kind = Literal["dataset", "kernel", "competition", "model"]
KINDS = ("dataset", "kernel", "competition", "model")
SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
MODEL_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class BadReference(Exception):
    """A reference that cannot be read; its text says why and what to write."""


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


def parse_sources(
    name: str,
    text: str | list[str],
    *,
    of: str,
    kernels: Collection[str],
    families: Mapping[str, Sequence[str]],
    datasets: Collection[str],
    slug_of_kernel: Callable[[str], str],
) -> Attached:
    """What a recipe's ``name = text`` stands for; "" is none.

    In a list, a kernel may also be a family or a glob over the names of kernels and families; the kernel
    whose source it is (``of``) is never meant by these.

    Raises:
        BadReference: as parse_source; a glob that matches nothing; a kernel in a list of its own.
    """

    def parsed(reference: str) -> Source:
        return parse_source(name, reference, kernels=kernels, datasets=datasets, slug_of_kernel=slug_of_kernel)

    if text == "":
        return None
    if isinstance(text, str):
        kind, _, reference = text.partition(":")
        if kind == "kernel" and reference not in kernels and (reference in families or _is_glob(reference)):
            raise BadReference(f'{text!r} may be several kernels; name one, or write a list: ["{text}"]')
        return parsed(text)
    sources: dict[Source, None] = {}
    for item in text:
        sources |= dict.fromkeys(map(parsed, _expanded(item, of, kernels, families)))
    if any(source.kernel == of for source in sources):
        raise BadReference(f"{f'kernel:{of}'!r}: its own earlier output needs a name of its own, outside the list")
    return tuple(sources)


def _expanded(text: str, of: str, kernels: Collection[str], families: Mapping[str, Sequence[str]]) -> list[str]:
    kind, _, reference = text.partition(":")
    if kind != "kernel" or reference in kernels:
        return [text]
    if reference in families:
        matching = [reference]
    elif _is_glob(reference):
        matching = [name for name in [*families, *kernels] if fnmatch.fnmatchcase(name, reference)]
    else:
        return [text]
    chosen = {member for name in matching for member in families.get(name, [name])} - {of}
    if not chosen:
        raise BadReference(f"{text!r}: matches no other kernel of the recipe; correct or remove it")
    return [f"kernel:{name}" for name in kernels if name in chosen]


def _is_glob(reference: str) -> bool:
    return any(sign in reference for sign in "*?[")


def parse_source(
    name: str, text: str, *, kernels: Collection[str], datasets: Collection[str], slug_of_kernel: Callable[[str], str]
) -> Source:
    """The source that ``text`` ("kind:reference") names.

    Raises:
        BadReference: unknown kind, a kernel or dataset that does not exist, a malformed reference.
    """
    kind, colon, reference = text.partition(":")
    if not colon or kind not in KINDS or not reference:
        raise BadReference(
            f"{text!r} is no source; write dataset:NAME, kernel:NAME, competition:SLUG or "
            "model:OWNER/MODEL/FRAMEWORK/VARIATION/VERSION"
        )
    parts = reference.split("/")
    if kind == "competition":
        if not SLUG.fullmatch(reference):
            raise BadReference(f"{text!r}: a competition has a slug alone; write competition:SLUG")
        return Source(name, "competition", reference, reference)
    if kind == "model":
        return _model(name, text, reference, parts)
    if len(parts) == 1:
        if kind == "kernel":
            if reference not in kernels:
                raise BadReference(
                    f"{text!r}: the recipe has no kernel of that name{near(reference, kernels)}; "
                    "name one, or write kernel:OWNER/SLUG"
                )
            return Source(name, "kernel", reference, slug_of_kernel(reference), kernel=reference)
        if reference not in datasets:
            raise BadReference(
                f"{text!r}: there is no datasets/{reference}/dataset.toml{near(reference, datasets)}; "
                "make it, or write dataset:OWNER/SLUG"
            )
        return Source(name, "dataset", reference, reference, dataset=reference)
    well_formed = OWNER.fullmatch(parts[0]) and SLUG.fullmatch(parts[1])
    if not well_formed or len(parts) > 3 or (len(parts) == 3 and not parts[2].isdecimal()):
        raise BadReference(f"{text!r}: write {kind}:NAME or {kind}:OWNER/SLUG, with /VERSION if need be")
    version = parts[2] if len(parts) == 3 else None
    return Source(name, kind, reference, parts[1], owner=parts[0], version=version)  # type: ignore[arg-type]


def _model(name: str, text: str, reference: str, parts: list[str]) -> Source:
    ours = len(parts) == 4
    if len(parts) not in (4, 5) or not all(MODEL_PART.fullmatch(part) for part in parts):
        raise BadReference(f"{text!r}: write model:OWNER/MODEL/FRAMEWORK/VARIATION/VERSION")
    if not parts[-1].isdecimal():
        raise BadReference(f"{text!r}: a model's version is a number, {parts[-1]!r} is none")
    slug = "/".join(parts if ours else parts[1:])
    return Source(name, "model", reference, slug, owner=None if ours else parts[0])
