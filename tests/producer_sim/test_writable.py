"""Where a run cannot be left, that is told before anything is sent."""

import pytest

from producer_sim.run_folder import Unwritable, check_file, check_folder


def test_a_place_that_can_be_written_is_made(tmp_path):
    check_folder(tmp_path / "deep" / "run", "--run")
    check_file(tmp_path / "other" / "truth.json", "--truth")
    assert list((tmp_path / "deep" / "run").iterdir()) == []
    assert (tmp_path / "other" / "truth.json").read_bytes() == b""


def test_what_is_in_a_file_stays_until_it_is_written(tmp_path):
    (tmp_path / "truth.json").write_text("kept")
    check_file(tmp_path / "truth.json", "--truth")
    assert (tmp_path / "truth.json").read_text() == "kept"


def test_a_file_in_the_way_is_told_with_the_option(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(Unwritable, match=r"written: File exists. Choose another place with --run"):
        check_folder(in_the_way, "--run")
    with pytest.raises(Unwritable, match=r"cannot be written: .* Choose another place with --truth"):
        check_file(in_the_way / "truth.json", "--truth")
    with pytest.raises(Unwritable, match="Is a directory"):
        check_file(tmp_path, "--truth")
