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
NOW = {"CurrentTimestamp", "CurrentDate", "Now", "LocalTimestamp", "CurrentTime",
       "CurrentTimestampLike", "InputFileName", "CurrentUser"}  # fmt: skip
CATALYST = "org.apache.spark.sql.catalyst"
ROWS = "pn_rows_of_condition"  # the view over which a condition is planned


class Refused(ValueError):
    """What in the SQL is not of each row by itself."""


class Plan:
    """`is_condition`: it is of an expression over rows, in which no subquery may be."""

    def __init__(self, java, growing, is_condition=False):
        self.listed = lambda sequence: list(
            java.scala.jdk.javaapi.CollectionConverters.asJava(sequence)
        )
        self.is_a = java.py4j.reflection.TypeUtil.isInstanceOf
        self.growing, self.definitions = set(growing), {}
        self.is_condition = is_condition

    def expressions(self, node):
        """All expressions of a node, with their parts."""
        rest = self.listed(node.expressions())
        while rest:
            expression = rest.pop()
            yield expression
            rest += self.listed(expression.children())

    def is_subquery(self, expression):
        return self.is_a(f"{CATALYST}.expressions.PlanExpression", expression)

    def check_expressions(self, node):
        """`right` of a lateral join is an expression, and no subquery: grows() looks at it."""
        for expression in self.expressions(node):
            kind = expression.getClass().getSimpleName()
            if not expression.deterministic() or kind in NOW:
                raise Refused(f"{expression.sql()} has another value in each run")
            if self.is_subquery(expression) and kind != "LateralSubquery":
                if self.is_condition:
                    raise Refused("a subquery")
                if self.reads(expression.plan()):
                    raise Refused("a subquery in an expression reads a growing table")
                self.grows(expression.plan())

    def is_growing(self, node):
        return node.nodeName() == "View" and node.desc().identifier().table() in self.growing

    def reads(self, node):
        """Is a growing table below the node, whatever is done with it?"""
        if node.nodeName() == "CTERelationRef":
            return self.definitions.get(node.cteId(), False)
        below = self.listed(node.children())
        below += [one.plan() for one in self.expressions(node) if self.is_subquery(one)]
        return self.is_growing(node) or any(map(self.reads, below))

    def grows(self, node):
        """Is a growing table below the node? Refused when the node does not treat each of its rows
        by itself."""
        kind = node.nodeName()
        self.check_expressions(node)
        if self.is_growing(node):
            return True
        below = self.listed(node.children())
        below += [node.right().plan()] if kind == "LateralJoin" else []
        children = list(map(self.grows, below))
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
        if kind in ("Join", "LateralJoin"):
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
    mode = lake.pipeline.TABLES[name]["mode"]
    try:
        grows = Plan(java_of(lake.spark), growing).grows(plan)
    except Refused as why:
        raise ValueError(
            f"tables.{name}.mode: with `mode: {mode}` the SQL must "
            f"look at each row of {', '.join(growing)} by itself: {why}; use `mode: overwrite`"
        ) from None
    if not grows:
        raise ValueError(
            f"table '{name}' has `mode: {mode}`, but its SQL does not read a table whose mode is "
            "append"
        )


def check_delete_when(lake, frame, condition):
    """ValueError where the condition is not of a row alone; else Spark says what is wrong with it.
    """
    frame.createOrReplaceTempView(ROWS)
    try:
        rows = lake.spark.table(ROWS).selectExpr(f"CAST(({condition}\n) AS BOOLEAN)")
        plan = rows._jdf.queryExecution().analyzed()
        Plan(java_of(lake.spark), (ROWS,), is_condition=True).grows(plan)
    except Refused as why:
        raise ValueError(f"{why}: write it without that") from None
    finally:
        lake.spark.catalog.dropTempView(ROWS)
