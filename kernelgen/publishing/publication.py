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
from kernelgen.publishing.records import pushed_path, read_sent
from kernelgen.publishing.runs import failure, fetch_outputs, read_output
from kernelgen.publishing.submitting import submit
from kernelgen.publishing.uploads import dataset_upload, datasets_to_send
from kernelgen.recipe.project import Kernel, Project
from kernelgen.recipe.sources import Source

logger = logging.getLogger(__name__)


class Publication:
    """One call's work. Everything that was done is noted, so that the same call again goes on where this one ended."""

    def __init__(self, kaggle: Kaggle, project: Project, out: Path, commit: str, options: Namespace) -> None:
        self.kaggle, self.project, self.out, self.commit = kaggle, project, Path(out), commit
        self.options = options
        self._unfinished: dict[str, str] = {}  # by kernel, what its last session left to do
        # The kernels of this call, by identity; the versions of those that run; those that another call has to push.
        self._built: dict[str, BuiltKernel] = {}
        self._running: dict[str, int] = {}
        self._left: set[str] = set()
        self._sent: set[str] = set()  # datasets and kernels that this call sent

    def carry_out(self, selected: Iterable[Kernel | DatasetFolder]) -> bool:
        """Do it all; False if something is left for another call (what, has been said)."""
        selected = list(selected)
        chosen = [target for target in selected if isinstance(target, Kernel)]
        if self.options.push:
            self._built = {self._identity(kernel): self._build(kernel) for kernel in chosen}
            self._send_datasets(selected)
            return self._push(chosen)
        if not chosen:
            raise KernelgenError("--wait, --output and --submit are for kernels; --target names none")
        for kernel in chosen:
            version = self._newest_version(kernel)
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
        """Push each kernel when all that it feeds on is there; those that cannot be are left for another call."""
        for kernel in chosen:
            while (reason := self._waits_for(kernel)) and self._running:
                self._finish_first()
            if reason:
                self._left.add(self._identity(kernel))
                logger.info(f"kernel {self._identity(kernel)}: left for another call, since {reason}")
            else:
                self._push_one(kernel)
        while self._running:
            self._finish_first()
        if self._left:
            logger.info(f"When that is COMPLETE, the same command goes on: {self.options.command}")
        return not self._left

    def _finish_first(self) -> None:
        """Wait until one of the runs is over, and push the next session of its kernel if it has to go on."""
        identity, run = self._first_that_ended(self._running)
        kernel = self._built[identity].kernel
        if not self._finish(kernel, self._running.pop(identity), run):
            self._push_one(kernel)

    def _waits_for(self, kernel: Kernel) -> str:
        """Why the kernel cannot be pushed yet, "" if it can; an error where what it feeds on is missing or failed."""
        for source in kernel.attached:
            if source.kind != "kernel" or source.owner is not None or source.kernel == kernel.name:
                continue
            identity = self._identity(source)
            feeds = f"feeds on kernel {identity}"
            if identity in self._running or identity in self._left:
                return f"it {feeds}, which has not ended"
            version = self._newest_version(source)
            run = self._run(identity, version) if version else None
            if run is None or (run.is_over and run.status != "COMPLETE"):
                state = f"ended in {run.status}" if run else "is not on Kaggle"
                add = f"add {source.kernel or source.slug} to --target"
                raise KernelgenError(f"kernel {self._identity(kernel)}: {feeds}, which {state}; {add}")
            if not run.is_over:
                return f"it {feeds}, which is {run.status}"
        return ""

    def _push_one(self, kernel: Kernel) -> None:
        built = self._built[self._identity(kernel)]
        if kernel.earlier and self.options.resume:
            goes_on = self._goes_on(kernel)
            if goes_on is None:
                return
            built = self._build(replace(kernel, resumed=goes_on))
        attached = [source for source in built.kernel.attached if source.kind in ("dataset", "kernel")]
        versions = {f"{own.kind}:{self._identity(own)}": self._newest_version(own) for own in attached}
        force = self.options.force or built.kernel.resumed
        try:
            fresh = not self._sent.isdisjoint(map(self._identity, attached))
            pushed = kernels.push(self.kaggle, built, self.out, versions, force=force, fresh=fresh)
        except kernels.SessionsFull as error:
            if not self._running:
                raise
            logger.warning(f"{error}; it is pushed when one of the others has ended")
            self._finish_first()
            return self._push_one(kernel)
        self._sent.add(pushed.identity)
        if self.options.wait:
            self._running[pushed.identity] = pushed.version
        elif self.options.output or self.options.submit:
            self._finish(kernel, pushed.version, self.kaggle.run(pushed.identity, pushed.version))

    def _goes_on(self, kernel: Kernel) -> bool | None:
        """Whether the kernel has an earlier output to go on from; None if there is nothing left to do."""
        identity, version = self._identity(kernel), self._newest_version(kernel)
        if not version:
            logger.warning(f"kernel {identity} is not on Kaggle yet and starts anew")
            return False
        run = self._run(identity, version)
        if run.is_over and run.status != "COMPLETE" and self.options.force:
            logger.warning(f"kernel {identity}: the last session ended in {run.status}; going on from the one before")
            return True
        if self._left_to_do(kernel, version, run) is not None:
            return True
        logger.info(f"kernel {identity}: is finished; without --resume it starts anew")
        if self.options.output:
            fetch_outputs(self.kaggle, identity, version, self.out, kernel.name)
        return None

    def _finish(self, kernel: Kernel, version: int, run: RunThere) -> bool:
        """What is asked for of a run that ended well: its output, its submission; False if it has to go on."""
        identity, left = self._identity(kernel), self._left_to_do(kernel, version, run)
        logger.info(f"kernel {identity}: version {version} is COMPLETE")
        if self.options.output:
            fetch_outputs(self.kaggle, identity, version, self.out, kernel.name)
        if left is not None and self.options.push and self.options.resume:
            if self._unfinished.get(identity) == left:
                reason = left.partition("\n")[0] or "it does not say why"
                raise KernelgenError(f"kernel {identity}: its last session got no further ({reason}); look at its log")
            self._unfinished[identity] = left
            return False
        if left is not None:
            logger.warning(f"kernel {identity} is not finished; --push --resume goes on")
        if self.options.submit and kernel.submits:
            submit(self.kaggle, self.project, kernel, self.out, identity, version, self.commit)
        return True

    def _left_to_do(self, kernel: Kernel, version: int, run: RunThere) -> str | None:
        """What a kernel whose run ended well says that it still has to do; None if nothing."""
        identity = self._identity(kernel)
        if not run.is_over:
            advice = f"give --wait, or when it has ended the same command again: {self.options.command}"
            raise KernelgenError(f"kernel {identity}: is {run.status}; {advice}")
        if run.status != "COMPLETE":
            why = failure(self.kaggle, identity, version, run)
            if self.options.output:  # what it wrote tells more
                try:
                    fetch_outputs(self.kaggle, identity, version, self.out, kernel.name)
                except KernelgenError as error:
                    logger.warning(f"{error}")
            resumes = kernel.earlier and self.options.resume
            advice = "; --force goes on from the last session that ended well" if resumes else ""
            raise KernelgenError(f"{why}{advice}")
        return read_output(self.kaggle, identity, version, UNFINISHED) if kernel.earlier else None

    # ------------------------------------------------------------ runs

    def _run(self, identity: str, version: int) -> RunThere:
        """How the run of a version stands; with --wait, how it ended."""
        if self.options.wait:
            return self._first_that_ended({identity: version})[1]
        return self.kaggle.run(identity, version)

    def _first_that_ended(self, running: dict[str, int]) -> tuple[str, RunThere]:
        """Wait until the run of one of several versions, by their kernels' identities, is over: whose, and how."""

        def look() -> tuple[str, tuple[str, RunThere] | None]:
            runs = {identity: self.kaggle.run(identity, version) for identity, version in running.items()}
            words = ", ".join(f"{identity} {run.status}" for identity, run in runs.items())
            return words, next((ended for ended in runs.items() if ended[1].is_over), None)

        return self.kaggle.wait_for(look, "on Kaggle")

    # ------------------------------------------------------------ who is who

    def _build(self, kernel: Kernel) -> BuiltKernel:
        built = build_kernel(self.project, kernel, commit=self.commit)
        write_kernel(built, self.out)
        return built

    def _identity(self, of: Kernel | Source) -> str:
        owner = self.project.owner_or_placeholder
        return of.identity(owner) if isinstance(of, Source) else f"{owner}/{of.slug}"

    def _newest_version(self, of: Kernel | Source) -> int:
        """The version of a kernel or dataset that a kernel would be given now; 0 if it is not on Kaggle."""
        identity = self._identity(of)
        if isinstance(of, Source) and of.kind == "dataset":
            return self.kaggle.dataset(identity)[1]
        there = self.kaggle.kernel(identity)
        name = of.kernel if isinstance(of, Source) else of.name
        pushed = read_sent(pushed_path(self.out, name, identity), identity) if name else None
        # Just after a push, Kaggle may still speak of the version before.
        return max(pushed.version if pushed else 0, there.version if there else 0)
