"""What is asked for, in the order that it needs: datasets, kernels, runs, outputs, submissions."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from kernelgen.building import build_kernel, write_kernel
from kernelgen.built import BuiltKernel
from kernelgen.chaining.finished import UNFINISHED, newest_output
from kernelgen.datasets.filling import fill
from kernelgen.datasets.folder import DatasetFolder
from kernelgen.errors import KernelgenError
from kernelgen.publishing import datasets, kernels
from kernelgen.publishing.client import Kaggle, RunThere
from kernelgen.publishing.records import pushed_notebook, read_pushed
from kernelgen.publishing.runs import failure, fetch_outputs, read_output
from kernelgen.publishing.submitting import submit
from kernelgen.publishing.uploads import dataset_upload, datasets_to_send
from kernelgen.recipe.project import Kernel, Project
from kernelgen.recipe.sources import Source

logger = logging.getLogger(__name__)


class Publication:
    """One call's work. Everything that was done is noted, so that the same call again goes on where this one ended.

    Args:
        options: the command line's: push, force, wait, resume, output, submit; and ``command``, which repeats it.
    """

    def __init__(self, kaggle: Kaggle, project: Project, out: Path, commit: str, options: Namespace) -> None:
        self.kaggle, self.project, self.out, self.commit = kaggle, project, Path(out), commit
        self.options = options
        self._sent: set[str] = set()  # datasets and kernels that this call sent
        self._unfinished: dict[str, str] = {}  # by kernel, what its last session left to do
        self._built: dict[str, BuiltKernel] = {}
        # The kernels of this call: to be pushed, running (by identity, with the version), left for another.
        self._to_come: list[Kernel] = []
        self._running: dict[str, tuple[Kernel, int]] = {}
        self._left: list[str] = []

    def carry_out(self, selected: Iterable[Kernel | DatasetFolder]) -> bool:
        """Do it all; False if something is left for another call (what, has been said)."""
        selected = list(selected)
        chosen = [target for target in selected if isinstance(target, Kernel)]
        if self.options.push:
            self._built = {kernel.name: self._build(kernel) for kernel in chosen}
            self._send_datasets(selected)
            return self._push(chosen)
        if not chosen:
            raise KernelgenError("--wait, --output and --submit are for kernels; --target names none")
        for kernel in chosen:
            version = self._pushed_version(kernel) or self._newest_version(kernel)
            if not version:
                raise KernelgenError(f"kernel {self._identity(kernel)}: is not on Kaggle; push it first")
            self._finish(kernel, version, self._run(self._identity(kernel), version))
        return True

    def _send_datasets(self, selected: list[Kernel | DatasetFolder]) -> None:
        uploads = []
        for dataset in datasets_to_send(self.project, selected):
            fill(dataset, self.project.owner_or_placeholder, output_of=partial(newest_output, self.out))
            uploads.append(dataset_upload(dataset))
        for upload in uploads:
            force = self.options.force and upload.dataset in selected
            if datasets.publish(self.kaggle, upload, notes=f"commit {self.commit}", force=force):
                self._sent.add(upload.identity)
        for upload in uploads:
            datasets.wait_until_ready(self.kaggle, upload)

    # ------------------------------------------------------------ kernels

    def _push(self, chosen: list[Kernel]) -> bool:
        """Push each kernel as soon as all that it feeds on is there."""
        self._to_come = list(chosen)
        self._push_those_that_can()
        while self._running:
            identity, run = self._first_that_ended({ref: version for ref, (_, version) in self._running.items()})
            kernel, version = self._running.pop(identity)
            if not self._finish(kernel, version, run):
                self._to_come.insert(0, kernel)
            self._push_those_that_can()
        if self._left:
            logger.info(f"When that is COMPLETE, the same command goes on: {self.options.command}")
        return not self._left

    def _push_those_that_can(self) -> None:
        """Take kernels from those to come: they run, or are left where nobody waits for what they need."""
        for kernel in list(self._to_come):
            reason = self._waits_for(kernel)
            if reason and self.options.wait:
                continue
            if reason:
                logger.info(f"kernel {self._identity(kernel)}: left for another call, since {reason}")
                self._left.append(kernel.name)
            else:
                try:
                    self._push_one(kernel)
                except kernels.SessionsFull as error:
                    if not self._running:
                        raise
                    logger.warning(f"{error}; it is pushed when one of the others has ended")
                    return
            self._to_come.remove(kernel)

    def _waits_for(self, kernel: Kernel) -> str:
        """Why the kernel cannot be pushed yet, "" if it can; an error where what it feeds on is missing or failed."""
        under_way = {*self._left, *(running.name for running, _ in self._running.values())}
        if self.options.wait:
            under_way |= {other.name for other in self._to_come}
        for source in kernel.attached:
            if source.kind != "kernel" or source.owner is not None or source.kernel == kernel.name:
                continue
            feeds = f"feeds on kernel {self._identity(source)}"
            if source.kernel in under_way:
                return f"it {feeds}, which has not ended"
            version = self._newest_version(source)
            run = self._run(self._identity(source), version) if version else None
            if run is None or (run.is_over and not run.is_complete):
                add = f"add {source.kernel} to --target" if source.kernel else "push it first"
                state = f"ended in {run.status}" if run else "is not on Kaggle"
                raise KernelgenError(f"kernel {self._identity(kernel)}: {feeds}, which {state}; {add}")
            if not run.is_complete:
                return f"it {feeds}, which is {run.status}"
        return ""

    def _push_one(self, kernel: Kernel) -> None:
        built = self._built[kernel.name]
        if kernel.earlier and self.options.resume:
            goes_on = self._goes_on(kernel)
            if goes_on is None:
                return
            built = self._build(replace(kernel, resumed=goes_on))
        pushed = kernels.push(
            self.kaggle,
            built,
            self.out,
            self._attached_versions(built.kernel),
            force=self.options.force or built.kernel.resumed,
            fresh=not self._sent.isdisjoint(map(self._identity, built.kernel.attached)),
        )
        self._sent.add(pushed.identity)
        if self.options.wait:
            self._running[pushed.identity] = kernel, pushed.version
        elif self.options.output or self.options.submit:
            self._finish(kernel, pushed.version, self.kaggle.run(pushed.identity, pushed.version))

    def _goes_on(self, kernel: Kernel) -> bool | None:
        """Whether the kernel has an earlier output to go on from; None if there is nothing left to do."""
        identity, version = self._identity(kernel), self._newest_version(kernel)
        if not version:
            logger.warning(f"kernel {identity} is not on Kaggle yet and starts anew")
            return False
        run = self._run(identity, version)
        self._check_over(identity, run)
        if not run.is_complete and self.options.force:
            logger.warning(f"kernel {identity}: the last session ended in {run.status}; going on from the one before")
            return True
        if why := failure(self.kaggle, identity, version, run, pushed_notebook(self.out, kernel.name, identity)):
            raise KernelgenError(f"{why}; --force goes on from the last session that ended well")
        if read_output(self.kaggle, identity, version, UNFINISHED) is not None:
            return True
        logger.info(f"kernel {identity}: is finished; without --resume it starts anew")
        if self.options.output:
            fetch_outputs(self.kaggle, identity, version, self.out, kernel.name)
        return None

    def _finish(self, kernel: Kernel, version: int, run: RunThere) -> bool:
        """What is asked for of a run that ended well: its output, its submission; False if it has to go on."""
        identity = self._identity(kernel)
        self._check_over(identity, run)
        why = failure(self.kaggle, identity, version, run, pushed_notebook(self.out, kernel.name, identity))
        if self.options.output:
            try:
                fetch_outputs(self.kaggle, identity, version, self.out, kernel.name)
            except KernelgenError as error:
                if not why:
                    raise
                logger.warning(f"{error}")
        if why:
            raise KernelgenError(why)
        logger.info(f"kernel {identity}: version {version} is COMPLETE")
        # What a kernel that goes on from its own output still has to do; None if it is finished.
        left = read_output(self.kaggle, identity, version, UNFINISHED) if kernel.earlier else None
        if left is not None and self.options.push and self.options.resume:
            if self._unfinished.get(kernel.name) == left:
                reason = (left.splitlines() or ["it does not say why"])[0]
                raise KernelgenError(f"kernel {identity}: its last session got no further ({reason}); look at its log")
            self._unfinished[kernel.name] = left
            return False
        if left is not None:
            logger.warning(f"kernel {identity} is not finished; --push --resume goes on")
        if self.options.submit and kernel.submits:
            submit(self.kaggle, self.project, kernel, self.out, identity, version, self.commit)
        return True

    # ------------------------------------------------------------ runs

    def _run(self, identity: str, version: int) -> RunThere:
        """How the run of a version stands; with --wait, how it ended."""
        run = self.kaggle.run(identity, version)
        return run if run.is_over or not self.options.wait else self._first_that_ended({identity: version})[1]

    def _first_that_ended(self, running: dict[str, int]) -> tuple[str, RunThere]:
        """Wait until the run of one of several versions, by their kernels' identities, is over: whose, and how."""

        def look() -> tuple[str, tuple[str, RunThere] | None]:
            states = []
            for identity, version in running.items():
                run = self.kaggle.run(identity, version)
                states.append(f"{identity} {run.status}")
                if run.is_over:
                    return ", ".join(states), (identity, run)
            if self._to_come:
                states.append(f"{len(self._to_come)} to come")
            return ", ".join(states), None

        return self.kaggle.wait_for(look, "on Kaggle")

    def _check_over(self, identity: str, run: RunThere) -> None:
        if not run.is_over:
            raise KernelgenError(
                f"kernel {identity}: is {run.status}; give --wait, or when it has ended the same command again: "
                f"{self.options.command}"
            )

    # ------------------------------------------------------------ who is who

    def _build(self, kernel: Kernel) -> BuiltKernel:
        built = build_kernel(self.project, kernel, commit=self.commit)
        write_kernel(built, self.out)
        return built

    def _identity(self, of: Kernel | Source) -> str:
        owner = self.project.owner_or_placeholder
        return of.identity(owner) if isinstance(of, Source) else f"{owner}/{of.slug}"

    def _pushed_version(self, of: Kernel | Source) -> int:
        """The version of a kernel that was last pushed from here; 0 if none was."""
        name = of.kernel if isinstance(of, Source) else of.name
        pushed = read_pushed(self.out, name, self._identity(of)) if name else None
        return pushed.version if pushed else 0

    def _newest_version(self, of: Kernel | Source) -> int:
        """The version of a kernel that another would be given now; 0 if it is not on Kaggle."""
        there = self.kaggle.kernel(self._identity(of))
        # Just after a push, Kaggle may still speak of the version before.
        return max(self._pushed_version(of), there.version if there else 0)

    def _attached_versions(self, kernel: Kernel) -> dict[str, int]:
        versions = {}
        for source in kernel.attached:
            identity = self._identity(source)
            if source.kind == "dataset":
                versions[f"dataset:{identity}"] = self.kaggle.dataset(identity)[1]
            elif source.kind == "kernel":
                versions[f"kernel:{identity}"] = self._newest_version(source)
        return versions
