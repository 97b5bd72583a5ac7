"""The chairman's desk: pages that show what commands answer, and the forms that say commands."""
