"""By which rules the records of a raw table became rows, as transactions of its log.
src/engine/rules.h has what they mean."""

from pinion_delta import DEFINITION

RULES = "pinion/rules"
COLUMN = f"{RULES}/column/"
ALL = (
    "one of `mode`, `key`, `order_by`, `delete_when`, `from_topic`, `unknown_keys`, or `coerce`, "
    "`required`, `aliases` or `unwrap` of a column, has"
)
NAMES = (1 << 26) - 1
PARTS = {"required": 1, "coerce": 2, "from": 255 << 2, "unwrap": NAMES << 10,
         "aliases": NAMES << 36}  # fmt: skip


def wanted(table):
    """Each transaction of the table's rules, but the checksum, with its version."""
    return {**{f"{COLUMN}{column}": 0 for column in table["columns"]}, **table["rules"]}


def names_of(app, was, now):
    if not app.startswith(COLUMN):
        return [f"`{app.removeprefix(f'{RULES}/')}`"]
    return [f"`{part}` of column '{app.removeprefix(COLUMN)}'"
            for part, bits in PARTS.items() if (was ^ now) & bits]  # fmt: skip


def changed(table, transaction):
    """What of the rules has changed; None: nothing. A column that the log or the pipeline lacks has
    none."""
    made = transaction.txn(DEFINITION)
    if made == table["definition"]:
        return None
    if transaction.txn(RULES) != made:
        return ALL
    has, rules, found = transaction.schema(), wanted(table), []
    settings = {app for app in transaction.txns
                if app.startswith(f"{RULES}/") and not app.startswith(COLUMN)}  # fmt: skip
    for app in sorted(settings | rules.keys()):
        was, now = max(transaction.txn(app), 0), rules.get(app, 0)
        if was != now and (not app.startswith(COLUMN) or app.removeprefix(COLUMN) in has):
            found += names_of(app, was, now)
    return ", ".join(found) or None


def txns(table, transaction):
    """Those that the log lacks."""
    rules = {RULES: table["definition"], **wanted(table)}
    rules |= {app: 0 for app in transaction.txns
              if app.startswith(f"{RULES}/") and not app.startswith(COLUMN)
              and app not in rules}  # fmt: skip
    return {app: now for app, now in rules.items() if max(transaction.txn(app), 0) != now}
