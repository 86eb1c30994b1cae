"""Medians, and the interval in which the median of paired ratios lies."""

import random
import statistics

RESAMPLES = 2000


def median(values):
    return statistics.median(values)


def paired_ratio(ours, theirs):
    """Median of the ratios round by round, with its 95 % bootstrap interval."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    # Seeded, so that the same figures always give the same interval.
    generator = random.Random(1)
    medians = sorted(
        median(generator.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES)
    )
    low = medians[int(RESAMPLES * 0.025)]
    high = medians[int(RESAMPLES * 0.975)]
    return {"median": median(ratios), "low": low, "high": high}
