"""The runner: the one process in which a model is ever opened, and the hands that hold it."""
