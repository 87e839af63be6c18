/* Why a task waits, or failed. What the server says of a time was true when it answered; here it
 * counts on. */

import { duration } from "./format.ts";

const SECOND_MS = 1000;

export function reasonOf(task: { reason: string | null; next_ms: number | null }): string | null {
  if (task.reason === null || task.next_ms === null) {
    return task.reason;
  }
  const left = Math.max(0, Math.ceil((task.next_ms - Date.now()) / SECOND_MS)) * SECOND_MS;
  return task.reason.replace(/ in \d\S*$/, ` in ${left === 0 ? "0 s" : duration(left)}`);
}
