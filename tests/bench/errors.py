"""Why there are no figures."""


class Failed(Exception):
    pass


class Skipped(Exception):
    pass
