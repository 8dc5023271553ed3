"""The plant gateway: reads CEMS devices over field protocols, judges quality, and watches emission limits."""
