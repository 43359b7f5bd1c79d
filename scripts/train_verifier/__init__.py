"""Trains models/verifier: the cross-encoder that reads two questions together. `run.sh` does all of it."""
