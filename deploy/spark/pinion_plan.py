"""Can a SELECT be run over new rows alone? It can when it looks at each row of a growing table by
itself. Spark's own plan of the statement is looked at; src/engine/duckdb/incremental_sql.h has the
same rules for DuckDB's."""

from pinion_delta import java_of

# Nodes of a plan that treat each row by itself.
ALLOWED = {
    "Project", "Filter", "SubqueryAlias", "View", "Sort", "Generate", "Repartition",
    "RepartitionByExpression", "UnresolvedHint", "ResolvedHint", "LogicalRelation", "LogicalRDD",
    "LocalRelation", "OneRowRelation", "Union", "Join", "WithCTE", "CTERelationDef",
    "CTERelationRef", "LateralJoin", "Range",
}  # fmt: skip
WORDS = {
    "Aggregate": "an aggregate, GROUP BY or DISTINCT", "Distinct": "DISTINCT or UNION",
    "Deduplicate": "DISTINCT", "Window": "a window function", "GlobalLimit": "LIMIT",
    "LocalLimit": "LIMIT", "Offset": "OFFSET", "Tail": "LIMIT", "Sample": "a sample",
    "Pivot": "PIVOT", "Except": "EXCEPT", "Intersect": "INTERSECT", "UnionLoop": "WITH RECURSIVE",
}  # fmt: skip
NOW = {"CurrentTimestamp", "CurrentDate", "Now", "LocalTimestamp", "CurrentTime", "UnixTimestamp",
       "CurrentTimestampLike", "InputFileName", "CurrentUser"}  # fmt: skip


class Refused(ValueError):
    """What in the SQL is not of each row by itself."""


class Plan:
    def __init__(self, java, growing):
        self.listed = lambda sequence: list(
            java.scala.jdk.javaapi.CollectionConverters.asJava(sequence)
        )
        self.growing, self.definitions = set(growing), {}

    def expressions(self, node):
        """All expressions of a node, with their parts."""
        rest = self.listed(node.expressions())
        while rest:
            expression = rest.pop()
            yield expression
            rest += self.listed(expression.children())

    def check_expressions(self, node):
        for expression in self.expressions(node):
            kind = expression.getClass().getSimpleName()
            if not expression.deterministic() or kind in NOW:
                raise Refused(f"{expression.sql()} has another value in each run")
            if kind in ("ScalarSubquery", "Exists", "ListQuery"):
                if self.reads(expression.plan()):
                    raise Refused("a subquery in an expression reads a growing table")
                self.grows(expression.plan())

    def is_growing(self, node):
        return node.nodeName() == "View" and node.desc().identifier().table() in self.growing

    def reads(self, node):
        """Is a growing table below the node, whatever is done with it?"""
        if node.nodeName() == "CTERelationRef":
            return self.definitions.get(node.cteId(), False)
        return self.is_growing(node) or any(map(self.reads, self.listed(node.children())))

    def grows(self, node):
        """Is a growing table below the node? Refused when the node does not treat each of its rows
        by itself."""
        kind = node.nodeName()
        self.check_expressions(node)
        if self.is_growing(node):
            return True
        children = [self.grows(child) for child in self.listed(node.children())]
        if kind == "CTERelationDef":
            self.definitions[node.id()] = children[0]
        if kind == "CTERelationRef":
            return self.definitions.get(node.cteId(), False)
        if kind == "WithCTE":
            return children[-1]
        if not any(children):
            return False
        if kind not in ALLOWED:
            raise Refused(WORDS.get(kind, kind))
        if kind == "Union" and not all(children):
            raise Refused("a part of UNION ALL does not read a growing table")
        if kind == "Join":
            self.check_join(node.joinType().sql(), children)
        return True

    @staticmethod
    def check_join(kind, children):
        if all(children):
            raise Refused("a join of two growing tables")
        outer = {"LEFT OUTER": 0, "RIGHT OUTER": 1}
        side = children.index(True)
        if kind not in ("INNER", "CROSS") and outer.get(kind) != side and not (
            kind in ("LEFT SEMI", "LEFT ANTI") and side == 0
        ):
            raise Refused(f"a {kind} JOIN whose other side grows")


def check_incremental(lake, name, sql, growing):
    """ValueError names what cannot be run over new rows alone. The tables that the SQL reads are
    there as views."""
    plan = lake.spark.sql(sql)._jdf.queryExecution().analyzed()
    try:
        Plan(java_of(lake.spark), growing).grows(plan)
    except Refused as why:
        raise ValueError(
            f"tables.{name}.mode: with `mode: {lake.pipeline.TABLES[name]['mode']}` the SQL must "
            f"look at each row of {', '.join(growing)} by itself: {why}; use `mode: overwrite`"
        ) from None


def check_delete_when(lake, frame, condition):
    """ValueError where the condition has another value in each run; else Spark says what is wrong
    with it."""
    plan = frame.selectExpr(f"CAST(({condition}\n) AS BOOLEAN)")._jdf.queryExecution().analyzed()
    try:
        Plan(java_of(lake.spark), ()).grows(plan)
    except Refused as why:
        raise ValueError(str(why)) from None
