"""Checks of membership attacks: what must hold before an attack's number may support a verdict. One file per check."""
