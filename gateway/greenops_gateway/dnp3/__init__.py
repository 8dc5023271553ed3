"""DNP3 (IEEE 1815) over TCP and TLS: events with their own time, present values, quality flags. It only reads."""
