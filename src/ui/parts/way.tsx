/*
 * The way of the records as a drawing: what there is from left to right, each with its rate, what
 * it still has to read, and whether it is well. Of a kind with many there is one node for all.
 */

import { count, perSecond } from "../format.ts";
import { Glyph } from "./state.tsx";

export interface Node {
  id: string;
  kind: string;
  label: string;
  rate: number | null; // records a second
  lag: string | null; // records still to be read
  records: string | null;
  health: string;
  href: string;
}

/* Each kind's column, from the left. A table that is made of clean ones stands after them. */
const COLUMNS: Record<string, number> = {
  producers: 0,
  door: 1,
  topic: 2,
  stream: 2,
  files: 2,
  sink: 3,
  dag: 3,
  raw: 4,
  clean: 5,
  stream_table: 5,
};
const DERIVED = COLUMNS["clean"] ?? 0; // the first column of tables that are made of others
const MANY = 12;
const GROUPS: Record<string, { words: string; href: string }> = {
  topic: { words: "topics", href: "/ui/topics" },
  stream: { words: "streams", href: "/ui/streams" },
  files: { words: "patterns of files", href: "/ui/tables?view=lineage" },
  raw: { words: "raw tables", href: "/ui/tables" },
  clean: { words: "clean tables", href: "/ui/tables" },
  stream_table: { words: "stream tables", href: "/ui/tables" },
  dag: { words: "DAGs", href: "/ui/dags" },
};
const BAD = ["failed", "trouble", "degraded", "running", "healthy", "unknown"]; // the worst first

interface Point {
  x: number; // of a box, its left top
  y: number;
}

type Edge = [string, string];

const SCALE_MIN = 0.68; // of the drawing: a narrower place scrolls
const WIDE = 154;
const HIGH = 48;
const GAP_X = 32;
const GAP_Y = 14;
const LANE_GAP = 28;
const LABEL_MAX = 16;

export function rateText(rate: number | null): string {
  return rate === null ? "" : perSecond(rate);
}

/* What a node's second line and the list say. */
export function facts(node: Node): string {
  const all = [rateText(node.rate)];
  if (node.lag !== null && node.lag !== "0") {
    all.push(`${count(node.lag)} to read`);
  } else if (node.lag === "0") {
    all.push("all read");
  } else if (node.records !== null) {
    all.push(`${count(node.records)} records`);
  }
  return all.filter((one) => one !== "").join(" · ");
}

function sum(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0);
}

function total(values: (string | null)[]): string | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : String(known.reduce((a, b) => a + BigInt(b), 0n));
}

/* One node in place of the many of a kind, and where each of them went. */
export function grouped(nodes: Node[]): { nodes: Node[]; group: Map<string, string> } {
  const group = new Map<string, string>();
  const shown: Node[] = [];
  for (const kind of new Set(nodes.map((node) => node.kind))) {
    const of = nodes.filter((node) => node.kind === kind);
    const one = GROUPS[kind];
    if (of.length <= MANY || one === undefined) {
      shown.push(...of);
      continue;
    }
    of.forEach((node) => group.set(node.id, `all/${kind}`));
    shown.push({
      id: `all/${kind}`,
      kind,
      label: `${of.length} ${one.words}`,
      rate: sum(of.map((node) => node.rate)),
      lag: total(of.map((node) => node.lag)),
      records: total(of.map((node) => node.records)),
      health: BAD.find((health) => of.some((node) => node.health === health)) ?? "unknown",
      href: one.href,
    });
  }
  return { nodes: shown, group };
}

function short(text: string): string {
  return text.length <= LABEL_MAX ? text : `${text.slice(0, 4)}…${text.slice(5 - LABEL_MAX)}`;
}

/* The way through the sink is above, that of streams below it; what both share is between them. */
function laneOf(node: Node): number | undefined {
  if (node.kind === "producers" || node.kind === "queries") {
    return undefined;
  }
  return ["stream", "stream_table"].includes(node.kind) || node.id === "door/kinesis" ? 1 : 0;
}

/* The column of each node: of a table one more than of those of its kind that it reads. */
function columnsOf(nodes: Node[], edges: Edge[]): Map<string, number> {
  const columns = new Map(nodes.map((node) => [node.id, COLUMNS[node.kind] ?? 0]));
  const derived = edges.filter(
    ([from, to]) => columns.get(from) === DERIVED && columns.get(to) === DERIVED,
  );
  // Stream tables may join what is made of them: the rounds are bounded by the number of tables.
  for (let round = 0, found = true; found && round < derived.length; round++) {
    found = false;
    for (const [from, to] of derived) {
      const after = (columns.get(from) ?? 0) + 1;
      if (from !== to && (columns.get(to) ?? 0) < after && after - DERIVED <= derived.length) {
        columns.set(to, after);
        found = true;
      }
    }
  }
  const last = Math.max(...columns.values());
  nodes
    .filter((node) => node.kind === "queries")
    .forEach((node) => columns.set(node.id, last + 1));
  return columns;
}

