/* The states of runs and tasks: their letters, and what they mean. */

const WORDS: Record<string, string> = {
  "-": "none",
  c: "scheduled",
  q: "queued",
  r: "running",
  t: "up_for_retry",
  s: "success",
  f: "failed",
  u: "upstream_failed",
  k: "skipped",
  x: "cancelled",
};

/* The state that a letter stands for; "" for a blank: the run does not have the task. */
export function stateOf(letter: string): string {
  return WORDS[letter] ?? "";
}

/* The run or the task does nothing more. */
export function isOver(state: string): boolean {
  return ["success", "failed", "upstream_failed", "skipped", "cancelled"].includes(state);
}

export function words(state: string): string {
  return state.replaceAll("_", " ");
}
