"""Method of determination codes (MODC), and which of them count for what.

ECMPS emissions reporting instructions, tables 19, 23, 26 and 31; the sets are those of EPA's own check engine.
"""

from __future__ import annotations

from collections.abc import Mapping

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

MEANING: Mapping[str, str] = {
    "01": "primary monitoring system",
    "02": "backup monitoring system",
    "03": "approved alternative monitoring system",
    "04": "reference method",
    "05": "parametric data, by petition",
    HOUR_BEFORE_AND_AFTER: "mean of the hour before and the hour after",
    INITIAL: "initial missing data procedure",
    PERCENTILE_90: "90th percentile of the lookback (10th where low is conservative)",
    PERCENTILE_95: "95th percentile of the lookback (5th where low is conservative)",
    EXTREME: "maximum of the lookback (minimum where low is conservative)",
    BIN_MEAN: "mean of the load bin, or of the lookback where there are no bins",
    POTENTIAL: "maximum potential value (minimum where low is conservative)",
    EXPECTED: "maximum expected concentration, or maximum controlled rate",
    "14": "diluent cap",
    CONTROLLED: "1.25 times the maximum controlled value of the lookback",
    "16": "2.0 ppm SO2 of very low sulfur fuel",
    LIKE_KIND: "like-kind replacement analyser",
    "18": "maximum potential for a part of the hour",
    "19": "200 % of the maximum potential, default high range",
    "20": "200 % of full scale",
    "21": "negative average, replaced by zero",
    INLET: "certified monitor at the inlet of the controls",
    "23": "maximum potential, bypass stack",
    "24": "maximum expected, bypass stack with controls",
    "46": "component missing",
    "53": "by petition, quality-assured and available",
    "54": "by petition, quality-assured, not available",
    "55": "substitute by petition",
}

QUALITY_ASSURED = frozenset({"01", "02", "03", "04", "14", "16", "17", "19", "20", "21", "22", "47", "53", "54"})
"""What a lookback holds and what borders a missing data period."""

AVAILABLE = frozenset({"01", "02", "04", "14", "16", "17", "19", "20", "21", "22", "53"})
"""What counts as quality-assured in the percent monitor data availability and in the first 720 or 2160 hours.

EPA's check engine leaves out 03 (approved alternative), 47 and 54, and so does this; 40 CFR 75.32(a)(3) names approved
alternative systems among what is counted, so 03 awaits confirmation. 18 is in neither: a value for a part of the hour.
"""

MEASURED = frozenset({"01", "02", "03", "04", "14", "16", "17", "18", "19", "20", "21", "22", "47", "53", "54"})
"""What carries a value before bias adjustment."""
