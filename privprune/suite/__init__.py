"""A suite of experiments, checked as a whole before anything is trained."""
