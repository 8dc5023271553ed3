"""Equations, a module for each regulation or appendix that states them. Each has its EQUATIONS."""
