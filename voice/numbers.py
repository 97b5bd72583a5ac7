"""Grammars of values as people say them: amounts, counts, shares, ranges, periods, numbers of things."""

from collections.abc import Iterable

_DIGITS = "one | two | three | four | five | six | seven | eight | nine"
_TEENS = "ten | eleven | twelve | thirteen | fourteen | fifteen | sixteen | seventeen | eighteen | nineteen"
_TENS = "twenty | thirty | forty | fifty | sixty | seventy | eighty | ninety"
_RULES = f"""
<digit> = {_DIGITS};
<small> = <digit> | {_TEENS} | ({_TENS}) [<digit>];
<part> = point <digit> | and a half;
<hundreds> = (a | <digit>) hundred [[and] (ten | fifteen | {_TENS})];
<thousands> = (a | <small> [<part>] | <hundreds>) thousand [<digit> hundred] | half a million
            | (twelve | fifteen | eighteen | twenty five) hundred | <small> (grand | k);
<millions> = (a | <digit> [<part>] | {_TEENS} | {_TENS}) million;
<large> = <hundreds> | <thousands> | <millions>;
<whole> = <small> | <large>;
<coin> = dollars | euros | pounds;
<money> = <large> [<coin>] | <small> <coin>;
<share> = <small> [<part>] percent;
"""
_MONTHS = (
    "january | february | march | april | may | june | july | august | september | october | november"
    " | december"
)


def _grammar(root: str) -> str:
    return f"public <value> = {root};{_RULES}"


COUNT = _grammar("<whole>")
"""Whole numbers to the millions."""
SMALL = _grammar("<small>")
"""From one to ninety-nine."""
MONEY = _grammar("<money>")
"""Amounts, with a currency where the number is small."""
PERCENT = _grammar("<share> | half | a half | a quarter")
RANGE = _grammar(
    "(over | under | above | below | at least | at most | more than | less than | up to)"
    " (<whole> | <money> | <share>)"
    " | between <whole> and <whole> [<coin>]"
)
"""More or less than something, or between two numbers."""
PERIOD = f"""
public <value> = today | yesterday | <which> (week | month | quarter | year)
               | [over | for | in] the (last | past) <some> (days | weeks | months)
               | (in | since | for | until) <month> [<year>] | [in | since | for] (<quarter> | <year>)
               | (week | month | quarter | year) to date;
<which> = this | last | next;
<some> = two | three | four | six | seven | ten | twelve | fourteen | thirty | sixty | ninety;
<month> = {_MONTHS};
<quarter> = q (one | two | three | four) | the (first | second | third | fourth) quarter;
<year> = twenty (twenty three | twenty four | twenty five | twenty six | twenty seven);
"""


TIME = """
public <value> = at <hour> [thirty | fifteen | forty five] [in the (morning | afternoon | evening)]
               | at (half | quarter) past <hour> | at quarter to <hour> | at (noon | midnight);
<hour> = one | two | three | four | five | six | seven | eight | nine | ten | eleven | twelve;
"""
"""Times of day."""
WEEKDAY = """
public <value> = <day> [and <day>];
<day> = monday | tuesday | wednesday | thursday | friday | saturday | sunday;
"""
"""One day of the week, or two."""
MONTH_DAY = "[on] the (first | second | fifteenth | last day) of [the | each | every] month"
"""A day of every month."""


def any_of(phrases: Iterable[str]) -> str:
    """The grammar of a list of phrases, each in spoken words."""
    said = dict.fromkeys(" ".join(phrase.split()) for phrase in phrases)
    return " | ".join(phrase for phrase in said if phrase)
