"""Tables of numbers for a regression: a CSV file, or a well-known set."""

import csv

import numpy as np

from kerasmodels._support import checks, files

# In memory a table takes up to twenty times the size of its file.
_LARGEST = 2**27


def read_csv(path):
    """A table with a header, whose last column is the target.

    Args:
        path: str or path. Comma-separated, every entry a finite number; up to 128 MiB.

    Returns:
        The triple (x `[rows, features]`, y `[rows]`, names of all columns).

    Raises:
        ValueError: the file cannot be read as a table, it has no header, an entry is no
            finite number, or a row has another length: with the line and the column.
    """
    path = files.regular_file("read_csv", path, "a table in UTF-8")
    size = path.stat().st_size
    if size > _LARGEST:
        files.refuse(
            "read_csv",
            path,
            f"a table of at most {_LARGEST} bytes",
            f"{size} bytes",
            "Take a sample of its rows.",
        )
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = ((reader.line_num, line) for line in reader if line)
            return _table(path, lines)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise checks.ArgumentError(
            checks.message("read_csv", "path", "a table in UTF-8", f"{path}: {error}")
        ) from error


def _table(path, lines):
    _, header = next(lines, (0, []))
    names, rows = [name.strip() for name in header], []
    binary = not all(name.isprintable() for name in names)
    if binary or (len(names) > 1 and all(_is_number(name) for name in names)):
        raise checks.ArgumentError(
            checks.message(
                "read_csv",
                "path",
                "a table whose first line names its columns",
                checks.describe(header),
            )
        )
    for number, line in lines:
        if len(line) != len(names):
            raise checks.ArgumentError(
                f"`read_csv` found {len(line)} entries in line {number} of {path}, where "
                f"the header has {len(names)}."
            )
        rows.append(np.array([_number(v, number, n, path) for v, n in zip(line, names)]))
    if len(rows) < 2 or len(names) < 2:
        raise checks.ArgumentError(
            checks.message(
                "read_csv", "path", "a header and at least two rows of two columns", path
            )
        )
    table = np.array(rows)
    return table[:, :-1], table[:, -1], names


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(entry, line, name, path):
    try:
        value = float(entry)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise checks.ArgumentError(
            f"`read_csv` expects finite numbers. Received: {checks.describe(entry)} in "
            f"line {line}, column {checks.describe(name)} of {path}. Fill or remove rows "
            "with missing values first."
        )
    return value


def table(source="diabetes"):
    """The table "diabetes" (442 patients, 10 measurements, embedded in scikit-learn), or
    "california" (20640 districts, downloaded by Keras), as `read_csv` returns it.

    Sources: Efron et al. (2004), https://doi.org/10.1214/009053604000000067; Pace and Barry
    (1997), https://doi.org/10.1016/S0167-7152(96)00140-X.

    Raises:
        ValueError: there is no such set, or it cannot be downloaded.
    """
    checks.one_of("table", "source", source, ("diabetes", "california"))
    if source == "diabetes":
        from sklearn.datasets import load_diabetes

        found = load_diabetes(scaled=False)
        return found.data, found.target, [*found.feature_names, "progression"]
    import keras

    try:
        (x, y), (x_test, y_test) = keras.datasets.california_housing.load_data()
    except Exception as error:  # Keras raises errors of many types here.
        raise checks.ArgumentError(
            "`table` cannot download the set 'california': "
            f"{' '.join(str(error).split())[:200]}. The set 'diabetes' needs no network."
        ) from error
    names = ["longitude", "latitude", "age", "rooms", "bedrooms", "population"]
    names += ["households", "income", "value"]
    return np.concatenate([x, x_test]), np.concatenate([y, y_test]), names


def split(x, y, share=0.2, seed=0):
    """Training and test rows, scaled by mean and deviation of the training rows.

    Args:
        x: array `[rows, features]`.
        y: array `[rows]`.
        share: float in (0, 1). The share of the test rows.
        seed: int. Of the order of the rows.

    Returns:
        ((x, y), (x_test, y_test)), y as columns.

    Raises:
        ValueError: too few rows, or an argument is not of the form above.
    """
    x = checks.finite_array("split", "x", x)
    y = checks.finite_array("split", "y", y).reshape(-1, 1)
    share = checks.finite_float("split", "share", share, above=0.0)
    if x.ndim != 2:
        received = f"shape {x.shape}"
        raise checks.ArgumentError(
            checks.message("split", "x", "of shape (rows, features)", received)
        )
    order = np.random.default_rng(checks.seed_int("split", seed)).permutation(len(x))
    count = round(share * len(x))
    if not 1 <= count <= len(x) - 2 or len(x) != len(y):
        raise checks.ArgumentError(
            checks.message(
                "split",
                "x, y, share",
                "as many targets as rows, and both parts not empty",
                f"{len(x)} rows, {len(y)} targets, share={share:g}",
            )
        )
    test, rest = order[:count], order[count:]
    parts = []
    for values in (x, y):
        mean, size = values[rest].mean(axis=0), values[rest].std(axis=0)
        # A constant column has no deviation to divide by, and becomes zero.
        scaled = (values - mean) / np.where(size > 0, size, 1.0)
        parts.append((scaled[rest], scaled[test]))
    (x, x_test), (y, y_test) = parts
    return (x, y), (x_test, y_test)
