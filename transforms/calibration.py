"""How far the estimates are from what upstream counts, learned from the answers' usage, for each model.

A tokenizer and a chat template make the same text longer or shorter by a factor that hardly changes within a
model. The factor is the ratio of two sums, of which the newest answers count most; a ratio of sums, because an
error of ten tokens in a short prompt says little. It is 1 before the first answer.
"""

LEAST, MOST = 0.25, 4.0  # the factor's bounds: beyond them something else is wrong than the estimate
BELIEVED = 10.0  # usage that is off by more than this, either way, is none: zeros, totals of a day, characters
DECAY = 0.9  # what an answer's weight is multiplied by with each further one: some ten of them count
MODELS = 1_000  # that are remembered; names come from clients


class Calibration:
    """Pairs in, factors out. The order of the pairs matters, the newest last."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, float]] = {}  # by model: estimated, counted; the latest fed last

    def feed(self, model: str, estimated: int, counted: int) -> None:
        """One answer's evidence, both in tokens; `counted` is upstream's word, with the cached ones."""
        if estimated <= 0 or not estimated / BELIEVED <= counted <= estimated * BELIEVED:
            return
        sum_estimated, sum_counted = self._sums.pop(model, (0.0, 0.0))
        self._sums[model] = sum_estimated * DECAY + estimated, sum_counted * DECAY + counted
        if len(self._sums) > MODELS:
            del self._sums[next(iter(self._sums))]

    def factor(self, model: str) -> float:
        """What an estimate for this model is to be multiplied by."""
        if model not in self._sums:
            return 1.0
        estimated, counted = self._sums[model]
        return min(max(counted / estimated, LEAST), MOST)

    def apply(self, model: str, estimate: int) -> int:
        """The estimate put right; at least 1."""
        return max(1, round(estimate * self.factor(model)))
