"""Slack from the inside: its Web API, how things look there, and the notices that go to it."""
