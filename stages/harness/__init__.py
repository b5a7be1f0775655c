"""What all stage scripts share: reading an entry, reporting mistakes, checkpoints, and the list of their code."""
