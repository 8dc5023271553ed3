from __future__ import annotations

from greenops_core.sample import Reason
from greenops_gateway.cems.quality import PRECEDENCE, foremost


def test_every_reason_has_its_place() -> None:
    assert set(PRECEDENCE) == set(Reason)
    assert foremost([]) is Reason.NONE
    assert foremost(reversed(PRECEDENCE)) is Reason.COMMUNICATION
    assert foremost([Reason.CALIBRATION, Reason.DEVICE_FAULT]) is Reason.DEVICE_FAULT
