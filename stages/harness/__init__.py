"""What stage scripts share: reading an entry, reporting mistakes, checkpoints, the list of the code they run."""
