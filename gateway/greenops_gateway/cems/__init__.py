"""What a stack's figures mean: quality and averages. Pure: no clock, no I/O, no logging."""
