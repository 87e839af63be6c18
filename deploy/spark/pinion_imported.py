"""The files whose rows imports added to a raw table, as transactions of its log. The rows are not
in the table's source, so a commit that makes the table afresh drops them.
src/engine/imported.h has what the transactions mean, and does the same."""

import json
import math

IMPORT, ROWS, DROPPED, IS_UNSURE = "pinion/import/", "/rows", "/dropped", "/unsure"
DRAW, RESTORED = "pinion/imports", "pinion/imports/restored"
COMMITS_MAX = 10000
GONE, THERE, UNSURE = range(3)


class Turn:
    """The last commit, at or after a time, that may have taken rows of imports away, or given them
    back, and does not say so."""

    def __init__(self, transaction, since_ms):
        self.is_restore = self.is_partial = self.is_uncertain = False
        self.at_ms = -1  # there was none, or the log does not say any more
        restored = transaction.txn(RESTORED)
        oldest = max(restored, transaction.version - COMMITS_MAX)
        for version in range(transaction.version, oldest, -1):
            info = transaction.info(version)
            self.is_uncertain = info is None
            if info is None:
                return
            at_ms = info.get("inCommitTimestamp", info.get("timestamp", math.inf))
            if at_ms < since_ms or self.is_it(info, at_ms):
                return
        self.is_uncertain = oldest > restored

    def is_it(self, info, at_ms):
        is_restore = info.get("operation") == "RESTORE"
        parameters = json.dumps(info.get("operationParameters", {}))
        if is_restore or '"Overwrite"' in parameters:
            self.is_restore, self.at_ms = is_restore, at_ms
            self.is_partial = "redicate" in parameters
        return self.at_ms >= 0


def presences(transaction):
    """The transaction of each file -> whether its rows are there."""
    files = {}
    for app in transaction.txns:
        if app.startswith(IMPORT) and "/" not in app[len(IMPORT) :]:
            went = transaction.txn(app + DROPPED) >= transaction.txn(app)
            changed_ms = transaction.updated(app + DROPPED if went else app)
            files[app] = went, changed_ms, unsure_ms(transaction, app + IS_UNSURE)
    turn = Turn(transaction, min(of[1] for of in files.values())) if files else None
    return {app: presence(turn, *of) for app, of in files.items()}


def unsure_ms(transaction, app):
    """When the last restore could not tell whether the rows of a file are there; -1: it could."""
    is_last = app in transaction.txns and transaction.txn(app) == transaction.txn(RESTORED)
    return transaction.updated(app) if is_last else -1


def presence(turn, went, changed_ms, unsure_ms):
    is_unsure = unsure_ms > turn.at_ms
    turned = (unsure_ms if is_unsure else turn.at_ms) >= changed_ms
    is_restore = is_unsure or turn.is_restore
    if went:
        return UNSURE if turn.is_uncertain or (turned and is_restore) else GONE
    if turned and not is_restore and not turn.is_partial:
        return GONE
    return UNSURE if turned else THERE


def there(transaction):
    """The transactions of files whose rows may be in the table."""
    return [app for app, of in presences(transaction).items() if of != GONE]


def check(lake, name, transaction):
    """ValueError where the table is to be made of its topic's objects, and imports have added rows,
    which may not go."""
    files = there(transaction)
    if not files or lake.run.drops_imported(name):
        return
    rows = [transaction.txn(app + ROWS) for app in files]
    count = "the rows" if min(rows) < 0 else f"{sum(rows)} row{'s' * (sum(rows) != 1)}"
    raise ValueError(
        f"table '{name}': {count} of {len(files)} imported file{'s' * (len(files) > 1)}, and dead "
        "letters of imports, would go, since the table is to be made from the objects of its topic "
        'alone: to allow it, give --drop-imported (in the conf of a run, "drop_imported": true), '
        "and import the files again afterwards; nothing was changed"
    )


def dropped(transaction):
    """The transactions of a commit that drops the rows of all files."""
    return {app + DROPPED: transaction.txn(app) for app in there(transaction)}
