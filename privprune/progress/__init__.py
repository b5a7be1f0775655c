"""Progress of long runs: the reporter that a training calls, and the display on the terminal."""
