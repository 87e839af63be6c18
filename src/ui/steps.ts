/* Values in a few steps from small to large, as a map colours them. */

const STEPS = 5;

/* The order of two numbers, which are texts so that all of their digits count. */
export function order(a: string, b: string): number {
  const whole = /^[+-]?\d+$/;
  if (whole.test(a) && whole.test(b)) {
    const [left, right] = [BigInt(a), BigInt(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  }
  return Number(a) - Number(b);
}

export interface Step {
  from: string; // the smallest and the largest value in it
  to: string;
}

/*
 * At most five steps, each with as many different values as the others: one country far ahead of
 * the rest does not make them all alike.
 */
export function stepsOf(values: string[]): Step[] {
  const sorted = [...new Set(values)].sort(order);
  const all = Math.min(STEPS, sorted.length);
  return Array.from({ length: all }, (_, step) => {
    const first = Math.floor((step * sorted.length) / all);
    const last = Math.floor(((step + 1) * sorted.length) / all) - 1;
    return { from: sorted[first] ?? "", to: sorted[last] ?? "" };
  });
}

/* The number of the step that holds the value, from 0. */
export function stepOf(steps: Step[], value: string): number {
  return steps.findIndex((step) => order(value, step.to) <= 0);
}
