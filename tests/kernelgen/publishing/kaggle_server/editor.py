"""What Kaggle's editor makes of a notebook that a person changed there and saved."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable


def edited(text: str, change: Callable[[dict], dict | None], *, request: dict, sources: str, ids: str) -> str:
    """The text of the next version: changed by `change`, run, and written as the editor writes.

    sources: "strings" or "lists" (of lines); ids: "dropped" (nbformat 4.4, which has none), "new" or "kept".
    """
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if isinstance(cell["source"], list):
            cell["source"] = "".join(cell["source"])
    notebook = change(notebook) or notebook
    cells = [_cell(cell, count, sources=sources, ids=ids) for count, cell in enumerate(notebook["cells"], 1)]
    gpu = bool(request.get("enableGpu"))
    metadata = notebook.get("metadata", {}) | {
        "language_info": {
            "name": "python",
            "version": "3.12.11",
            "mimetype": "text/x-python",
            "codemirror_mode": {"name": "ipython", "version": 3},
            "pygments_lexer": "ipython3",
            "nbconvert_exporter": "python",
            "file_extension": ".py",
        },
        "kaggle": {
            "accelerator": "nvidiaTeslaT4" if gpu else "none",
            "dataSources": [
                {"sourceType": "competition", "sourceId": 44224, "databundleVersionId": 5188730}
                for _ in request.get("competitionDataSources", [])
            ],
            "dockerImageVersionId": 31153,
            "isInternetEnabled": bool(request.get("enableInternet")),
            "language": "python",
            "sourceType": "notebook",
            "isGpuEnabled": gpu,
        },
        "papermill": {
            "default_parameters": {},
            "duration": 35.2,
            "end_time": "2026-11-20T10:00:35.200000",
            "environment_variables": {},
            "exception": None,
            "input_path": "__notebook__.ipynb",
            "output_path": "__notebook__.ipynb",
            "parameters": {},
            "start_time": "2026-11-20T10:00:00.000000",
            "version": "2.6.0",
        },
    }
    minor = 4 if ids == "dropped" else 5
    return json.dumps(
        {"metadata": metadata, "nbformat_minor": minor, "nbformat": 4, "cells": cells},
        separators=(",", ":"),
        ensure_ascii=False,
    )


def _cell(cell: dict, count: int, *, sources: str, ids: str) -> dict:
    source = cell["source"]
    moment = f"2026-11-20T10:00:{count % 60:02d}.000000Z"
    made = {
        "cell_type": cell["cell_type"],
        "source": source.splitlines(keepends=True) if sources == "lists" else source,
        "metadata": cell.get("metadata", {})
        | {
            "_uuid": uuid.uuid4().hex,
            "_cell_guid": str(uuid.uuid4()),
            "trusted": True,
            "execution": {
                "iopub.status.busy": moment,
                "iopub.execute_input": moment,
                "iopub.status.idle": moment,
                "shell.execute_reply": moment,
            },
            "papermill": {
                "duration": 0.01,
                "end_time": moment,
                "exception": False,
                "start_time": moment,
                "status": "completed",
            },
        },
    }
    if cell["cell_type"] == "code":
        made["outputs"] = [{"name": "stdout", "output_type": "stream", "text": f"output of cell {count}\n"}]
        made["execution_count"] = count
    if ids == "new":
        made["id"] = uuid.uuid4().hex[:8]
    elif ids == "kept" and "id" in cell:
        made["id"] = cell["id"]
    return made
