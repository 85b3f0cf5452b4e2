"""Kernels: saving, running, and what a run leaves behind."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import defaultdict, deque

from slugify import slugify

from .errors import Refusal
from .logs import as_log
from .records import Kernel, KernelVersion, Run, timestamp

LARGEST_SOURCE = 1_000_000
INTERNAL = (
    "An internal server error occurred. Please ensure that your API client is up to date. "
    "If it is, please report a bug at github.com/Kaggle/kaggle-api"
)
INVALID_LISTS = (
    "invalidTags",
    "invalidDatasetSources",
    "invalidCompetitionSources",
    "invalidKernelSources",
    "invalidModelSources",
)
ACCELERATORS = {"None", "NvidiaTeslaT4", "NvidiaL4", "NvidiaL4X1", "NvidiaH100", "Tpu1VmV38", "TpuV6E8"}
RETIRED = {"NvidiaTeslaP100"}
NO_KERNEL_NAME = "ValueError: No kernel name found in notebook and no override provided.\n"


class Kernels:
    """The endpoints of kernels.KernelsApiService."""

    def __init__(self, server):
        self.server = server
        self.kernels: dict[str, Kernel] = {}
        self.scripts: dict[str, deque[tuple[Run, int | None]]] = defaultdict(deque)

    # ------------------------------------------------------------ saving

    def SaveKernel(self, body: dict, user: str) -> dict:
        server = self.server
        kernel, owner, slug, title = self._meant(body, user)
        source = body.get("text") or ""
        if len(source.encode()) >= LARGEST_SOURCE:
            raise Refusal(400, "The source of a notebook must be smaller than 1 MB")
        notebook = self._notebook(source) if body.get("kernelType") == "notebook" else None
        uses_gpu = self._uses_gpu(body)
        if error := self._no_room(user) if uses_gpu else None:
            return self._reply(error=error)
        attached, invalid = self._attach(body, user)

        if kernel is None:
            kernel = self.kernels[f"{owner}/{slug}"] = Kernel(server.next_number(), owner, slug, title)
        kernel.title = title
        run = self._next_run(kernel.ref)
        if notebook is not None and not (notebook.get("metadata", {}).get("kernelspec") or {}).get("name"):
            run = Run("ERROR", log=[{"stream_name": "stderr", "time": 3.2, "data": NO_KERNEL_NAME}], polls=run.polls)
        version = KernelVersion(
            number=len(kernel.versions) + 1,
            request=body,
            text=source,
            attached=attached,
            run=run,
            polls=server.run_polls if run.polls is None else run.polls,
            seconds=server.run_seconds if run.polls is None else None,
            uses_gpu=uses_gpu,
            user=user,
        )
        kernel.versions.append(version)
        self._start(kernel, version)
        if version.polls == 0 and version.seconds is None:
            self._advance(version, asked=False)
        return self._reply(kernel, version, invalid)

    def _meant(self, body: dict, user: str) -> tuple[Kernel | None, str, str, str]:
        """The kernel that a request is about (None for a new one), its owner, slug and title."""
        server, title, number = self.server, body.get("newTitle") or "", body.get("id")
        if number:
            kernel = next((one for one in self.kernels.values() if one.id == number), None)
            if kernel is None:
                raise Refusal(404, "Notebook not found")
            owner, slug = kernel.owner, kernel.slug
        else:
            owner, _, slug = (body.get("slug") or "").rpartition("/")
            owner = owner or user
            kernel = self.kernels.get(f"{owner}/{slug}")
        if not server.accounts.may_write(user, owner):
            raise Refusal(403, "Permission 'kernels.update' was denied")
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) or len(slug) < 5:
            raise Refusal(400, f"Invalid slug: {slug}")
        if body.get("language") not in ("python", "r", "rmarkdown") or body.get("kernelType") not in (
            "script",
            "notebook",
        ):
            raise Refusal(400, "A valid language and kernel type must be specified")
        title = title or (kernel.title if kernel else slug)
        if not 5 <= len(title) <= 50:
            raise Refusal(400, "Title must be between 5 and 50 characters")
        if slugify(title) != slug:
            if server.slug_mismatch == "conflict" or kernel is not None:
                raise Refusal(409, f'The title "{title}" does not resolve to the slug "{slug}"')
            slug = slugify(title)
            kernel = self.kernels.get(f"{owner}/{slug}")
        same = [one for one in self.kernels.values() if one.owner == owner and one.title == title and one is not kernel]
        if same:
            raise Refusal(
                409, f'The requested title "{title}" is already in use by a notebook. Please choose another title.'
            )
        return kernel, owner, slug, title

    @staticmethod
    def _notebook(source: str) -> dict:
        try:
            notebook = json.loads(source)
            cells = notebook["cells"]
        except (ValueError, TypeError, KeyError):
            raise Refusal(400, "The source is not a valid notebook") from None
        if any(not isinstance(cell.get("source"), str) for cell in cells):
            raise Refusal(500, INTERNAL)  # what Kaggle makes of sources that are lists of lines
        return notebook

    def _uses_gpu(self, body: dict) -> bool:
        shape = body.get("machineShape") or "None"
        if shape in RETIRED:
            raise Refusal(400, f"The machine shape {shape} is no longer available")
        if shape not in ACCELERATORS:
            raise Refusal(400, f"Invalid machine shape: {shape}")
        return shape.startswith("Nvidia") or (bool(body.get("enableGpu")) and shape == "None")

    def _no_room(self, user: str) -> str | None:
        """Why no GPU session can start. Time passes meanwhile: sessions that run come nearer to their end."""
        server = self.server
        if server.gpu_hours_used >= server.gpu_hours_allowed:
            return f"Maximum weekly GPU quota of {server.gpu_hours_allowed:.2f} hours reached."
        busy = [
            version
            for kernel in self.kernels.values()
            for version in kernel.versions
            if version.uses_gpu and version.user == user and not version.finished
        ]
        if len(busy) < server.gpu_sessions:
            return None
        for version in busy:
            self._advance(version)
        return f"Maximum batch GPU session count of {server.gpu_sessions} reached."

    def _attach(self, body: dict, user: str) -> tuple[dict, dict[str, list[str]]]:
        """What is there to be mounted at this moment, and what is not."""
        server = self.server
        attached: dict[str, int | None] = {}
        invalid: dict[str, list[str]] = {name: [] for name in INVALID_LISTS}
        for source in body.get("datasetDataSources", []):
            owner, slug, *version = source.split("/")
            dataset = server.datasets.get(f"{owner}/{slug}")
            current = dataset and dataset.current
            if current is None or (dataset.is_private and not server.accounts.may_write(user, owner)):
                invalid["invalidDatasetSources"].append(source)
            else:
                attached[source] = int(version[0]) if version else current.number
        for source in body.get("kernelDataSources", []):
            owner, slug, *version = source.split("/")
            kernel = self.kernels.get(f"{owner}/{slug}")
            if kernel is None or (
                kernel.versions[-1].request.get("isPrivate") and not server.accounts.may_write(user, owner)
            ):
                invalid["invalidKernelSources"].append(source)
            else:
                attached[source] = int(version[0]) if version else kernel.complete and kernel.complete.number
        for source in body.get("competitionDataSources", []):
            competition = server.competitions.get(source)
            if competition is None or not competition.joined:
                invalid["invalidCompetitionSources"].append(source)
            else:
                attached[source] = None
        for source in body.get("modelDataSources", []):
            if source in server.models:
                attached[source] = int(source.rpartition("/")[2])
            else:
                invalid["invalidModelSources"].append(source)
        invalid["invalidTags"] = [tag for tag in body.get("categoryIds", []) if tag not in server.tags]
        return attached, invalid

    def _reply(self, kernel=None, version=None, invalid=None, error: str = "") -> dict:
        reply = {"ref": None, "url": None, "versionNumber": None, "error": error, "kernelId": 0}
        if kernel is not None:
            reply |= {
                "ref": self.server.ref_prefix + kernel.ref,
                "url": f"https://www.kaggle.com/code/{kernel.ref}",
                "versionNumber": version.number,
                "kernelId": kernel.id,
            }
        return reply | (invalid or {name: [] for name in INVALID_LISTS})

    # ------------------------------------------------------------ running

    def script(self, ref: str, run: Run, times: int | None) -> None:
        self.scripts[ref].append((run, times))

    def _next_run(self, ref: str) -> Run:
        ordered = self.scripts[ref]
        if not ordered:
            return Run()
        run, times = ordered[0]
        if times is not None:
            ordered.popleft()
            if times > 1:
                ordered.appendleft((run, times - 1))
        return run

    def _start(self, kernel: Kernel, version: KernelVersion) -> None:
        """Let the test's hook work on the outputs beside the requests, so that a long one does not hold them up."""
        hook = self.server.on_run
        if hook is None or version.run.status != "COMPLETE" or version.run.outputs is not None:
            return

        def work():
            try:
                made = hook(kernel.ref, version)
            except Exception as error:
                self.server.violation(f"on_run({kernel.ref}, version {version.number}): {error!r}")
                made = Run("ERROR", log=f"{error!r}\n")
            version.run = made if isinstance(made, Run) else Run(outputs=made or {})

        version.hook = threading.Thread(target=work, daemon=True)
        version.hook.start()

    def _advance(self, version: KernelVersion, asked: bool = True) -> str:
        """The status that this request gets to see."""
        if version.finished:
            return version.status
        if version.seconds is not None:
            ready = time.monotonic() - version.started >= version.seconds
            version.status = "RUNNING"
        else:
            ready = version.polled >= version.polls
            version.status = "RUNNING" if version.polled or version.polls < 2 else "QUEUED"
            version.polled += asked
        if not ready:
            return version.status
        if version.hook is not None:
            version.hook.join(self.server.hook_patience)
            if version.hook.is_alive():
                return version.status
        run = version.run
        version.outputs = {
            name: content.encode() if isinstance(content, str) else bytes(content)
            for name, content in (run.outputs or {}).items()
        }
        version.log = as_log("finished\n" if run.log is None else run.log)
        version.failure_message = run.failure_message
        version.status = run.status
        return version.status

    # ------------------------------------------------------------ asking

    def _found(self, body: dict, user: str) -> tuple[Kernel, KernelVersion]:
        kernel = self.kernels.get(f"{body.get('userName')}/{body.get('kernelSlug')}")
        public = kernel is not None and not kernel.versions[-1].request.get("isPrivate")
        if kernel is None or not (public or self.server.accounts.may_write(user, kernel.owner)):
            # Kaggle does not tell a stranger's private notebook from one that is not there.
            raise Refusal(self.server.missing_kernel_status, "Permission 'kernels.get' was denied")
        label = body.get("versionLabel")
        if not label:
            return kernel, kernel.versions[-1]
        match = re.fullmatch(r"v(\d+)", label)  # the bare number is a 404, as Kaggle's
        if not match or not 1 <= int(match[1]) <= len(kernel.versions):
            raise Refusal(404, "Not found")
        return kernel, kernel.versions[int(match[1]) - 1]

    def GetKernelSessionStatus(self, body: dict, user: str) -> dict:
        _, version = self._found(body, user)
        return {"status": self._advance(version), "failureMessage": version.failure_message}

    def ListKernelSessionOutput(self, body: dict, user: str) -> dict:
        _, version = self._found(body, user)
        names = sorted(version.outputs)
        names, token = self.server.page(names, body, 20)
        files = [{"fileName": name, "url": self.server.storage.share(name, version.outputs[name])} for name in names]
        return {"files": files, "log": version.log, "nextPageToken": token}

    def ListKernelFiles(self, body: dict, user: str) -> dict:
        _, version = self._found(body, user)
        names, token = self.server.page(sorted(version.outputs), body, 20)
        date = timestamp(version.created)
        files = [{"name": name, "size": len(version.outputs[name]), "creationDate": date} for name in names]
        return {"files": files, "nextPageToken": token}

    def GetKernel(self, body: dict, user: str) -> dict:
        kernel, version = self._found(body, user)
        request = version.request
        kinds = {"language": request.get("language"), "kernelType": request.get("kernelType")}
        switches = {name: bool(request.get(name)) for name in ("isPrivate", "enableGpu", "enableTpu", "enableInternet")}
        lists = {
            name: request.get(name, [])
            for name in (
                "categoryIds",
                "datasetDataSources",
                "kernelDataSources",
                "competitionDataSources",
                "modelDataSources",
            )
        }
        metadata = {
            "id": kernel.id,
            "ref": kernel.ref,
            "title": kernel.title,
            "author": kernel.owner,
            "slug": kernel.slug,
            "lastRunTime": timestamp(version.created),
            "totalVotes": 0,
            "currentVersionNumber": kernel.versions[-1].number,
            "dockerImage": request.get("dockerImage") or "gcr.io/kaggle-images/python@sha256:" + "5a" * 32,
            "machineShape": request.get("machineShape") or "None",
        }
        return {
            "metadata": metadata | kinds | switches | lists,
            "blob": {"source": version.text, "slug": kernel.slug} | kinds,
        }

    def log_events(self, owner: str, slug: str, user: str) -> tuple[str, str]:
        """The log as the streaming address gives it: content type and text."""
        _, version = self._found({"userName": owner, "kernelSlug": slug}, user)
        if version.finished:
            return "application/json", version.log
        started = {"stream_name": "stdout", "time": 1.0, "data": "the kernel has started\n"}
        return "text/event-stream", f"data: {json.dumps(started)}\n\ndata: END_OF_LOG\n\n"
