"""The cut: which seconds a model hears for a row of a submission, or for a labelled stretch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cut:
    """So many seconds around a stretch of a recording. One definition for training, validation and submission.

    Attributes:
        seconds: that the model hears.
    """

    seconds: float

    def start(self, first: float, seconds: float, recording_seconds: float) -> float:
        """Where the cut begins, in seconds of the recording.

        The stretch is in its middle. Near the ends of the recording the cut is moved inside, as far as it covers the
        stretch all the same; what is beyond an end is padded.

        Args:
            first, seconds: the stretch, no longer than the cut.
            recording_seconds: of the whole recording.
        """
        context = self.seconds - seconds
        start = min(first - context / 2, recording_seconds - self.seconds)
        return max(start, first - context, 0.0)
