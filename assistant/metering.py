"""What a reader that is paid for may cost a month."""

import logging
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from sqlalchemy.exc import SQLAlchemyError

from assistant.settings import LanguageModel
from intents.readers.completions import Usage
from intents.reading import ReaderUnavailableError
from storage import spending
from storage.database import Database
from storage.spending import Spent

log = logging.getLogger(__name__)

MILLION = 1_000_000


class MonthlyMeter:
    """Counts calls in the database, so that all processes together stay within the month's limit."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], reader: str, terms: LanguageModel
    ) -> None:
        self.database = database
        self.clock = clock
        self.reader = reader
        self.terms = terms

    def reserve(self, most: Usage) -> Callable[[Usage], None]:
        """Count a call at its dearest. Raises `ReaderUnavailableError` where that passes the limit."""
        month, cost = spending.month_of(self.clock()), self._cost(most)
        try:
            with self.database.write() as connection:
                is_within = spending.reserve(connection, month, self.reader, cost, self.terms.monthly_limit)
        except SQLAlchemyError as error:
            raise ReaderUnavailableError("what it costs cannot be counted") from error
        if not is_within:
            raise ReaderUnavailableError("monthly limit reached")
        return lambda used: self._settle(month, cost, used)

    def _settle(self, month: str, reserved: Decimal, used: Usage) -> None:
        spent = Spent(input_tokens=used.input_tokens, output_tokens=used.output_tokens, cost=self._cost(used))
        try:
            with self.database.write() as connection:
                spending.settle(connection, month, self.reader, reserved, spent)
        except SQLAlchemyError as error:
            log.warning("a call of %s stays counted at its dearest: %s", self.reader, type(error).__name__)

    def _cost(self, tokens: Usage) -> Decimal:
        """USD, exactly."""
        terms = self.terms
        into, out = terms.input_price or Decimal(0), terms.output_price or Decimal(0)
        return (tokens.input_tokens * into + tokens.output_tokens * out) / MILLION
