"""Interpret runs of a model: head scores, attribution, the logit lens, comparisons, claims, tables."""
