"""What `scripts/doctor` looks at. A check is a function from `Surroundings` to findings, and a line in `CHECKS`."""
