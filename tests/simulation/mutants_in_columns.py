"""Mistakes in what learns in columns."""

from tests.simulation.mutant import Mutant

_LEARNER = "consumer.learning.columns_learner"
_USUAL = "consumer.learning.usual_signals"
_TWINS = "consumer.detectors.in_columns"

IN_COLUMNS = {
    "what learns in columns forgets its partition keys": Mutant(
        _LEARNER, "if not batch.are_keyed_by_signals:", "if False:"
    ),
    "what was learned learns in columns again": Mutant(
        _USUAL,
        "states.below(batch.shard, slots, batch.records.first_sequence_number)",
        "np.ones(len(slots), np.bool_)",
    ),
    "of what learns in columns the first record alone is a checkpoint": Mutant(
        _LEARNER,
        "usual.places[starts + self.counts[done] - 1]",
        "usual.places[starts]",
    ),
    "what leaves the columns goes on a value late": Mutant(
        "consumer.learning.page_learner", "rest.indices[begun:]", "rest.indices[begun + (begun > 0) :]"
    ),
    "what leaves the columns goes on a value early": Mutant(
        "consumer.learning.page_learner", "rest.indices[begun:]", "rest.indices[max(0, begun - 1) :]"
    ),
    "what leaves the columns within a record ends there if the time is short": Mutant(
        "consumer.learning.page_learner", "is_within and chunk[0] == begun", "False"
    ),
    "what left the columns goes on learning there": Mutant(
        f"{_TWINS}.vectorised", "here[rows] &= ~leaves", "pass"
    ),
    "a slice ends within a record": Mutant(
        _LEARNER, 'int(np.searchsorted(records, records[end - 1], "right"))', "end"
    ),
    "what time did not suffice for in columns is not reported": Mutant(
        _LEARNER, "usual.defer(begin)", "pass"
    ),
    "the highest checkpoint of a page is another shard's": Mutant(
        "consumer.learning.checkpoints",
        "return marks.below(",
        "marks.highest = min(each.highest for each in self.marks.values())\n        return marks.below(",
    ),
    "a checkpoint at the first record of a batch lies below it": Mutant(
        "consumer.learning.marks", "if self.highest < sequence_number:", "if self.highest <= sequence_number:"
    ),
    "checkpoints in columns are compared as texts of any length": Mutant(
        "consumer.learning.marks", 'found < text.rjust(self.width, b"0")', "found < text"
    ),
    "partition keys of an earlier checkpoint stay": Mutant(
        "consumer.learning.checkpoints", "elif marks.keys:", "elif False:"
    ),
    "the highest checkpoint is that of the first record": Mutant(
        _LEARNER, "texts[records.max()]", "texts[records.min()]"
    ),
    "what one page learned in columns counts for another": Mutant(
        _LEARNER, "counts[own] + learned[part]", "counts[own] + learned[: part.stop - part.start]"
    ),
    "drifts in columns are those of another page": Mutant(
        _LEARNER,
        "usual.learner_of(row).outcome.events",
        "usual.learners[0].outcome.events",
    ),
    "what learned in columns of a sensor is not put back": Mutant(
        _LEARNER, "    for twin in twins:\n        twin.scatter()", "    twins[0].scatter()"
    ),
    "what is late learns in columns": Mutant(_USUAL, 'use_case.late == "learn"', "True"),
    "what a calendar pauses is learned in columns": Mutant(
        _USUAL, "is_usual &= ~_are_paused(settings, batch, numbers, places, starts)", "pass"
    ),
    "what waits within the dead band stays in the columns": Mutant(
        f"{_TWINS}.alert_twin", "self._is_open | (self._notified_s == 0.0)", "self._is_open"
    ),
    "signals with settings of their own learn in columns without them": Mutant(
        _USUAL, "indices.setdefault(id(own.use_case), len(use_cases))", "0"
    ),
    "what carries nothing is forgotten by what learns in columns": Mutant(
        _USUAL, "usual &= ~np.isin(numbers, [", "_ = (numbers, ["
    ),
    "a sensor that stands still stays in the columns": Mutant(
        f"{_TWINS}.sensor_checks_twin", "leaves |= may_be_flat & ", "_ = may_be_flat & "
    ),
    "an alert clears in the columns": Mutant(
        f"{_TWINS}.alert_twin", "(quiet >= self._clear_after) | is_due", "is_due"
    ),
    "a change that lasts stays in the columns": Mutant(
        f"{_TWINS}.change_point_twin", "leaves = (score >= 1.0) | ", "leaves = (score >= 2.0) | "
    ),
}
