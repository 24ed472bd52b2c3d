"""How long tests wait for what starts: a bound against hanging, and no promise of the product's."""

PATIENCE = 180
"""Seconds: on a slow machine with other tests beside it, each process that starts takes ten, and several follow each other."""