function place(nodes: Node[], edges: Edge[]) {
  const columnOf = columnsOf(nodes, edges);
  const places = new Map<string, Point>();
  const highOf = (count: number) => Math.max(0, count * (HIGH + GAP_Y) - GAP_Y);
  const stacksOf = (lane: number | undefined) => {
    const columns: Node[][] = [];
    for (const node of nodes.filter((one) => laneOf(one) === lane)) {
      (columns[columnOf.get(node.id) ?? 0] ??= []).push(node);
    }
    return columns;
  };
  const put = (columns: Node[][], top: number, height: number) =>
    columns.forEach((column, x) =>
      column.forEach((node, y) =>
        places.set(node.id, {
          x: x * (WIDE + GAP_X),
          y: top + (height - highOf(column.length)) / 2 + y * (HIGH + GAP_Y),
        }),
      ),
    );
  const lanes = [0, 1].map((lane) => {
    const columns = stacksOf(lane);
    return {
      columns,
      height: highOf(Math.max(0, ...Object.values(columns).map((one) => one.length))),
    };
  });
  let top = 0;
  for (const { columns, height } of lanes) {
    put(columns, top, height);
    top += height === 0 ? 0 : height + LANE_GAP;
  }
  put(stacksOf(undefined), 0, top - LANE_GAP);
  const width = Math.max(...[...places.values()].map(({ x }) => x)) + WIDE;
  return { places, height: top - LANE_GAP, width };
}

/* Where a line may pass the boxes of a column: between two of them, above or below all, as near to
 * `y` as can be. */
function gap(boxes: Point[], y: number): number {
  const isFree = (at: number) =>
    boxes.every((box) => at <= box.y - GAP_Y / 2 || at >= box.y + HIGH + GAP_Y / 2);
  return [y, ...boxes.flatMap((box) => [box.y - GAP_Y / 2, box.y + HIGH + GAP_Y / 2])]
    .filter(isFree)
    .reduce((best, at) => (Math.abs(at - y) < Math.abs(best - y) ? at : best));
}

function bend(from: Point, to: Point): string {
  const middle = (from.x + to.x) / 2;
  return `C${middle} ${from.y} ${middle} ${to.y} ${to.x} ${to.y}`;
}

/* From one box to another. The columns between them are passed level, through a gap. */
function lineBetween(from: Point, to: Point, boxes: Point[]): string {
  const end = { x: to.x, y: to.y + HIGH / 2 };
  let at = { x: from.x + WIDE, y: from.y + HIGH / 2 };
  let path = `M${at.x} ${at.y}`;
  for (let x = from.x + WIDE + GAP_X; x < to.x; x += WIDE + GAP_X) {
    const straight = at.y + ((end.y - at.y) * (x + WIDE / 2 - at.x)) / (end.x - at.x);
    const column = boxes.filter((box) => box.x === x);
    const pass = { x, y: gap(column, straight) };
    path += `${bend(at, pass)}H${x + WIDE}`;
    at = { x: x + WIDE, y: pass.y };
  }
  return path + bend(at, end);
}

export function Way({ nodes, edges }: { nodes: Node[]; edges: Edge[] }) {
  const { nodes: shown, group } = grouped(nodes);
  const joined = edges
    .map(([from, to]): Edge => [group.get(from) ?? from, group.get(to) ?? to])
    .filter(([from, to]) => from !== to);
  const { places, height, width } = place(shown, joined);
  const seen = new Set<string>();
  const lines = joined.flatMap(([from, to]) => {
    const [start, end] = [places.get(from), places.get(to)];
    const key = `${from} ${to}`;
    if (start === undefined || end === undefined || seen.has(key)) {
      return [];
    }
    seen.add(key);
    const path = lineBetween(start, end, [...places.values()]);
    return [{ key, path, dashed: from.startsWith("dag/") }];
  });
  return (
    <div class="scroll map" tabIndex={0} role="region" aria-label="The way of the records">
      <svg
        viewBox={`-1 ${-GAP_Y} ${width + 2} ${height + 2 * GAP_Y}`}
        style={{ maxWidth: width, minWidth: width * SCALE_MIN }}
      >
        <g aria-hidden="true">
          {lines.map((line) => (
            <path key={line.key} class={line.dashed ? "edge dashed" : "edge"} d={line.path} />
          ))}
        </g>
        {shown.map((node) => {
          const at = places.get(node.id) ?? { x: 0, y: 0 };
          return (
            <a
              key={node.id}
              href={node.href}
              class={`node ${node.health}`}
              aria-label={`${node.label}: ${[node.health, facts(node)].join(", ")}`}
            >
              <title>{node.label}</title>
              <rect x={at.x} y={at.y} width={WIDE} height={HIGH} rx="4" />
              <foreignObject
                x={at.x + 8}
                y={at.y + (facts(node) === "" ? HIGH / 2 - 7 : 9)}
                width="14"
                height="14"
              >
                <Glyph state={node.health} />
              </foreignObject>
              <text x={at.x + 28} y={at.y + (facts(node) === "" ? HIGH / 2 + 5 : 20)}>
                {short(node.label)}
              </text>
              <text class="quiet" x={at.x + 28} y={at.y + 37}>
                {facts(node)}
              </text>
            </a>
          );
        })}
      </svg>
    </div>
  );
}
