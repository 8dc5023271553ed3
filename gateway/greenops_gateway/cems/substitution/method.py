"""Method of determination codes (MODC), and which of them count for what.

ECMPS emissions reporting instructions, tables 19, 23, 26 and 31; the sets are those of EPA's own check engine.
"""

from __future__ import annotations

HOUR_BEFORE_AND_AFTER = "06"
INITIAL = "07"
PERCENTILE_90 = "08"
PERCENTILE_95 = "09"
EXTREME = "10"
BIN_MEAN = "11"
POTENTIAL = "12"
EXPECTED = "13"
CONTROLLED = "15"
LIKE_KIND = "17"
INLET = "22"

QUALITY_ASSURED = frozenset({"01", "02", "03", "04", "14", "16", "17", "19", "20", "21", "22", "47", "53", "54"})
"""What a lookback holds and what borders a missing data period."""

AVAILABLE = frozenset({"01", "02", "04", "14", "16", "17", "19", "20", "21", "22", "53"})
"""What counts as quality-assured in the percent monitor data availability and in the first 720 or 2160 hours.

EPA's check engine leaves out 03 (approved alternative), 47 and 54, and so does this; 40 CFR 75.32(a)(3) names approved
alternative systems among what is counted, so 03 awaits confirmation. 18 is in neither: a value for a part of the hour.
"""

MEASURED = frozenset({"01", "02", "03", "04", "14", "16", "17", "18", "19", "20", "21", "22", "47", "53", "54"})
"""What carries a value before bias adjustment."""
