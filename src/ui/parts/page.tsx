/* What every page has: a title that says where the reader is, and its parts below. */

import { useEffect, useRef } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { href, place } from "../route.ts";

/* A page above: its name, and its address where that is not made of the name. */
export type Above = string | { name: string; at: string };

interface Props {
  title: string;
  trail?: Above[]; // the pages above, from the top
  children: ComponentChildren;
}

export function Page({ title, trail = [], children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { path } = place.value;
  useEffect(() => {
    document.title = `${title} · pinion`;
  }, [title]);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true }); // a screen reader says where it is now
  }, [path]);
  return (
    <main id="main">
      {trail.length === 0 ? null : (
        <nav class="trail" aria-label="Breadcrumb">
          {trail.map((above) => {
            const name = typeof above === "string" ? above : above.name;
            const at =
              typeof above === "string"
                ? href([name.toLowerCase().replaceAll(" ", "-")])
                : above.at;
            return (
              <a key={at} href={at}>
                {name}
              </a>
            );
          })}
        </nav>
      )}
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </main>
  );
}
