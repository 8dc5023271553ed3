"""``python -m greenops_alerting``."""

import sys

from greenops_alerting.cli import main

sys.exit(main())
