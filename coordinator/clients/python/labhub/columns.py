"""Readings of many moments as columns: nine bytes a sample, where a dict for each moment would take hundreds."""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Optional, Union

if TYPE_CHECKING:
    import pandas

#: What the byte beside each value says. 0: there is no sample at that moment.
QUALITIES = ("", "good", "uncertain", "bad", "stale")
#: What is added to a column's name for the one with its quality.
QUALITY_SUFFIX = " [quality]"

_CODES = {word: code for code, word in enumerate(QUALITIES)}
_NAN = float("nan")
#: Whole numbers beyond it are no longer exact as a float.
_EXACT = 2**53


class Column:
    """One series: floats for as long as it has only numbers, else a list of whatever it has."""

    __slots__ = ("unit", "is_downsampled", "values", "codes")

    def __init__(self, unit: str, is_downsampled: bool) -> None:
        self.unit = unit
        self.is_downsampled = is_downsampled
        self.values: Union["array[float]", List[Any]] = array("d")
        self.codes = bytearray()

    def put(self, row: int, value: Any, quality: str) -> None:
        """The sample of a row, which comes after those that were put before."""
        if len(self.codes) < row:
            self.fill(row)
        kind = type(value)
        if isinstance(self.values, list):
            self.values.append(sys.intern(value) if kind is str else value)
        elif kind is float or (kind is int and -_EXACT <= value <= _EXACT):
            self.values.append(value)
        elif value is None:
            self.values.append(_NAN)
        else:
            self.values = [None if known != known else known for known in self.values]
            self.values.append(sys.intern(value) if kind is str else value)
        self.codes.append(_CODES[quality])

    def fill(self, rows: int) -> None:
        """Nothing in the rows up to this many."""
        missing = rows - len(self.codes)
        self.values.extend([None if isinstance(self.values, list) else _NAN] * missing)
        self.codes.extend(bytes(missing))

    def value(self, row: int) -> Any:
        """None: no value could be had."""
        found = self.values[row]
        return None if found != found else found

    def counts(self) -> Dict[str, int]:
        """How many samples are of which quality."""
        return {word: self.codes.count(code) for code, word in enumerate(QUALITIES) if code and code in self.codes}


class Columns:
    """Rows by their time, ascending, and a column for each series, by its name.

    Without `has_quality` the values of bad quality are none, as there would be nothing to tell them by.
    """

    def __init__(self, has_quality: bool = False, times: Iterable[int] = ()) -> None:
        self.has_quality = has_quality
        self.times = array("q", times)
        self._columns: Dict[str, Column] = {}

    def add(self, name: str, unit: str = "", is_downsampled: bool = False) -> Column:
        """A new column."""
        self._columns[name] = Column(unit, is_downsampled)
        return self._columns[name]

    def get(self, name: str) -> Optional[Column]:
        """The column of that name."""
        return self._columns.get(name)

    def put(self, column: Column, row: int, value: Any, quality: str) -> None:
        """See `Column.put`."""
        column.put(row, None if quality == "bad" and not self.has_quality else value, quality)

    def finish(self) -> "Columns":
        """To be called when all is in it."""
        for column in self._columns.values():
            column.fill(len(self.times))
        return self

    def rows(self) -> List[Dict[str, Any]]:
        """A dict for each moment, with the series that have a sample then."""
        found: List[Dict[str, Any]] = [{"time": when / 1000.0} for when in self.times]
        for name, column in self._columns.items():
            for row, code in enumerate(column.codes):
                if not code:
                    continue
                found[row][name] = column.value(row)
                if self.has_quality:
                    found[row][name + QUALITY_SUFFIX] = QUALITIES[code]
        return found

    def frame(self, pandas: Any) -> "pandas.DataFrame":
        """A pandas table; the numbers are not copied."""
        import numpy

        times = pandas.to_datetime(numpy.asarray(self.times), unit="ms", utc=True)
        index = pandas.DatetimeIndex(times, name="time")
        found: Dict[str, Any] = {}
        for name, column in self._columns.items():
            found[name] = _series(pandas, numpy, column, index)
            if self.has_quality:
                codes = numpy.asarray(column.codes).astype("int8") - 1
                words = pandas.Categorical.from_codes(codes, categories=list(QUALITIES[1:]))
                found[name + QUALITY_SUFFIX] = pandas.Series(words, index=index)
        table = pandas.DataFrame(found, index=index, copy=False)
        columns = self._columns.items()
        table.attrs["units"] = {name: column.unit for name, column in columns}
        table.attrs["quality"] = {name: column.counts() for name, column in columns}
        table.attrs["downsampled"] = {name: column.is_downsampled for name, column in columns}
        return table


def _series(pandas: Any, numpy: Any, column: Column, index: Any) -> Any:
    if not isinstance(column.values, list):
        return pandas.Series(numpy.asarray(column.values), index=index, copy=False)
    found = pandas.Series(numpy.array(column.values, dtype=object), index=index)
    return found if found.isna().any() else found.infer_objects()
