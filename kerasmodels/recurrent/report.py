"""A result that is a plain dict, and prints as a table."""


class StepReport(dict):
    """A dict of plain numbers, strings and lists that prints as a table.

    `json.dumps(report)` works without conversion.
    """

    def __init__(self, values, text):
        super().__init__(values)
        self.text = text

    def __str__(self):
        return self.text

    __repr__ = __str__


def apart(one, other, digits=8):
    """Two numbers as text, with enough digits that the texts differ."""
    for count in range(digits, 18):
        texts = f"{one:.{count}g}", f"{other:.{count}g}"
        if texts[0] != texts[1] or one == other:
            break
    return texts


def cell_text(value):
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.8f}"
    return str(value)


def table(header, rows, mark=None):
    """Aligned text columns; the row whose number is `mark` gets an arrow."""
    rows = [[cell_text(value) for value in row] for row in [header, *rows]]
    widths = [max(len(row[k]) for row in rows) for k in range(len(header))]
    lines = [
        "  ".join(value.ljust(width) for value, width in zip(row, widths)).rstrip()
        for row in rows
    ]
    if mark is not None:
        lines[mark + 1] += "   <-- first disagreement"
    return "\n".join(lines)
