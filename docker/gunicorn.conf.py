"""gunicorn in a container: it listens beyond its own loopback, and Compose publishes that on the host's loopback only."""

from api.gunicorn import *  # noqa: F403  all but the address is the same

bind = ["0.0.0.0:8000"]
# they refuse addresses beyond loopback while there are no keys, and here the published port is what must not go beyond;
# the cage, which they would demand, is demanded of every container by ONNXPLAIN_CAGE=required
del on_starting, when_ready  # noqa: F821  come from the line above
