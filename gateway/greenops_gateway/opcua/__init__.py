"""OPC UA: polled reads, subscriptions, history after a gap; security by certificates that are trusted by name."""
