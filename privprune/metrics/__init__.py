"""What is measured: utility, privacy, image quality, re-identification, size and latency."""
