"""Behavior through the public doors, on real databases, servers and browsers."""
