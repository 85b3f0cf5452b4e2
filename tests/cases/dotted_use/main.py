import pk.metrics.ranking
import pk.metrics.tables.text

print(pk.metrics.ranking.average_precision([1, 0, 1]))
print(pk.metrics.tables.text.row("cmAP", 0.5))
print(sorted(name for name in vars(pk.metrics) if not name.startswith("_")))
print(hasattr(pk.metrics, "unused"))
