"""The file to edit: which River model learns each signal, by the name of its use case.

To change a model, change its line: `drift.ADWIN()` to `drift.PageHinkley()`, say. The models that the old
line has learned stay in the bucket untouched, and are found again when the old line comes back.
"""

from river import drift

from consumer.core.drift import DriftUseCase
from consumer.core.use_case import UseCase

USE_CASES: dict[str, UseCase] = {
    "drift": DriftUseCase(drift.ADWIN()),
}
