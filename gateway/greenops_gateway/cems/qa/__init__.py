"""Quality assurance of monitors: what a test's readings say, and which hours a failed or missing test takes away."""
