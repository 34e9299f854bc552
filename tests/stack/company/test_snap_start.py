"""SnapStart is left out where the region has none, and the synthesis says so."""

import pytest
from cfnlint.rules.resources.lmbd.SnapStartSupported import SnapStartSupported

from stack.company.snap_start import SNAP_START_REGIONS
from tests.stack.synthesis import infos, template, the

WITHOUT = ["ap-east-2", "ap-southeast-6", "cn-north-1", "cn-northwest-1", "us-gov-west-1"]


@pytest.mark.parametrize("region", [None, "eu-west-1", *WITHOUT[:3]])
def test_snap_start_is_where_the_region_has_it(region):
    plant = {"region": region} if region else {}
    assert ("SnapStart" in the(template(plant), "AWS::Lambda::Function")) == (region not in WITHOUT)
    said = [text for text in infos(plant) if f"Lambda in {region} has none" in text]
    assert len(said) == (region in WITHOUT)


def test_where_it_is_off_anyway_nothing_is_said():
    plant = {"region": WITHOUT[0], "use_cases": {"drift": {"snap_start": False}}}
    assert not [text for text in infos(plant) if "SnapStart is left out" in text]


def test_the_regions_are_those_that_cfn_lint_knows():
    assert set(SnapStartSupported().regions) == SNAP_START_REGIONS
    assert not SNAP_START_REGIONS & set(WITHOUT)
