"""Kaggle's log of a run: a JSON list of what came out, piece by piece."""

from __future__ import annotations

import json


def as_log(log: str | list[dict]) -> str:
    """The log as Kaggle stores it; text becomes lines of stdout."""
    if isinstance(log, str):
        log = [
            {"stream_name": "stdout", "time": 1.0 + number / 10, "data": line}
            for number, line in enumerate(log.splitlines(keepends=True))
        ]
    return "[" + "\n,".join(json.dumps(record, ensure_ascii=False) for record in log) + "\n]"


def papermill_failure(
    error: str = "ZeroDivisionError", message: str = "division by zero", *, cell: int = 3, source: str = "1 / 0"
) -> list[dict]:
    """The log of a notebook that stopped in the code cell that ran as In [cell], as papermill writes it."""
    rule = "-" * 75
    lines = [
        "Traceback (most recent call last):\n",
        '  File "<string>", line 1, in <module>\n',
        '  File "/usr/local/lib/python3.12/dist-packages/papermill/execute.py", line 131, in execute_notebook\n',
        "    raise_for_execution_errors(nb, output_path)\n",
        '  File "/usr/local/lib/python3.12/dist-packages/papermill/execute.py", line 251, in raise_for_execution_errors\n',
        "    raise error\n",
        "papermill.exceptions.PapermillExecutionError: \n",
        f"{rule}\n",
        f'Exception encountered at "In [{cell}]":\n',
        f"{rule}\n",
        f"{error:<42}Traceback (most recent call last)\n",
        "/tmp/ipykernel_17/1443862518.py in <cell line: 0>()\n",
        *(
            f"{'----> ' if number == 1 else '      '}{number} {line}\n"
            for number, line in enumerate(source.splitlines(), 1)
        ),
        "\n",
        f"{error}: {message}\n",
        "\n",
    ]
    start = [{"stream_name": "stdout", "time": 6.409935486, "data": "the kernel has started\n"}]
    return start + [{"stream_name": "stderr", "time": 12.5, "data": line} for line in lines]
