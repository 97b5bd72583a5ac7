"""Slack as a channel: what it sends is written down, acknowledged, and then acted on once."""
