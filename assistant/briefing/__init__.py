"""Briefings: one table of facts a briefing, and everything it is told, shown, heard and sent as."""
