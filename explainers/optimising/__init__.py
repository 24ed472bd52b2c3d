"""Inputs found by ascent: the objective's graph, the steps, what keeps prototypes plain, and what they are made of."""
