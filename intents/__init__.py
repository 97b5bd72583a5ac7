"""What can be said: commands and their slots, the values people say, and the readers that understand text."""
