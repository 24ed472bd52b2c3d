"""Driving a compiled graph: many perturbed copies of an item through one gradient, and what is made of what it gives."""
