/* What the newest commits added to a table, as small bars; a screen reader hears the numbers. */

import { count } from "../format.ts";

const HIGH = 18;
const WIDE = 5; // of a bar
const STEP = 7;

export function Spark({ added }: { added: number[] }) {
  const most = Math.max(1, ...added);
  const said =
    added.length === 1
      ? `The last commit added ${count(added[0])}.`
      : `The last ${added.length} commits added ${added.map(count).join(", ")}.`;
  return added.length === 0 ? null : (
    <span class="spark" title={said}>
      <svg width={STEP * added.length} height={HIGH} aria-hidden="true">
        {added.map((rows, at) => {
          const high = rows > 0 ? Math.max(2, ((HIGH - 1) * rows) / most) : 1;
          return (
            <rect
              key={at}
              class={rows > 0 ? "" : "none"}
              x={STEP * at}
              y={HIGH - high}
              width={WIDE}
              height={high}
            />
          );
        })}
      </svg>
      <span class="hidden">{said}</span>
    </span>
  );
}
