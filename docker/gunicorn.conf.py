"""gunicorn in a container: it listens beyond its own loopback, and Compose publishes that on the host's loopback only."""

from api.gunicorn import *  # noqa: F403  all but the address is the same

bind = ["0.0.0.0:8000"]
# it refuses addresses beyond loopback, and here the published port is what must not go beyond
del on_starting  # noqa: F821  comes from the line above
