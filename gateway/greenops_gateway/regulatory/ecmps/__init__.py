"""EPA's Emissions Collection and Monitoring Plan System: its JSON files, written, read and inspected."""
