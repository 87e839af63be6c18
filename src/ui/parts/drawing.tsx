/*
 * A graph as boxes and lines from left to right. What a box is, its owner says. A graph that is
 * somewhat wider than its place becomes smaller; a still wider one scrolls.
 */

import { useEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { layoutOf } from "../layout.ts";
import type { Layout, LayoutTask } from "../layout-core.ts";

export const DRAWN_MAX = 300; // boxes that are drawn without being asked

const SCALE_MIN = 0.76; // boxes of 32 px stay 24 px high (WCAG 2.5.8)

/* How large the graph of this width is drawn in the element, which may change its width. */
function useScale(width: number | undefined) {
  const [scale, setScale] = useState(1);
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (element === null || width === undefined) {
      return undefined;
    }
    const fit = () => setScale(Math.min(1, Math.max(SCALE_MIN, element.clientWidth / width)));
    const watching = new ResizeObserver(fit);
    watching.observe(element);
    return () => watching.disconnect();
  }, [width]);
  return { scale, place };
}

interface Props {
  label: string;
  id: string; // of what is laid out: the same one is not laid out again
  nodes: LayoutTask[];
  words: string; // for "nodes": "tasks"
  box: (at: number, style: Record<string, string>) => ComponentChildren;
}

export function Drawing({ label, id, nodes, words, box }: Props) {
  const [layout, setLayout] = useState<Layout>();
  const [failed, setFailed] = useState(false);
  const { scale, place } = useScale(layout?.width);
  useEffect(() => {
    layoutOf(id, nodes).then(setLayout, () => setFailed(true));
  }, [id]);
  if (failed) {
    return <p role="alert">The graph could not be laid out; the list has all of it.</p>;
  }
  if (layout === undefined) {
    return (
      <p role="status">
        Laying out {nodes.length} {words}…
      </p>
    );
  }
  return (
    <div class="scroll graph" tabIndex={0} role="region" aria-label={label} ref={place}>
      <div style={{ width: `${layout.width}px`, height: `${layout.height}px`, zoom: scale }}>
        <svg width={layout.width} height={layout.height} aria-hidden="true">
          {layout.lines.map((path, at) => (
            <path key={at} d={path} />
          ))}
        </svg>
        {layout.boxes.map(({ x, y, width }, at) =>
          box(at, { left: `${x}px`, top: `${y}px`, width: `${width}px` }),
        )}
      </div>
    </div>
  );
}
