"""What is asked for, in the order that it needs: datasets, kernels, runs, outputs, submissions."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
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
from kernelgen.publishing.outputs import fetch_outputs, read_output
from kernelgen.publishing.records import PushedKernel, pushed_notebook, read_pushed
from kernelgen.publishing.runs import check_ended_well, first_that_ended, run_now
from kernelgen.publishing.submitting import submit
from kernelgen.publishing.uploads import dataset_upload, datasets_to_send
from kernelgen.recipe.project import Kernel, Project
from kernelgen.recipe.sources import Source

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PushOptions:
    """What the command line asks for; ``command`` repeats it."""

    push: bool = False
    again: bool = False
    wait: bool = False
    resume: bool = False
    outputs: bool = False
    submit: bool = False
    command: str = ""


class Publication:
    """One call's work. Everything that was done is noted, so that the same call again goes on where this one ended."""

    def __init__(self, kaggle: Kaggle, project: Project, out: Path, commit: str, options: PushOptions) -> None:
        self.kaggle, self.project, self.out, self.commit = kaggle, project, Path(out), commit
        self.options = options
        self._versions: dict[str, int] = {}  # of datasets that were sent or are there unchanged
        self._sent: set[str] = set()  # datasets and kernels that this call sent
        self._unfinished: dict[str, str] = {}  # by kernel, what its last session left to do
        self._built_kernels: dict[str, BuiltKernel] = {}
        self._to_come: list[Kernel] = []
        self._running: dict[str, PushedKernel] = {}
        self._left: dict[str, str] = {}  # by kernel, why it is left for another call

    def carry_out(self, selected: Iterable[Kernel | DatasetFolder]) -> bool:
        """Do it all; False if something is left for another call (what, has been said)."""
        selected = list(selected)
        chosen = [target for target in selected if isinstance(target, Kernel)]
        if self.options.push:
            self._built_kernels = {kernel.name: self._built(kernel) for kernel in chosen}
            self._send_datasets(selected)
            return self._push(chosen)
        if not chosen:
            raise KernelgenError("--wait, --output and --submit are for kernels; --target names none")
        for kernel in chosen:
            identity = self._identity(kernel)
            pushed = read_pushed(self.out, kernel.name, identity)
            version = pushed.version if pushed else None
            run = run_now(self.kaggle, identity, version, known=version is not None, wait=self.options.wait)
            if run is None:
                raise KernelgenError(f"kernel {identity}: is not on Kaggle; push it first")
            self._finish(kernel, version, run)
        return True

    def _send_datasets(self, selected: list[Kernel | DatasetFolder]) -> None:
        uploads = []
        for dataset in datasets_to_send(self.project, selected):
            fill(dataset, self.project.owner_or_placeholder, output_of=partial(newest_output, self.out))
            uploads.append(dataset_upload(dataset))
        for upload in uploads:
            force = self.options.again and upload.dataset in selected
            if datasets.publish(self.kaggle, upload, notes=f"commit {self.commit}", force=force):
                self._sent.add(upload.identity)
        for upload in uploads:
            self._versions[upload.identity] = datasets.wait_until_ready(self.kaggle, upload)

    # ------------------------------------------------------------ kernels

    def _push(self, chosen: list[Kernel]) -> bool:
        """Push each kernel as soon as all that it feeds on is there."""
        self._to_come = list(chosen)
        self._push_those_that_can()
        while self._running:
            versions = {name: (pushed.identity, pushed.version) for name, pushed in self._running.items()}
            name, run = first_that_ended(self.kaggle, versions, len(self._to_come))
            ended, pushed = self.project.kernels[name], self._running.pop(name)
            if not self._finish(ended, pushed.version, run):
                self._to_come.insert(0, ended)
            self._push_those_that_can()
        for name, reason in self._left.items():
            logger.info(f"kernel {self._identity(self.project.kernels[name])}: left for another call, since {reason}")
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
                self._left[kernel.name] = reason
            else:
                try:
                    pushed = self._push_one(kernel)
                except kernels.SessionsFull as error:
                    if not (self.options.wait and self._running):
                        raise
                    logger.warning(f"{error}; it is pushed when one of the others has ended")
                    return
                self._sent.add(self._identity(kernel))
                if pushed:
                    self._running[kernel.name] = pushed
            self._to_come.remove(kernel)

    def _waits_for(self, kernel: Kernel) -> str:
        """Why the kernel cannot be pushed yet, "" if it can; an error where what it feeds on is missing or failed."""
        under_way = {*self._running, *self._left}
        if self.options.wait:
            under_way |= {other.name for other in self._to_come}
        for source in kernel.attached:
            if source.kind != "kernel" or source.owner is not None or source.kernel == kernel.name:
                continue
            identity = self._identity_of(source)
            feeds = f"feeds on kernel {identity}"
            if source.kernel in under_way:
                return f"it {feeds}, which has not ended"
            run = self._latest_run(source)
            add = f"add {source.kernel} to --target" if source.kernel else "push it first"
            if run is None:
                raise KernelgenError(f"kernel {self._identity(kernel)}: {feeds}, which is not on Kaggle; {add}")
            if run.is_over and not run.is_complete:
                raise KernelgenError(
                    f"kernel {self._identity(kernel)}: {feeds}, whose last run ended in {run.status}; {add}, so that "
                    "it runs again"
                )
            if not run.is_complete:
                return f"it {feeds}, which is {run.status}"
        return ""

    def _latest_run(self, source: Source) -> RunThere | None:
        """Of the version that a kernel pushed now would be given."""
        identity = self._identity_of(source)
        before = read_pushed(self.out, source.kernel, identity) if source.kernel else None
        there = self.kaggle.kernel(identity)
        # Just after a push, Kaggle may still speak of the version before.
        ours = (before.version if before else None) or 0
        version = max(ours, there.version if there else 0)
        return run_now(self.kaggle, identity, version or None, known=bool(ours), wait=self.options.wait)

    def _push_one(self, kernel: Kernel) -> PushedKernel | None:
        """Its version on Kaggle; None where nothing has to be followed."""
        identity, built = self._identity(kernel), self._built_kernels[kernel.name]
        if kernel.earlier and self.options.resume:
            goes_on = self._goes_on(kernel)
            if goes_on is None:
                return None
            built = self._built(replace(kernel, resumed=goes_on))
        pushed = kernels.push(
            self.kaggle,
            built,
            self.out,
            self._attached_versions(built.kernel),
            force=self.options.again or built.kernel.resumed,
            fresh=not self._sent.isdisjoint(map(self._identity_of, built.kernel.attached)),
        )
        if self.options.wait:
            return pushed
        if self.options.outputs or self.options.submit:
            run = self.kaggle.run(identity, pushed.version, known=True)
            assert run is not None  # else Refused
            self._finish(kernel, pushed.version, run)
        return None

    def _goes_on(self, kernel: Kernel) -> bool | None:
        """Whether the kernel has an earlier output to go on from; None if there is nothing left to do."""
        identity = self._identity(kernel)
        # Of a kernel that was pushed from here, one 404 does not make a training start anew.
        before = read_pushed(self.out, kernel.name, identity)
        known = before is not None and before.version is not None
        run = run_now(self.kaggle, identity, None, known=known, wait=self.options.wait)
        if run is None:
            logger.warning(f"kernel {identity} is not on Kaggle yet and starts anew")
            return False
        self._check_over(identity, run)
        if not run.is_complete and self.options.again:
            logger.warning(f"kernel {identity}: the last session ended in {run.status}; going on from the one before")
            return True
        try:
            check_ended_well(self.kaggle, identity, None, run, pushed_notebook(self.out, kernel.name, identity))
        except KernelgenError as error:
            raise KernelgenError(f"{error}; --force goes on from the last session that ended well") from error
        if read_output(self.kaggle, identity, None, UNFINISHED) is None:
            logger.info(f"kernel {identity}: is finished; without --resume it starts anew")
            if self.options.outputs:
                fetch_outputs(self.kaggle, identity, None, self.out, kernel.name)
            return None
        return True

    def _finish(self, kernel: Kernel, version: int | None, run: RunThere) -> bool:
        """What is asked for of a run that ended well: its output, its submission; False if it has to go on."""
        identity = self._identity(kernel)
        self._check_over(identity, run)
        fetch = partial(fetch_outputs, self.kaggle, identity, version, self.out, kernel.name)
        notebook = pushed_notebook(self.out, kernel.name, identity)
        try:
            check_ended_well(self.kaggle, identity, version, run, notebook)
        except KernelgenError:
            if self.options.outputs:  # what it wrote tells why
                try:
                    fetch()
                except KernelgenError as error:
                    logger.warning(f"{error}")
            raise
        logger.info(f"kernel {identity}: {f'version {version} is ' if version else ''}COMPLETE")
        if self.options.outputs:
            fetch()
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
            submit(self.kaggle, self.project, kernel, self.out, identity, self.commit)
        return True

    def _check_over(self, identity: str, run: RunThere) -> None:
        if not run.is_over:
            raise KernelgenError(
                f"kernel {identity}: is {run.status}; give --wait, or when it has ended the same command again: "
                f"{self.options.command}"
            )

    # ------------------------------------------------------------ who is who

    def _built(self, kernel: Kernel) -> BuiltKernel:
        built = build_kernel(self.project, kernel, commit=self.commit)
        write_kernel(built, self.out)
        return built

    def _identity(self, kernel: Kernel) -> str:
        return f"{self.project.owner_or_placeholder}/{kernel.slug}"

    def _identity_of(self, source: Source) -> str:
        return source.identity(self.project.owner_or_placeholder)

    def _attached_versions(self, kernel: Kernel) -> dict[str, int]:
        versions = {}
        for source in kernel.attached:
            identity = self._identity_of(source)
            if source.kind == "dataset":
                versions[f"dataset:{identity}"] = self._versions.get(identity) or self.kaggle.dataset_version(identity)
            elif source.kind == "kernel":
                there = self.kaggle.kernel(identity)
                versions[f"kernel:{identity}"] = there.version if there else 0
        return versions
