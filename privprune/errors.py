"""The exception for mistakes of the user."""


class UserError(Exception):
    """A mistake of the user, described in one line: the file, the key, what was found and what is allowed.

    Stages print the line and end with exit status 1. Any other exception is a bug of this project, and is raised with
    its traceback.
    """
