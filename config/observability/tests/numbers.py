"""What this process has counted."""

from config.observability import files


def counted(sample: str) -> dict[tuple[str, ...], float]:
    """Values of a sample by its labels' values, in the order of the labels' names."""
    return {
        tuple(each.labels[name] for name in sorted(each.labels)): each.value
        for family in files.collect()
        for each in family.samples
        if each.name == sample
    }


class Change:
    """What is added to a sample between this object's making and `seen`."""

    def __init__(self, sample: str) -> None:
        self._sample = sample
        self._before = counted(sample)

    def seen(self) -> dict[tuple[str, ...], float]:
        after = counted(self._sample)
        return {
            labels: value - self._before.get(labels, 0)
            for labels, value in after.items()
            if value != self._before.get(labels, 0)
        }
