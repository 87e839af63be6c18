/* The mark that says whether the page is as things are. */

import { useEffect, useState } from "preact/hooks";

import { link, paused } from "../events.ts";
import type { Link } from "../stream.ts";
import { Glyph } from "./state.tsx";

function look(now: Link): { state: string; words: string; title: string } | undefined {
  if (paused.value) {
    return { state: "none", words: "Paused", title: "The key . has the updates go on." };
  }
  switch (now.state) {
    case "live":
      return { state: "success", words: "Live", title: "What changes is shown at once." };
    case "connecting":
      return { state: "running", words: "Connecting", title: "Live updates begin soon." };
    case "full":
      return {
        state: "queued",
        words: "Every 3 s",
        title: "Other pages have all the live updates that there are, so this one asks.",
      };
    case "waiting": {
      const seconds = Math.max(0, Math.ceil((now.untilMs - Date.now()) / 1000));
      return now.offline
        ? { state: "failed", words: "Offline", title: `It is tried again in ${seconds} s.` }
        : {
            state: "up_for_retry",
            words: `Reconnecting ${seconds} s`,
            title: "The server does not answer.",
          };
    }
    case "closed":
      return undefined;
  }
}

export function LinkMark() {
  const now = link.value;
  const [, setSecond] = useState(0);
  useEffect(() => {
    if (now.state !== "waiting") {
      return undefined;
    }
    const timer = setInterval(() => setSecond((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, [now]);
  const shown = look(now);
  return (
    <span class="link" title={shown?.title}>
      {shown === undefined ? null : (
        <>
          <Glyph state={shown.state} />
          {shown.words}
        </>
      )}
    </span>
  );
}
