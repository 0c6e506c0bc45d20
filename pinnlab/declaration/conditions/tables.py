"""Columns of tables as people have them: CSV files, pandas, xarray, dictionaries.

Letters: n rows.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray
_ABSENT = ("", "na", "n/a", "nan", "null", "none", "-", "--")
"""What stands in a cell without a value, in small letters."""
_DELIMITERS = ",;\t|"


def table(source: Any) -> Mapping[str, Any]:
    """{column: (n,) values} of a table.

    Args:
        source: the path of a CSV file, whose first line names the columns; lines that begin with # are comments, cells may
            be empty, and numbers may have a decimal comma where the delimiter is no comma. Or a pandas frame, an xarray
            Dataset or named DataArray, whose coordinates are columns too, or a mapping.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError, ValueError: anything else; a file without names, or with rows of other lengths.
    """
    if isinstance(source, str | os.PathLike):
        return _csv(Path(source))
    if hasattr(source, "to_dataframe"):
        if getattr(source, "name", "") is None:
            raise ValueError("Data.read(DataArray): it has no name to call its values by; give array.rename('u').")
        source = source.to_dataframe().reset_index()
    if hasattr(source, "columns") and hasattr(source, "__getitem__"):
        return {str(name): source[name] for name in source.columns}
    if isinstance(source, Mapping):
        return source
    raise TypeError(
        f"Data.read({type(source).__name__}): give the path of a CSV file, a pandas frame, an xarray Dataset, or "
        "{column: values}."
    )


def numbers(columns: Mapping[str, Any], name: str) -> Array:
    """(n,) a column of numbers; missing ones are NaN.

    Raises:
        ValueError: there is no such column, or it holds other things than numbers.
    """
    if name not in columns:
        raise ValueError(f"Data.read(...): there is no column {name!r}; the table has {', '.join(map(repr, columns))}.")
    cells = columns[name]
    try:
        array = np.asarray(cells)
        if array.dtype.kind in "mM":
            raise TypeError("times of the clock")
        return array.astype(float).reshape(-1)
    except (TypeError, ValueError):
        row, wrong = next(
            (i, c) for i, c in enumerate(np.asarray(cells, dtype=object).reshape(-1)) if not _is_number(c)
        )
        raise ValueError(
            f"Data.read(...): row {row + 1} of column {name!r} is {wrong!r}, and no number; turn dates into numbers, such "
            "as seconds since the first, and leave cells without a value empty."
        ) from None


def _is_number(cell: Any) -> bool:
    if cell is None:
        return True
    try:
        return not isinstance(cell, np.datetime64 | np.timedelta64) and float(cell) is not None
    except (TypeError, ValueError):
        return False


def _csv(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise FileNotFoundError(f"Data.read({str(path)!r}): there is no such file.")
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [line for line in file if line.strip() and not line.lstrip().startswith("#")]
    if len(lines) < 2:
        raise ValueError(f"Data.read({str(path)!r}): the file has no rows below the names of its columns.")
    delimiter = max(_DELIMITERS, key=lines[0].count)
    names, *rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    if all(_is_number(_number(name, delimiter)) for name in names if name):
        raise ValueError(f"Data.read({str(path)!r}): the first line is {lines[0].strip()!r}; it must name the columns.")
    if len(set(names)) < len(names):
        raise ValueError(f"Data.read({str(path)!r}): two columns have the same name: {', '.join(names)}.")
    for i, row in enumerate(rows, start=1):
        if len(row) != len(names):
            raise ValueError(
                f"Data.read({str(path)!r}): row {i} has {len(row)} cells, and {len(names)} columns have names."
            )
    return {name: [_number(row[i], delimiter) for row in rows] for i, name in enumerate(names)}


def _number(cell: str, delimiter: str) -> Any:
    """A number, None where there is no value, or the text."""
    if cell.lower() in _ABSENT:
        return None
    try:
        return float(cell if delimiter == "," else cell.replace(",", "."))
    except ValueError:
        return cell


def read(
    source: Any, points: Mapping[str, str] | Sequence[str], named: Mapping[str, Any], sd: Any
) -> tuple[dict[str, Array], dict[str, Array], Any]:
    """Coordinates, values and noise of measurements, from columns of a table.

    Args:
        source: see ``table``.
        points: {coordinate: column}, or the names of both.
        named: {what was measured: column}.
        sd: as in ``Data``; a text is the name of a column, which may lack what values lack.

    Raises:
        TypeError, ValueError: as ``table`` and ``numbers``.
    """
    columns = table(source)
    places = (
        dict(points)
        if isinstance(points, Mapping)
        else {n: n for n in ((points,) if isinstance(points, str) else points)}
    )
    if others := [f"{name}={column!r}" for name, column in named.items() if not isinstance(column, str)]:
        raise TypeError(
            f"Data.read(..., {others[0]}): give the name of a column; arrays go to pl.Data(points=..., ...)."
        )
    values = {name: numbers(columns, column) for name, column in named.items()}

    def noise(name: str, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        found = numbers(columns, given)
        return np.where(np.isnan(found) & np.isnan(values[name]), 1.0, found)

    if isinstance(sd, str):
        sd = dict.fromkeys(values, sd)
    if isinstance(sd, Mapping):
        sd = {name: noise(name, given) if name in values else given for name, given in sd.items()}
    return {name: numbers(columns, column) for name, column in places.items()}, values, sd
