/* What reads what, as a graph of topics, files, streams, tables and queries. */

import type { LineageEdge } from "./types.ts";

export interface LineageNode {
  kind: "topic" | "files" | "stream" | "table" | "query";
  name: string;
  after: number[]; // the places of what it reads
}

export function nodesOf(edges: LineageEdge[]): LineageNode[] {
  const nodes: LineageNode[] = [];
  const places = new Map<string, number>();
  const placeOf = (kind: LineageNode["kind"], name: string) => {
    const key = `${kind} ${name}`;
    const place = places.get(key) ?? nodes.length;
    if (place === nodes.length) {
      places.set(key, place);
      nodes.push({ kind, name, after: [] });
    }
    return place;
  };
  for (const edge of edges) {
    const from =
      edge.from_kind === null || edge.from === null ? [] : [placeOf(edge.from_kind, edge.from)];
    nodes[placeOf(edge.kind, edge.name)]?.after.push(...from);
  }
  return nodes;
}

/* The places of all that a node is made from, and the node. */
function upstream(nodes: LineageNode[], place: number): Set<number> {
  const found = new Set([place]);
  for (const at of found) {
    nodes[at]?.after.forEach((from) => found.add(from));
  }
  return found;
}

/* The places of all that is made from a node, and the node. */
function downstream(nodes: LineageNode[], place: number): Set<number> {
  const found = new Set([place]);
  for (const at of found) {
    nodes.forEach(({ after }, reader) => (after.includes(at) ? found.add(reader) : undefined));
  }
  return found;
}

/* The part of the graph that a table's rows pass through; [] if it is not there. */
export function aroundTable(nodes: LineageNode[], name: string): LineageNode[] {
  const place = nodes.findIndex((node) => node.kind === "table" && node.name === name);
  if (place < 0) {
    return [];
  }
  const kept = [...new Set([...upstream(nodes, place), ...downstream(nodes, place)])].sort(
    (a, b) => a - b,
  );
  const moved = new Map(kept.map((old, now) => [old, now]));
  return kept.map((old) => {
    const { kind = "table", name = "", after = [] } = nodes[old] ?? {};
    return { kind, name, after: after.flatMap((from) => moved.get(from) ?? []) };
  });
}

/* The places of what reads each node. */
export function readersOf(nodes: LineageNode[]): number[][] {
  const readers: number[][] = nodes.map(() => []);
  nodes.forEach(({ after }, reader) => after.forEach((from) => readers[from]?.push(reader)));
  return readers;
}
