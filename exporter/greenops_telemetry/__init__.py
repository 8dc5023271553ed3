"""How samples leave: the live picture, its text for Prometheus, its push by OTLP; and how configuration comes in."""
