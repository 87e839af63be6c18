/* A state: its word, beside a glyph that differs from all others in shape, fill and colour. */

type Role = "good" | "active" | "bad" | "again" | "wait";

interface Look {
  role: Role;
  filled: boolean;
  path: string; // on a field of 14 by 14
}

const TICK = "M4 7.2l2.200 2.200L10.200 5";
const CROSS = "M4.600 4.600l4.800 4.800M9.400 4.600l-4.800 4.800";
const TURN = "M9.800 5.400A3.200 3.200 0 1 0 10.200 8M10.200 4v2H8.200";
const DOTS = "M4 7h.010M7 7h.010M10 7h.010";
const DASH = "M4.200 7h5.600";
const SQUARE = "M5 5h4v4H5z";
const HALF = "M7 3.800v6.400a3.200 3.200 0 0 0 0-6.400z";

const LOOKS: Record<string, Look> = {
  success: { role: "good", filled: true, path: TICK },
  healthy: { role: "good", filled: true, path: TICK },
  running: { role: "active", filled: false, path: HALF },
  failed: { role: "bad", filled: true, path: CROSS },
  trouble: { role: "bad", filled: true, path: CROSS },
  upstream_failed: { role: "bad", filled: false, path: DASH },
  up_for_retry: { role: "again", filled: true, path: TURN },
  degraded: { role: "again", filled: true, path: TURN },
  queued: { role: "wait", filled: false, path: DOTS },
  scheduled: { role: "wait", filled: false, path: "" },
  skipped: { role: "wait", filled: false, path: DASH },
  cancelled: { role: "wait", filled: true, path: SQUARE },
};
const OTHER: Look = { role: "wait", filled: false, path: "" };

export function Glyph({ state }: { state: string }) {
  const look = LOOKS[state] ?? OTHER;
  return (
    <svg
      class={`glyph ${look.role} ${look.filled ? "filled" : "hollow"}`}
      viewBox="0 0 14 14"
      aria-hidden="true"
    >
      <circle cx="7" cy="7" r="6" />
      <path d={look.path} />
    </svg>
  );
}

export function State({ state }: { state: string }) {
  return (
    <span class="state">
      <Glyph state={state} />
      {state.replaceAll("_", " ")}
    </span>
  );
}
