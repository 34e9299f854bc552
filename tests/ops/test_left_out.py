"""What a quarantined line says of the record that it names."""

from ops.quarantine.left_out import _of_records
from ops.quarantine.lines import PlaceOfLine


def test_a_row_that_had_waited_keeps_back_nothing_of_the_record_that_ended_it():
    row = PlaceOfLine(7, "a", -1, is_whole=True)
    assert 0 not in _of_records([row]).get((7, "a"), {})
    whole = PlaceOfLine(8, "a", 0, is_whole=True)
    assert 5 in _of_records([row, whole])[8, "a"]
