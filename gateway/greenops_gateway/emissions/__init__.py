"""The hours of stacks while they go by, and on the command line: read, closed, kept."""
