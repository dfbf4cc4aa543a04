"""Choosing among trainings by validation scores: halving, standard errors, the rule for ties. No torch."""
