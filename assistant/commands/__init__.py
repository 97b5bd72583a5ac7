"""The commands: a file an area, each command's model and its handler side by side.

A module dropped in here is found by itself; see docs/adding-a-command.md.
"""
