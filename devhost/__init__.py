"""A development host that runs any Azure Functions Python v2 app without Core Tools.

It is never deployed. It does what the real host and the real Python worker do where a program can tell the
difference, refuses what the real host refuses, and says at start what it does not model.
"""
