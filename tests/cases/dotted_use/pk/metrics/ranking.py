"""Ranking metrics."""


def average_precision(relevant):
    hits = [sum(relevant[: k + 1]) / (k + 1) for k, one in enumerate(relevant) if one]
    return round(sum(hits) / len(hits), 4)
