/* Lines over time, by uPlot. The canvas says nothing to assistive technology, so what is drawn is
 * also offered as a table by the part that uses this one. */

import { useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";

import { time, zone } from "../format.ts";
import { theme } from "../theme.ts";

const ROLES = ["--accent", "--good", "--again", "--wait", "--bad", "--active"];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 2], [12, 6]];

const LEGEND = 40; // px, below the chart

export interface Line {
  name: string;
  values: (number | null)[]; // one for each time
}

interface Props {
  times: number[];
  lines: Line[];
  text: (value: number) => string;
  high: number;
  kind: "points" | "steps"; // values of moments, or of the whiles that end at the times
}

/* A colour of tokens.css as the canvas takes it: light-dark() is resolved by an element. */
function resolved(role: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${role})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/* Times below the axis: of one day the clock alone. */
function moments(seconds: number[]): string[] {
  const texts = seconds.map((s) => time(s * 1000));
  const days = new Set(texts.map((text) => text.slice(0, 10)));
  return texts.map((text) => (days.size > 1 ? text.slice(5, 16) : text.slice(11, 19)));
}

function dataOf(times: number[], lines: Line[]): uPlot.AlignedData {
  return [times.map((ms) => ms / 1000), ...lines.map((line) => line.values)];
}

export function Plot({ times, lines, text, high, kind }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const latest = useRef({ times, lines });
  latest.current = { times, lines };
  const names = lines.map((line) => line.name).join("\n");
  useEffect(() => {
    let left = false;
    void import("uplot").then(({ default: Chart }) => {
      const element = box.current;
      if (element === null || left) {
        return;
      }
      const ink = resolved("--ink-quiet");
      const grid = { stroke: resolved("--line"), width: 1 };
      const axis = { stroke: ink, grid, ticks: grid };
      const value = (_: uPlot, number: number | null) => (number === null ? "–" : text(number));
      chart.current = new Chart(
        {
          width: element.clientWidth,
          height: high,
          tzDate: (ts) =>
            zone.value === "UTC" ? Chart.tzDate(new Date(ts * 1e3), "Etc/UTC") : new Date(ts * 1e3),
          scales: {
            y: { range: (_, least, most) => [Math.min(0, least), most > 0 ? most * 1.05 : 1] },
          },
          axes: [
            { ...axis, space: 96, values: (_, all) => moments(all) },
            { ...axis, size: 84, values: (_, all) => all.map(text) },
          ],
          series: [
            { value: (_: uPlot, s: number | null) => (s === null ? "–" : time(s * 1000)) },
            ...latest.current.lines.map((line, at) => ({
              label: line.name,
              stroke: resolved(ROLES[at % ROLES.length] ?? "--accent"),
              dash: DASHES[at % DASHES.length],
              width: 2,
              points: { show: kind === "points", size: 5 },
              spanGaps: kind === "points",
              value,
              ...(kind === "steps" ? { paths: Chart.paths.stepped?.({ align: -1 }) } : {}),
            })),
          ],
        },
        dataOf(latest.current.times, latest.current.lines),
        element,
      );
    });
    return () => {
      left = true;
      chart.current?.destroy();
      chart.current = undefined;
    };
  }, [names, text, high, kind, theme.value, zone.value]);
  useEffect(() => chart.current?.setData(dataOf(times, lines)), [times, lines]);
  return <div class="plot" ref={box} style={{ minHeight: `${high + LEGEND}px` }} />;
}
