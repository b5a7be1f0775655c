"""Methods from outside the repository, as a package of a user would have them; docs/extending.md quotes them."""
