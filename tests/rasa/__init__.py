"""Tests against a real Rasa server: `make test-rasa`."""
