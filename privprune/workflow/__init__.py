"""What each stage computes, as one function of settings and data; `stages/` reads, calls and writes."""
