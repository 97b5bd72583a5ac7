"""A synthetic portfolio with known truth, of any size."""

from storage.synthetic.counts import DEFAULT_RECORDS, MIN_RECORDS, TooFewRecords
from storage.synthetic.faults import RATES
from storage.synthetic.fill import Filled, NotEmpty, fill
from storage.synthetic.truth import read_truth
from storage.synthetic.writer import digest

__all__ = [
    "DEFAULT_RECORDS",
    "MIN_RECORDS",
    "RATES",
    "Filled",
    "NotEmpty",
    "TooFewRecords",
    "digest",
    "fill",
    "read_truth",
]
