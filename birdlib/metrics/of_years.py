"""The metrics of all years, by their names."""

from birdlib.errors import BirdlibError
from birdlib.metrics.decisions import ROWWISE_F1, WEIGHTED_ACCURACY
from birdlib.metrics.metric import Metric
from birdlib.metrics.ranking import MACRO_ROC_AUC, PADDED_CMAP

METRICS = (ROWWISE_F1, WEIGHTED_ACCURACY, PADDED_CMAP, MACRO_ROC_AUC)
USUAL = (PADDED_CMAP, MACRO_ROC_AUC)  # of probabilities: watched in every year


def metric_of(name: str) -> Metric:
    """The metric of this title, as ``birdlib.competition.editions`` has it; BirdlibError if there is none."""
    for metric in METRICS:
        if metric.title == name:
            return metric
    raise BirdlibError(f"metric {name!r} is not known; expected one of {', '.join(metric.title for metric in METRICS)}")


def watched(metric: Metric) -> tuple[Metric, ...]:
    """What is measured of a competition's models: its own metric first, then those of probabilities."""
    return tuple(dict.fromkeys((metric, *USUAL)))
