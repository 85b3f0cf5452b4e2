"""What is asked for, in the order that it needs: datasets, kernels, runs, outputs, submissions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
from kernelgen.publishing.following import check_ended_well
from kernelgen.publishing.outputs import fetch_outputs, read_output
from kernelgen.publishing.records import PushedKernel, pushed_notebook, read_pushed
from kernelgen.publishing.submitting import submit
from kernelgen.publishing.waiting import Patience, wait_for
from kernelgen.recipe.project import Kernel, Project
from kernelgen.recipe.sources import Source


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for; ``command`` repeats it."""

    push: bool = False
    again: bool = False
    wait: bool = False
    resume: bool = False
    outputs: bool = False
    submit: bool = False
    command: str = ""


def datasets_to_send(project: Project, selected: Iterable[Kernel | DatasetFolder]) -> list[DatasetFolder]:
    """The datasets that are selected, and those of this project that the selected kernels attach."""
    wanted: dict[str, DatasetFolder] = {}
    for target in selected:
        if isinstance(target, DatasetFolder):
            wanted[target.name] = target
        else:
            ours = [one.dataset for one in target.attached if one.dataset and one.owner is None]
            wanted |= {name: project.datasets[name] for name in ours}
    return list(wanted.values())


class Publication:
    """One call's work. Everything that was done is noted, so that the same call again goes on where this one ended."""

    def __init__(
        self, kaggle: Kaggle, project: Project, out: Path, commit: str, wishes: Wishes, say: Callable[[str], None]
    ) -> None:
        self.kaggle, self.project, self.out, self.commit = kaggle, project, Path(out), commit
        self.wishes, self.say = wishes, say
        self._versions: dict[str, int] = {}  # of datasets that were sent or found unchanged
        self._sent: set[str] = set()  # datasets and kernels that this call sent
        self._unfinished: dict[str, str] = {}  # by kernel, what its last session left to do

    def carry_out(self, selected: Iterable[Kernel | DatasetFolder]) -> bool:
        """Does it all; False if something is left for another call (what, has been said).

        Raises:
            KernelgenError: something is wrong, or Kaggle refused it.
        """
        selected = list(selected)
        chosen = [target for target in selected if isinstance(target, Kernel)]
        if self.wishes.push:
            built = {kernel.name: self._built(kernel) for kernel in chosen}
            self._send_datasets(selected)
            return self._push(chosen, built)
        if not chosen:
            raise KernelgenError("--wait, --outputs and --submit are for kernels; --target names none")
        for kernel in chosen:
            pushed = read_pushed(self.out, kernel.name, self._identity(kernel))
            self._finish(kernel, pushed, waiting=self.wishes.wait)
        return True

    # ------------------------------------------------------------ datasets

    def _send_datasets(self, selected: list[Kernel | DatasetFolder]) -> None:
        parcels = []
        for dataset in datasets_to_send(self.project, selected):
            fill(dataset, self.project.owner_or_placeholder, self.say, output_of=partial(newest_output, self.out))
            parcels.append(datasets.parcel(dataset))
        named = {target.name for target in selected if isinstance(target, DatasetFolder)}
        for parcel in parcels:
            again = self.wishes.again and parcel.dataset.name in named
            if datasets.publish(self.kaggle, parcel, notes=f"commit {self.commit}", again=again, say=self.say):
                self._sent.add(parcel.identity)
        for parcel in parcels:
            self._versions[parcel.identity] = datasets.wait_until_ready(self.kaggle, parcel)

    # ------------------------------------------------------------ kernels

    def _push(self, chosen: list[Kernel], built: dict[str, BuiltKernel]) -> bool:
        """Pushes each kernel as soon as all that it feeds on is there."""
        to_come, running = list(chosen), dict[str, PushedKernel]()
        left: dict[str, str] = {}  # by kernel, why it is left for another call
        while to_come or running:
            for kernel in list(to_come):
                reason = self._waits_for(kernel, {other.name for other in to_come}, {*running, *left})
                if not reason:
                    try:
                        pushed = self._push_one(kernel, built)
                    except kernels.SessionsFull as error:
                        if not (self.wishes.wait and running):
                            raise
                        self.say(f"note: {error}; it is pushed when one of the others has ended")
                        break
                    to_come.remove(kernel)
                    self._sent.add(self._identity(kernel))
                    if pushed:
                        running[kernel.name] = pushed
                elif not self.wishes.wait:
                    to_come.remove(kernel)
                    left[kernel.name] = reason
            if not self.wishes.wait:
                if not to_come:
                    break
                continue
            if running:
                ended = self._one_that_ended(running, len(to_come))
                pushed = running.pop(ended.name)
                try:
                    finished = self._finish(ended, pushed, waiting=False)
                except KernelgenError:
                    if running:
                        self.say(f"note: {', '.join(running)} go on running; the same command follows them again")
                    raise
                if not finished:
                    to_come.insert(0, ended)
        for name, reason in left.items():
            self.say(f"kernel {self._identity(self.project.kernels[name])}: left for another call, since {reason}")
        if left:
            self.say(f"When that is COMPLETE, the same command goes on: {self.wishes.command}")
        return not left

    def _waits_for(self, kernel: Kernel, to_come: set[str], under_way: set[str]) -> str:
        """Why the kernel cannot be pushed yet, "" if it can.

        Raises:
            KernelgenError: what it feeds on is not there, or failed.
        """
        for source in self._own_kernels(kernel):
            identity = self._identity_of(source)
            if source.kernel in under_way or (self.wishes.wait and source.kernel in to_come):
                return f"it feeds on kernel {identity}, which has not ended"
            run = self._latest_run(source, wait=self.wishes.wait)
            add = f"add {source.kernel} to --target" if source.kernel else "push it first"
            if run is None:
                raise KernelgenError(
                    f"kernel {self._identity(kernel)}: feeds on kernel {identity}, which is not on Kaggle; {add}"
                )
            if run.is_over and not run.is_complete:
                raise KernelgenError(
                    f"kernel {self._identity(kernel)}: feeds on kernel {identity}, whose last run ended in "
                    f"{run.status}; {add}, so that it runs again"
                )
            if not run.is_complete:
                return f"it feeds on kernel {identity}, which is {run.status}"
        return ""

    def _latest_run(self, source: Source, *, wait: bool) -> RunThere | None:
        """Of the version that a kernel pushed now would be given."""
        identity = self._identity_of(source)
        before = read_pushed(self.out, source.kernel, identity) if source.kernel else None
        there = self.kaggle.kernel(identity)
        # Just after a push, Kaggle may still speak of the version before.
        versions = [one.version for one in (before, there) if one is not None and one.version]
        version = max(versions, default=None)
        run = self.kaggle.run(identity, version)
        if run is not None and wait and not run.is_over:
            self._wait(identity, version)
            run = self.kaggle.run(identity, version)
        return run

    def _push_one(self, kernel: Kernel, built: dict[str, BuiltKernel]) -> PushedKernel | None:
        """Its version on Kaggle; None where nothing has to be followed."""
        identity = self._identity(kernel)
        here = built[kernel.name]
        if kernel.earlier and self.wishes.resume:
            goes_on = self._goes_on(kernel)
            if goes_on is None:
                return None
            here = self._built(replace(kernel, resumed=goes_on))
        pushed = kernels.push(
            self.kaggle,
            here,
            self.out,
            self._attached_versions(here.kernel),
            again=self.wishes.again or here.kernel.resumed,
            fresh=not self._sent.isdisjoint(map(self._identity_of, here.kernel.attached)),
            say=self.say,
        )
        if not self.wishes.wait:
            if self.wishes.outputs or self.wishes.submit:
                run = self.kaggle.run(identity, pushed.version)
                if run is None or not run.is_complete:
                    raise KernelgenError(
                        f"kernel {identity}: is {run.status if run else 'not there'}; give --wait to fetch or submit "
                        "what it makes"
                    )
                self._finish(kernel, pushed, waiting=False)
            return None
        return pushed

    def _goes_on(self, kernel: Kernel) -> bool | None:
        """Whether the kernel has an earlier output to go on from; None if there is nothing left to do."""
        identity = self._identity(kernel)
        run = self.kaggle.run(identity)
        if run is None:
            self.say(f"note: kernel {identity} is not on Kaggle yet and starts anew")
            return False
        if not run.is_over:
            if not self.wishes.wait:
                raise KernelgenError(
                    f"kernel {identity}: is {run.status}; when it has ended, the same command goes on: "
                    f"{self.wishes.command}"
                )
            self._wait(identity, None)
            run = self.kaggle.run(identity)
        if not run.is_complete and self.wishes.again:
            self.say(f"note: kernel {identity}: the last session ended in {run.status}; going on from the one before")
            return True
        try:
            check_ended_well(
                self.kaggle, identity, None, run, pushed_notebook(self.out, kernel.name, identity), self.say
            )
        except KernelgenError as error:
            raise KernelgenError(f"{error}; --again goes on from the last session that ended well") from error
        if self._what_is_left(identity, None) is None:
            self.say(f"kernel {identity}: is finished; without --resume it starts anew")
            if self.wishes.outputs:
                fetch_outputs(self.kaggle, identity, None, self.out, kernel.name, self.say)
            return None
        return True

    def _one_that_ended(self, running: dict[str, PushedKernel], to_come: int) -> Kernel:
        """Waits until one of the runs is over."""

        listed = {
            name: Patience(f"kernel {pushed.identity}: Kaggle does not tell how version {pushed.version} runs; look at "
                           f"{pushed.url}")
            for name, pushed in running.items()
        }  # fmt: skip

        def look() -> tuple[str, Kernel | None]:
            states = []
            for name, pushed in running.items():
                run = listed[name].check(self.kaggle.run(pushed.identity, pushed.version))
                states.append(f"{name} {run.status if run else 'not there yet'}")
                if run is not None and run.is_over:
                    return ", ".join(states), self.project.kernels[name]
            return ", ".join(states) + (f", {to_come} to come" if to_come else ""), None

        with self.kaggle.patiently():
            return wait_for(look, "on Kaggle")

    def _finish(self, kernel: Kernel, pushed: PushedKernel | None, *, waiting: bool) -> bool:
        """What is asked for of a run: that it ended well, its output, its submission; False if it has to go on."""
        identity, version = self._identity(kernel), pushed.version if pushed else None
        if waiting:
            self._wait(identity, version)
        run = self.kaggle.run(identity, version)
        if run is None:
            raise KernelgenError(f"kernel {identity}: is not on Kaggle; push it first")
        if not run.is_over:
            raise KernelgenError(f"kernel {identity}: is {run.status}; give --wait, or ask again later")
        notebook = pushed_notebook(self.out, kernel.name, identity)
        try:
            check_ended_well(self.kaggle, identity, version, run, notebook, self.say)
        finally:
            # Of a run that failed, what it wrote tells why.
            if self.wishes.outputs and not run.is_complete:
                self._fetch_what_there_is(identity, version, kernel)
        self.say(f"kernel {identity}: {f'version {version} is ' if version else ''}COMPLETE")
        left = self._what_is_left(identity, version) if kernel.earlier else None
        if self.wishes.outputs:
            fetch_outputs(self.kaggle, identity, version, self.out, kernel.name, self.say)
        if left is not None and self.wishes.push and self.wishes.resume:
            if self._unfinished.get(kernel.name) == left:
                raise KernelgenError(
                    f"kernel {identity}: its last session got no further ({left.splitlines()[0]}); look at its log"
                )
            self._unfinished[kernel.name] = left
            return False
        if left is not None:
            self.say(f"note: kernel {identity} is not finished; --push --resume goes on")
        if self.wishes.submit and kernel.submits:
            submit(self.kaggle, self.project, kernel, self.out, identity, self.commit, self.say)
        return True

    def _fetch_what_there_is(self, identity: str, version: int | None, kernel: Kernel) -> None:
        try:
            fetch_outputs(self.kaggle, identity, version, self.out, kernel.name, self.say)
        except KernelgenError as error:
            self.say(f"note: {error}")

    def _wait(self, identity: str, version: int | None) -> None:
        def look() -> tuple[str, bool | None]:
            run = self.kaggle.run(identity, version)
            if run is None:
                raise KernelgenError(f"kernel {identity}: is not on Kaggle; push it first")
            return run.status, run.is_over or None

        with self.kaggle.patiently():
            wait_for(look, f"kernel {identity}{f', version {version}' if version else ''}")

    def _what_is_left(self, identity: str, version: int | None) -> str | None:
        """What a kernel that goes on from its own output still has to do; None if it is finished."""
        return read_output(self.kaggle, identity, version, UNFINISHED)

    # ------------------------------------------------------------ who is who

    def _built(self, kernel: Kernel) -> BuiltKernel:
        built = build_kernel(self.project, kernel, commit=self.commit)
        write_kernel(built, self.out)
        return built

    def _identity(self, kernel: Kernel) -> str:
        return f"{self.project.owner_or_placeholder}/{kernel.slug}"

    def _identity_of(self, source: Source) -> str:
        return source.identity(self.project.owner_or_placeholder)

    def _own_kernels(self, kernel: Kernel) -> list[Source]:
        return [
            source
            for source in kernel.attached
            if source.kind == "kernel" and source.owner is None and source.kernel != kernel.name
        ]

    def _attached_versions(self, kernel: Kernel) -> dict[str, int]:
        versions = {}
        for source in kernel.attached:
            if source.kind == "dataset":
                identity = self._identity_of(source)
                there = self._versions.get(identity) or self.kaggle.dataset_version(identity)
                versions[f"dataset:{identity}"] = there or 0
            elif source.kind == "kernel":
                identity = self._identity_of(source)
                there = self.kaggle.kernel(identity)
                versions[f"kernel:{identity}"] = (there.version or 0) if there else 0
        return versions
