"""Records to figures: numbers are chosen, drawn and saved in separate modules; nothing is measured here."""
