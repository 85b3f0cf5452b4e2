"""Work for other processes."""

from dataclasses import dataclass

from . import settings


@dataclass(frozen=True)
class Job:
    number: int


def start(offset, queue=None):
    settings.OFFSET = offset
    if queue is not None:
        queue.put(("started", offset))


def work(job):
    return job.number**2 + settings.OFFSET, type(job).__module__
