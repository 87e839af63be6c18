/* Draws a component anew each second while something in it runs, so that its durations grow. */

import { useEffect, useState } from "preact/hooks";

export function useSeconds(runs: boolean): void {
  const [, setTick] = useState(0);
  useEffect(() => {
    if (!runs) {
      return undefined;
    }
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") {
        setTick((tick) => tick + 1);
      }
    }, 1000);
    return () => clearInterval(timer);
  }, [runs]);
}
