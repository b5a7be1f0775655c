"""What each stage does, as one function over settings and data; `stages/` only reads, calls and writes."""
