/* What columns hold: a row for each, with how its values are spread. */

import { count } from "../format.ts";
import type { ColumnSummary } from "../types.ts";

/* How numbers are spread, in equal ranges from the least to the greatest. */
function Bins({ bins }: { bins: string[] }) {
  const most = Math.max(1, ...bins.map(Number));
  return (
    <svg class="bins" viewBox={`0 0 ${bins.length * 6} 30`} aria-hidden="true">
      {bins.map((bin, at) => {
        const height = Number(bin) === 0 ? 0 : Math.max(1, (28 * Number(bin)) / most);
        return <rect key={at} x={at * 6} y={30 - height} width="5" height={height} />;
      })}
    </svg>
  );
}

function Column({ of }: { of: ColumnSummary }) {
  const share = of.rows === 0 ? 0 : (100 * of.nulls) / of.rows;
  return (
    <tr>
      <th scope="row">
        <code>{of.column}</code>
      </th>
      <td class="number">{share === 0 ? "0" : share < 1 ? "< 1" : share.toFixed(0)} %</td>
      <td class="number">{count(of.distinct)}</td>
      <td class="words">
        {of.least === null
          ? "–"
          : `${of.least.slice(0, 80)} to ${(of.greatest ?? "").slice(0, 80)}`}
      </td>
      <td class="words">
        {of.bins === undefined ? null : <Bins bins={of.bins} />}
        {of.frequent?.slice(0, 3).map(([value, times]) => (
          <span key={value} class="fact">
            {value.slice(0, 40)} <span class="quiet">× {count(times)}</span>
          </span>
        ))}
      </td>
    </tr>
  );
}

/* `of`: the rows that were looked at, where these are not all. */
export function ColumnTable({ columns, of }: { columns: ColumnSummary[]; of: string }) {
  return (
    <>
      {of === "" ? null : <p>{of}</p>}
      <div class="scroll" tabIndex={0} role="region" aria-label="Columns">
        <table>
          <caption class="hidden">What the columns hold</caption>
          <thead>
            <tr>
              <th scope="col">Column</th>
              <th scope="col" class="number">
                Null
              </th>
              <th scope="col" class="number">
                Distinct
              </th>
              <th scope="col">Range</th>
              <th scope="col">Values</th>
            </tr>
          </thead>
          <tbody>
            {columns.map((one) => (
              <Column key={one.column} of={one} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
