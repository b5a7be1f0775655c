"""The one exception that stands for a user's mistake."""


class UserError(Exception):
    """A mistake of the user's, told in one line that names file, key, found and allowed.

    Stages print the line and end with exit status 1; every other exception is ours and keeps its traceback.
    """
