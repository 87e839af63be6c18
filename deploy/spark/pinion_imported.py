"""The files whose rows imports added to a raw table, as transactions of its log. The rows are not
in the table's source, so a commit that makes the table afresh drops them.
src/engine/duckdb/imported.h has what the transactions mean, and does the same."""

IMPORT, ROWS, DROPPED = "pinion/import/", "/rows", "/dropped"


def there(transaction):
    """The transactions of files whose rows no commit dropped since."""
    return [app for app in transaction.txns
            if app.startswith(IMPORT) and "/" not in app[len(IMPORT):]
            and transaction.txn(app + DROPPED) < transaction.txn(app)]  # fmt: skip


def check(lake, name, transaction):
    """ValueError where the table is to be made of its topic's objects, and imports have added rows,
    which may not go."""
    files = there(transaction)
    if not files or lake.run.drop_imported:
        return
    rows = [transaction.txn(app + ROWS) for app in files]
    count = "the rows" if -1 in rows else f"{sum(rows)} row{'s' * (sum(rows) != 1)}"
    raise ValueError(
        f"table '{name}': {count} of {len(files)} imported file{'s' * (len(files) > 1)}, and dead "
        "letters of imports, would go, since the table is to be made from the objects of its topic "
        'alone: to allow it, give --drop-imported (in the conf of a run, "drop_imported": true), '
        "and import the files again afterwards; nothing was changed"
    )


def dropped(transaction):
    """The transactions of a commit that drops the rows of all files."""
    return {app + DROPPED: transaction.txn(app) for app in there(transaction)}
