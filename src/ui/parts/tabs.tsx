/* The views of one thing, each with an address of its own. */

import { href } from "../route.ts";

export function Tabs({ base, views, shown }: { base: string[]; views: string[]; shown: string }) {
  return (
    <nav class="tabs" aria-label="Views">
      {views.map((view, at) => (
        <a
          key={view}
          href={href(at === 0 ? base : [...base, view.toLowerCase()])}
          aria-current={view.toLowerCase() === shown ? "page" : undefined}
        >
          {view}
        </a>
      ))}
    </nav>
  );
}
