"""Quality assurance on the command line: records of tests in CSV files, and what they come to."""
