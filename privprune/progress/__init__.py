"""What a long run tells about its progress: the reporter that a stage calls, and the display in the terminal."""
