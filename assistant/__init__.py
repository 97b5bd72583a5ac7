"""The service: it wires the parts together and talks to people; nobody imports it."""
