"""Readers turn text into a `Reading`: the embedded one here, others over the network beside it."""
