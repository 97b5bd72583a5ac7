"""The ways in and out: each translates between its medium and turns and replies, and adds nothing."""
