"""Shows replies in a terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from assistant.reply import Reply, Status, Table

_COLORS = {
    Status.REFUSED: "yellow",
    Status.UNKNOWN: "yellow",
    Status.FAILED: "red",
    Status.QUESTION: "cyan",
    Status.CONFIRM: "cyan",
    Status.APPROVAL: "cyan",
}

EXIT_FAILED = (Status.REFUSED, Status.UNKNOWN, Status.FAILED)


def exit_status(reply: Reply) -> int:
    """0 when something was done or asked back, 1 when it was refused, not understood or failed."""
    return 1 if reply.status in EXIT_FAILED else 0


def show(reply: Reply, console: Console) -> None:
    """Print a reply: its text, its table, what could be said next."""
    color = _COLORS.get(reply.status)
    text = escape(reply.reply.text)
    console.print(f"[{color}]{text}[/{color}]" if color else text, soft_wrap=True)
    if reply.reply.table is not None and reply.reply.table.rows:
        console.print(_grid(reply.reply.table))
    for choice in reply.reply.choices:
        console.print(f"  • {escape(choice)}")


def show_evidence(reply: Reply, console: Console) -> None:
    """Print where the numbers of a reply come from."""
    for one in reply.reply.evidence:
        console.print(f"[bold]{escape(one.claim)}[/bold] = {escape(one.formula)}")
        if one.calculation:
            console.print(f"  {escape(one.calculation)}")
        period = "" if one.period is None else f", {one.period.start} to {one.period.end}"
        fresh = "" if one.fresh_until is None else f", data until {one.fresh_until}"
        told = ("" if one.rows is None else f", {one.rows:,} records") + period + fresh
        data = f"{escape(one.data)} ({told.removeprefix(', ')})" if told else escape(one.data)
        console.print(f"  {data}")


def _grid(table: Table) -> Grid:
    grid = Grid(title=escape(table.title) or None, title_justify="left", header_style="bold")
    for column in table.columns:
        grid.add_column(escape(column.label), justify="right" if column.numeric else "left")
    for row in table.rows:
        grid.add_row(*(escape(cell) for cell in row))
    return grid
